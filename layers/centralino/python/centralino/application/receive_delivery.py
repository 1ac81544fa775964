"""Take in a webhook: verify it, keep it for the worker, say what its CRM wants to hear.

Nothing else is done while a CRM waits: Odoo does for one second. What was kept may be kept twice,
and what is in it is only a hint; both are the worker's business.
"""

from __future__ import annotations

from centralino.application.delivery_message import write_message
from centralino.domain.errors import CredentialsError
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from centralino.ports.crm import Acknowledgement, Crm, Delivery
    from centralino.ports.queue import Claim, Queue


class Received(NamedTuple):
    """What became of a delivery that was accepted.

    Attributes:
        acknowledgement: what the CRM wants to hear.
        claimed: whether its body was too large for the queue.
    """

    acknowledgement: Acknowledgement
    claimed: bool


class Keeping(NamedTuple):
    """Where deliveries are kept, within the time that is left.

    Attributes:
        queue: the worker's.
        put: keeps a body that is too large for the queue.
        queue_s: how long the queue may take, asked right before it is.
    """

    queue: Queue
    put: Callable[[bytes], Claim]
    queue_s: Callable[[], float]


def receive_delivery(  # noqa: PLR0913 - the caller knows all of these
    delivery: Delivery,
    crm: Crm,
    renew: Callable[[], Crm | None],
    keeping: Keeping,
    *,
    tenant: str,
    message_id: str,
    kept_url: str,
) -> Received:
    """Verify a delivery and keep it.

    Args:
        delivery: as it came in.
        crm: the tenant's connection, as far as is known.
        renew: reads the connection again after a refusal; None if it is still the same.
        keeping: where it is kept.
        tenant: the tenant's id.
        message_id: names it in logs, here and at the worker's.
        kept_url: the delivery's URL without a secret in it.

    Raises:
        CredentialsError: it isn't from this CRM; nothing was kept.
        UnavailableError: it may not have been kept.
    """
    try:
        crm.verify(delivery)
    except CredentialsError:
        renewed = renew()
        if renewed is None:
            raise
        crm = renewed
        crm.verify(delivery)
    message = write_message(
        delivery._replace(url=kept_url),
        tenant=tenant,
        provider=crm.slug,
        message_id=message_id,
        kept_headers=crm.kept_headers,
        max_bytes=keeping.queue.max_bytes,
        put=keeping.put,
    )
    keeping.queue.send(message, delay_s=crm.settle_s, timeout_s=keeping.queue_s())
    return Received(crm.acknowledge(delivery), message["claim"] is not None)
