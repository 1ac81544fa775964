"""The DynamoDB table: every item, every key, every question. `docs/data-model.md` is this text.

One table, on demand. Every key begins with the tenant, and `#` is refused in ids, so no key of one
tenant can be spelled with the ids of another; two lists in the index are of all tenants, and say no
more than which CRMs they have and which connections their PBXs opened. Every item has a `type` and
a schema version `sv`.

| question | key (`pk` / `sk`) | how |
|---|---|---|
| who has this number? | `T#acme#N#+390244556677` / `N` | `NumberCard`; all candidates of a call in one BatchGetItem |
| who else has it? | `T#acme#N#+390244556677` / `N#<rank>#<contact>` | `Holder`; Query, the best first |
| the settings; is this key good? | `T#acme` / `SETTINGS`, `KEY#<sha256>` | `Settings`, `ApiKey`; in that BatchGetItem on a cold start |
| which keys are there? | `T#acme` / `KEY#` | Query |
| a contact and its numbers | `T#acme#C#hubspot:17` / `C` | `Contact`, or the `Tombstone` of one |
| list, count, export, erase | index `list`: `T#acme#L#contact#<0..15>` / `hubspot:17` | Query, shard by shard; nowhere a Scan |
| contacts with a number that can't be indexed | the same, / `!hubspot:17` | Query, `!` is what such an entry begins with |
| was this delivery applied already? | `T#acme#E#<sha256>` / `E` | `Delivery`; put by the transaction that applies it, BatchGetItem before a CRM is asked again |
| was it unknown to all CRMs a moment ago? | `T#acme#X#+390244556677` / `X` | `Unknown`; in the BatchGetItem of a call, for tenants with CRMs to ask |
| is somebody asking the CRMs for this caller just now? | the same item | `searching_until`; a conditional UpdateItem is the claim, read with the cards by whoever waits |
| who called and is unknown? who did so again? | index `list`: `T#acme#L#unknown#<0..15>` / `+390244556677`, `!+390244556677` | Query, `!` from the second time on |
| which CRMs are connected, and how far is reconciliation? | `T#acme` / `CRM#hubspot` | `Connection`; GetItem, Query |
| which connections are due, whoever's they are? | index `list`: `CRM#<0..15>` / `acme#hubspot` | Query and BatchGetItem, by the dispatcher alone |
| who renews the access token of a connection just now? | `T#acme` / `TOKEN#hubspot` | `TokenClaim`; a conditional transaction is the claim; the token is where secrets are |
| which records has a full run met? | `T#acme#M#hubspot#<run>` / `00000017` | `Marks`; Query, before the sweep |
| who are the agents, and who is available? | `T#acme` / `AGENTS` | `Agents`; one item, in the BatchGetItem of a call that is routed |
| where do calls go? | `T#acme` / `ROUTING` | `Routing`: `doc` compiled, `parts` as written, `edition` compared when it is saved; in the BatchGetItem of a call that is routed, on a cold start |
| what were the rules, and who wrote them? | `T#acme` / `RULES#00000001` | `Rules`; Query, the newest first |
| who is this customer, and until when? | `T#acme#K#IT01234567890` / `K` | `Customer`; in the second BatchGetItem of a call that is routed |
| which numbers were learned to be the customer's? who changed what of it? | the same `pk` / `A#+390244556677`, `T#<milliseconds>#<random>` | `Learned`, `Change`; Query |
| which customers have these digits in their code? | `T#acme#D#01234567890` / `D` | `Digits`; a keypad has no letters |
| which customers was this number learned to be? | `T#acme#A#+390244556677` / `A` | `Association`; in the BatchGetItem of a call that is routed |
| list, export, erase customers and learned numbers | index `list`: `T#acme#L#customer#<0..15>` / `IT01234567890`, `T#acme#L#learned#<0..15>` / `+390244556677` | Query |
| how many registrations came in this minute? | `T#acme#R#<sha256>` / `R` | `Counter`; one atomic UpdateItem, of a source and of the tenant |
| which PBX places calls, and where is it? | `T#acme` / `PBX#asterisk` | `Pbx`; GetItem before a call is placed; Query |
| how is dialled, and what may be? | `T#acme` / `DIALLING` | `Dialling`; with the agents, the call and the do-not-call list in the one BatchGetItem before a call is placed |
| may this number be called? which may not? | `T#acme#B#+390244556677` / `B`; index `list`: `T#acme#L#block#<0..15>` / `+390244556677` | `DoNotCall`; in that BatchGetItem, with each block that the number may belong to; Query |
| what became of a call that was asked for? | `T#acme#O#<call id>` / `O` | `PlacedCall`; put by the transaction that counts it |
| which calls were asked for, by whom, and which were refused? | index `list`: `T#acme#L#call#<0..15>` / `<milliseconds>#<call id>` | Query, all shards, the newest first |
| is it a second click? | `T#acme#O#click.21.+390244556677` / `Q` | `Click`; in that transaction |
| was this request answered before, or is it at work? | `T#acme#I#<sha256>` / `I` | `Request`, of an idempotency key: Powertools' record, for a day; a conditional transaction is the claim |
| how much was dialled? | `T#acme#O#<limit>.<whose>.<window>` / `N` | `DialCounter`; in that transaction, each on condition that there is room |
| which PBXs have a connection open to us? | `T#acme#W` / `<connection>` | `Socket`; Query |
| whose connection is it, and which are to be pinged? | index `list`: `WS#<0..15>` / `<connection>` | Query and GetItem, by what the connections lead to alone |
| what did a PBX answer through its connection? | `T#acme#W#<request>` / `W` | `SocketAnswer`; GetItem, until it is there |
| what happened in a call that was placed? | `T#acme#V#<call>` / `<milliseconds>#<hash>` | `CallEvent`; Query |
| which events name this number? | index `list`: `T#acme#L#event#<0..15>` / `<call>#<milliseconds>#<hash>#<ends of numbers>` | Query of the index alone, all shards, to export and erase a person |
| tombstones, to erase a tenant | index `list`: `T#acme#L#tombstone#<0..15>` / `hubspot:17` | Query |

**NumberCard.** `n` counts the holders; `h:<contact id>` is one holder, a JSON array in the order of
`domain/card.py`'s `Holder` without the id, its empty tail cut off; `r` is a random word, new with
every change. The card has the 20 best holders, each other one is a `Holder` item beside it (`h`).
The best: any line over a switchboard, the primary number, the contact changed last, the lower id.
That order is what `<rank>` spells, so it is part of the schema. It can't follow a tenant's source
priority, which is an option of the reader and may change: of more than 20 holders the reader sees
these 20 and `n`. A card without holders is deleted. `f` is on cards that live search has filled:
from that time on (seconds since 1970) the CRMs are asked once more, behind the answer.

**Unknown.** A caller whom all of the tenant's CRMs were asked for and none knew. `fresh_until` says
until when they are not asked again, `calls` how often they were, and it lives for 30 days after the
last time. The key has every number that the CLI may mean, joined by `/`: usually it is one.
`again` is what `lsk` becomes the next time, so that one UpdateItem writes all of it. A card beats
it, and live search deletes it with the first contact that it finds. `searching_until` is the claim
of the one who asks the CRMs, for the other phones of that call wait: it ends with the search, and
about ten seconds after its beginning if whoever searched never came back. An item with nothing but
a claim is no note: it has no `fresh_until` and no `calls`, its `expires_at` is the claim's end, and
it is in the same list, so that erasing the tenant or the contact finds it.

**Contact.** `version` is the source's; `doc` the contact as JSON; `held` the cards it is on, with
its rank on each, as JSON; `digest` stands for everything that was written, cards included; `r` is a
random word, new with every change. A contact and its cards change in one TransactWriteItems which
is conditional on `r`, so `held` is the truth about the cards, and what an event finds is either all
of an earlier one or nothing. A change of more than 100 items (a contact on 40 overfull cards that
moves to 40 others) first leaves cards, in transactions that leave `held` true and `digest` empty,
so that a repetition takes it up where it stopped.

**Tombstone.** A deleted contact's `version`, for 30 days (`expires_at`): an event that comes late
finds it newer. It has no `doc`. An erased one has the highest version there is, so nothing at all
brings that id back while it lasts. What is left of the person is the source's record id; that is
why ids are record ids and not mail addresses. Only a contact can be erased: where there is none, or
its tombstone, an erasure finds nothing to do and writes nothing.

**Delivery.** The mark of one event that was applied, for 25 hours, an hour more than any CRM repeats
one. The key is a hash of the contact's id and the CRM's own word for the event: one event may be
about several contacts (a merge), and each of them is applied once. It is put, if it isn't there, in
the very transaction that saves or deletes the contact; so there is a mark if and only if the event
was applied, and an event that changed nothing leaves none. Nothing lists the marks of a tenant: an
erasure leaves them to the TTL, and they hold nothing but that hash.

**Settings.** `doc` is `domain/settings.py`'s `Settings` as JSON; `version` is compared when it is
saved; `block_lengths` is a number set beside it, to which the first block of a length adds itself
before the contact is written; lengths are not taken away. Erasing a tenant turns this item into
`{closed_at, expires_at}` first of all: no settings, no keys, no calls; the id stays taken for 35
days, as long as a backup could bring the data back.

**Connection.** `doc` has the account, which is no secret: secrets are elsewhere. `state` is how far
reconciliation is (`ports/connections.py`'s `SyncState` as JSON), saved after every page on condition
that `state_version` is the one that was read: of two workers at one run the slower one stops.
Another account takes both away, and reconciliation begins anew.

**Marks.** What one page of a run that reads everything held: eight bytes of a hash for each record,
in `seen`, for 8 days. The sweep asks the CRM for each contact that has no mark. An erasure leaves
them to the TTL.

**Agents.** `a:<exten>` is an agent as it is saved, a JSON array in the order of `domain/agent.py`'s
`Agent` without the exten, up to `substitutes`, its empty tail cut off. `s:`, `t:` and `l:` of the
same exten are the state, since when, and the load, so that saying who is available is one UpdateItem
and takes nothing else away. `n` counts the agents: at most 250, each of at most 1,200 bytes.

**Customer.** `doc` as JSON, `v` its version, `n` how many numbers were learned for it. The customer,
what its code is found by (`Digits`), the line of its audit trail (`Change`, for 2 years) and the mark of
the registration that it comes from are written in one TransactWriteItems. A deleted customer takes
its numbers and its history along; the trail has its own end, and neither names nor whole numbers.

**Association.** A number leads to the customers whose code was typed from it: `k:<code>` says when and
where, `u:<code>` when it was last used, noted once a day. The same is stored with the customer
(`Learned`), and both sides change in one TransactWriteItems, together with the audit trail. Two
conditions hold it: `r`, a random word of the number's item that every change renews, and the
customer's `n`; who takes away what ran out names its `u:<code>`, for it may be used in that very
moment. The number's item ends 400 days after its last use; the half with the customer leads nowhere
then, and the next lesson takes it away.

**PlacedCall.** `doc` is what was asked for, by whom, and what was to be dialled; `state`, `why`,
`detail` and `pbx_id` are what became of it, and `step` is how far that is: what a PBX answers and
what events say moves it forward only, in whatever order they come. An attempt of the same id (the
same idempotency key) takes the place of one that failed, which stays beside it (`O#<milliseconds>#
<random>`), so the trail has both. Kept for 2 years. The claim of a click says for 5 seconds which
call the same exten and number are, for 30 while nobody knows whether it rings; a failure, or the
call's end, takes it away. Windows of counters are fixed ones of UTC, named by their number, and only
what has a limit is counted. A call that the PBX did not take gives back its estimated cost and stays
counted otherwise. Nothing lists clicks, counters and requests: an erasure leaves them to the TTL,
which is a day and some minutes at most.

**Socket.** `doc` says which PBX it is and where it came from; `filtered` that it knows which events we
want, `alive` when it last answered a ping and `missed` how many it has not answered since. It lives
for three hours: the gateway ends a connection after two, and its word that one was closed may fail
to come. **SocketAnswer** lives for five minutes: who asked waits for seconds.

**CallEvent.** An event as the PBX sent it (`doc`), for 90 days. The key has a hash of its text, so that
one that comes twice is kept once.

**TTL** is the attribute `expires_at`, seconds since 1970. DynamoDB removes such items late, so
every reader checks it as well.
"""  # noqa: E501 - the table is Markdown, one row a line

