"""Every command that the documentation shows, run as its reader would run it.

A block that begins with ```sh is run line by line in one shell, beside a checkout whose local
stack is up. Not run are `make ...` (CI calls the targets themselves; here they only have to exist)
and blocks marked `needs-aws` or `needs-docker`: a real deploy and `sam local`.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import local_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "integrations/**/*.md")
    for page in ROOT.glob(pattern)
)
BLOCK = re.compile(r"^```sh *(?P<mark>[a-z-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ANSWER = re.compile(r"^```text\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_HERE = {"needs-aws", "needs-docker"}


class Block(NamedTuple):
    """A block of commands in a page."""

    page: str
    line: int
    mark: str
    text: str

    @property
    def make(self) -> list[str]:
        """The make targets that it calls."""
        return re.findall(r"^make ([a-z-]+)", self.text, re.MULTILINE)

    @property
    def commands(self) -> str:
        """What is left to run."""
        return re.sub(r"^make .*\n", "", self.text, flags=re.MULTILINE).strip()


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text()
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Block(str(page.relative_to(ROOT)), line, match["mark"], match["text"])


BLOCKS = list(blocks())
RUN = [block for block in BLOCKS if block.mark not in NOT_HERE and block.commands]


def name(block: Block) -> str:
    return f"{block.page}:{block.line}"


def test_every_block_is_either_run_or_says_what_it_needs() -> None:
    assert {block.mark for block in BLOCKS} <= {"", *NOT_HERE}
    assert len(RUN) > 1


def test_every_make_target_in_the_docs_exists() -> None:
    known = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = set(re.findall(r"^make ([a-z-]+)", known.stdout, re.MULTILINE))

    assert {target for block in BLOCKS for target in block.make} <= targets


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that looks like a checkout whose `make run` is going.

    Its stack is its own: the commands change settings and import contacts.
    """
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if entry.name != ".local":
            (folder / entry.name).symlink_to(entry)
    with local_stack.start(0, folder / ".local"):
        yield folder


@pytest.mark.stack
@pytest.mark.xdist_group("stack")
@pytest.mark.parametrize("block", RUN, ids=name)
def test_a_documented_command_works(block: Block, checkout: Path) -> None:
    # A request that is refused is a command that does not work.
    script = block.commands.replace("curl ", "curl --silent --show-error --fail ")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        env={k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CENTRALINO_"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, f"{name(block)}\n{done.stdout}\n{done.stderr}"
    if block.page == "README.md" and "curl -i" in block.commands:
        # The page shows what the first call answers.
        shown = ANSWER.search((ROOT / block.page).read_text())
        assert shown
        for line in shown["text"].split():
            assert line in done.stdout
