"""Note who answered a caller: the next call may go to the same agent."""

from __future__ import annotations

import re

from centralino.application.decode_caller import outcome_of
from centralino.application.route_caller import read_caller, stored_as
from centralino.domain.errors import UnavailableError
from centralino.domain.learning import choose_customer, learning_options
from centralino.domain.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from centralino.application.route_caller import Office
    from centralino.application.route_caller import Ways as Routing
    from centralino.ports.pbx import PbxCall

    class Ways(Routing, Protocol):
        """What a call can do, and this."""

        def note_answer(self, number: str, code: str, exten: str) -> None:
            """Note who spoke to a caller, with the number and with the customer.

            Raises:
                UnavailableError: the store didn't answer in time.
            """


EXTEN = re.compile(r"[0-9A-Za-z*#_-]{1,20}", re.ASCII)


def note_answer(call: PbxCall, office: Office, ways: Ways) -> tuple[str, str]:
    """Note who answered a caller; never raises for a store that fails.

    Args:
        call: the call, with the exten that answered.
        office: what the tenant has set.
        ways: what the call can do.

    Returns:
        The outcome, `noted`, `ignored`, `timeout` or `degraded`, and the reason.
    """
    if not EXTEN.fullmatch(call.exten):
        return "ignored", "exten"
    caller = read_caller(call, office, ways)
    if caller.decoded.reason and not caller.decoded.decision:
        return caller.decoded.outcome, caller.decoded.reason
    talk = caller.found.talk
    who = choose_customer(
        caller.declared,
        caller.learned,
        talk.code if talk else "",
        call.attestation,
        learning_options(office.routing.learning),
        ways.now(),
    )
    try:
        customers = ways.customers(who.codes) if who.code else {}
        who = stored_as(who, customers)
        read = customers.get(who.code)
        # What is noted of nobody would outlive the tenant.
        code = who.code if read and read.customer else ""
        if not caller.number and not code:
            return "ignored", caller.decoded.outcome
        ways.note_answer(caller.number, code, call.exten)
    except UnavailableError as error:
        return outcome_of(error), error.reason
    return "noted", ""