from __future__ import annotations

import hashlib
import json

from centralino.domain.card import Card, Holder, read_sent_holder
from centralino.domain.keys import ApiKey
from centralino.domain.record import TYPE_CHECKING
from centralino.domain.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    # A value, an item and a key as DynamoDB spells them: `{"pk": {"S": "T#acme"}}`.
    Value = dict[str, Any]
    Item = dict[str, Value]


SCHEMA = "1"
# Text inside of items: what a name costs to store is its letters, so they are not escaped.
dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
quoted = json.encoder.encode_basestring_ascii
_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # what `decode` is made of
LIST_INDEX = "list"
SHARDS = 16


def create_table_request(name: str) -> dict[str, Any]:
    """Return the CreateTable request; `template.yaml` declares the same and a test compares.

    TTL (`expires_at`), point-in-time recovery and deletion protection are not part of it.
    """
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("pk", "sk", "lpk", "lsk")
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": LIST_INDEX,
                "KeySchema": [
                    {"AttributeName": "lpk", "KeyType": "HASH"},
                    {"AttributeName": "lsk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    }


def tenant_key(tenant: str, sk: str = "SETTINGS") -> Item:
    """Return the key of a tenant's settings, or of another item beside them."""
    return {"pk": {"S": f"T#{tenant}"}, "sk": {"S": sk}}


def key_key(tenant: str, key_hash: str) -> Item:
    """Return the key of an API key."""
    return tenant_key(tenant, f"KEY#{key_hash}")


def card_key(tenant: str, number: str, sk: str = "N") -> Item:
    """Return the key of a number card, or of a holder beside it."""
    return {"pk": {"S": f"T#{tenant}#N#{number}"}, "sk": {"S": sk}}


def card_keys(tenant: str, numbers: Sequence[str]) -> list[str]:
    """Return the keys of the cards of some numbers, each once, as JSON."""
    keys: list[str] = []
    for number in numbers:
        key = f'{{"pk":{{"S":{quoted(f"T#{tenant}#N#{number}")}}},"sk":{{"S":"N"}}}}'
        if key not in keys:
            keys.append(key)
    return keys


# How much of a card's `pk` is neither the tenant nor the number.
BESIDE_TENANT = len(card_key("", "")["pk"]["S"])


def delivery_key(tenant: str, contact_id: str, delivery: str) -> Item:
    """Return the key of the mark of an event that was applied to a contact."""
    digest = hashlib.sha256(f"{contact_id}\n{delivery}".encode()).hexdigest()
    return {"pk": {"S": f"T#{tenant}#E#{digest}"}, "sk": {"S": "E"}}


def unknown_key(tenant: str, caller: str) -> Item:
    """Return the key of the note that no CRM knows a caller."""
    return {"pk": {"S": f"T#{tenant}#X#{caller}"}, "sk": {"S": "X"}}


def token_claim_key(tenant: str, provider: str) -> Item:
    """Return the key of the claim to renew the access token of a connection."""
    return tenant_key(tenant, f"TOKEN#{provider}")


def socket_key(tenant: str, socket_id: str) -> Item:
    """Return the key of a connection that a PBX opened."""
    return {"pk": {"S": f"T#{tenant}#W"}, "sk": {"S": socket_id}}


def socket_answer_key(tenant: str, request_id: str) -> Item:
    """Return the key of what a PBX answered through its connection."""
    return {"pk": {"S": f"T#{tenant}#W#{request_id}"}, "sk": {"S": "W"}}


def event_key(tenant: str, call_id: str, sk: str) -> Item:
    """Return the key of an event of a call."""
    return {"pk": {"S": f"T#{tenant}#V#{call_id}"}, "sk": {"S": sk}}


def contact_key(tenant: str, contact_id: str) -> Item:
    """Return the key of a contact, or of its tombstone."""
    return {"pk": {"S": f"T#{tenant}#C#{contact_id}"}, "sk": {"S": "C"}}


def attribute_of(contact_id: str) -> str:
    """Return the name of the attribute that holds a contact on a card."""
    return f"h:{contact_id}"


def write_holder(holder: Holder) -> str:
    """Return a holder as a card keeps it: a JSON array without the id and without empty ends."""
    values: list[Any] = [*holder._asdict().values()][1:]
    values[1] = int(holder.primary)
    while values and not values[-1]:
        values.pop()
    return dump(values)


def read_holder(contact_id: str, text: str) -> Holder:
    """Build a holder from what `write_holder` made; newer code may have added to its end."""
    try:
        values, _ = _scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    return read_sent_holder(contact_id, values)


def read_card(number: str, item: Mapping[str, Value]) -> Card:
    """Build a card from its item."""
    holders = [
        read_holder(name[2:], value["S"]) for name, value in item.items() if name.startswith("h:")
    ]
    refresh_at = int(item["f"]["N"]) if "f" in item else 0
    return Card(number, tuple(holders), int(item["n"]["N"]), refresh_at)


def read_settings_item(tenant: str, item: Mapping[str, Value]) -> Settings | None:
    """Build settings from their item; None if the tenant is closed."""
    if "doc" not in item:
        return None
    stored = json.loads(item["doc"]["S"])
    stored["version"] = item["version"]["N"]
    stored["block_lengths"] = item.get("block_lengths", {}).get("NS", ())
    return read_settings(tenant, stored)


def read_key_item(item: Mapping[str, Value]) -> ApiKey:
    """Build an API key from its item."""
    stored = json.loads(item["doc"]["S"])
    return ApiKey(
        hash=item["sk"]["S"].partition("#")[2],
        role=stored["role"],
        name=stored["name"],
        created_at=stored["created_at"],
        expires_at=int(item.get("expires_at", {}).get("N", 0)),
        networks=tuple(stored["networks"]),
        exten=stored["exten"],
    )
