"""`make run`, as a person types it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from local_stack.emulator import free_port
from tests.support.local_stack import (
    ROOT,
    STOP_LIMIT_S,
    MakeRun,
    eventually,
    play,
    wait_until_saved,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def test_make_run_starts_the_system_and_every_command_it_prints_works(tmp_path: Path) -> None:
    port = free_port()
    with MakeRun(tmp_path / "local", port) as run:
        run.wait_until_ready()
        demo = json.loads((tmp_path / "local" / "demo.json").read_text())
        assert demo["url"] == f"http://127.0.0.1:{port}"
        assert demo["tenant"] == "demo"
        assert set(demo["keys"]) == {"pbx", "link", "crm", "agent", "supervisor", "admin"}
        *calls, tell, ring, save, ring_again = run.commands()
        # The one that is refused is answered with an error, as it should be.
        said = [play(command, fails="899 " in command) for command in calls]
        assert said[:4] == [
            "*Mario Rossi",
            "*Mario Rossi",
            "Off Meccaniche Rossi",
            "!Trattoria da Beppe",
        ]
        assert json.loads(said[4])["url"] == "https://crm.example/contacts/de-luca"
        assert said[5] == "ACME"
        assert json.loads(said[6])["label"] == said[2]
        paying, over, manager, truck = (json.loads(text) for text in said[7:11])
        assert (paying["destination_name"], paying["customer_status"]) == ("support", "active")
        assert (over["destination_name"], over["customer_status"]) == ("sales", "expired")
        assert (manager["destination"], manager["label"]) == ("agent:21", "Edilnord")
        assert truck["agents"] == ["22", "23"]
        assert [json.loads(text) for text in said[11:14]] == [
            {"status": "ok", "destination": "true"},
            {"status": "ok", "destination": "1,5"},
            {"status": "fail", "destination": "false"},
        ]
        asked, typed = (dict(parse_qsl(text)) for text in said[14:16])
        assert (asked["action"], asked["length"]) == ("ask", "11")
        assert (typed["action"], typed["destination"]) == ("go", "queue:600")
        assert json.loads(said[16])["destination_name"] == "support"
        assert json.loads(said[17])["decision"]["rule"] == "paying customers"
        placed, state, refused, trail = (json.loads(text) for text in said[18:])
        assert (placed["status"], placed["number"]) == ("placed", "0244556677")
        assert (state["call_id"], state["provider_id"]) == (placed["call_id"], "demo-1")
        assert (refused["status"], refused["reason"]) == (403, "premium")
        assert [call["status"] for call in trail["calls"]] == ["refused", "placed"]
        assert "the phone of 21 rings, then it dials 0244556677" in run.text
        assert play(tell) == ""
        eventually(lambda: play(ring) == "Nina Costa")
        assert json.loads(play(save))["id"] == "api:ada"
        assert play(ring_again) == "Ada Neri"
        second = MakeRun(tmp_path / "other", port)
        assert second.process.wait(STOP_LIMIT_S) != 0
        assert f"port {port} can't be used" in second.text
        assert "Traceback" not in second.text
        run.press_ctrl_c()
        run.process.wait(STOP_LIMIT_S)
        assert run.text.rstrip().splitlines()[-1] == "... saving the data"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_killed_make_run_leaves_no_process_and_loses_neither_data_nor_the_queue(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "local"
    with MakeRun(directory, free_port()) as run:
        run.wait_until_ready()
        *_, save, _ = run.commands()
        play(save)
        os.killpg(run.process.pid, signal.SIGKILL)
    wait_until_saved(directory)
    with MakeRun(directory, free_port()) as run:
        run.wait_until_ready()
        *_, tell, ring, _, look_up = run.commands()
        assert play(look_up) == "Ada Neri"
        # The queue is another by now, or has at least another address.
        play(tell)
        eventually(lambda: play(ring) == "Nina Costa")


def test_find_python_passes_over_what_only_pretends_to_be_one(tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'command not found: python3.13' >&2\nexit 127\n")
    shim.chmod(0o755)
    found = subprocess.run(
        [ROOT / "tools" / "find-python"],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHON": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() != str(shim)


def test_a_python_of_the_wrong_version_is_named_and_refused(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\necho '3.10 /old/python'\n")
    old.chmod(0o755)
    refused = subprocess.run(
        [ROOT / "tools" / "find-python"],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert f"PYTHON={old} is no Python 3.11, 3.12 or 3.13" in refused.stderr
