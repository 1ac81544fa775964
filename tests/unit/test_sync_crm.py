"""Reconciliation: whatever happened at the CRM, and whoever was killed, we end up as it is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from centralino.adapters.store.connections import DynamoConnectionStore
from centralino.application.dispatch_syncs import STALLED_MS, dispatch_syncs
from centralino.application.sync_crm import (
    ATTEMPTS,
    BEHIND_MS,
    FULL_EVERY_MS,
    GRACE_MS,
    HOUR_MS,
    OVERLAP_MS,
    Part,
    sync_crm,
)
from centralino.domain.contact import Contact, ContactNumber
from centralino.domain.errors import (
    PayloadError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)
from centralino.domain.settings import Line
from centralino.ports.connections import SyncState
from tests.support.memory_crm import Kill, MemoryCrm, kill
from tests.support.memory_store import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = Line("IT", "02")
DAY_MS = 24 * HOUR_MS


class Office:
    """A tenant that is connected to a CRM in memory."""

    def __init__(self, *, lists_deletions: bool = True) -> None:
        self.stores = MemoryStores()
        self.stores.create_tenant("acme")
        self.contacts = self.stores.contacts("acme")
        self.links = DynamoConnectionStore(
            self.stores.client, self.stores.table, "acme", now=self.now, pause=lambda _: None
        )
        self.crm = MemoryCrm(self.now_ms, lists_deletions=lists_deletions)
        self.links.save("memory", {}, now_s=self.now())
        self.runs = 0

    def now(self) -> float:
        return self.stores.now_s

    def now_ms(self) -> int:
        return int(self.stores.now_s * 1000)

    def later(self, milliseconds: float) -> None:
        self.stores.now_s += milliseconds / 1000

    @property
    def state(self) -> SyncState:
        link = self.links.get("memory")
        assert link
        return link.state

    def part(
        self,
        run: str,
        *,
        until_s: float = float("inf"),
        has_time: Callable[[float], bool] = lambda _: True,
        asked_ms: int = 0,
        renew: Callable[[], MemoryCrm] | None = None,
    ) -> Part:
        return sync_crm(
            self.links,
            self.contacts,
            self.crm,
            LINE,
            run,
            now=self.now,
            until_s=until_s,
            has_time=has_time,
            asked_ms=asked_ms,
            renew=renew,
        )

    def sync(self) -> SyncState:
        """Run to the end, whatever it takes, and a quarter of an hour later."""
        self.runs += 1
        while not (part := self.part(f"r{self.runs}")).done:
            self.later(part.again_s * 1000)
        self.later(15 * 60_000)
        return self.state

    def held(self) -> dict[str, str]:
        """What we hold: record -> name."""
        return {contact.id: contact.last_name for contact in self.all()}

    def all(self) -> list[Contact]:
        found: list[Contact] = []
        cursor = ""
        while True:
            page = self.contacts.page(cursor=cursor, limit=100)
            found += page.contacts
            if not (cursor := page.cursor):
                return found

    def there(self) -> dict[str, str]:
        """What the CRM has: record -> name."""
        return {contact.id: contact.last_name for contact in self.crm.records.values()}


@pytest.fixture
def office() -> Office:
    return Office()


def drift(state: SyncState) -> dict[str, int]:
    names = ("imported", "missed", "late", "repaired", "removed", "rejected")
    return {name: count for name in names if (count := getattr(state, name))}


def test_the_first_run_imports_all_and_counts_no_drift(office: Office) -> None:
    for record in range(10):
        office.crm.put(str(record), f"Name {record}", at_ms=office.now_ms() - DAY_MS + record)
    state = office.sync()
    assert office.held() == office.there()
    assert drift(state) == {"imported": 10}
    assert (state.read, state.run, state.problem) == (10, "", "")
    assert state.full_ms
    assert state.finished_ms


def test_a_call_from_a_synced_contact_finds_the_name(office: Office) -> None:
    office.crm.put("1", "Bianchi", "347 1234567")
    office.sync()
    [holder] = office.contacts.holders("+393471234567").holders
    assert holder.name == "Bianchi"


def test_the_next_run_asks_for_the_news_alone(office: Office) -> None:
    for record in range(10):
        office.crm.put(str(record), at_ms=office.now_ms() - 30 * DAY_MS)
    office.sync()
    office.crm.put("3", "Verdi")
    office.later(GRACE_MS + 1000)
    office.crm.asked.clear()
    state = office.sync()
    assert (state.read, drift(state)) == (1, {"missed": 1})
    assert office.held() == office.there()
    assert office.crm.asked == ["modified", "deleted"]


def test_nothing_new_is_two_questions_and_no_write_but_the_state(office: Office) -> None:
    for record in range(5):
        office.crm.put(str(record))
    office.sync()
    before = [item for item in office.stores.dynamo.all_items() if "#C#" in item["pk"]["S"]]
    state = office.sync()
    after = [item for item in office.stores.dynamo.all_items() if "#C#" in item["pk"]["S"]]
    assert before == after
    assert drift(state) == {}


def test_what_a_webhook_may_still_tell_is_late_and_not_missed(office: Office) -> None:
    office.sync()
    office.crm.put("1", "Rossi")
    office.later(1000)
    assert drift(office.sync()) == {"late": 1}


def test_a_webhook_that_was_faster_leaves_nothing_to_do(office: Office) -> None:
    office.crm.put("1", "Rossi")
    office.sync()
    told = office.crm.put("1", "Verdi")
    office.contacts.save(told, {})
    office.crm.put("1", "Neri", at_ms=told.version - 1000)  # the listing is a moment old
    assert drift(office.sync()) == {}
    assert office.held() == {"memory:1": "Verdi"}


def test_content_that_went_wrong_under_the_right_version_is_repaired(office: Office) -> None:
    kept = office.crm.put("1", "Rossi")
    office.sync()
    office.contacts.save(kept._replace(last_name="Rosssi"), {})
    assert drift(office.sync()) == {"repaired": 1}
    assert office.held() == {"memory:1": "Rossi"}


def test_a_deletion_that_no_webhook_told_is_found(office: Office) -> None:
    for record in range(5):
        office.crm.put(str(record), "Rossi", f"+39347123456{record}")
    office.sync()
    office.crm.drop("2")
    state = office.sync()
    assert drift(state) == {"removed": 1}
    assert office.held() == office.there()
    assert office.contacts.holders("+393471234562").total == 0


def test_a_deletion_that_we_know_of_is_no_drift(office: Office) -> None:
    office.crm.put("1")
    office.sync()
    office.crm.drop("1")
    office.contacts.delete("memory:1", office.crm.gone["1"])
    requests = office.stores.dynamo.requests
    requests.clear()
    assert drift(office.sync()) == {}
    # The state: as the run begins, and after each of its two stages.
    assert requests.count("TransactWriteItems") == 3


def test_a_deletion_without_a_time_is_asked_for(office: Office) -> None:
    office.crm.put("1", "There")
    office.crm.put("2", "Gone")
    office.sync()
    del office.crm.records["2"]
    office.crm.gone = {"1": 0, "2": 0}
    office.crm.deleted_since = (  # type: ignore[method-assign]
        lambda since_ms, cursor="": MemoryCrm.deleted_since(office.crm, 0 * since_ms, cursor)
    )
    assert drift(office.sync()) == {"removed": 1}
    assert office.held() == {"memory:1": "There"}


def test_a_contact_that_came_back_with_its_old_time_is_held_again(office: Office) -> None:
    kept = office.crm.put("1", "Rossi")
    office.sync()
    office.crm.drop("1")
    office.sync()
    assert office.held() == {}
    office.crm.put("1", "Rossi", at_ms=kept.version)
    office.crm.put("2", "Nobody", at_ms=kept.version)
    # Its time is too old for the news, so it takes a run that reads everything.
    office.links.save("memory", {"base_url": "https://other.example"}, now_s=office.now())
    office.sync()
    assert office.held() == office.there()
    before = office.all()
    office.links.save("memory", {}, now_s=office.now())
    assert drift(office.sync()) == {}
    assert office.all() == before


def test_an_erased_contact_is_not_brought_back(office: Office) -> None:
    office.crm.put("1")
    office.sync()
    office.contacts.erase("memory:1")
    office.crm.put("1", "Rossi again")
    state = office.sync()
    assert office.held() == {}
    assert drift(state) == {}


# --- full runs -----------------------------------------------------------------------------------


def test_what_an_older_import_left_and_the_crm_does_not_have_goes_with_the_first_run(
    office: Office,
) -> None:
    for record in range(4):
        office.crm.put(str(record))
    ghost = Contact("memory:99", 1, last_name="Ghost")
    other = Contact("odoo:99", 1, last_name="Another source's")
    for contact in (ghost, other):
        office.contacts.save(contact, {})
    state = office.sync()
    assert office.held() == {**office.there(), "odoo:99": "Another source's"}
    assert state.removed == 1
    # Only for what it had not met it asked once more.
    assert [asked for asked in office.crm.asked if asked.startswith("fetch")] == ["fetch 99"]


def test_a_record_that_the_listing_left_out_and_that_is_there_stays(office: Office) -> None:
    office.contacts.save(Contact("memory:7", 1, last_name="Old"), {})
    seven = office.crm.put("7", "New")
    listed = office.crm.modified_since
    office.crm.modified_since = (  # type: ignore[method-assign]
        lambda since_ms, cursor="": listed(since_ms + 10**15, cursor)
    )
    office.sync()
    assert office.held() == {"memory:7": "New"}
    stored = office.contacts.get("memory:7")
    assert stored
    assert stored.version == seven.version


def test_a_crm_that_lists_no_deletions_is_read_in_full_once_a_week() -> None:
    office = Office(lists_deletions=False)
    for record in range(5):
        office.crm.put(str(record))
    office.sync()
    office.crm.drop("2")
    assert drift(office.sync()) == {}
    office.later(FULL_EVERY_MS)
    state = office.sync()
    assert (state.full, drift(state)) == (True, {"removed": 1})
    assert office.held() == office.there()
    assert office.sync().full is False


def test_what_a_webhook_told_since_a_full_run_began_is_not_asked_for_once_more() -> None:
    office = Office(lists_deletions=False)
    office.crm.put("1")

    def tell() -> None:
        office.contacts.save(Contact("memory:2", office.now_ms(), last_name="New"), {})

    office.crm.before = tell
    office.sync()
    assert office.crm.asked == ["modified"]
    assert office.held() == {**office.there(), "memory:2": "New"}


# --- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew_ms", [-BEHIND_MS + GRACE_MS, -HOUR_MS, -60_000, 60_000, 5 * HOUR_MS])
def test_a_crm_with_a_wrong_clock_loses_no_change(office: Office, skew_ms: int) -> None:
    office.crm.now_ms = lambda: office.now_ms() + skew_ms
    for record in range(20):
        office.crm.put(str(record % 7), f"Name {record}")
        if record % 3 == 0:
            office.sync()
        office.later(60_000)
    office.sync()
    assert office.held() == office.there()


def test_a_record_that_shows_up_late_in_the_listing_is_met_by_the_next_run(office: Office) -> None:
    office.crm.put("1", "Early")
    hidden = office.crm.put("2", "Shows up late", at_ms=office.now_ms() - OVERLAP_MS + 1)
    del office.crm.records["2"]
    office.sync()
    office.crm.records["2"] = hidden
    office.sync()
    assert office.held() == office.there()


def test_one_change_of_everything_at_once_is_not_read_by_every_run_for_ever(
    office: Office,
) -> None:
    for record in range(10):
        office.crm.put(str(record), at_ms=office.now_ms())
    office.sync()
    assert office.sync().read == 10
    office.later(BEHIND_MS + OVERLAP_MS)
    office.sync()
    assert office.sync().read == 0


# --- trouble -------------------------------------------------------------------------------------


def test_a_crm_that_asks_to_slow_down_is_left_alone_that_long_and_the_run_goes_on(
    office: Office,
) -> None:
    for record in range(7):
        office.crm.put(str(record))
    office.crm.faults = [None, ThrottledError("throttled", retry_after_s=42)]
    part = office.part("r")
    assert (part.done, part.again_s) == (False, 42)
    assert part.after
    assert (part.after.problem, part.after.cursor) == ("throttled", "3")
    asked = len(office.crm.asked)
    early = office.part("r")
    assert (early.done, early.again_s, len(office.crm.asked)) == (False, 42, asked)
    office.later(42_000)
    assert office.part("r").done
    assert office.held() == office.there()
    assert office.state.problem == ""
    assert office.crm.asked.count("modified") == 1


def test_an_hour_of_rest_is_kept_though_no_message_can_wait_that_long(office: Office) -> None:
    office.crm.put("1")
    office.crm.faults = [ThrottledError("throttled", retry_after_s=3600)]
    waited = 0.0
    while not (part := office.part("r")).done:
        assert len(office.crm.asked) == 1
        assert part.again_s <= 900
        waited += part.again_s
        office.later(part.again_s * 1000)
    assert waited == 3600
    assert office.held() == office.there()


def test_a_crm_that_is_down_is_asked_later_and_later_and_then_given_up(office: Office) -> None:
    office.crm.put("1")
    office.crm.faults = [UnavailableError("timeout")] * ATTEMPTS
    waits = []
    while not (part := office.part("r")).done:
        waits.append(part.again_s)
        office.later(part.again_s * 1000)
    assert waits == sorted(waits)
    assert len(set(waits)) == ATTEMPTS - 1
    state = office.state
    assert (state.problem, state.run, state.mark_ms) == ("timeout", "", 0)
    assert state.due_ms == office.now_ms() + HOUR_MS
    office.later(HOUR_MS)
    office.sync()
    assert office.held() == office.there()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RejectedError("permissions"), "permissions"),
        (RejectedError("credentials"), "credentials"),
        (PayloadError("account.base_url", "the CRM's address"), "account.base_url: expected the"),
    ],
)
def test_a_crm_that_refuses_us_is_left_alone_and_the_reason_is_kept(
    office: Office, error: Exception, said: str
) -> None:
    office.crm.faults = [error]
    part = office.part("r")
    assert part.done
    assert office.state.problem.startswith(said)
    assert office.state.due_ms > office.now_ms()


def test_secrets_that_were_replaced_are_read_again_once(office: Office) -> None:
    office.crm.put("1")
    office.crm.faults = [RejectedError("credentials")]
    renewed: list[MemoryCrm] = []

    def renew() -> MemoryCrm:
        renewed.append(office.crm)
        return office.crm

    assert office.part("r", renew=renew).done
    assert (len(renewed), office.held()) == (1, office.there())
    office.crm.faults = [RejectedError("credentials")] * 2
    office.part("r2", renew=renew)
    assert (len(renewed), office.state.problem) == (2, "credentials")


def test_a_cursor_that_leads_nowhere_is_no_endless_run(office: Office) -> None:
    for record in range(5):
        office.crm.put(str(record))
    listed = office.crm.modified_since
    office.crm.modified_since = (  # type: ignore[method-assign]
        lambda since_ms, cursor="": listed(since_ms, cursor[:0])
    )
    while not (part := office.part("r")).done:
        office.later(part.again_s * 1000)
    assert office.state.problem == "malformed"


def test_a_record_that_can_not_be_held_is_counted_and_the_others_are(office: Office) -> None:
    office.crm.put("1")
    office.crm.put("2", "x" * 600)
    office.crm.put("3#4")
    state = office.sync()
    assert drift(state) == {"imported": 1, "rejected": 2}
    assert set(office.held()) == {"memory:1"}


def test_a_crm_that_can_not_be_read_is_asked_nothing(office: Office) -> None:
    office.crm.reads = False
    assert office.part("r").done
    assert office.crm.asked == []
    assert office.state.due_ms > office.now_ms()


def test_a_run_ends_when_the_connection_is_gone(office: Office) -> None:
    for record in range(7):
        office.crm.put(str(record))
    office.crm.before = lambda: office.links.remove("memory")
    assert office.part("r").done
    assert office.part("r").done
    assert len(office.crm.asked) == 1


def test_a_run_ends_when_the_tenant_is_gone(office: Office) -> None:
    office.crm.put("1")
    office.crm.before = lambda: office.stores.tenants("acme").close()
    assert office.part("r").done
    assert office.all() == []


# --- who is at it --------------------------------------------------------------------------------


def test_a_run_that_is_out_of_time_goes_on_where_it_stopped(office: Office) -> None:
    for record in range(10):
        office.crm.put(str(record))
    office.crm.before = lambda: office.later(1000)
    parts = 0
    while not office.part("r", until_s=office.now() + 1.5).done:
        parts += 1
    assert parts >= 2
    assert office.held() == office.there()
    listings = [asked for asked in office.crm.asked if asked.startswith("modified")]
    assert len(listings) == len(set(listings))


def test_a_message_that_comes_twice_is_one_run(office: Office) -> None:
    office.crm.put("1")
    office.part("r")
    asked = len(office.crm.asked)
    assert office.part("r").done
    assert len(office.crm.asked) == asked


def test_a_run_that_was_asked_for_before_another_ended_is_not_begun(office: Office) -> None:
    asked_ms = office.now_ms()
    office.later(1000)
    office.part("r1")
    office.crm.asked.clear()
    assert office.part("r2", asked_ms=asked_ms).done
    assert office.crm.asked == []
    # A desk whose clock is behind asks without a time.
    office.later(-60_000)
    office.part("r3")
    assert office.state.last_run == "r3"


def test_another_run_does_not_begin_while_one_is_under_way(office: Office) -> None:
    for record in range(7):
        office.crm.put(str(record))
    office.crm.faults = [None, ThrottledError("throttled")]
    office.part("r1")
    asked = len(office.crm.asked)
    assert office.part("r2").done
    assert (len(office.crm.asked), office.state.run) == (asked, "r1")


def test_of_two_workers_at_one_run_the_slower_one_stops(office: Office) -> None:
    for record in range(7):
        office.crm.put(str(record))

    def meanwhile() -> None:
        office.crm.before = int
        assert office.part("r").done

    office.crm.before = meanwhile
    slower = office.part("r")
    assert (slower.done, slower.after) == (True, None)
    assert office.held() == office.there()
    assert office.state.run == ""


def test_a_worker_that_is_killed_anywhere_loses_no_record_and_counts_no_contact_twice() -> None:
    """Every request of a run is once the last one of its process; the run always ends."""
    requests = 1
    for place in range(1000):
        office = Office(lists_deletions=False)
        office.contacts.save(Contact("memory:ghost", 1, last_name="Ghost"), {})
        for record in range(7):
            office.crm.put(str(record), at_ms=office.now_ms() - DAY_MS)
        left = [place]
        call = office.stores.client.call

        def counted(
            *args: object, _call: object = call, _left: list[int] = left, **kw: object
        ) -> object:
            _left[0] -= 1
            if _left[0] == -1:
                kill()
            return _call(*args, **kw)  # type: ignore[operator]

        office.stores.client.call = counted  # type: ignore[method-assign,assignment]
        try:
            office.part("r")
        except Kill:
            office.later(STALLED_MS)
            assert office.part("r").done
        else:
            assert left[0] >= 0
            requests = place - left[0]
            break
        assert office.held() == office.there()
        assert office.state.imported <= 7
    assert requests > 15


# --- slow and busy CRMs --------------------------------------------------------------------------


def hide(office: Office, count: int, *, gone: int = 0) -> None:
    """Let us hold what the CRM has and doesn't list, and some that it has no more."""
    for place in range(count):
        office.crm.put(f"h{place}", f"Hidden {place}", at_ms=office.now_ms() - DAY_MS)
    for place in range(gone):
        office.contacts.save(Contact(f"memory:g{place}", 1, last_name="Gone"), {})
    for contact in office.crm.records.values():
        office.contacts.save(contact._replace(version=1), {})
    listed = office.crm.modified_since
    office.crm.modified_since = (  # type: ignore[method-assign]
        lambda since_ms, cursor="": listed(since_ms + 10**15, cursor)
    )


