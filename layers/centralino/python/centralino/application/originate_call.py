"""Place a call: the user's phone rings, then the number's. Never twice for one click.

What is written down comes first: a call is counted and kept as `requested` before any PBX is asked,
so whoever finds it so later knows that a phone may have rung, and asks no PBX again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from centralino.application.check_call import Asked, block_keys, check_call
from centralino.domain.dial_guard import country_of
from centralino.domain.errors import (
    NotFoundError,
    PayloadError,
    ReusedKeyError,
    UnavailableError,
)
from centralino.domain.number import mask
from centralino.domain.originate import FailedCallError, RefusedCallError
from centralino.ports.dialling import Outcome, PlacedCall
from centralino.ports.once import KEPT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.domain.contact import Contact
    from centralino.domain.dial_options import Budget
    from centralino.domain.keys import ApiKey
    from centralino.domain.originate import Order
    from centralino.domain.settings import Settings
    from centralino.ports.dialling import Begun, DialStore
    from centralino.ports.originate import Originator

# How long a PBX may take at most, and the least that asking one makes sense with, seconds.
PBX_S = 8.0
PBX_AT_LEAST_S = 1.0
# What writing down is left of the time.
SETTLE_S = 1.0
# A call that is still `requested` after this has lost whoever asked the PBX: longer than the
# function may run, seconds.
LOST_S = 30
_MAX_DETAIL = 200


class Wish(NamedTuple):
    """A call as it was asked for.

    Attributes:
        number: whom, in any spelling; empty if `contact_id` says it.
        contact_id: the contact whose primary number is meant; empty for a number.
        exten: whose phone is to ring first.
        caller_id: what the called party is to see; empty for the PBX's choice.
        auto_answer: the agent's phone is to answer by itself.
        timeout_s: how long it rings.
    """

    number: str
    contact_id: str
    exten: str
    caller_id: str = ""
    auto_answer: bool = False
    timeout_s: int = 30

    @property
    def asked(self) -> str:
        """What the audit trail has of it."""
        return self.contact_id or self.number


class Ways(NamedTuple):
    """How one request does what it does.

    Attributes:
        store: the tenant's dialling.
        contact: returns a contact; None if there is none.
        originator: builds a PBX by its slug; NotFoundError if the tenant has none of that name.
        now: the time, seconds since 1970.
        ends_at: when there has to be an answer.
        told: is told what the log is to have: the milliseconds of each step, whom it was about.
    """

    store: DialStore
    contact: Callable[[str], Contact | None]
    originator: Callable[[str], Originator]
    now: Callable[[], float]
    ends_at: float
    told: dict[str, object]


class Originated(NamedTuple):
    """What came of a request.

    Attributes:
        call: the call that lives, which may be an earlier one that this is the second click of.
        fresh: whether this request placed it.
        trouble: what went wrong beside it, for the log; empty if nothing did.
    """

    call: PlacedCall
    fresh: bool
    trouble: str = ""


def originate_call(
    wish: Wish, settings: Settings, key: ApiKey, call_id: str, ways: Ways
) -> Originated:
    """Check a call, count it, write it down, and ask the PBX to place it.

    Args:
        wish: what was asked for.
        settings: the tenant's.
        key: the key that asks.
        call_id: the call's id; that of an earlier request if this one is its repetition.
        ways: how.

    Raises:
        RefusedCallError: it is not placed, and the audit trail says why.
        FailedCallError: the PBX did not place it, and the audit trail says why; never `unknown`.
        NotFoundError: there is no such contact.
        ReusedKeyError: the call of this id is another one.
        UnavailableError: the store has no answer; no PBX was asked.
    """
    now_ms = int(ways.now() * 1000)
    call = PlacedCall(
        call_id,
        wish.asked,
        wish.exten,
        contact_id=wish.contact_id,
        key_id=key.id,
        role=key.role,
        asked_ms=now_ms,
        changed_ms=now_ms,
    )
    try:
        asked = _asked(wish, ways)
        keys = block_keys(asked.number, settings)
        if keys:
            call = call._replace(number=keys[0], country=country_of(keys[0]))
        ways.told.update(exten=call.exten, number=mask(call.number))
        with _Timed(ways, "desk_ms"):
            desk = ways.store.desk(asked.exten, keys, call_id)
        if desk.call is not None:
            earlier = _earlier(desk.call, call, ways, now_ms)
            if earlier is not None:
                return earlier
        order = check_call(asked, desk, settings, key, call_id)
    except RefusedCallError as error:
        ways.store.refuse(call._replace(state="refused", reason=error.reason))
        raise
    except (NotFoundError, PayloadError):
        ways.store.refuse(call._replace(state="refused", reason="invalid"))
        raise
    call = call._replace(
        number=order.number,
        dial=order.dial,
        provider=desk.options.pbx,
        caller_id=order.caller_id,
        country=country_of(order.number) if order.number.startswith("+") else "",
        cost=desk.options.budget.cost_of(order.number),
    )
    ways.told.update(provider=call.provider, number=mask(call.number))
    originator = _originator(call, ways)
    with _Timed(ways, "begin_ms"):
        begun = _begin(call, desk.options.budget, settings.line.country, ways)
    if begun.spent:
        ways.store.refuse(call._replace(state="refused", reason="budget", detail=begun.spent))
        hint = f"The limit is {begun.spent}: `centralino dialling show`."
        raise RefusedCallError("budget", hint, begun.retry_after_s)
    if not begun.fresh or begun.call is None:
        return Originated(begun.call or call, fresh=False)
    return _place(order, call, originator, ways)


def status_of(call: PlacedCall, now_s: float) -> str:
    """Return what to say of a call's state: `requested` is `unknown` once nobody is at it."""
    lost = call.state == "requested" and now_s - call.asked_ms / 1000 > LOST_S
    return "unknown" if lost else call.state


