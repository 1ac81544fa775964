"""What administrators, imports and webhooks do with contacts, keys, settings and tenants."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from centralino.adapters.store.contacts import DynamoContactStore
from centralino.adapters.store.dialling import DynamoDialStore
from centralino.adapters.store.tenants import DynamoTenantStore
from centralino.application.check_settings import check_settings
from centralino.application.create_key import create_key
from centralino.application.create_tenant import create_tenant
from centralino.application.delete_contact import delete_contact
from centralino.application.erase_person import erase_person
from centralino.application.erase_tenant import GRACE_S, Purged, erase_tenant
from centralino.application.export_person import export_person
from centralino.application.export_tenant import Exported, export_tenant
from centralino.application.list_contacts import list_contacts
from centralino.application.list_holders import list_holders
from centralino.application.list_keys import list_keys, listed_key
from centralino.application.read_contact import read_contact
from centralino.application.revoke_key import LASTING_S, revoke_key
from centralino.application.save_contact import save_contact
from centralino.application.save_settings import save_settings
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.dial_options import DialOptions, DialRule
from centralino.domain.errors import ConflictError, NotFoundError, PayloadError
from centralino.domain.keys import hash_key, tenant_of
from centralino.domain.settings import LabelStyle, Line, Rule, Settings
from tests.support.memory_store import NOW_S, MemoryStores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from centralino.domain.card import Holder

NUMBER = "+390244556677"
NOW_MS = int(NOW_S * 1_000)
LINE = Line("IT", "02")


@pytest.fixture
def stores() -> MemoryStores:
    stores = MemoryStores()
    stores.create_tenant("acme")
    return stores


def person(
    contact_id: str = "api:1",
    version: int = 0,
    *numbers: str,
    last_name: str = "Rossi",
    tags: tuple[str, ...] = (),
) -> Contact:
    return Contact(
        contact_id,
        version,
        "Mario",
        last_name,
        tags=tags,
        numbers=tuple(ContactNumber(number) for number in numbers or (NUMBER,)),
    )


def caller(stores: MemoryStores, number: str = NUMBER) -> Holder | None:
    card = stores.calls.read("acme", [number], timeout_s=1).cards.get(number)
    return card.holders[0] if card else None


def erased(stores: MemoryStores, contact_id: str) -> bool:
    customers, traces = stores.customers("acme"), stores.traces("acme")
    contacts = stores.contacts("acme")
    return erase_person(contacts, customers, traces, contact_id, who="admin", now_ms=NOW_MS)


def all_of(stores: MemoryStores, tenant: str = "acme") -> tuple[Purged, ...]:
    return (stores.contacts(tenant), stores.customers(tenant), stores.traces(tenant))


def exported(stores: MemoryStores, tenant: str = "acme") -> Exported:
    return Exported(
        stores.tenants(tenant),
        stores.contacts(tenant),
        stores.customers(tenant),
        stores.traces(tenant),
        stores.routing(tenant),
        stores.agents(tenant),
        DynamoDialStore(stores.client, stores.table, tenant),
    )


def test_a_contact_saved_by_hand_is_named_when_it_calls(stores: MemoryStores) -> None:
    saved = save_contact(
        stores.contacts("acme"), person("api:1", 0, "02 44556677"), LINE, now_ms=NOW_MS
    )
    assert saved.outcome == "created"
    assert saved.contact.version == NOW_MS
    assert saved.contact.numbers[0] == ContactNumber("02 44556677", indexed=NUMBER)
    holder = caller(stores)
    assert holder
    assert holder.name == "Mario Rossi"
    assert holder.updated_at_ms == NOW_MS


def test_an_edit_by_hand_follows_a_version_from_the_future(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    save_contact(contacts, person(version=NOW_MS + 999, last_name="Bianchi"), LINE, now_ms=NOW_MS)
    saved = save_contact(contacts, person(), LINE, now_ms=NOW_MS)
    assert saved.outcome == "changed"
    assert saved.contact.version == NOW_MS + 1_000
    assert read_contact(contacts, "api:1").last_name == "Rossi"


def test_an_edit_by_hand_of_an_erased_contact_is_told_why_it_fails(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    save_contact(contacts, person(), LINE, now_ms=NOW_MS)
    assert erased(stores, "api:1")
    for new in (False, True):
        with pytest.raises(ConflictError, match="erased"):
            save_contact(contacts, person(), LINE, now_ms=NOW_MS + 1, new=new)


def test_a_contact_that_is_to_be_new_is_not_saved_over_another(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    assert save_contact(contacts, person(), LINE, now_ms=NOW_MS, new=True).outcome == "created"
    for version in (0, NOW_MS - 1, NOW_MS + 1):
        with pytest.raises(ConflictError, match="already"):
            save_contact(
                contacts, person("api:1", version, last_name="Neri"), LINE, now_ms=NOW_MS, new=True
            )
    assert read_contact(contacts, "api:1").last_name == "Rossi"


class Meddler(DynamoContactStore):
    """A store in which somebody else is faster than whoever has just read a contact."""

    def get(self, contact_id: str) -> Contact | None:
        stored = super().get(contact_id)
        if stored:
            super().save(stored._replace(version=stored.version + 1_000_000), {})
        return stored


def test_an_edit_by_hand_that_meets_a_faster_one_is_told_to_try_again(
    stores: MemoryStores,
) -> None:
    meddler = Meddler(stores.client, stores.table, "acme")
    save_contact(meddler, person(version=NOW_MS + 1), LINE, now_ms=NOW_MS)
    with pytest.raises(ConflictError, match="try again"):
        save_contact(meddler, person(), LINE, now_ms=NOW_MS)
    with pytest.raises(ConflictError, match="try again"):
        delete_contact(meddler, "api:1", now_ms=NOW_MS)


def test_a_late_version_from_a_source_is_stale_and_no_error(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    save_contact(contacts, person(version=5), LINE, now_ms=NOW_MS)
    saved = save_contact(contacts, person(version=4, last_name="Neri"), LINE, now_ms=NOW_MS)
    assert saved.outcome == "stale"
    assert read_contact(contacts, "api:1").last_name == "Rossi"


def test_a_number_that_cannot_be_indexed_is_kept_with_its_problem(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    saved = save_contact(contacts, person("api:1", 0, NUMBER, "ring me"), LINE, now_ms=NOW_MS)
    good, bad = saved.contact.numbers
    assert (good.indexed, good.problem) == (NUMBER, "")
    assert bad.number == "ring me"
    assert bad.indexed == ""
    assert bad.problem
    assert list_contacts(contacts, problems=True).contacts == (saved.contact,)


def test_two_spellings_of_one_number_are_one_entry_and_the_primary_counts(
    stores: MemoryStores,
) -> None:
    it = person()._replace(
        numbers=(
            ContactNumber("02 44556677", "work"),
            ContactNumber(NUMBER, "direct", primary=True),
            ContactNumber("0039 02 44556677", "home", primary=True),
        )
    )
    save_contact(stores.contacts("acme"), it, LINE, now_ms=NOW_MS)
    holder = caller(stores)
    assert holder
    assert (holder.kind, holder.primary) == ("direct", True)
    assert len(list(list_holders(stores.contacts("acme"), NUMBER))) == 1


@pytest.mark.parametrize(
    ("it", "field"),
    [
        (person("api:a#b"), "id"),
        (person(last_name="x" * 501), "last_name"),
        (person("api:1", 0, *[NUMBER] * 41), "numbers"),
        (person("api:1", 0, NUMBER, "1" * 101), "numbers[1].number"),
        (person("api:1", 0, NUMBER, ""), "numbers[1].number"),
        (person()._replace(numbers=(ContactNumber(NUMBER, "pager"),)), "numbers[0].kind"),
        (person(tags=("x",) * 51), "tags"),
        (person()._replace(url="javascript:alert(1)"), "url"),
        (person()._replace(url="\thttps://crm.example"), "url"),
        (person()._replace(url="https://crm.example/\njavascript:alert(1)"), "url"),
        (person()._replace(url="https://crm.example/\n"), "url"),
        (person()._replace(url="data:text/html,https://crm.example"), "url"),
        (person()._replace(url="crm.example/17"), "url"),
        (person()._replace(url="https://"), "url"),
    ],
)
def test_a_contact_that_is_not_what_it_has_to_be_is_refused_by_the_name_of_the_field(
    stores: MemoryStores, it: Contact, field: str
) -> None:
    stores.dynamo.requests.clear()
    with pytest.raises(PayloadError) as refused:
        save_contact(stores.contacts("acme"), it, LINE, now_ms=NOW_MS)
    assert refused.value.field == field
    assert stores.dynamo.requests == []


@pytest.mark.parametrize("url", ["", "https://crm.example/17?a=b", "HTTP://crm.example"])
def test_the_page_of_a_contact_that_calls_is_the_one_it_was_saved_with(
    stores: MemoryStores, url: str
) -> None:
    save_contact(stores.contacts("acme"), person()._replace(url=url), LINE, now_ms=NOW_MS)
    holder = caller(stores)
    assert holder
    assert holder.url == url


def test_a_contact_deleted_by_hand_does_not_call_any_more(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    save_contact(contacts, person(version=NOW_MS + 50), LINE, now_ms=NOW_MS)
    assert delete_contact(contacts, "api:1", now_ms=NOW_MS) == "changed"
    assert caller(stores) is None
    with pytest.raises(NotFoundError):
        delete_contact(contacts, "api:1", now_ms=NOW_MS)
    with pytest.raises(NotFoundError):
        read_contact(contacts, "api:1")


def test_a_source_may_delete_what_we_never_had(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    assert delete_contact(contacts, "crm:9", now_ms=NOW_MS, version=5) == "created"
    saved = save_contact(contacts, person("crm:9", 4), LINE, now_ms=NOW_MS)
    assert saved.outcome == "stale"
    assert caller(stores) is None


def test_a_persons_export_holds_the_contact_and_every_card(stores: MemoryStores) -> None:
    contacts = stores.contacts("acme")
    for n in range(30):
        save_contact(contacts, person(f"api:{n}", n + 1), LINE, now_ms=NOW_MS)
    it = person("api:x", 1, NUMBER, "+39 06 123456", "ring me", last_name="De Luca")
    save_contact(contacts, it, LINE, now_ms=NOW_MS)
    own = (stores.customers("acme"), stores.traces("acme"))
    exported = json.loads(json.dumps(export_person(contacts, *own, "api:x")))
    assert exported["contact"]["last_name"] == "De Luca"
    assert [number["number"] for number in exported["contact"]["numbers"]] == [
        NUMBER, "+39 06 123456", "ring me",
    ]  # fmt: skip
    assert exported["cards"].keys() == {NUMBER, "+3906123456"}
    assert {card["name"] for card in exported["cards"].values()} == {"Mario De Luca"}
    with pytest.raises(NotFoundError):
        export_person(contacts, *own, "api:nobody")


def test_a_tenants_export_holds_everything_but_what_is_stored_of_secrets(
    stores: MemoryStores,
) -> None:
    contacts, tenants = stores.contacts("acme"), stores.tenants("acme")
    for n in range(23):
        save_contact(contacts, person(f"api:{n}", 1), LINE, now_ms=NOW_MS)
    records: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = export_tenant(exported(stores), cursor=cursor, limit=10)
        records += page.records
        cursor = page.cursor
        if not cursor:
            break
    text = json.dumps(records)
    kinds = [record["type"] for record in json.loads(text)]
    assert kinds == ["settings"] + ["key"] * 6 + ["contact"] * 23
    assert {record["id"] for record in records if record["type"] == "contact"} == {
        f"api:{n}" for n in range(23)
    }
    assert not [listed for listed in list_keys(tenants) if listed.key.hash in text]
    saved = exported(stores).dialling.save_options(DialOptions(pbx="generic", rules=(DialRule(),)))
    [options] = [
        record for record in export_tenant(exported(stores)).records if record["type"] == "dialling"
    ]
    assert saved
    assert (options["pbx"], options["version"]) == ("generic", 1)
    assert (options["rules"], options["budget"]) == (
        [DialRule()._asdict()],
        saved.budget._asdict(),
    )
    with pytest.raises(NotFoundError):
        export_tenant(exported(stores, "bell"))


def test_an_erased_person_does_not_call_any_more_and_no_event_brings_them_back(
    stores: MemoryStores,
) -> None:
    contacts = stores.contacts("acme")
    save_contact(contacts, person("crm:1", 1, last_name="Marcondiro"), LINE, now_ms=NOW_MS)
    assert erased(stores, "crm:1")
    assert not erased(stores, "crm:1")
    late = save_contact(contacts, person("crm:1", NOW_MS + 10**9), LINE, now_ms=NOW_MS)
    assert late.outcome == "stale"
    assert "marcondiro" not in json.dumps(stores.dynamo.all_items()).lower()
    assert caller(stores) is None


def test_an_erased_tenant_leaves_the_word_that_its_id_is_taken_and_nothing_else(
    stores: MemoryStores,
) -> None:
    contacts, tenants = stores.contacts("acme"), stores.tenants("acme")
    for n in range(12):
        save_contact(contacts, person(f"api:{n}", 1), LINE, now_ms=NOW_MS)
    erased(stores, "api:3")
    first = erase_tenant(tenants, all_of(stores), now_s=NOW_S, limit=5)
    assert (first.removed, first.done, first.again_at) == (5, False, int(NOW_S) + GRACE_S)
    assert tenants.settings() is None
    # A writer that was let in before goes on for a while.
    save_contact(contacts, person("api:99", 1), LINE, now_ms=NOW_MS)
    removed = [first.removed]
    while removed[-1]:
        removed.append(erase_tenant(tenants, all_of(stores), now_s=NOW_S + 1, limit=5).removed)
    assert sum(removed) == 13
    assert not erase_tenant(tenants, all_of(stores), now_s=NOW_S + GRACE_S - 1).done
    assert erase_tenant(tenants, all_of(stores), now_s=NOW_S + GRACE_S).done
    [left] = stores.dynamo.all_items()
    assert left.keys() == {"pk", "sk", "type", "sv", "closed_at", "expires_at"}
    with pytest.raises(NotFoundError):
        erase_tenant(stores.tenants("bell"), all_of(stores, "bell"), now_s=NOW_S)


def test_a_new_tenants_key_opens_it(stores: MemoryStores) -> None:
    text = create_tenant(stores.tenants("bell"), Settings("bell", line=LINE), now_s=NOW_S)
    assert tenant_of(text) == "bell"
    read = stores.calls.read("bell", [], key_hash=hash_key(text), timeout_s=1)
    assert read.tenant
    assert read.tenant.key
    assert (read.tenant.key.role, read.tenant.key.created_at) == ("admin", int(NOW_S))
    assert read.tenant.settings
    assert read.tenant.settings.line == LINE
    assert text not in json.dumps(stores.dynamo.all_items())
    with pytest.raises(ConflictError):
        create_tenant(stores.tenants("bell"), Settings("bell"), now_s=NOW_S)


def test_one_key_replaces_another_with_both_good_in_between(stores: MemoryStores) -> None:
    tenants = stores.tenants("acme")
    old = create_key(tenants, "pbx", now_s=NOW_S, name="old").key
    new = create_key(
        tenants,
        "pbx",
        now_s=NOW_S + 1,
        name="new",
        expires_at=int(NOW_S) + 99,
        networks=["192.0.2.0/24", "2001:db8::/32"],
        exten="21",
    )
    named = {listed.key.name: listed for listed in list_keys(tenants)}
    assert named["old"].key == old
    assert named["new"].key == new.key
    assert hash_key(new.text) == new.key.hash
    assert revoke_key(tenants, named["old"].id, now_s=NOW_S) == old
    assert "old" not in {listed.key.name for listed in list_keys(tenants)}
    for wrong in (named["old"].id, "", new.key.hash):
        with pytest.raises(NotFoundError):
            revoke_key(tenants, wrong, now_s=NOW_S)


@pytest.mark.parametrize(
    ("lasts_s", "enough"), [(60, False), (LASTING_S, False), (LASTING_S + 1, True), (0, True)]
)
def test_an_admin_key_is_revoked_only_while_another_one_lasts_a_week(
    stores: MemoryStores, lasts_s: int, *, enough: bool
) -> None:
    tenants = stores.tenants("acme")
    [first] = [listed for listed in list_keys(tenants) if listed.key.role == "admin"]
    ends = int(NOW_S) + lasts_s if lasts_s else 0
    create_key(tenants, "admin", now_s=NOW_S, expires_at=ends)
    if enough:
        assert revoke_key(tenants, first.id, now_s=NOW_S) == first.key
    else:
        with pytest.raises(ConflictError, match="week"):
            revoke_key(tenants, first.id, now_s=NOW_S)
    assert (first in list_keys(tenants)) is not enough


class Hasty(DynamoTenantStore):
    """A store in which somebody else revokes a key just before we do.

    Attributes:
        rivals: what they do, one for each of our attempts.
    """

    rivals: Sequence[Callable[[], object]] = ()

    def remove_key(self, key_hash: str, *, while_there: str = "") -> bool:
        if self.rivals:
            now, *self.rivals = self.rivals
            now()
        return super().remove_key(key_hash, while_there=while_there)


def test_of_two_who_revoke_each_others_admin_keys_one_fails(stores: MemoryStores) -> None:
    tenants = stores.tenants("acme")
    [first] = [listed for listed in list_keys(tenants) if listed.key.role == "admin"]
    second = listed_key(create_key(tenants, "admin", now_s=NOW_S).key)
    hasty = Hasty(stores.client, stores.table, "acme", now=lambda: NOW_S)
    hasty.rivals = [lambda: revoke_key(tenants, second.id, now_s=NOW_S)]
    with pytest.raises(ConflictError, match="week"):
        revoke_key(hasty, first.id, now_s=NOW_S)
    assert [listed for listed in list_keys(tenants) if listed.key.role == "admin"] == [first]


def test_an_admin_key_is_revoked_though_the_one_counted_on_goes_if_a_third_stays(
    stores: MemoryStores,
) -> None:
    tenants = stores.tenants("acme")
    [first] = [listed for listed in list_keys(tenants) if listed.key.role == "admin"]
    second, third = (
        listed_key(create_key(tenants, "admin", now_s=NOW_S + later).key) for later in (1, 2)
    )
    hasty = Hasty(stores.client, stores.table, "acme", now=lambda: NOW_S)
    hasty.rivals = [lambda: tenants.remove_key(second.key.hash)]
    assert revoke_key(hasty, first.id, now_s=NOW_S) == first.key
    assert [listed for listed in list_keys(tenants) if listed.key.role == "admin"] == [third]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"role": "root"}, "role"),
        ({"name": "x" * 101}, "name"),
        ({"expires_at": int(NOW_S)}, "expires_at"),
        ({"networks": ["192.0.2.0/24", "192.0.2.1/24"]}, "networks[1]"),
        ({"networks": ["10.0.0.0/8"] * 51}, "networks"),
        ({"exten": "21;drop"}, "exten"),
    ],
)
def test_a_key_that_is_not_what_it_has_to_be_is_refused_by_the_name_of_the_field(
    stores: MemoryStores, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        create_key(stores.tenants("acme"), **{"role": "pbx", "now_s": NOW_S, **fields})
    assert refused.value.field == field


def test_settings_are_checked_before_they_are_saved(stores: MemoryStores) -> None:
    tenants = stores.tenants("acme")
    before = tenants.settings()
    assert before
    with pytest.raises(PayloadError):
        save_settings(tenants, before._replace(line=Line("XX")))
    assert tenants.settings() == before
    saved = save_settings(tenants, before._replace(line=Line("DE", "30")))
    assert tenants.settings() == saved
    with pytest.raises(ConflictError):
        save_settings(tenants, before)
    with pytest.raises(PayloadError):
        create_tenant(stores.tenants("bell"), Settings("bell", line=Line("XX")), now_s=NOW_S)


def test_settings_that_use_every_field_are_accepted() -> None:
    check_settings(
        Settings(
            "acme",
            line=Line("DE", "30", "plus", "0", (Rule("^99", ""),), 0.5),
            trunks={"milan": {"country": "IT", "rules": [{"pattern": "^1", "replacement": ""}]}},
            dids={"390244": {"area_code": "02", "decode_timeout_s": 10}},
            label=LabelStyle(20, "{flag}{name}", {"overdue": "!"}, "latin-1"),
            extens={"21": "Zoë", "*99": "Voicemail"},
            exten_pattern="2[0-9]",
            source_priority=("hubspot", "csv"),
            origins=("https://crm.example", "https://crm.example:8443"),
            crms=("hubspot", "generic"),
            live_search_s=0,
        )
    )


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (Settings("acme", line=Line("XX")), "line.country"),
        (Settings("acme", line=Line("it")), "line.country"),
        (Settings("acme", line=Line(area_code="02x")), "line.area_code"),
        (Settings("acme", line=Line(cli_format="any")), "line.cli_format"),  # type: ignore[arg-type]
        (Settings("acme", line=Line(outside_prefix="00000")), "line.outside_prefix"),
        (Settings("acme", line=Line(decode_timeout_s=0.4)), "line.decode_timeout_s"),
        (Settings("acme", line=Line(decode_timeout_s=10.1)), "line.decode_timeout_s"),
        (Settings("acme", line=Line(rules=(Rule("(", ""),))), "line.rules[0].pattern"),
        (Settings("acme", line=Line(rules=(Rule("(a+)+$", ""),))), "line.rules[0].pattern"),
        (Settings("acme", line=Line(rules=(Rule("a", ""),) * 21)), "line.rules"),
        (Settings("acme", trunks={"milan": {"country": 39}}), "trunks.milan.country"),
        (Settings("acme", trunks={"milan": {"colour": 1}}), "trunks.milan.colour"),
        (Settings("acme", dids={"02": {"rules": [{"pattern": "a"}]}}), "dids.02.rules"),
        (
            Settings("acme", dids={"02": {"rules": [{"pattern": 1, "replacement": ""}]}}),
            "dids.02.rules[0]",
        ),
        (Settings("acme", label=LabelStyle(9)), "label.max_length"),
        (Settings("acme", extens={"x": "Zoë"}), "extens"),
        (Settings("acme", extens={"21": 21}), "extens.21"),  # type: ignore[dict-item]
        (Settings("acme", extens={str(n): "x" * 99 for n in range(1_000)}), "settings"),
        (Settings("acme", exten_pattern="("), "exten_pattern"),
        (Settings("acme", source_priority=("csv", "Hub Spot")), "source_priority[1]"),
        (Settings("acme", origins=("http://crm.example",)), "origins[0]"),
        (Settings("acme", origins=("https://crm.example/x",)), "origins[0]"),
        (Settings("acme", crms=("hubspot", "Hub Spot")), "crms[1]"),
        (Settings("acme", crms=("hubspot",) * 11), "crms"),
        (Settings("acme", live_search_s=-0.1), "live_search_s"),
        (Settings("acme", live_search_s=10.1), "live_search_s"),
        (Settings("acme", live_search_s=float("nan")), "live_search_s"),
    ],
)
def test_settings_that_a_call_could_stumble_over_are_refused_by_the_name_of_the_field(
    settings: Settings, field: str
) -> None:
    with pytest.raises(PayloadError) as refused:
        check_settings(settings)
    assert refused.value.field == field