def fetched(office: Office) -> list[str]:
    return [asked for asked in office.crm.asked if asked.startswith("fetch")]


def test_a_sweep_of_a_slow_crm_stops_in_time_and_asks_for_each_contact_once(
    office: Office,
) -> None:
    hide(office, 30, gone=5)
    office.crm.before = lambda: office.later(10_000)
    done = False
    while not done:
        began = office.now()
        done = office.part("r", until_s=began + 20).done
        assert office.now() - began <= 30
        assert len(office.crm.asked) < 60
    assert len(fetched(office)) == len(set(fetched(office))) == 35
    assert office.held() == office.there()
    assert office.state.removed == 5


def test_a_crm_that_stops_a_sweep_again_and_again_is_asked_for_each_contact_once(
    office: Office,
) -> None:
    hide(office, 20, gone=3)
    allowed = [4]
    answered: list[str] = []

    def before() -> None:
        if not allowed[0]:
            allowed[0] = 4
            raise ThrottledError("throttled", retry_after_s=60)
        allowed[0] -= 1
        answered.append(office.crm.asked[-1])

    office.crm.before = before
    while not (part := office.part("r")).done:
        assert part.again_s == 60
        office.later(part.again_s * 1000)
        assert len(answered) < 50
    answered = [asked for asked in answered if asked.startswith("fetch")]
    assert len(answered) == len(set(answered)) == 23
    assert office.held() == office.there()


