"""What follows the country code of a number: what a CRM's search finds in most spellings.

Not for the call path: it needs the phonenumbers package.
"""

from __future__ import annotations


def national_number(number: str) -> str:
    """Return a number without its country code and trunk prefix; Italy's leading 0 is part of it.

    It is a part of every spelling that is digits only, international or national.

    Args:
        number: E.164; for anything else the result is empty.
    """
    import phonenumbers  # noqa: PLC0415 - a tenth of a second, and the receiver needs none of it

    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""
