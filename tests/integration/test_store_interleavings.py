"""Events that come twice, late, out of order and at the same time end in the same state."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from centralino.adapters.aws import AwsError, Client
from centralino.adapters.store.change import (
    ABSENT,
    ERASED,
    Place,
    Stored,
    change,
    purge_decision,
    read_stored,
)
from centralino.adapters.store.contacts import DynamoContactStore
from centralino.domain.contact import Contact, ContactNumber
from tests.support.memory_dynamo import MemoryDynamo
from tests.support.store_model import assert_consistent, contacts_in, holders_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from centralino.adapters.store.sender import Request, Sender, Steps
    from centralino.ports.store import Outcome
    from tests.support.dynamodb_local import DynamoDBLocal

ROOM = 2
NUMBERS = [f"+3902445566{digit}" for digit in range(3)]
KINDS = ["mobile", "switchboard", "fax"]
# Stories that once ended badly.
CAUGHT = [259, 569, 1_050_579]
NOW_S = 1_795_000_000.0


class Event(NamedTuple):
    """Something that a source tells of a contact.

    Attributes:
        what: save, delete, erase or purge.
        contact: what is saved; of the others just id and version count.
        knowing: whether the writer has looked before, as an import does.
    """

    what: str
    contact: Contact
    knowing: bool = False


class Story(NamedTuple):
    """A tenant, the events it gets (some of them twice) and how their writers take turns."""

    tenant: str
    events: list[Event]
    turns: random.Random
    room: int = ROOM


def some_contact(dice: random.Random, contact_id: str, version: int) -> Contact:
    numbers = tuple(
        ContactNumber(number, dice.choice(KINDS), dice.random() < 0.3, indexed=number)
        for number in dice.sample(NUMBERS, dice.randint(0, len(NUMBERS)))
    )
    if dice.random() < 0.2:
        numbers += (ContactNumber("ring me", problem="no number"),)
    return Contact(
        contact_id,
        version,
        last_name=dice.choice(["Rossi", "Bianchi", "Verdi"]),
        numbers=numbers,
        updated_at_ms=dice.choice([0, 1_000, 2_000]),
    )


def some_story(seed: int, *, purge: bool = False) -> Story:
    dice = random.Random(seed)
    ids = [f"crm:{number}" for number in range(dice.randint(1, 6))]
    kinds = ["save"] * 12 + ["delete"] * 3 + ["erase"] + ["purge"] * (3 if purge else 0)
    events = [
        Event(
            dice.choice(kinds),
            some_contact(dice, dice.choice(ids), dice.randint(1, 4)),
            dice.random() < 0.3,
        )
        for _ in range(dice.randint(2, 14))
    ]
    events += dice.sample(events, dice.randint(0, len(events)))
    dice.shuffle(events)
    return Story(f"t-{seed % 10**9}", events, random.Random(seed + 1))


class Writers:
    """Runs a story's events, each request on its own turn; what fails is delivered again.

    Args:
        story: what happens.
        client: takes the requests.
        trouble: the share of requests that collide, and of those whose answer is lost.
    """

    def __init__(self, story: Story, client: Sender, table: str, trouble: float = 0.04) -> None:
        self.outcomes: list[tuple[Event, Outcome]] = []
        # Whoever an erasure met; the writer of it may not know, if the answer was lost.
        self.erased: set[str] = set()
        self._story = story
        self._client = client
        self._table = table
        self._trouble = trouble
        self._store = DynamoContactStore(
            client, table, story.tenant, now=lambda: NOW_S, pause=lambda _: None, room=story.room
        )

    def run(self) -> None:
        waiting = list(self._story.events)
        active: list[tuple[Event, Iterator[Outcome | None]]] = []
        turns = self._story.turns
        while waiting or active:
            if waiting and (not active or (len(active) < 4 and turns.random() < 0.4)):
                event = waiting.pop()
                active.append((event, self._turns_of(event)))
                continue
            place = turns.randrange(len(active))
            event, steps = active[place]
            try:
                outcome = next(steps)
            except LostAnswerError:
                # Whoever sent the event knows of no success and sends it again.
                waiting.insert(turns.randint(0, len(waiting)), event)
                active.pop(place)
                continue
            if outcome is not None:
                self.outcomes.append((event, outcome))
                active.pop(place)

    def _turns_of(self, event: Event) -> Iterator[Outcome | None]:
        known = None
        if event.knowing or event.what == "purge":
            known = self._look(event.contact.id)
            yield None
        steps = self._steps(event, known)
        try:
            request = next(steps)
            while True:
                yield None
                try:
                    answer = self._send(request, event)
                except AwsError as error:
                    request = steps.throw(error)
                else:
                    request = steps.send(answer)
        except StopIteration as done:
            if event.what == "erase":
                # Whatever it found, in this moment nobody of that id is there.
                assert not self._look(event.contact.id).doc
            yield done.value

    def _look(self, contact_id: str) -> Stored:
        key = {"pk": {"S": f"T#{self._story.tenant}#C#{contact_id}"}, "sk": {"S": "C"}}
        payload = {"TableName": self._table, "Key": key}
        return read_stored(self._client.call("GetItem", payload, timeout_s=9).get("Item"))

    def _steps(self, event: Event, known: Stored | None) -> Steps[Outcome]:
        contact = event.contact
        if event.what == "save":
            return self._store.save_steps(contact, holders_of(contact), known=known)
        if event.what == "purge":
            place = Place(self._table, self._story.tenant, contact.id, self._story.room)
            return change(place, purge_decision, known or ABSENT, lambda _: None)
        if event.what == "erase":
            return self._store.erase_steps(contact.id)
        return self._store.delete_steps(contact.id, contact.version)

    def _send(self, request: Request, event: Event) -> dict[str, Any]:
        assert request.operation != "Scan"
        luck = self._story.turns.random()
        if luck < self._trouble and request.operation == "TransactWriteItems":
            reasons = [{"Code": "None"} for _ in request.payload["TransactItems"]]
            reasons[-1]["Code"] = "TransactionConflict"
            body = {"CancellationReasons": reasons}
            raise AwsError("TransactionCanceledException", "a conflict", body)
        answer = self._client.call(request.operation, request.payload, timeout_s=9)
        if event.what == "erase" and request.operation == "TransactWriteItems":
            self.erased.add(event.contact.id)
        if luck > 1 - self._trouble:
            raise LostAnswerError
        return answer


class LostAnswerError(Exception):
    """The request was carried out, and nobody was told."""


def assert_the_last_word_won(
    events: list[Event], erased: set[str], items: list[dict[str, Any]]
) -> None:
    """The highest version of each contact is what is stored; a deletion wins against its equal.

    Whoever was there when an erasure came stays erased; an erasure of nobody changes nothing.
    """
    stored = contacts_in(items)
    tombstones = {
        item["pk"]["S"].split("#", 3)[3]: int(item["version"]["N"])
        for item in items
        if item["type"]["S"] == "Tombstone"
    }
    for contact_id in {event.contact.id for event in events}:
        if contact_id in erased:
            assert tombstones[contact_id] == ERASED
            continue
        mine = [
            event for event in events if event.contact.id == contact_id and event.what != "erase"
        ]
        if not mine:
            assert contact_id not in stored.keys() | tombstones.keys()
            continue
        highest = max(event.contact.version for event in mine)
        last = [event for event in mine if event.contact.version == highest]
        if any(event.what == "delete" for event in last):
            assert tombstones[contact_id] == highest
        else:
            assert stored[contact_id] in [event.contact for event in last]
    assert not stored.keys() & tombstones.keys()


def play(story: Story, dynamo: MemoryDynamo) -> Writers:
    writers = Writers(story, dynamo, dynamo.table)
    writers.run()
    items = dynamo.all_items()
    assert_consistent(story.tenant, items, story.room)
    contacts = [item for item in items if item["type"]["S"] in {"Contact", "Tombstone"}]
    assert dynamo.index_entries() == len(contacts)
    return writers


def play_many(seeds: Iterable[int]) -> None:
    for seed in seeds:
        story = some_story(seed)
        dynamo = MemoryDynamo()
        try:
            writers = play(story, dynamo)
            assert_the_last_word_won(story.events, writers.erased, dynamo.all_items())
        except Exception as error:
            error.add_note(f"the story is some_story({seed})")
            raise


def test_2000_interleavings_of_events_end_in_the_state_that_their_versions_say() -> None:
    play_many([*range(2_000), *CAUGHT])


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_100000_interleavings_of_events_end_in_the_state_that_their_versions_say(
    part: int,
) -> None:
    play_many(range(1_000_000 + part * 10_000, 1_010_000 + part * 10_000))


def test_nothing_is_left_of_a_tenant_that_is_erased_while_writers_are_at_it() -> None:
    for seed in range(300):
        story = some_story(seed, purge=True)
        dynamo = MemoryDynamo()
        play(story, dynamo)
        store = DynamoContactStore(dynamo, dynamo.table, story.tenant, room=story.room)
        while store.purge(limit=3):
            pass
        assert dynamo.all_items() == []
        assert dynamo.index_entries() == 0


def test_contacts_that_move_between_40_overfull_cards_and_40_others_leave_nothing_behind() -> None:
    here = [f"+390244{number:06}" for number in range(40)]
    there = [f"+390255{number:06}" for number in range(40)]
    for seed in range(15):
        dice = random.Random(seed)
        events = [
            Event(
                dice.choice(["save", "save", "save", "save", "delete"]),
                Contact(
                    f"crm:{dice.randint(0, 3)}",
                    dice.randint(1, 6),
                    numbers=tuple(
                        ContactNumber(number, indexed=number)
                        for number in dice.choice([here, there, here[:20] + there[:20]])
                    ),
                    updated_at_ms=dice.randint(0, 9),
                ),
            )
            for _ in range(14)
        ]
        story = Story("acme", events, random.Random(seed), room=1)
        dynamo = MemoryDynamo()
        play(story, dynamo)
        assert_the_last_word_won(events, set(), dynamo.all_items())


def test_dynamodb_itself_ends_every_interleaving_as_the_one_in_memory_does(
    dynamodb: DynamoDBLocal, table: str
) -> None:
    client = Client("dynamodb", env=dynamodb.env)
    for seed in range(60):
        story = some_story(seed)
        writers = Writers(story, client, table)
        writers.run()
        answer = dynamodb.boto3.scan(TableName=table, ConsistentRead=True)
        items = [
            dict(item)
            for item in answer["Items"]
            if f"{item['pk']['S']}#".startswith(f"T#{story.tenant}#")
        ]
        assert_consistent(story.tenant, items, ROOM)
        assert_the_last_word_won(story.events, writers.erased, items)
        assert writers.outcomes == play(some_story(seed), MemoryDynamo()).outcomes
    client.close()