def test_a_crm_that_fails_now_and_then_in_a_sweep_is_not_given_up(office: Office) -> None:
    hide(office, 2 * ATTEMPTS)
    office.crm.faults = [None]
    for _ in range(2 * ATTEMPTS):
        office.crm.faults += [None, UnavailableError("timeout")]
    while not (part := office.part("r")).done:
        office.later(part.again_s * 1000)
    assert office.state.problem == ""
    assert office.held() == office.there()


def test_a_slow_store_stops_a_page_in_time_and_the_next_process_goes_on_behind_it(
    office: Office,
) -> None:
    for record in range(9):
        office.crm.put(str(record), at_ms=office.now_ms() - DAY_MS + record)
    office.crm.put("3#4", at_ms=office.now_ms() - DAY_MS)
    call = office.stores.client.call

    def slowly(operation: str, payload: dict[str, object], **kw: float) -> object:
        if operation == "TransactWriteItems" and "#C#" in str(payload):
            office.later(20_000)
        return call(operation, payload, **kw)

    office.stores.client.call = slowly  # type: ignore[method-assign,assignment]
    parts, done = 0, False
    while not done:
        end = office.now() + 60
        done = office.part("r", has_time=lambda s, end=end: end - office.now() > s).done  # type: ignore[misc]
        assert office.now() <= end
        parts += 1
        assert parts < 20
    assert parts > 2
    assert office.held() == {key: name for key, name in office.there().items() if "#" not in key}
    assert office.state.read == 10
    assert drift(office.state) == {"imported": 9, "rejected": 1}


