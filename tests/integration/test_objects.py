"""Files of imports in S3, as moto keeps it."""
# ruff: noqa: ANN401 - boto3 makes its clients as it runs

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from centralino.adapters.objects import S3Objects
from centralino.domain.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        build: Any = boto3.client
        client = build("s3", region_name="us-east-1")
        client.create_bucket(Bucket="files")
        yield client


def test_a_file_is_read_as_a_whole_or_some_bytes_of_it(s3: Any) -> None:
    objects = S3Objects("files", s3)
    assert objects.write("a/1", b"0123456789") is True
    assert objects.read("a/1") == b"0123456789"
    assert objects.read("a/1", 2, 5) == b"234"
    assert objects.read("a/1", 8, 500) == b"89"
    objects.remove("a/2")
    objects.remove("a/1")
    with pytest.raises(NotFoundError):
        objects.read("a/1")


def test_a_file_that_has_to_be_new_does_not_take_anothers_place(s3: Any) -> None:
    objects = S3Objects("files", s3)
    assert objects.write("a/1", b"first", new=True) is True
    assert objects.write("a/1", b"second", new=True) is False
    assert objects.read("a/1") == b"first"


def test_keys_are_listed_page_after_page(s3: Any) -> None:
    objects = S3Objects("files", s3)
    names = [f"a/{number:04d}" for number in range(1_005)]
    for name in names:
        objects.write(name, b"")
    objects.write("b/1", b"")
    assert list(objects.keys("a/")) == names


def test_large_files_come_and_go_by_disk(s3: Any, tmp_path: Path) -> None:
    objects = S3Objects("files", s3)
    (tmp_path / "here").write_bytes(b"x" * 9_000_000)
    objects.upload("a/large", tmp_path / "here")
    s3.create_bucket(Bucket="others")
    s3.put_object(Bucket="others", Key="b/2", Body=b"theirs")
    objects.download("s3://others/b/2", tmp_path / "there")
    assert len(objects.read("a/large")) == 9_000_000
    assert (tmp_path / "there").read_bytes() == b"theirs"
    with pytest.raises(NotFoundError):
        objects.download("s3://others/b/3", tmp_path / "there")


def test_a_bucket_that_can_not_be_reached_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    build: Any = boto3.client
    nowhere = build(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(UnavailableError):
        S3Objects("files", nowhere).read("a")
