"""Learn that a number is a customer's: its caller typed the customer's code."""

from __future__ import annotations

from centralino.domain.errors import UnavailableError
from centralino.domain.learning import expired_before
from centralino.domain.record import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from centralino.domain.customer import Learned
    from centralino.domain.learning import LearningOptions
    from centralino.ports.customers import Learner


class Taught(NamedTuple):
    """What became of a code that was typed.

    Attributes:
        lesson: `learned`, `known`, `conflict`, `full` or `absent` (see the port), `refused` if the
            number is not to be learned, `failed` if the store didn't answer in time.
        why: with `refused` domain/learning.py's reason, with `failed` the error's; else empty.
    """

    lesson: str
    why: str = ""


def learn_number(  # noqa: PLR0913 - the caller knows all of these
    store: Learner,
    learned: Learned,
    why_not: str,
    options: LearningOptions,
    *,
    now_s: float,
    timeout_s: float,
) -> Taught:
    """Bind a number to a customer for the next call; the call itself goes on whatever happens.

    Args:
        store: the tenant's customers.
        learned: the number and the code, and where and when it was typed.
        why_not: what `domain/learning.py`'s `may_learn` said; empty if it may be learned.
        options: the tenant's.
        now_s: the time, seconds since 1970.
        timeout_s: how long the caller can wait for it.
    """
    if why_not:
        return Taught("refused", why_not)
    if timeout_s <= 0:
        return Taught("failed", "timeout")
    try:
        lesson = store.learn(
            learned._replace(learned_at=int(now_s), used_at=int(now_s)),
            most=options.max_per_customer,
            expired_before=expired_before(options, now_s),
            timeout_s=timeout_s,
        )
    except UnavailableError as error:
        return Taught("failed", error.reason)
    return Taught(lesson)
