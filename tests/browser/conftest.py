"""A real Chromium with our extension, a CRM's pages, and a service that places no calls."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.support.browser import ROOT, Desk, FakeService, SiteOfPages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def chromium() -> str:
    found = subprocess.run(
        [ROOT / "tools/browser/find-chromium"], capture_output=True, text=True, check=False
    )
    cannot = 77
    if found.returncode == cannot:
        pytest.skip(found.stderr.strip())
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.fixture(scope="session")
def context(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    extension = ROOT / "integrations/click-to-call/extension"
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=chromium,
            headless=False,  # the old headless has no extensions; the new one is asked for below
            args=[
                "--headless=new",
                f"--disable-extensions-except={extension}",
                f"--load-extension={extension}",
            ],
            locale="en-GB",
            viewport={"width": 1000, "height": 700},
        )
        context.set_default_timeout(20_000)
        yield context
        context.close()


@pytest.fixture
def service() -> Iterator[FakeService]:
    with FakeService() as service:
        yield service


@pytest.fixture(scope="session")
def site() -> Iterator[SiteOfPages]:
    with SiteOfPages(HERE / "pages") as site:
        yield site


@pytest.fixture
def desk(context: BrowserContext, service: FakeService, site: SiteOfPages) -> Iterator[Desk]:
    """A user whose extension is set up, and who lets the CRM's pages call at once."""
    desk = Desk(context, service, site)
    desk.set_up(sites=[site.origin])
    yield desk
    desk.leave()
