"""The tables' contents, worked out from libphonenumber's metadata (phonenumbers, Apache-2.0).

Nothing is judged here: every value is the metadata's own or follows from it. What makes the
tables worth having is what they leave out: `import phonenumbers` costs more than the rest of a
cold lookup's own code, and of its metadata a lookup needs one pattern and a few lengths.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata

# The numbering types that make a number valid, as libphonenumber counts them.
TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
# Those of which who calls pays more than for a call.
DEAR_TYPES = ("premium_rate", "shared_cost")
_NON_GEOGRAPHIC = "001"
_MAX_EXPANSION = 64


class Tables(NamedTuple):
    """Everything that goes into the modules.

    Attributes:
        codes: calling code -> the name of its main plan (a region, or the code itself).
        doubtful: calling code -> first digits of national numbers that a national prefix may hide.
        plans: region or code -> the fields of `number.Plan`.
        assigned: calling code -> one pattern of all its valid national numbers.
        premium: calling code -> one pattern of those that cost extra; of codes that have some.
        emergency: region -> the pattern of its emergency numbers.
    """

    codes: dict[str, str]
    doubtful: dict[str, str]
    plans: dict[str, tuple[Any, ...]]
    assigned: dict[str, str]
    premium: dict[str, str]
    emergency: dict[str, str]


def build_tables() -> Tables:
    """Work out all tables from the metadata of the phonenumbers that is installed."""
    codes: dict[str, str] = {}
    doubtful: dict[str, str] = {}
    plans: dict[str, tuple[Any, ...]] = {}
    assigned: dict[str, str] = {}
    premium: dict[str, str] = {}
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        metadata = [_metadata(code, region) for region in regions]
        names = [str(code) if region == _NON_GEOGRAPHIC else region for region in regions]
        codes[str(code)] = names[0]
        doubtful[str(code)] = "".join(sorted(first_digits(metadata[0].national_prefix_for_parsing)))
        for name, data in zip(names, metadata, strict=True):
            plans[name] = _plan(str(code), data, main=metadata[0])
        assigned[str(code)] = _patterns(metadata, TYPES)
        if dear := _patterns(metadata, DEAR_TYPES):
            premium[str(code)] = dear
    return Tables(codes, doubtful, plans, assigned, premium, _emergencies())


def first_digits(pattern: str | None) -> set[str]:
    """Return the digits that a text can begin with of which the pattern consumes something."""
    if not pattern:
        return set()
    return _first(import_module("re._parser").parse(pattern))[0]


def expand(pattern: str) -> list[str]:
    """Return the texts that a small pattern matches (`00[1-9]` gives nine), in order."""
    return [text.replace("~", "") for text in _expand(import_module("re._parser").parse(pattern))]


def _emergencies() -> dict[str, str]:
    found = {}
    for region in sorted(phonenumbers.SUPPORTED_SHORT_REGIONS):
        metadata = PhoneMetadata.short_metadata_for_region(region)
        if metadata and metadata.emergency and metadata.emergency.national_number_pattern:
            found[region] = metadata.emergency.national_number_pattern
    return found


def _metadata(code: int, region: str) -> PhoneMetadata:
    data = (
        PhoneMetadata.metadata_for_nongeo_region(code, None)
        if region == _NON_GEOGRAPHIC
        else PhoneMetadata.metadata_for_region(region, None)
    )
    if data is None:
        raise LookupError(f"no metadata for +{code} {region}")
    return data


def _plan(code: str, data: PhoneMetadata, main: PhoneMetadata) -> tuple[Any, ...]:
    general = data.general_desc
    if general is None or general.national_number_pattern is None:
        raise LookupError(f"no general description for +{code} {data.id}")
    return (
        code,
        data.international_prefix or "",
        data.national_prefix or "",
        data.national_prefix_for_parsing or "",
        data.national_prefix_transform_rule or "",
        general.national_number_pattern,
        tuple(general.possible_length),
        tuple(general.possible_length_local_only),
        _written_without_trunk(data, main),
    )


def _written_without_trunk(data: PhoneMetadata, main: PhoneMetadata) -> str:
    """Return a regex of the numbers that are dialled without the trunk prefix at home.

    All of North America's, none of Germany's, and in China the mobiles but not the landlines.
    Regions that share a calling code write as its main region does.
    """
    if not data.national_prefix:
        return ""
    bare = []
    for form in main.number_format:
        rule = re.sub(r"\\\d|\D", "", form.national_prefix_formatting_rule or "")
        if not rule.startswith(data.national_prefix):
            leading = "".join(f"(?={digits})" for digits in form.leading_digits_pattern[-1:])
            bare.append(f"{leading}{form.pattern}")
    return "|".join(bare)


def _patterns(metadata: list[PhoneMetadata], types: tuple[str, ...]) -> str:
    patterns: dict[str, None] = {}
    for data in metadata:
        for name in types:
            kind = getattr(data, name)
            if kind is not None and kind.national_number_pattern:
                patterns[kind.national_number_pattern] = None
    return "|".join(patterns)


def _first(tree: Any) -> tuple[set[str], bool]:  # noqa: ANN401 - the parser's own tree
    """Return the first digits of a parsed pattern, and whether it can match nothing."""
    digits: set[str] = set()
    for name, argument in tree:
        found, empty = _first_of(str(name), argument)
        digits |= found
        if not empty:
            return digits, False
    return digits, True


def _first_of(name: str, argument: Any) -> tuple[set[str], bool]:  # noqa: ANN401 - as above
    if name == "LITERAL":
        return {chr(argument)}, False
    if name == "IN":
        return {d for d in "0123456789" if _in_class(d, argument)}, False
    if name == "SUBPATTERN":
        return _first(argument[3])
    if name == "BRANCH":
        branches = [_first(branch) for branch in argument[1]]
        return set().union(*(b[0] for b in branches)), any(b[1] for b in branches)
    if name == "MAX_REPEAT":
        digits, empty = _first(argument[2])
        return digits, empty or argument[0] == 0
    if name == "AT":
        return set(), True
    raise NotImplementedError(name)


def _in_class(digit: str, items: Any) -> bool:  # noqa: ANN401 - as above
    for name, argument in items:
        if str(name) == "LITERAL" and chr(argument) == digit:
            return True
        if str(name) == "RANGE" and argument[0] <= ord(digit) <= argument[1]:
            return True
        if str(name) == "CATEGORY" and re.fullmatch(r"\d", digit):
            return True
    return False


def _expand(tree: Any) -> list[str]:  # noqa: ANN401 - as above
    texts = [""]
    for name, argument in tree:
        match str(name):
            case "LITERAL":
                parts = [chr(argument)]
            case "IN":
                parts = [d for d in "0123456789" if _in_class(d, argument)]
            case "SUBPATTERN":
                parts = _expand(argument[3])
            case "BRANCH":
                parts = [text for branch in argument[1] for text in _expand(branch)]
            case "MAX_REPEAT" if argument[:2] == (0, 1):
                parts = ["", *_expand(argument[2])]
            case "MAX_REPEAT" if argument[0] == argument[1]:
                parts = [""]
                for _ in range(argument[0]):
                    parts = [a + b for a in parts for b in _expand(argument[2])]
            case other:
                raise NotImplementedError(other)
        texts = [a + b for a in texts for b in parts]
        # A prefix with a carrier code in it has hundreds of forms; a sample of them is enough.
        texts = texts[:: max(1, len(texts) // _MAX_EXPANSION)]
    return texts
