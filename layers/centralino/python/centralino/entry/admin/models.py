"""What the admin API takes and gives, field by field.

What comes in is strict: every text has a length, control characters and unknown fields are
refused. What goes out is built from what is stored and not checked again: data that were good when
they were saved stay readable when a limit changes.
"""

# The annotations below are read at run time, so they are not postponed.
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from centralino.application.check_settings import MAX_CRMS, MAX_RULES
from centralino.application.index_contact import WEB_ADDRESS, WEB_ADDRESS_EXPECTED
from centralino.domain.contact import ID_PATTERN, MAX_NUMBERS

MAX_BATCH = 100
MAX_VERSION = (
    2**53 - 2
)  # what JavaScript can still count, less one that the store keeps for erasure
DATE_TIME = "a date and time with its offset, as 2026-11-21T09:00:00Z"
# The source of a contact that no other system sent here.
OWN_SOURCE = "api"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_CONTROL = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}


def refuse(expected: str) -> NoReturn:
    """Refuse a field; `problems.py` shows `expected` to the caller."""
    raise PydanticCustomError("expected", "{expected}", {"expected": expected})


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        refuse("text without control characters")
    return value


def _web_address(value: str) -> str:
    if value and not WEB_ADDRESS.fullmatch(value):
        refuse(WEB_ADDRESS_EXPECTED)
    return value


def _is_none(value: object) -> bool:
    return value is None


