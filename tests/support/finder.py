"""The extension's finder without a browser: in the engine that Playwright brings along."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import playwright

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXTENSION = Path(__file__).parents[2] / "integrations/click-to-call/extension"
_NODE = Path(playwright.__file__).parent / "driver/node"
_LOAD = """
const fs = require("fs");
for (const name of ["dialling.js", "numbers.js"]) {
  require("vm").runInThisContext(fs.readFileSync(`${process.argv[1]}/${name}`, "utf8"));
}
const { find, read } = globalThis.CentralinoNumbers;
const given = JSON.parse(fs.readFileSync(0, "utf8"));
"""
_FIND = """
console.log(JSON.stringify(given.texts.map((text) =>
  find(text, { country: given.country }).map(({ start, end, number }) =>
    [text.slice(start, end), number]))));
"""
_READ = """
console.log(JSON.stringify(given.map(([country, text]) => read(text, country))));
"""
# What the processor does for us, not what it does meanwhile for others; the best of some rounds, as
# the engine learns and cleans up in between.
_WORK = """
const work = (text) => {
  const began = process.cpuUsage();
  const found = find(text, { country: "IT" }).length;
  const { user, system } = process.cpuUsage(began);
  return [user + system, found];
};
const told = {};
for (const [name, text] of Object.entries(given)) {
  const rounds = [0, 1, 2].map(() => work(text));
  told[name] = [Math.min(...rounds.map(([spent]) => spent)), rounds[0][1]];
}
console.log(JSON.stringify(told));
"""


def find(texts: Sequence[str], country: str = "IT") -> list[list[tuple[str, str]]]:
    """Return what is found in each text: as it is written there, and its E.164 form."""
    told = _run(_FIND, {"texts": list(texts), "country": country})
    return [[(written, number) for written, number in found] for found in told]


def read(written: Sequence[tuple[str, str]]) -> list[str]:
    """Return the E.164 forms of numbers, each with its country; "" for what is none."""
    return list(_run(_READ, [list(one) for one in written]))


def work(texts: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return what each text costs, microseconds of the processor, and how many numbers it has."""
    return {name: (spent, found) for name, (spent, found) in _run(_WORK, dict(texts)).items()}


def _run(script: str, given: object) -> Any:  # noqa: ANN401 - what the script prints
    done = subprocess.run(
        [_NODE, "-e", _LOAD + script, EXTENSION],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
