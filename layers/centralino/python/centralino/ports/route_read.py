"""What the call path reads, beside cards, to decide where a call goes.

The first round trip is the lookup's own, with more keys in it; the second one is the customer.
"""

from __future__ import annotations

from centralino.domain.record import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from centralino.domain.agent import Agent
    from centralino.domain.customer import Customer, History, Learned
    from centralino.domain.decision import Kept


class Beside(NamedTuple):
    """What to read in the same round trip as the cards.

    Attributes:
        numbers: E.164 numbers that the CLI may mean, whose associations and history are wanted; no
            blocks.
        agents: whether the agents are wanted.
        call_id: whose conversation is wanted; empty for none.
        codes: customer codes and digits that were typed: see `Found.customers`.
    """

    numbers: Sequence[str] = ()
    agents: bool = False
    call_id: str = ""
    codes: Sequence[str] = ()


class Talk(NamedTuple):
    """A conversation at a node, between two turns.

    Attributes:
        node: the node's name; empty if there is no more to it than the rest says.
        asked: how often it has asked.
        version: counts up with every turn; a save names the version that it read.
        code: the code that identified the caller; empty as long as none did.
        number: the caller as the first turn saw it: E.164, else the exten or what else the CLI
            was; empty if withheld. Calls may share an id, and a conversation is one caller's.
        started_at: seconds since 1970.
    """

    node: str
    asked: int = 0
    version: int = 0
    code: str = ""
    number: str = ""
    started_at: int = 0


class Found(NamedTuple):
    """What was read beside the cards.

    Attributes:
        learned: number -> its associations, those that ran out too; the reader checks.
        history: number -> earlier calls from it.
        agents: exten -> agent, without `working`.
        talk: the conversation; None if there is none.
        customers: code -> customer, of the `codes` asked for that are one exactly.
        spelled: digits -> the codes of all customers whose code has these digits.
    """

    learned: Mapping[str, Sequence[Learned]] = {}
    history: Mapping[str, History] = {}
    agents: Mapping[str, Agent] = {}
    talk: Talk | None = None
    customers: Mapping[str, Customer] = {}
    spelled: Mapping[str, Sequence[str]] = {}


class Entry(NamedTuple):
    """What is to be kept of a call.

    Attributes:
        tenant: the tenant's id.
        kept: the decision.
        keep_days: how long it is kept.
        day: the tenant's date, `YYYY-MM-DD`.
        caller: E.164, whose history counts the call; empty if there is none.
        code: the customer's, whose history counts it too; empty if unknown.
        before: the day that the caller's history counted until now.
        code_before: the day that the customer's did.
        used: the association by which the customer was known, to be marked as used; None if it was
            marked lately, or there is none.
        asking: the caller is asked now: what is decided then replaces this.
        asked: the caller was asked: this replaces what was kept before.
    """

    tenant: str
    kept: Kept
    keep_days: int
    day: str
    caller: str = ""
    code: str = ""
    before: str = ""
    code_before: str = ""
    used: Learned | None = None
    asking: bool = False
    asked: bool = False


class CustomerRead(NamedTuple):
    """A customer as a call finds it.

    Attributes:
        customer: None if there is none of this code: a CRM declared a code that nobody entered.
        history: earlier calls of the customer, from whatever number; None if there were none.
    """

    customer: Customer | None
    history: History | None = None


class RouteStore(Protocol):
    """What the call path reads and writes beyond `CallStore.read`; told the tenant with each call.

    Every method raises UnavailableError, or one of its kinds, and nothing else.
    """

    def customers(
        self, tenant: str, codes: Sequence[str], *, timeout_s: float
    ) -> Mapping[str, CustomerRead]:
        """Read customers with their history; one round trip, consistent: a change just made counts.

        Args:
            tenant: the tenant's id.
            codes: at most 20.
            timeout_s: for everything, retries included.
        """

    def save_talk(self, tenant: str, call_id: str, talk: Talk, *, timeout_s: float) -> bool:
        """Save a conversation over the version that it names (0: there is none); kept for an hour.

        Returns:
            False if another turn was saved meanwhile.
        """

    def answered(  # noqa: PLR0913 - one line of a history
        self, tenant: str, *, number: str, code: str, exten: str, at: int, timeout_s: float
    ) -> None:
        """Note who spoke to a caller, all or nothing.

        Args:
            tenant: the tenant's id.
            number: E.164, whose history it is; empty for none.
            code: the customer's, whose history it is too; empty for none.
            exten: the agent's.
            at: seconds since 1970.
            timeout_s: for everything, retries included.
        """


class Journal(Protocol):
    """Keeps decisions, and counts calls in the history; nobody waits for it.

    An entry of a call that has one already is none, unless that one was kept while the caller was
    asked; histories count the call once. Another caller's call with the same id, or one an hour
    later, counts in the histories; its decision is lost.

    Attributes:
        lost: how many decisions could not be kept, in this container.
    """

    lost: int

    def keep(self, entry: Entry, *, timeout_s: float) -> None:
        """Keep a decision, once for each call id, and count the call in the histories.

        The request is on its way when this returns; whether it arrived is seen to with the next
        one, which sends it again if it didn't. Raises nothing.

        Args:
            entry: what is to be kept.
            timeout_s: how long sending may take, a new connection included; 0 leaves it to the
                next call.
        """
