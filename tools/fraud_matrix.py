"""Numbers that cost money, reach an ambulance or are not what they look like, and what happens.

One row an attempt: the tenant's country, what is asked for, what that is, and the outcome: a word
of `domain/originate.REFUSALS`, or what is dialled. docs/dialling.md shows the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.check_call import Asked, block_keys, check_call
from centralino.domain.agent import Agent
from centralino.domain.dial_options import DialOptions
from centralino.domain.keys import ApiKey
from centralino.domain.originate import RefusedCallError
from centralino.domain.settings import Line, Settings
from centralino.ports.dialling import Desk

if TYPE_CHECKING:
    from collections.abc import Sequence


class Attempt(NamedTuple):
    """Somebody asks for a number.

    Attributes:
        home: the tenant's country.
        asked: the number as it is asked for.
        what: what it is.
        outcome: why it is refused, or what is dialled.
    """

    home: str
    asked: str
    what: str
    outcome: str


PREMIUM = (
    Attempt("IT", "899 123456", "premium", "premium"),
    Attempt("IT", "892 424", "premium of six digits", "premium"),
    Attempt("IT", "894 012", "premium of six digits", "premium"),
    Attempt("IT", "895 5123456", "premium", "premium"),
    Attempt("IT", "144 123456", "premium, the old one", "premium"),
    Attempt("IT", "166 123456", "premium, the old one", "premium"),
    Attempt("IT", "+39 899123456", "premium with a country code", "premium"),
    Attempt("IT", "0039899123456", "premium with 00", "premium"),
    Attempt("IT", "39899123456", "premium with a bare code", "premium"),
    Attempt("IT", "840 123456", "shared cost", "shared_cost"),
    Attempt("IT", "848 800123", "shared cost", "shared_cost"),
    Attempt("IT", "178 1234567", "personal", "personal"),
    Attempt("IT", "199 123456", "personal", "personal"),
    Attempt("DE", "0900 1 123456", "premium", "premium"),
    Attempt("DE", "0900 90 123456", "premium", "premium"),
    Attempt("DE", "0180 5 123456", "shared cost", "shared_cost"),
    Attempt("DE", "0137 7123456", "televoting", "premium"),
    Attempt("DE", "0700 12345678", "personal", "personal"),
    Attempt("DE", "11833", "directory enquiries", "short"),
    Attempt("AT", "0900 123456", "premium", "premium"),
    Attempt("AT", "0930 123456", "premium", "premium"),
    Attempt("AT", "0820 123456", "shared cost", "shared_cost"),
    Attempt("CH", "0900 123 456", "premium", "premium"),
    Attempt("CH", "0906 123 456", "premium", "premium"),
    Attempt("CH", "0848 123 456", "shared cost", "shared_cost"),
    Attempt("CH", "0878 123 456", "personal", "personal"),
    Attempt("GB", "0909 8790000", "premium", "premium"),
    Attempt("GB", "0871 2345678", "premium", "premium"),
    Attempt("GB", "0845 1234567", "dearer than it looks", "premium"),
    Attempt("GB", "070 1234 5678", "personal: looks mobile", "personal"),
    Attempt("GB", "076 4012 3456", "a pager: looks mobile", "pager"),
    Attempt("GB", "118 118", "directory enquiries", "short"),
    Attempt("FR", "0899 12 34 56", "premium", "premium"),
    Attempt("FR", "0891 12 34 56", "premium", "premium"),
    Attempt("FR", "0820 12 34 56", "shared cost", "shared_cost"),
    Attempt("FR", "118 218", "directory enquiries", "short"),
    Attempt("FR", "3240", "a short premium number", "short"),
    Attempt("ES", "803 123 456", "premium", "premium"),
    Attempt("ES", "905 123 456", "televoting, in no numbering plan of ours", "invalid"),
    Attempt("ES", "901 123 456", "shared cost", "shared_cost"),
    Attempt("PT", "760 123 456", "premium", "premium"),
    Attempt("PT", "808 123 456", "shared cost", "shared_cost"),
    Attempt("NL", "0900 1234", "premium", "premium"),
    Attempt("NL", "0906 123456", "premium", "premium"),
    Attempt("BE", "0903 12 345", "premium", "premium"),
    Attempt("BE", "070 22 34 56", "premium", "premium"),
    Attempt("LU", "905 12345", "premium", "premium"),
    Attempt("IE", "1550 123 456", "premium", "premium"),
    Attempt("IE", "1850 123 456", "shared cost", "shared_cost"),
    Attempt("DK", "90 12 34 56", "premium", "premium"),
    Attempt("SE", "0900 123 45 67", "premium", "premium"),
    Attempt("SE", "0939 123 45 67", "premium", "premium"),
    Attempt("NO", "829 12 345", "premium", "premium"),
    Attempt("NO", "810 02 222", "shared cost", "shared_cost"),
    Attempt("FI", "0700 12345", "premium", "premium"),
    Attempt("FI", "0600 12345", "premium", "premium"),
    Attempt("IS", "900 1234", "premium", "premium"),
    Attempt("PL", "701 123 456", "premium", "premium"),
    Attempt("PL", "801 123 456", "shared cost", "shared_cost"),
    Attempt("CZ", "906 123 456", "premium", "premium"),
    Attempt("CZ", "840 123 456", "shared cost", "shared_cost"),
    Attempt("SK", "0900 123 456", "premium", "premium"),
    Attempt("HU", "06 90 123 456", "premium", "premium"),
    Attempt("RO", "0900 123 456", "premium", "premium"),
    Attempt("RO", "0801 123 456", "shared cost", "shared_cost"),
    Attempt("BG", "090 123 456", "premium", "premium"),
    Attempt("GR", "901 123 4567", "premium", "premium"),
    Attempt("HR", "060 123 456", "premium", "premium"),
    Attempt("SI", "090 1234", "premium", "premium"),
    Attempt("RS", "0900 12345", "premium", "premium"),
    Attempt("LV", "9012 3456", "premium", "premium"),
    Attempt("LT", "8 900 23456", "premium", "premium"),
    Attempt("EE", "900 1234", "premium", "premium"),
    Attempt("UA", "0900 212 345", "premium", "premium"),
    Attempt("RU", "8 809 123 4567", "premium", "premium"),
    Attempt("TR", "0900 123 4567", "premium", "premium"),
    Attempt("IL", "1900 012 345", "premium", "premium"),
    Attempt("US", "1 900 555 2368", "premium", "premium"),
    Attempt("US", "212 976 1234", "premium: looks like New York", "premium"),
    Attempt("US", "(500) 222-2368", "personal", "personal"),
    Attempt("CA", "900-555-2368", "premium", "premium"),
    Attempt("MX", "900 123 4567", "premium", "premium"),
    Attempt("BR", "0900 123456", "premium", "premium"),
    Attempt("AR", "0609 123 4567", "premium", "premium"),
    Attempt("AU", "1900 654 321", "premium", "premium"),
    Attempt("AU", "13 12 34", "shared cost", "shared_cost"),
    Attempt("AU", "0163 123 456", "a pager", "pager"),
    Attempt("NZ", "0900 12345", "premium", "premium"),
    Attempt("JP", "0990 123 456", "premium", "premium"),
    Attempt("ZA", "0862 123 456", "premium", "premium"),
    Attempt("ZA", "0860 123 456", "shared cost", "shared_cost"),
)
NOWHERE = (
    Attempt("IT", "+870 773 111 632", "Inmarsat", "satellite"),
    Attempt("IT", "00870773111632", "Inmarsat with 00", "satellite"),
    Attempt("IT", "+881 6 1234 5678", "Iridium", "satellite"),
    Attempt("IT", "+881 8 1234 5678", "Globalstar", "satellite"),
    Attempt("IT", "+882 16 123 456 78", "Thuraya", "satellite"),
    Attempt("IT", "+882 32 123 4567", "Maritime Communications", "satellite"),
    Attempt("IT", "+883 5100 1234 5678", "a network of no country", "satellite"),
    Attempt("IT", "+878 10 1234567890", "personal numbers of no country", "personal"),
    Attempt("IT", "+888 123 4567 8901", "relief operations", "satellite"),
    Attempt("IT", "+979 1 2345 6789", "international premium", "premium"),
    Attempt("IT", "+808 1234 5678", "international shared cost", "shared_cost"),
    Attempt("IT", "+800 1234 5678", "international freephone", "country"),
    Attempt("IT", "8816 1234 5678", "Iridium without +", "satellite"),
    Attempt("US", "011 881 6 1234 5678", "Iridium with 011", "satellite"),
    Attempt("AU", "0147 112 345", "satellite: looks national", "satellite"),
    Attempt("AU", "0480 012 345", "Pivotel Satellite: looks mobile", "satellite"),
    Attempt("FR", "06 40 00 12 34", "Globalstar: looks mobile", "satellite"),
    Attempt("CN", "1349 123 4567", "China Satcom: looks mobile", "satellite"),
    Attempt("CN", "1740 012 3456", "Tiantong: looks mobile", "satellite"),
    Attempt("ID", "0868 1234 5678", "PSN: looks mobile", "satellite"),
    Attempt("RU", "8 954 123 4567", "GlobalTel: looks mobile", "satellite"),
    Attempt("CA", "600 700 1234", "MSAT: looks national", "satellite"),
)
COUNTRIES = (
    Attempt("IT", "+41 44 668 18 00", "Switzerland, not on the list", "country"),
    Attempt("IT", "0041446681800", "the same with 00", "country"),
    Attempt("IT", "+378 0549 886377", "San Marino", "country"),
    Attempt("IT", "0549 886377", "San Marino, dialled as in Italy", "country"),
    Attempt("IT", "+39 06 69812345", "the Vatican, in Italy's network", "0669812345"),
    Attempt("IT", "+53 7 1234567", "Cuba", "country"),
    Attempt("IT", "+371 2123 4567", "Latvia", "country"),
    Attempt("IT", "+252 61 2345678", "Somalia", "country"),
    Attempt("IT", "+220 301 2345", "the Gambia", "country"),
    Attempt("IT", "+960 771 2345", "the Maldives", "country"),
    Attempt("IT", "+675 7012 3456", "Papua New Guinea", "country"),
    Attempt("IT", "+247 62889", "Ascension", "country"),
    Attempt("IT", "+1 876 926 1234", "Jamaica", "country"),
    Attempt("US", "876 926 1234", "Jamaica: looks domestic", "country"),
    Attempt("US", "1 809 555 2368", "the Dominican Republic: looks domestic", "country"),
    Attempt("US", "284 494 2345", "the British Virgin Islands: looks domestic", "country"),
    Attempt("US", "473 440 2345", "Grenada: looks domestic", "country"),
    Attempt("US", "416 555 2368", "Canada: looks domestic", "country"),
    Attempt("US", "787 555 2368", "Puerto Rico: looks domestic", "country"),
    Attempt("GB", "07797 712345", "Jersey: looks mobile", "country"),
    Attempt("GB", "07624 212345", "the Isle of Man: looks mobile", "country"),
    Attempt("GB", "07781 123456", "Guernsey: looks mobile", "country"),
    Attempt("FR", "0692 12 34 56", "Réunion: looks mobile", "country"),
    Attempt("FR", "0690 00 12 34", "Guadeloupe: looks mobile", "country"),
    Attempt("FR", "+377 6 12 34 56 78", "Monaco", "country"),
    Attempt("RU", "8 701 234 5678", "Kazakhstan: looks domestic", "country"),
)
EMERGENCIES = (
    Attempt("IT", "112", "emergency", "emergency"),
    Attempt("IT", "118", "ambulance", "emergency"),
    Attempt("IT", "1 1 2", "emergency with separators", "emergency"),
    Attempt("IT", "tel:112", "emergency as a link", "emergency"),
    Attempt("IT", "１１２", "emergency in full-width digits", "emergency"),  # noqa: RUF001
    Attempt("IT", "911", "another country's emergency", "emergency"),
    Attempt("IT", "999", "another country's emergency", "emergency"),
    Attempt("IT", "000", "another country's emergency", "emergency"),
    Attempt("IT", "0112", "emergency behind an outside prefix", "emergency"),
    Attempt("IT", "0-118", "emergency behind an outside prefix", "emergency"),
    Attempt("IT", "9911", "emergency behind another one", "emergency"),
    Attempt("IT", "00112", "emergency behind 00", "emergency"),
    Attempt("IT", "+112", "emergency with a +", "emergency"),
    Attempt("IT", "+39112", "emergency behind a country code", "emergency"),
    Attempt("IT", "0039118", "emergency behind a country code", "emergency"),
    Attempt("IT", "+44 999", "emergency of another country", "emergency"),
    Attempt("IT", "1120244556677", "emergency with a number behind it", "emergency"),
    Attempt("IT", "112,,0244556677", "emergency, then tones", "emergency"),
    Attempt("IT", "1530", "rescue at sea", "emergency"),
    Attempt("FR", "196", "rescue at sea", "emergency"),
    Attempt("ES", "061", "ambulance", "emergency"),
    Attempt("US", "911", "emergency", "emergency"),
    Attempt("US", "9-911", "emergency behind an outside prefix", "emergency"),
    Attempt("US", "1911", "emergency behind the trunk's 1", "emergency"),
    Attempt("US", "+1 911", "emergency behind a country code", "emergency"),
    Attempt("DE", "110", "police", "emergency"),
    Attempt("DE", "0110", "police behind an outside prefix", "emergency"),
    Attempt("GB", "9999", "emergency behind an outside prefix", "emergency"),
    Attempt("AU", "0000", "emergency behind an outside prefix", "emergency"),
    Attempt("JP", "119", "fire", "emergency"),
    Attempt("RU", "103", "ambulance", "emergency"),
    Attempt("BR", "190", "police", "emergency"),
)
SHORT = (
    Attempt("IT", "1240", "directory enquiries", "short"),
    Attempt("IT", "4141", "a carrier's service", "short"),
    Attempt("IT", "12", "an old service", "short"),
    Attempt("US", "411", "directory enquiries", "short"),
    Attempt("US", "211", "a service", "emergency"),
    Attempt("IT", "22", "a colleague's extension", "internal"),
    Attempt("IT", "21", "the agent's own extension", "self"),
    Attempt("IT", " 2-1 ", "the agent's own extension, decorated", "self"),
)
TRICKS = (
    Attempt("IT", "", "nothing", "invalid"),
    Attempt("IT", "anonymous", "nobody", "invalid"),
    Attempt("IT", "+", "a plus", "invalid"),
    Attempt("IT", "00000000", "zeros", "invalid"),
    Attempt("IT", "+39 266 696 687", "ANONYMOUS on a keypad", "invalid"),
    Attempt("IT", "+999 123456789", "a code that nobody has", "invalid"),
    Attempt("IT", "+210 123 4567", "a code that nobody has", "invalid"),
    Attempt("IT", "+39 0244556677001122334455", "too long", "invalid"),
    Attempt("IT", "0" * 300, "far too long", "invalid"),
    Attempt("IT", "+39 03331234567", "a mobile with a 0 too many", "invalid"),
    Attempt("IT", "*21*0899123456#", "a call forwarding", "invalid"),
    Attempt("IT", "**62*0244556677#", "a call forwarding", "invalid"),
    Attempt("IT", "*#06#", "a phone's own code", "invalid"),
    Attempt("IT", "0244556677,,899123456", "a number, then tones", "changed"),
    Attempt("IT", "0244556677w899", "a number, then tones", "changed"),
    Attempt("IT", "0244556677p8816", "a number, then tones", "changed"),
    Attempt("IT", "0244556677;899", "a number, then tones", "changed"),
    Attempt("IT", "tel:0244556677;postd=pp22", "a link, then tones", "changed"),
    Attempt("IT", "0244556677#31#", "a code behind a number", "changed"),
    Attempt("IT", "0244556677@112", "a host that is a number", "changed"),
    Attempt("IT", "0244556677＃31＃", "the same in full width", "changed"),  # noqa: RUF001
    Attempt("US", "*1 212 555 2368", "a star before a number", "changed"),
    Attempt("IT", "*31#0244556677", "a prefix that hides the number", "changed"),
    Attempt("IT", "0244556677&899123456", "two channels", "invalid"),
    Attempt("IT", "0244556677/899", "two numbers", "changed"),
    Attempt("IT", "02 44.55-66/77", "one number, or two", "changed"),
    Attempt("IT", "0244556677 899123456", "two numbers", "invalid"),
    Attempt("IT", "${EXTEN}", "a variable of a dialplan", "invalid"),
    Attempt("IT", "0244556677)}${SYSTEM(reboot)", "code of a dialplan", "invalid"),
    Attempt("IT", "SIP/899123456", "a channel", "premium"),
    Attempt("IT", "Local/899123456@outside", "a channel", "premium"),
    Attempt("IT", "'; DROP TABLE calls", "SQL", "invalid"),
    Attempt("IT", "+39024455*", "a block", "invalid"),
    Attempt("IT", "FLOWERS", "letters alone", "invalid"),
    Attempt("IT", "0244556677\x00899", "a NUL inside", "invalid"),
    Attempt("IT", "0244556677;phone-context=+1900", "a context of another place", "invalid"),
    Attempt("IT", "tel:0244556677;phone-context=+881", "a satellite by its context", "satellite"),
    Attempt("IT", "sip:899123456@10.0.0.1", "premium as a SIP URI", "premium"),
    Attempt("IT", "tel:+881612345678", "a satellite as a link", "satellite"),
    Attempt("IT", "%2B881612345678", "a satellite, percent-encoded", "satellite"),
    Attempt("IT", "٨٩٩١٢٣٤٥٦", "premium in Arabic digits", "premium"),
    Attempt("IT", "８９９１２３４５６", "premium in full-width digits", "premium"),  # noqa: RUF001
)
FINE = (
    Attempt("IT", "0244556677", "Milan", "0244556677"),
    Attempt("IT", "02 44.55-66 77", "Milan with separators", "0244556677"),
    Attempt("IT", "0244556677\r\nAction: Originate", "Milan; words behind it go", "0244556677"),
    Attempt("IT", "+39 02 44556677", "Milan with a country code", "0244556677"),
    Attempt("IT", "+39 (0)2 44556677", "Milan with the 0 in brackets", "0244556677"),
    Attempt("IT", "tel:+39-02-44556677", "Milan as a link", "0244556677"),
    Attempt("IT", "sip:0244556677@pbx.example", "Milan as a SIP URI", "0244556677"),
    Attempt("IT", "0244556677;ext=899", "Milan; extensions are not dialled", "0244556677"),
    Attempt("IT", "02 44556677 int. 899", "Milan; extensions are not dialled", "0244556677"),
    Attempt("IT", "０２４４５５６６７７", "Milan in full-width digits", "0244556677"),  # noqa: RUF001
    Attempt("IT", "٠٢٤٤٥٥٦٦٧٧", "Milan in Arabic digits", "0244556677"),
    Attempt("IT", "333 123 4567", "a mobile", "3331234567"),
    Attempt("IT", "3902445566", "a mobile that looks like Milan's 02 445566", "3902445566"),
    Attempt("IT", "800 123456", "freephone", "800123456"),
    Attempt("DE", "030 12345678", "Berlin", "03012345678"),
    Attempt("DE", "4915123456789", "a mobile without +", "015123456789"),
    Attempt("ES", "911 234 567", "Madrid: begins like 911", "911234567"),
    Attempt("US", "(212) 555-2368", "New York", "2125552368"),
    Attempt("US", "1-800-FLOWERS", "freephone in letters", "8003569377"),
    Attempt("GB", "020 7946 0958", "London", "02079460958"),
    Attempt("AR", "011 15-2345-6789", "a mobile", "0111523456789"),
    Attempt("LT", "+370 37 123456", "Kaunas: begins like 03", "037123456"),
    Attempt("IN", "+91 11 2345 6789", "Delhi: 9111 begins like 911", "01123456789"),
)
MATRIX = (*PREMIUM, *NOWHERE, *COUNTRIES, *EMERGENCIES, *SHORT, *TRICKS, *FINE)


def settings_of(country: str, area_code: str = "") -> Settings:
    """Return the settings of a tenant with two extensions, 21 and 22."""
    line = Line(country=country, area_code=area_code)
    return Settings("acme", line=line, extens={"21": "Anna", "22": "Bruno"})


def attempt(
    home: str,
    asked: str,
    options: DialOptions | None = None,
    *,
    blocked: Sequence[str] = (),
    area_code: str = "",
) -> str:
    """Ask for a number from extension 21; return what is dialled, or why nothing is.

    Args:
        home: the tenant's country.
        asked: the number as it is asked for.
        options: the tenant's; the defaults if None.
        blocked: the do-not-call list.
        area_code: the tenant's.
    """
    settings = settings_of(home, area_code)
    keys = block_keys(asked, settings)
    found = tuple(key for key in keys if key in blocked)
    desk = Desk(options or DialOptions(), Agent("21"), found, None)
    key = ApiKey("0" * 64, "agent", exten="21")
    try:
        return check_call(Asked(asked, "21"), desk, settings, key, "c" * 22).dial
    except RefusedCallError as error:
        return error.reason
