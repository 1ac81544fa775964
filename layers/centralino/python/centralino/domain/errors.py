"""Everything that Centralino itself can refuse or fail at.

The tree, to be mapped to HTTP in one place (`entry/http.py`)::

    CentralinoError
      + PayloadError            a field is not what it has to be
      |   + TooLargeError       the whole request is over a limit
      |   + ReusedKeyError      an idempotency key that came with another body before
      + CredentialsError        no key, or one that is unknown, revoked, expired or from elsewhere
      + ForbiddenError          a good key that may not do this
      + NotFoundError           no such thing in this tenant (another tenant's counts as absent)
      + ConflictError           somebody else changed it first
      |   + InProgressError     the same request is at work just now
      + TooManyError            too many requests in a short time
      + UnavailableError        a service behind us did not answer, or not in time
          + ThrottledError      it asked us to slow down
          + RejectedError       it refused us for good: an operator has to act
"""

from __future__ import annotations


class CentralinoError(Exception):
    """The root of every error of ours; its text is safe to show to the caller."""


class PayloadError(CentralinoError):
    """A field is not what it has to be.

    Args:
        field: the field as the caller spells it, with a path for nested ones (`numbers[2].number`).
        expected: what was expected, as a phrase that follows "expected".
    """

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field
        self.expected = expected


class TooLargeError(PayloadError):
    """The request is over a limit as a whole."""


class ReusedKeyError(PayloadError):
    """An idempotency key came with another body before: it isn't the same request."""

    def __init__(self) -> None:
        super().__init__("idempotency-key", "another key: this one came with another body before")


class CredentialsError(CentralinoError):
    """No key, or one that is malformed, unknown, revoked, expired or used from elsewhere."""


class ForbiddenError(CentralinoError):
    """The key is good, but its role may not do this."""


class NotFoundError(CentralinoError):
    """There is no such thing in this tenant."""


class ConflictError(CentralinoError):
    """Somebody else changed it first, or it exists already."""


class InProgressError(ConflictError):
    """The same request, by its idempotency key, is at work just now.

    Args:
        retry_after_s: when there may be an answer, in seconds.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the same request is at work just now")
        self.retry_after_s = retry_after_s


class TooManyError(CentralinoError):
    """Too many requests of a kind came in a short time.

    Args:
        what: of what there were too many.
        retry_after_s: when trying again makes sense, in seconds.
    """

    def __init__(self, what: str, retry_after_s: float) -> None:
        super().__init__(f"too many {what} in a short time")
        self.retry_after_s = retry_after_s


class UnavailableError(CentralinoError):
    """A service behind us did not answer, or not in time.

    Args:
        reason: a short word for logs and metrics: `timeout`, `connection`, `server`, ...
        retry_after_s: when trying again makes sense, in seconds.

    Attributes:
        sent: whether the request may have reached the service; False only where it can't have.
    """

    sent = True

    def __init__(self, reason: str, retry_after_s: float = 1.0) -> None:
        super().__init__(f"a service behind us is unavailable: {reason}")
        self.reason = reason
        self.retry_after_s = retry_after_s


class ThrottledError(UnavailableError):
    """The service asked us to slow down."""


class RejectedError(UnavailableError):
    """The service refused us for good: credentials, permissions, a missing table."""