def _asked(wish: Wish, ways: Ways) -> Asked:
    number, name = wish.number, ""
    if wish.contact_id:
        contact = ways.contact(wish.contact_id)
        if contact is None:
            raise NotFoundError("there is no such contact")
        number = _primary(contact)
        name = f"{contact.first_name} {contact.last_name}".strip() or contact.company
    return Asked(number, wish.exten, name, wish.caller_id, wish.auto_answer, wish.timeout_s)


def _primary(contact: Contact) -> str:
    """Return the number that a contact is called at: the primary one, else the first.

    Never a fax, also if that is the primary number.
    """
    callable_ = [
        one
        for one in contact.numbers
        if one.indexed and not one.indexed.endswith("*") and one.kind != "fax"
    ]
    callable_.sort(key=lambda one: not one.primary)
    if not callable_:
        raise RefusedCallError("invalid", "The contact has no number that can be called.")
    return callable_[0].indexed


def _originator(call: PlacedCall, ways: Ways) -> Originator:
    """Build the tenant's PBX; before anything is counted, as it may be missing."""
    try:
        with _Timed(ways, "pbx_setup_ms"):
            # An empty one is no provider's name either.
            return ways.originator(call.provider)
    except (NotFoundError, PayloadError) as error:
        ways.store.refuse(call._replace(state="refused", reason="pbx"))
        raise RefusedCallError("pbx", "`centralino pbx connect` connects one.") from error
    except Exception as error:
        why = getattr(error, "reason", type(error).__name__)
        detail = f"before it was asked: {why}"
        ways.store.refuse(call._replace(state="failed", reason="unreachable", detail=detail))
        raise


def _begin(call: PlacedCall, budget: Budget, home: str, ways: Ways) -> Begun:
    """Count a call and write it down; what comes of not being able to is written down as well."""
    try:
        return ways.store.begin(call, budget, home=home)
    except UnavailableError:
        failed = Outcome("failed", "unreachable", "no PBX was asked")
        stored = ways.store.get(call.call_id)
        if stored is not None and stored.asked_ms == call.asked_ms:
            # It was done, and the answer lost.
            ways.store.settle(call.call_id, failed, now_ms=int(ways.now() * 1000))
        else:
            ways.store.refuse(call._replace(**failed._asdict()))
        raise


def _earlier(stored: PlacedCall, call: PlacedCall, ways: Ways, now_ms: int) -> Originated | None:
    """Return the call of this id, if it is not to begin once more."""
    if now_ms - stored.asked_ms >= KEPT_S * 1000:
        return None
    if (stored.asked, stored.exten) != (call.asked, call.exten):
        raise ReusedKeyError
    if stored.state in {"failed", "refused"}:
        return None
    if stored.state != "requested":
        return Originated(stored, fresh=False)
    # Whoever began it is gone, or it would hold the idempotency key. It may have rung: a PBX that
    # knows ids forgets them with the call (Asterisk), so asking again may ring again.
    outcome = Outcome("unknown", "unknown", "the run that asked for it ended")
    trouble = _settle(call.call_id, outcome, ways)
    lost = stored._replace(state="unknown", reason="unknown", changed_ms=now_ms)
    return Originated(lost, fresh=False, trouble=trouble)


def _place(order: Order, call: PlacedCall, originator: Originator, ways: Ways) -> Originated:
    """Ask the PBX, once, and write down what it made of it."""
    left_s = min(PBX_S, ways.ends_at - ways.now() - SETTLE_S)
    trouble = ""
    failure: FailedCallError | None = None
    if left_s < PBX_AT_LEAST_S:
        failure = FailedCallError("unreachable", "there was no time left to ask the PBX")
        outcome = Outcome("failed", failure.reason, failure.detail)
    else:
        try:
            with _Timed(ways, "pbx_ms"):
                placed = originator.originate(order, timeout_s=left_s)
            outcome = Outcome(placed.state, provider_id=placed.provider_id[:_MAX_DETAIL])
        except FailedCallError as error:
            if error.reason == "unknown":
                outcome = Outcome("unknown", "unknown", error.detail)
            else:
                failure = error
                outcome = Outcome("failed", error.reason, error.detail)
        except Exception as error:  # noqa: BLE001 - it may ring all the same
            trouble = f"{type(error).__name__} in the provider"
            outcome = Outcome("unknown", "unknown", trouble)
    with _Timed(ways, "settle_ms"):
        trouble = _settle(call.call_id, outcome, ways) or trouble
    if failure is not None:
        raise failure
    now_ms = int(ways.now() * 1000)
    return Originated(call._replace(**outcome._asdict(), changed_ms=now_ms), True, trouble)  # noqa: FBT003 - it says so


def _settle(call_id: str, outcome: Outcome, ways: Ways) -> str:
    """Write down what became of a call; that it can't be is no reason to say otherwise."""
    try:
        ways.store.settle(call_id, outcome, now_ms=int(ways.now() * 1000))
    except Exception as error:  # noqa: BLE001 - whatever broke, the phone rings
        return f"not settled: {getattr(error, 'reason', type(error).__name__)}"
    return ""


class _Timed:
    """Tells how long a step took."""

    def __init__(self, ways: Ways, name: str) -> None:
        self._ways = ways
        self._name = name

    def __enter__(self) -> None:
        self._began_at = self._ways.now()

    def __exit__(self, *_: object) -> None:
        taken_s = self._ways.now() - self._began_at
        self._ways.told[self._name] = round(1000 * taken_s, 1)
