"""Identify a caller by what was typed: which customer, and what the node makes of it.

Everything here is worked out from what was read; the call path reads it (`route_caller.py`).
"""

from __future__ import annotations

from centralino.domain.codes import meant, spellings
from centralino.domain.customer import status_at
from centralino.domain.record import TYPE_CHECKING, NamedTuple
from centralino.ports.pbx import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from centralino.domain.customer import Customer
    from centralino.domain.destination import Destination
    from centralino.domain.routing import Node
    from centralino.ports.route_read import CustomerRead, Found, Talk

    # What became of what was typed:
    #   known      it is one customer's code, or, in `entered`, a code
    #   unknown    a code, and no customer's
    #   several    more than one customer's: nobody knows which
    #   malformed  no code that the node takes
    #   silent     nothing was typed
    State = Literal["known", "unknown", "several", "malformed", "silent"]

# As many as the store reads at once.
MOST_CODES = 20


class Identified(NamedTuple):
    """Whom a code identifies.

    Attributes:
        state: `known` if it does; else why not.
        code: the customer's code; in `entered`, if it is nobody's, what was typed.
        customer: with the history; None unless it is a customer's.
    """

    state: State = "silent"
    code: str = ""
    customer: CustomerRead | None = None


def codes_to_read(node: Node, typed: str) -> tuple[str, ...]:
    """Return codes and digits to read in the first round trip, `Beside.codes`; at most 20.

    Args:
        node: the node that asked.
        typed: as the PBX delivered it; empty for nothing.
    """
    return spellings(typed, node.codes).sought[:MOST_CODES]


def possible_codes(node: Node, typed: str, found: Found) -> tuple[str, ...]:
    """Return the codes of customers to read in the second round trip; at most 20.

    Args:
        node: the node that asked.
        typed: as the PBX delivered it.
        found: what the first round trip read, of `codes_to_read` and the conversation.
    """
    if code := _settled(node, found.talk):
        return (code,)
    spelled = spellings(typed, node.codes)
    codes = [customer.code for customer in found.customers.values()]
    for digits in (spelled.digits, *spelled.others):
        codes.extend(found.spelled.get(digits, ()))
    return meant(spelled, node.codes, codes)[:MOST_CODES]


def identify_caller(
    node: Node, typed: str, customers: Mapping[str, CustomerRead], talk: Talk | None = None
) -> Identified:
    """Say which customer a caller is.

    A conversation that has found out keeps to it, whatever is typed later. Of several customers
    none is taken: the caller is asked again.

    Args:
        node: the node that asked.
        typed: as the PBX delivered it.
        customers: those of `possible_codes`, as they are; others beside them don't matter.
        talk: the conversation, where there is one.
    """
    if code := _settled(node, talk):
        return Identified("known", code, _existing(customers, code))
    spelled = spellings(typed, node.codes)
    if not spelled.valid:
        return Identified("malformed" if typed.strip(" #*") else "silent")
    existing = {code: read for code, read in customers.items() if read.customer}
    codes = meant(spelled, node.codes, existing)
    if len(codes) == 1:
        return Identified("known", codes[0], existing[codes[0]])
    if codes:
        return Identified("several")
    if node.mode == "entered":
        return Identified("known", spelled.codes[0])
    return Identified("unknown")


def node_destination(node: Node, identified: Identified, now_s: float) -> Destination | None:
    """Return where a node sends a caller; None to go on with the rules.

    Args:
        node: the node.
        identified: the caller; not `known` when all attempts are used up.
        now_s: the time, seconds since 1970: a contract may have ended.
    """
    customer = identified.customer.customer if identified.customer else None
    if customer and node.mode == "route":
        of_customer = _words_of(customer, now_s)
        for when, destination in node.by:
            if when.casefold() in of_customer:
                return destination
    return node.yes if _is_yes(node, identified, now_s) else node.no


def node_verdict(node: Node, identified: Identified, now_s: float) -> Verdict:
    """Return what a PBX is told that asked the caller itself.

    Args:
        node: the node.
        identified: the caller.
        now_s: the time, seconds since 1970.
    """
    customer = identified.customer.customer if identified.customer else None
    data = {}
    if customer:
        status = status_at(customer, now_s)
        data = {"name": customer.name, "status": status, "plan": customer.plan}
    return Verdict(_is_yes(node, identified, now_s), identified.code, data)


def _is_yes(node: Node, identified: Identified, now_s: float) -> bool:
    """Tell whether a caller is who the node is for: in `entered` anybody with a code."""
    if identified.state != "known" or node.mode == "entered":
        return identified.state == "known"
    customer = identified.customer.customer if identified.customer else None
    return customer is not None and status_at(customer, now_s) == "active"


def _words_of(customer: Customer, now_s: float) -> set[str]:
    words = {f"plan:{customer.plan}", f"status:{status_at(customer, now_s)}"}
    return {word.casefold() for word in (*words, *(f"tag:{tag}" for tag in customer.tags))}


def _settled(node: Node, talk: Talk | None) -> str:
    """Return the code that a conversation at this node has found out; empty if it hasn't."""
    return talk.code if talk and talk.node == node.name else ""


def _existing(customers: Mapping[str, CustomerRead], code: str) -> CustomerRead | None:
    read = customers.get(code)
    return read if read and read.customer else None
