"""Bodies that are too large for the queue, in S3: `claims/<tenant>/<provider>/<uuid>`.

The bucket forgets them after 46 days, when the queues have forgotten every message about them.
Few deliveries are that large, so the SDK is imported when one is: the signed client speaks JSON,
and S3 doesn't.
"""

from __future__ import annotations

from centralino.domain.errors import RejectedError, ThrottledError, UnavailableError
from centralino.domain.record import TYPE_CHECKING
from centralino.ports.queue import Claim

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Result = TypeVar("Result")

PREFIX = "claims/"
# A CRM waits while a body is put. S3 tries once: the CRM comes again, and so does the message.
CONNECT_S = 1.0
READ_S = 3.0
_GONE = {"404", "NoSuchBucket", "NoSuchKey"}
_REJECTED = {
    "AccessDenied": "permissions",
    "ExpiredToken": "credentials",
    "InvalidAccessKeyId": "credentials",
    "InvalidToken": "credentials",
    "SignatureDoesNotMatch": "credentials",
}
_THROTTLED = {"RequestLimitExceeded", "SlowDown", "ThrottlingException"}


class S3Claims:
    """Large bodies in one bucket; see the port.

    Args:
        bucket: the bucket's name.
        client: a boto3 client of S3; left out, one is made for the first body.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:  # noqa: ANN401 - boto3 makes it
        self._bucket = bucket
        self._client = client

    def put(self, tenant: str, provider: str, body: bytes) -> Claim:
        """Keep a body; see the port."""
        import uuid  # noqa: PLC0415 - as rare as its caller

        claim = Claim(self._bucket, f"{PREFIX}{tenant}/{provider}/{uuid.uuid4()}")
        client = self._connected()
        self._do(lambda: client.put_object(Bucket=claim.bucket, Key=claim.key, Body=body))
        return claim

    def take(self, claim: Claim) -> bytes:
        """Return a body; see the port."""
        if claim.bucket != self._bucket or not claim.key.startswith(PREFIX):
            raise RejectedError("claim_elsewhere")
        client = self._connected()

        def read() -> bytes:
            body: bytes = client.get_object(Bucket=claim.bucket, Key=claim.key)["Body"].read()
            return body

        return self._do(read)

    def _connected(self) -> Any:  # noqa: ANN401 - boto3 makes it
        if self._client is None:
            import boto3  # noqa: PLC0415 - a third of a second
            from botocore.config import Config  # noqa: PLC0415

            limits = Config(
                connect_timeout=CONNECT_S,
                read_timeout=READ_S,
                retries={"total_max_attempts": 1},
            )
            build: Any = boto3.client
            self._client = build("s3", config=limits)
        return self._client

    @staticmethod
    def _do(work: Callable[[], Result]) -> Result:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return work()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _GONE:
                raise RejectedError("claim_gone") from error
            if code in _REJECTED:
                raise RejectedError(_REJECTED[code]) from error
            if code in _THROTTLED:
                raise ThrottledError("throttled") from error
            raise UnavailableError("server") from error
        except BotoCoreError as error:
            # Its text may have the URL; its kind is enough.
            timed_out = "Timeout" in type(error).__name__
            raise UnavailableError("timeout" if timed_out else "connection") from error