class Model(BaseModel):
    """What all of them share: nothing is coerced, nothing unknown is let through."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Printable = Annotated[str, AfterValidator(_printable), Field(json_schema_extra=_NO_CONTROL)]
Word = Annotated[Printable, StringConstraints(max_length=64)]
Name = Annotated[Printable, StringConstraints(max_length=200)]
Number = Annotated[Printable, StringConstraints(min_length=1, max_length=64)]


def _as_text(value: object) -> object:
    if not isinstance(value, str):
        refuse(DATE_TIME)
    return value


# Strict would refuse the text that JSON has instead of a time; not strict takes numbers as well.
Moment = Annotated[AwareDatetime, BeforeValidator(_as_text), Field(strict=False)]


def full_id(contact_id: str) -> str:
    """Return `source:id` for an id that may lack its source.

    Raises:
        PydanticCustomError: it can be neither.
    """
    full = contact_id if ":" in contact_id else f"{OWN_SOURCE}:{contact_id}"
    if not ID_PATTERN.fullmatch(full):
        refuse("source:id or a bare id, of at most 200 characters, without #")
    return full


_ID_CHARACTERS = r"[^#\u0000-\u001f\u007f-\u009f]"
_ID_SCHEMA = {
    "pattern": rf"^([a-z0-9_-]{{1,32}}:{_ID_CHARACTERS}{{1,200}}|"
    rf"{_ID_CHARACTERS.replace('#', '#:')}{{1,200}})$"
}
ContactId = Annotated[
    str, AfterValidator(_printable), AfterValidator(full_id), Field(json_schema_extra=_ID_SCHEMA)
]
# Ids as a path holds them: percent-encoded.
ContactIdPath = Annotated[
    str,
    BeforeValidator(unquote),
    AfterValidator(full_id),
    Path(
        description="`source:id`; without a source it is `api`",
        examples=["hubspot:17"],
        json_schema_extra=_ID_SCHEMA,
    ),
]
KeyIdPath = Annotated[
    str,
    BeforeValidator(unquote),
    StringConstraints(max_length=64),
    Path(description="From the list of keys", examples=["3f1c0a9be2d4"]),
]


def moment(seconds: float) -> datetime:
    """Return a time as the API shows it: UTC, aware."""
    return datetime.fromtimestamp(seconds, UTC)


# --- errors ---------------------------------------------------------------------------------------


class FieldProblem(Model):
    """One field that is not what it has to be."""

    field: str = Field(description="Its path, as `numbers[2].number`", examples=["numbers[2].kind"])
    expected: str = Field(examples=["'mobile', 'direct' or 'work'"])


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Bad request"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["limit: expected at most 100"])
    field: str | None = Field(default=None, examples=["limit"], exclude_if=_is_none)
    expected: str | None = Field(default=None, examples=["at most 100"], exclude_if=_is_none)
    errors: list[FieldProblem] | None = Field(
        default=None,
        description="All fields that are wrong, where there is more than one",
        exclude_if=_is_none,
    )


# --- contacts -------------------------------------------------------------------------------------


class NumberIn(Model):
    """A number of a contact; kept to the letter even if nobody could ever dial it."""

    number: Number = Field(
        description="As the source writes it; a block of numbers ends in `*`",
        examples=["02 4455 667", "+39024455*"],
    )
    kind: Literal["mobile", "direct", "work", "home", "switchboard", "fax", "other"] = "other"
    primary: bool = Field(default=False, description="The one to dial")
    indexed: SkipValidation[str] = Field(
        default="",
        description="Only read: the key it is found under",
        json_schema_extra={"readOnly": True},
    )
    problem: SkipValidation[str] = Field(
        default="",
        description="Only read: why it can't be found",
        json_schema_extra={"readOnly": True},
    )


class ContactIn(Model):
    """A contact to save as a whole."""

    version: int | None = Field(
        default=None,
        ge=1,
        le=MAX_VERSION,
        description="Whatever grows with every change at the source; of two, the higher wins. "
        "Leave it out to change a contact here: then it becomes the latest",
    )
    first_name: Name = ""
    last_name: Name = ""
    company: Name = ""
    numbers: list[NumberIn] = Field(default=[], max_length=MAX_NUMBERS)
    customer_code: Word = Field(default="", description="VAT, contract or customer number")
    owner: Name = ""
    tags: list[Word] = Field(default=[], max_length=50)
    status: Word = Field(default="", description="Free choice; the label's flags go by it")
    url: Annotated[Printable, StringConstraints(max_length=500), AfterValidator(_web_address)] = (
        Field(default="", description="The contact's page, for a screen pop")
    )
    updated_at: Moment | None = Field(default=None, description="When the source changed it")


class NewContact(ContactIn):
    """A contact to create."""

    id: ContactId | None = Field(
        default=None,
        description="`source:id`; without a source it is `api`, left out it is made up here",
        examples=["hubspot:17", "17"],
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "first_name": "Mario",
                    "last_name": "Rossi",
                    "company": "Officine Meccaniche Rossi S.r.l.",
                    "numbers": [{"number": "02 4455667", "kind": "direct", "primary": True}],
                    "customer_code": "IT01234567890",
                }
            ]
        }
    )


class NumberOut(Model):
    """A number of a contact, and where it is found."""

    number: str
    kind: str
    primary: bool
    indexed: str = Field(description="The key it is found under; empty if it can't be")
    problem: str = Field(description="Why it can't be found; empty if it can")


class ContactOut(Model):
    """A contact as it is stored."""

    id: str = Field(description="`source:id`", examples=["api:17"])
    version: int
    first_name: str
    last_name: str
    company: str
    numbers: list[NumberOut]
    customer_code: str
    owner: str
    tags: list[str]
    status: str
    url: str
    updated_at: datetime | None


class ContactList(Model):
    """A page of contacts; it may be short, even empty, before the end."""

    contacts: list[ContactOut]
    cursor: str = Field(description="For the next page; empty at the end")


class Batch(Model):
    """Contacts to create or change, each judged on its own."""

    contacts: list[SkipValidation[NewContact]] = Field(min_length=1, max_length=MAX_BATCH)


BatchOutcome = Literal["created", "changed", "unchanged", "stale", "failed"]


class BatchResult(Model):
    """What became of one contact of a batch."""

    index: int = Field(description="Its place in the batch, from 0")
    id: str = Field(description="Its id; empty if it has none")
    outcome: BatchOutcome
    problem: Problem | None = Field(default=None, description="Why it failed", exclude_if=_is_none)


class BatchResults(Model):
    """What became of each contact of a batch, in its order."""

    created: int
    changed: int
    unchanged: int
    stale: int = Field(description="A newer version is stored already; nothing was written")
    failed: int
    results: list[BatchResult]


# --- settings -------------------------------------------------------------------------------------

Country = Annotated[
    str, StringConstraints(pattern="^[A-Z]{2}$"), Field(description="ISO 3166 alpha-2")
]
AreaCode = Annotated[str, StringConstraints(pattern="^[0-9]{0,6}$")]
OutsidePrefix = Annotated[str, StringConstraints(pattern="^[0-9*#]{0,4}$")]
DecodeTimeout = Annotated[float, Field(ge=0.5, le=10, description="Seconds that the PBX waits")]
LineName = Annotated[Printable, StringConstraints(min_length=1, max_length=64)]
Exten = Annotated[str, StringConstraints(pattern="^[0-9*#]{1,20}$")]
Source = Annotated[str, StringConstraints(pattern="^[a-z0-9_-]{1,32}$")]
Origin = Annotated[
    str,
    StringConstraints(pattern=r"^https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$"),
    Field(examples=["https://crm.example"]),
]
CliFormat = Literal["national", "plus", "digits", "mixed"]


class RuleBody(Model):
    """One rewriting of the CLI before it is understood."""

    pattern: Annotated[Printable, StringConstraints(min_length=1, max_length=200)] = Field(
        description="A regular expression", examples=["^9(?=0)"]
    )
    replacement: Annotated[Printable, StringConstraints(max_length=64)]


class LineBody(Model):
    """How the numbers of a line are understood, and how long its PBX waits."""

    country: Country = "IT"
    area_code: AreaCode = ""
    cli_format: CliFormat = "mixed"
    outside_prefix: OutsidePrefix = ""
    rules: list[RuleBody] = Field(default=[], max_length=MAX_RULES)
    decode_timeout_s: DecodeTimeout = 3.0


class LineOverride(Model):
    """The fields of the line that a trunk or a DID overrides; the others are the line's."""

    country: Country | None = Field(default=None, exclude_if=_is_none)
    area_code: AreaCode | None = Field(default=None, exclude_if=_is_none)
    cli_format: CliFormat | None = Field(default=None, exclude_if=_is_none)
    outside_prefix: OutsidePrefix | None = Field(default=None, exclude_if=_is_none)
    rules: list[RuleBody] | None = Field(default=None, max_length=MAX_RULES, exclude_if=_is_none)
    decode_timeout_s: DecodeTimeout | None = Field(default=None, exclude_if=_is_none)