def test_deletions_that_a_slow_crm_does_not_date_are_each_asked_for_once(office: Office) -> None:
    for record in range(8):
        office.crm.put(str(record))
    office.sync()
    for record in (1, 4, 6):
        del office.crm.records[str(record)]
    office.crm.gone = dict.fromkeys(map(str, range(8)), 0)
    office.crm.deleted_since = (  # type: ignore[method-assign]
        lambda since_ms, cursor="": MemoryCrm.deleted_since(office.crm, 0 * since_ms, cursor)
    )
    office.crm.before = lambda: office.later(25_000)
    parts = 0
    while not office.part("r", until_s=office.now() + 20).done:
        parts += 1
        assert parts < 30
    assert len(fetched(office)) == len(set(fetched(office))) == 8
    assert office.held() == office.there()
    assert office.state.removed == 3


def test_a_worker_at_a_slow_crm_that_is_killed_anywhere_forgets_nobody() -> None:
    """As above, but a part of the run has time for two records; parts follow until it ends."""
    requests = 1
    for place in range(1000):
        office = Office()
        hide(office, 4, gone=2)
        office.crm.before = lambda office=office: office.later(10_000)  # type: ignore[misc]
        left = [place]
        call = office.stores.client.call

        def counted(
            *args: object, _call: object = call, _left: list[int] = left, **kw: object
        ) -> object:
            _left[0] -= 1
            if _left[0] == -1:
                kill()
            return _call(*args, **kw)  # type: ignore[operator]

        office.stores.client.call = counted  # type: ignore[method-assign,assignment]
        done = False
        for _ in range(20):
            try:
                done = office.part("r", until_s=office.now() + 15).done
            except Kill:
                office.later(STALLED_MS)
            if done:
                break
        assert done
        office.stores.client.call = call  # type: ignore[method-assign]
        assert office.held() == office.there()
        # The one that was asked for when it died, and those of that part, may be asked for again.
        assert len(fetched(office)) <= 6 + 2
        if left[0] >= 0:
            requests = place - left[0]
            break
    assert requests > 15


