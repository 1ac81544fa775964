"""Where the signed client goes, and whose certificates it believes."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from pathlib import Path

import botocore.session
import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from centralino.adapters.aws import AMAZON_ROOTS, Client, Endpoint, find_endpoint
from centralino.domain.errors import PayloadError
from tests.support.certificates import make_certificate

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
TRUST_SERVICES = {
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
}


def test_every_region_is_reached_under_its_partitions_domain() -> None:
    partitions = botocore.session.get_session().get_data("endpoints")["partitions"]
    regions = {region: part["dnsSuffix"] for part in partitions for region in part["regions"]}
    assert len(regions) > 40
    for region, domain in regions.items():
        host = find_endpoint("dynamodb", region, {}).host
        assert host == f"dynamodb.{region}.{domain}"


@pytest.mark.parametrize(
    ("url", "endpoint", "header"),
    [
        ("http://127.0.0.1:8000", Endpoint(False, "127.0.0.1", 8000), "127.0.0.1:8000"),  # noqa: FBT003
        ("http://localhost/", Endpoint(False, "localhost", 80), "localhost"),  # noqa: FBT003
        ("https://db.test", Endpoint(True, "db.test", 443), "db.test"),  # noqa: FBT003
        ("https://db.test:8443", Endpoint(True, "db.test", 8443), "db.test:8443"),  # noqa: FBT003
        ("http://[::1]:8000", Endpoint(False, "::1", 8000), "[::1]:8000"),  # noqa: FBT003
    ],
)
def test_a_configured_endpoint_is_taken_as_it_is(url: str, endpoint: Endpoint, header: str) -> None:
    found = find_endpoint("dynamodb", "eu-south-1", {"AWS_ENDPOINT_URL": url})
    assert found == endpoint
    assert found.header == header


def test_a_services_own_endpoint_wins_over_the_general_one() -> None:
    env = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2",
    }
    assert find_endpoint("dynamodb", "eu-south-1", env).port == 2
    assert find_endpoint("sqs", "eu-south-1", env).port == 1


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://db.test", "http://db.test/path", "http://"]
)
def test_an_endpoint_that_is_no_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(PayloadError, match="AWS_ENDPOINT_URL_SQS: expected http"):
        Client("sqs", env={**KEYS, "AWS_REGION": "eu-south-1", "AWS_ENDPOINT_URL_SQS": url})


def test_a_missing_region_is_refused_by_name() -> None:
    with pytest.raises(PayloadError, match="AWS_REGION: expected an AWS region"):
        Client("dynamodb", env=KEYS)


def test_the_desks_name_of_the_region_will_do() -> None:
    assert Client("dynamodb", env={"AWS_DEFAULT_REGION": "eu-west-1"}).region == "eu-west-1"


def certificates(path: str | Path) -> dict[bytes, x509.Certificate]:
    found = re.findall(
        "-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----",
        Path(path).read_text(encoding="utf-8"),
        re.DOTALL,
    )
    with warnings.catch_warnings():
        # Mozilla's bundle holds an old root with a serial number of zero.
        warnings.simplefilter("ignore")
        loaded = [x509.load_pem_x509_certificate(pem.encode()) for pem in found]
    return {certificate.fingerprint(hashes.SHA256()): certificate for certificate in loaded}


def common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def test_the_roots_are_amazons_as_mozilla_has_them() -> None:
    ours = certificates(AMAZON_ROOTS)
    assert {common_name(certificate) for certificate in ours.values()} == TRUST_SERVICES
    assert ours.keys() <= certificates(certifi.where()).keys()


def test_no_root_expires_within_a_year() -> None:
    limit = dt.datetime.now(dt.UTC) + dt.timedelta(days=365)
    for certificate in certificates(AMAZON_ROOTS).values():
        assert certificate.not_valid_after_utc > limit, common_name(certificate)


def test_amazons_endpoints_are_believed_by_amazons_roots_alone() -> None:
    trusted = Client("dynamodb", env={**KEYS, "AWS_REGION": "eu-south-1"})._trust().get_ca_certs()
    names = {dict(part[0] for part in root["subject"])["commonName"] for root in trusted}  # type: ignore[misc]
    assert names == TRUST_SERVICES


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"AWS_REGION": "cn-north-1"},
        {"AWS_REGION": "eusc-de-east-1"},
        {"AWS_REGION": "eu-south-1", "AWS_ENDPOINT_URL": "https://amazonaws.com.db.test"},
    ],
)
def test_other_endpoints_are_believed_by_what_the_system_trusts(elsewhere: dict[str, str]) -> None:
    context = Client("dynamodb", env={**KEYS, **elsewhere})._trust()
    assert len(context.get_ca_certs()) != len(TRUST_SERVICES)
    assert context.check_hostname


def test_a_bundle_of_the_environment_wins(tmp_path: Path) -> None:
    bundle = str(make_certificate(tmp_path))
    env = {**KEYS, "AWS_REGION": "eu-south-1", "AWS_CA_BUNDLE": bundle}
    assert len(Client("dynamodb", env=env)._trust().get_ca_certs()) == 1