class LabelBody(Model):
    """What a label may look like on the phones."""

    max_length: int = Field(default=15, ge=10, le=60, description="Graphemes; wide ones count two")
    template: Annotated[Printable, StringConstraints(max_length=100)] = "{flag}{name}"
    flags: dict[Word, Annotated[Printable, StringConstraints(max_length=8)]] = Field(
        default={}, max_length=50, description="Customer status -> what the label begins with"
    )
    repertoire: Literal["utf-8", "latin-1", "ascii"] = "utf-8"


class SettingsIn(Model):
    """A tenant's settings as a whole."""

    version: int = Field(
        ge=0, le=MAX_VERSION, description="The version that was read; another one by now is a 409"
    )
    line: LineBody = LineBody()
    trunks: dict[LineName, LineOverride] = Field(default={}, max_length=500)
    dids: dict[LineName, LineOverride] = Field(default={}, max_length=2000)
    label: LabelBody = LabelBody()
    extens: dict[Exten, Name] = Field(
        default={}, max_length=5000, description="Registered extensions -> the name to show"
    )
    exten_pattern: Annotated[Printable, StringConstraints(max_length=100)] = ""
    source_priority: list[Source] = Field(
        default=[], max_length=50, description="Sources of contacts, the best first"
    )
    origins: list[Origin] = Field(
        default=[], max_length=50, description="Web origins whose pages may call the API"
    )
    crms: list[Source] = Field(
        default=[],
        max_length=MAX_CRMS,
        description="Connected CRMs that are asked live when the index knows nobody",
        examples=[["hubspot"]],
    )
    live_search_s: Annotated[float, Field(ge=0, le=10)] = Field(
        default=1.0, description="Seconds that a call waits for them; 0 is never"
    )


class SettingsOut(SettingsIn):
    """A tenant's settings."""

    tenant: str
    block_lengths: list[int] = Field(
        description="Digits after `+` of the switchboard blocks in use; kept by the store"
    )


class SettingsPatch(BaseModel):
    """What to change: a JSON merge patch (RFC 7396); null takes a field or an entry away."""

    model_config = ConfigDict(extra="allow")

    version: Annotated[int, Field(strict=True, ge=0, le=MAX_VERSION)] | None = Field(
        default=None, description="If given, another one by now is a 409"
    )


# --- keys -----------------------------------------------------------------------------------------

Role = Literal["pbx", "link", "crm", "agent", "supervisor", "admin"]


class NewKey(Model):
    """A key to make."""

    role: Role
    name: Word = Field(default="", description="What it is for", examples=["PBX in Milan"])
    expires_at: Moment | None = Field(default=None, description="Left out: never")
    networks: list[Annotated[str, StringConstraints(min_length=2, max_length=49)]] = Field(
        default=[],
        max_length=50,
        description="CIDR blocks it may be used from; empty for anywhere",
        examples=[["192.0.2.0/24"]],
    )
    exten: Annotated[str, StringConstraints(pattern="^[0-9*#]{0,20}$")] = Field(
        default="", description="The extension that an agent's key belongs to"
    )


class KeyOut(Model):
    """A key, without the key itself."""

    id: str = Field(description="Names the key; is no part of it", examples=["3f1c0a9be2d44c71"])
    role: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    networks: list[str]
    exten: str
    current: bool = Field(description="It is the one that this request came with")


