"""A real Asterisk between a carrier and a phone."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.asterisk import CHROOT, ROOT, Asterisk
from tests.support.asterisk_report import Report
from tests.support.office import Office, extensions
from tests.support.sip import Carrier, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def chroot() -> None:
    """The tree that Asterisk runs in."""
    if os.geteuid() != 0:
        pytest.skip("a real Asterisk needs root: its tree is made and entered with chroot")
    built = subprocess.run(
        [ROOT / "tools/asterisk/build-chroot", CHROOT], capture_output=True, text=True, check=False
    )
    cannot = 77
    if built.returncode == cannot:
        pytest.skip(built.stderr.strip())
    assert built.returncode == 0, built.stderr


@pytest.fixture(scope="session")
def office(chroot: None) -> Iterator[Office]:  # noqa: ARG001 - made first
    with (
        closing(Phone()) as phone,
        closing(Asterisk(phone.port, extensions())) as asterisk,
        closing(Carrier(asterisk.sip_port)) as carrier,
    ):
        yield Office(asterisk, phone, carrier)


@pytest.fixture(scope="session")
def report(office: Office) -> Iterator[Report]:
    report = Report()
    yield report
    report.write(office.asterisk.cli("core show version").partition(" built")[0])