def test_nothing_is_written_of_a_sweep_whose_tenant_is_being_erased(office: Office) -> None:
    hide(office, 5)
    left = [4]

    def before() -> None:
        left[0] -= 1
        if not left[0]:
            office.stores.tenants("acme").close()

    office.crm.before = before
    assert office.part("r").done
    items = list(office.stores.dynamo.all_items())
    assert not [item for item in items if "#M#memory#" in item["pk"]["S"]]


# --- everything at once --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_at_the_crm_and_on_the_way_we_end_up_as_it_is(seed: int) -> None:
    chance = random.Random(seed)
    office = Office(lists_deletions=chance.random() < 0.5)
    for step in range(120):
        record = str(chance.randrange(12))
        action = chance.random()
        if action < 0.5:
            told = office.crm.put(record, f"Name {step}", f"+3934712345{chance.randrange(10, 99)}")
            if chance.random() < 0.3:
                office.contacts.save(told, {})
        elif action < 0.65 and record in office.crm.records:
            office.crm.drop(record)
            if chance.random() < 0.3:
                office.contacts.delete(f"memory:{record}", office.now_ms())
        elif action < 0.75:
            office.crm.faults = [
                chance.choice([None, ThrottledError("throttled", 5), UnavailableError("timeout")])
                for _ in range(chance.randrange(4))
            ]
        elif action < 0.9:
            office.sync()
        office.later(chance.randrange(1, 4 * 60_000))
    office.crm.faults = []
    office.later(FULL_EVERY_MS)
    office.sync()
    office.sync()
    assert office.held() == office.there()
    [wrong, *_] = [*(c for c in office.all() if c.last_name != office.there()[c.id]), None]
    assert wrong is None


