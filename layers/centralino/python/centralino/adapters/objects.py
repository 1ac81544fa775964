"""Files in S3, for imports: not on the call path, so through the SDK.

Keys are `imports/<tenant>/<import>/...`; the bucket forgets them after a month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from centralino.domain.errors import (
    NotFoundError,
    RejectedError,
    ThrottledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMEOUT_S = 20
_GONE = {"404", "NoSuchBucket", "NoSuchKey", "InvalidRange"}
_REJECTED = {
    "403": "permissions",
    "AccessDenied": "permissions",
    "ExpiredToken": "credentials",
    "InvalidAccessKeyId": "credentials",
    "InvalidToken": "credentials",
    "SignatureDoesNotMatch": "credentials",
}
_THROTTLED = {"RequestLimitExceeded", "SlowDown", "ThrottlingException"}
_EXISTS = {"412", "PreconditionFailed", "ConditionalRequestConflict"}


class S3Objects:
    """Files of one bucket; see the port.

    Args:
        bucket: the bucket's name.
        client: a boto3 client of S3; left out, one is made when it is needed.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:  # noqa: ANN401 - boto3 makes it
        self._bucket = bucket
        self._made = client

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Return a file, or some of its bytes; see the port."""
        extent = {} if end is None else {"Range": f"bytes={start}-{end - 1}"}
        answer = self._do(
            lambda client: client.get_object(Bucket=self._bucket, Key=key, **extent)["Body"].read()
        )
        body: bytes = answer
        return body

    def write(self, key: str, body: bytes, *, new: bool = False) -> bool:
        """Keep a file; see the port."""
        condition = {"IfNoneMatch": "*"} if new else {}
        try:
            self._do(
                lambda client: client.put_object(
                    Bucket=self._bucket, Key=key, Body=body, **condition
                )
            )
        except FileExistsError:
            return False
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix; see the port."""
        token: dict[str, str] = {}
        while True:
            request = {"Bucket": self._bucket, "Prefix": prefix, **token}
            answer = self._do(lambda client: client.list_objects_v2(**request))  # noqa: B023 - done at once
            yield from (found["Key"] for found in answer.get("Contents", ()))
            if not answer.get("IsTruncated"):
                return
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    def remove(self, key: str) -> None:
        """Remove a file; see the port."""
        self._do(lambda client: client.delete_object(Bucket=self._bucket, Key=key))

    def upload(self, key: str, path: Path) -> None:
        """Keep a file of the desk; see the port."""
        self._do(lambda client: client.upload_file(str(path), self._bucket, key))

    def download(self, place: str, path: Path) -> None:
        """Bring a file to the desk; see the port."""
        bucket, _, key = place.removeprefix("s3://").partition("/")
        self._do(lambda client: client.download_file(bucket, key, str(path)))

    @property
    def _client(self) -> Any:  # noqa: ANN401 - boto3 makes it
        if self._made is None:
            import boto3  # noqa: PLC0415 - a third of a second
            from botocore.config import Config  # noqa: PLC0415

            limits = Config(connect_timeout=5, read_timeout=TIMEOUT_S, retries={"mode": "standard"})
            build: Any = boto3.client
            self._made = build("s3", config=limits)
        return self._made

    def _do(self, work: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - S3's answer
        from boto3.exceptions import S3UploadFailedError  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return work(self._client)
        except ClientError as error:
            raise _meaning(str(error.response.get("Error", {}).get("Code", ""))) from error
        except S3UploadFailedError as error:
            raise UnavailableError("upload") from error
        except BotoCoreError as error:
            # Its text may have the URL; its kind is enough.
            timed_out = "Timeout" in type(error).__name__
            raise UnavailableError("timeout" if timed_out else "connection") from error


def _meaning(code: str) -> Exception:
    """Return what an error of S3 means."""
    if code in _GONE:
        return NotFoundError("there is no such file in the bucket")
    if code in _EXISTS:
        return FileExistsError(code)
    if code in _REJECTED:
        return RejectedError(_REJECTED[code])
    if code in _THROTTLED:
        return ThrottledError("throttled")
    return UnavailableError("server")