class KeyCreated(KeyOut):
    """A new key; `key` is shown this once."""

    key: str = Field(examples=["acme.q83vEjRWeJCrze8SNFZ4kA"])


class KeyList(Model):
    """The keys that have not expired, the oldest first."""

    keys: list[KeyOut]


# --- explain, whoami, health, erase ---------------------------------------------------------------


class CandidateOut(Model):
    """One way to read the number."""

    key: str = Field(description="E.164, or a block", examples=["+390244556677"])
    reason: str = Field(examples=["national"])
    holders: int = Field(description="How many contacts have it")
    lost: str = Field(description="Why it was not the one; empty for the one that was")


class HolderOut(Model):
    """A contact that has the number."""

    id: str
    source: str
    name: str
    company: str
    kind: str
    primary: bool
    customer_code: str
    status: str
    url: str


class LostOut(Model):
    """A contact that has the number and is not the one shown."""

    id: str
    why: str


class ExplainOut(Model):
    """How a number is understood, and whose name is shown."""

    outcome: str = Field(examples=["hit"])
    label: str = Field(examples=["Off Mecc Rossi"])
    reason: str = Field(description="Why there is no answer, of `timeout` and `degraded`")
    number: str
    cleaned: str
    kind: str = Field(examples=["number"])
    shape: str = Field(description="What the number looked like", examples=["national"])
    exten: str
    external: bool = Field(description="The call is known to come from outside")
    rules: list[str] = Field(description="What was done to the number, in order")
    line: LineBody = Field(description="The settings of the line it came in on")
    candidates: list[CandidateOut] = Field(description="The best first")
    matched: str = Field(description="The candidate that won; empty without one")
    ambiguous: list[str] = Field(description="The candidates between which nobody can tell")
    contact: HolderOut | None
    others: int = Field(description="How many further people or companies share the number")
    lost: list[LostOut] = Field(description="Why the other contacts of the number lost")
    variants: list[str] = Field(description="Spellings to search a CRM for, in order")


class Counts(Model):
    """How much there is of what."""

    contacts: int
    contacts_at_least: bool = Field(description="There are more; counting stopped")
    keys: int
    extens: int
    trunks: int
    dids: int


class WhoamiOut(Model):
    """Whose key this is."""

    tenant: str
    role: str
    name: str
    country: str
    expires_at: datetime | None
    counts: Counts


class HealthOut(Model):
    """Whether the service works."""

    status: Literal["ok", "degraded"]
    version: str = Field(examples=["0.1.0"])
    store: bool = Field(description="The store answers")


class EraseNumberIn(Model):
    """Whom to erase, by number."""

    number: Number = Field(examples=["+393401234567"])
    contact_ids: list[ContactId] | None = Field(
        default=None,
        max_length=MAX_BATCH,
        description="Which of the contacts that have it; needed where there are several",
    )


class Erased(Model):
    """Who was erased."""

    contact_ids: list[str]


class EraseTenantIn(Model):
    """The tenant to erase, spelled out: there is no way back."""

    tenant: Annotated[str, StringConstraints(max_length=12)] = Field(examples=["acme"])


class TenantErasure(Model):
    """How far the erasure of a tenant is."""

    removed: int = Field(description="Contacts and tombstones that this request removed")
    closed: bool = Field(description="Nobody gets in any more, this key neither")
    done: bool = Field(description="Nothing is left")
    again_at: datetime | None = Field(
        description="From when `centralino tenants erase` completes it; empty: contacts are "
        "left, send this request once more"
    )


JsonObject = dict[str, Any]


class FindingOut(Model):
    """Something of a tenant's data that somebody should look at."""

    kind: Literal["unindexable", "crowded", "duplicate", "unknown_caller"]
    number: str = Field(description="As it was written where it can't be indexed, else E.164")
    contacts: list[str] = Field(description="Whose it is; of a crowded card the best 20")
    problem: str = Field(description="Why it can't be indexed")
    total: int = Field(description="How many contacts have it")
    calls: int = Field(description="How often it called in vain")
    last_at: datetime | None = Field(description="When it last did")


class QualityReport(Model):
    """A part of the report on data quality."""

    findings: list[FindingOut]
    examined: int = Field(description="Contacts that this part looked at")
    cursor: str = Field(description="For the next part; empty at the end")


class ExportPage(Model):
    """A part of a tenant's export; the first one begins with the settings and the keys."""

    records: list[JsonObject] = Field(
        description="Each with its `type`: `settings`, `key` or `contact`"
    )
    cursor: str = Field(description="For the next page; empty at the end")
