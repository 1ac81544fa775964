"""How a tenant's calls are placed, and which are not: its dialling options, as they are stored.

Options are validated where they are saved; here they are only read, so an item that is older than
the code still gives an answer: what is missing has a default.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

SPELLINGS = ("national", "international", "plus", "digits")


class DialRule(NamedTuple):
    """How one line of the PBX wants a number dialled.

    Attributes:
        extens: the extensions that dial through this line, each exactly or as a prefix that ends in
            `*`; empty for the line of everybody else.
        country: the line's country, ISO 3166 alpha-2; empty for the tenant's.
        outside_prefix: what is dialled before an outside number, digits.
        carrier_code: what chooses a carrier, digits, between the prefix and the number.
        spelling: of the number: `national` (`0244556677`; other countries as `international`),
            `international` (`0039…`), `plus` (`+39…`) or `digits` (`39…`).
        international_prefix: what `international` begins with; empty for what lines of the country
            usually dial (`00`, `011`).
    """

    extens: tuple[str, ...] = ()
    country: str = ""
    outside_prefix: str = ""
    carrier_code: str = ""
    spelling: str = "national"
    international_prefix: str = ""


class Budget(NamedTuple):
    """How much may be dialled.

    Attributes:
        agent_minute, agent_hour, agent_day: calls that one exten may place; 0 for no limit.
        tenant_minute, tenant_day: calls of the whole tenant; 0 for no limit.
        country_day: country (ISO 3166 alpha-2) -> calls a day of the tenant; `*` for any other that
            is not the tenant's own.
        cost_day: what a day's calls may cost by estimate, in the price table's currency,
            thousandths; 0 for no limit.
        prices: prefix of an E.164 number (`+39`, `+3933`) -> price a minute, thousandths; the
            longest prefix that fits holds.
        minutes: how long a call is taken to last, for the estimate.
    """

    agent_minute: int = 10
    agent_hour: int = 60
    agent_day: int = 300
    tenant_minute: int = 0
    tenant_day: int = 0
    country_day: Mapping[str, int] = {"*": 50}
    cost_day: int = 0
    prices: Mapping[str, int] = {}
    minutes: int = 3

    def cost_of(self, number: str) -> int:
        """Return what a call is estimated to cost, thousandths of the price table's currency.

        What the table has no price for counts as the dearest that it has.

        Args:
            number: E.164; an exten or a short number costs nothing.
        """
        if not self.prices or not number.startswith("+"):
            return 0
        known = [prefix for prefix in self.prices if number.startswith(prefix)]
        price = self.prices[max(known, key=len)] if known else max(self.prices.values())
        return price * self.minutes


class DialOptions(NamedTuple):
    """A tenant's dialling options.

    Attributes:
        version: counts up with every save; an edit names the version that it read.
        pbx: the slug of the PBX that calls are placed through; empty for none.
        countries: what may be called beside the tenant's own country, ISO 3166 alpha-2; `001` for
            numbers of no country (`+800…`).
        short_numbers: short numbers that may be called, as they are dialled.
        internal: whether internal extensions may be called.
        caller_ids: DIDs, E.164, that may be shown beside those of the settings.
        rules: how numbers are dialled; the first rule whose `extens` name the exten, else the first
            that names none, else the defaults.
        budget: how much may be dialled.
    """

    version: int = 0
    pbx: str = ""
    countries: tuple[str, ...] = ()
    short_numbers: tuple[str, ...] = ()
    internal: bool = False
    caller_ids: tuple[str, ...] = ()
    rules: tuple[DialRule, ...] = ()
    budget: Budget = Budget()