# --- the dispatcher ------------------------------------------------------------------------------


def dispatched(office: Office) -> list[object]:
    sent: list[object] = []
    count = dispatch_syncs(
        office.links.list(), lambda message: sent.append(message["run"]), lambda: "new",
        now_ms=office.now_ms(),
    )  # fmt: skip
    assert count == len(sent)
    return sent


def test_a_connection_is_due_unless_its_run_moves_or_its_crm_is_to_be_left_alone(
    office: Office,
) -> None:
    assert dispatched(office) == ["new"]
    office.links.save_state(
        "memory", SyncState(run="r1", stage="modified", moved_ms=office.now_ms())
    )
    assert dispatched(office) == []
    office.later(STALLED_MS)
    assert dispatched(office) == ["r1"]
    office.links.save_state("memory", office.state._replace(due_ms=office.now_ms() + 1))
    assert dispatched(office) == []
    office.later(1)
    assert dispatched(office) == ["r1"]


def test_a_message_says_whose_connection_it_is_and_nothing_else(office: Office) -> None:
    sent: list[object] = []
    dispatch_syncs(office.links.list(), sent.append, lambda: "new", now_ms=office.now_ms())
    whose = {"v": 1, "kind": "sync", "tenant": "acme", "provider": "memory", "run": "new"}
    assert sent == [{**whose, "asked_ms": office.now_ms()}]


def test_numbers_of_a_synced_contact_are_read_in_the_tenants_country(office: Office) -> None:
    office.crm.records["1"] = Contact(
        "memory:1", 5, last_name="Rossi", numbers=(ContactNumber("445566"),)
    )
    office.sync()
    assert office.contacts.holders("+3902445566").total == 1
