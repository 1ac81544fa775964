"""The command behind `make run`: start the stack, say how to try it, wait for Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local_stack.errors import LocalStackError
from local_stack.gateway import SOCKET_STAGE
from local_stack.samples import sample_commands
from local_stack.stack import start
from local_stack.toolchain import ROOT

if TYPE_CHECKING:
    from types import FrameType

    from local_stack.stack import Stack

WATCH_INTERVAL_S = 0.5


def main() -> int:
    """Run the stack until Ctrl-C, or until it fails.

    Returns:
        The exit code: 0 after Ctrl-C (or SIGTERM, or the terminal was closed), 1 if it failed.
    """
    arguments = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    # The one setting that a person trying things out wants to change, by the name that it has in
    # the functions.
    cache_s = os.environ.get("CENTRALINO_CACHE_S")
    try:
        with start(
            arguments.port,
            arguments.directory,
            parameters={"CacheSeconds": cache_s} if cache_s else None,
            say=lambda task: print(f"... {task}", flush=True),
        ) as stack:
            print(_welcome(stack, arguments.directory, time.monotonic() - started), flush=True)
            stack.pbx.tell = lambda line: print(line, flush=True)
            try:
                while stack.alive:
                    time.sleep(WATCH_INTERVAL_S)
            except KeyboardInterrupt:
                print("\n... saving the data", flush=True)
                return 0
        print(f"the AWS emulator ended by itself; see {arguments.directory}/stack.log")
    except LocalStackError as error:
        sys.stderr.write(f"make run: {error}\n")
    except KeyboardInterrupt:
        return 0
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("local_stack", description="Start the whole system locally.")
    parser.add_argument("--port", type=int, default=8080, help="of the API, on 127.0.0.1")
    parser.add_argument(
        "--directory", type=Path, default=ROOT / ".local", help="where the data are kept"
    )
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _welcome(stack: Stack, directory: Path, seconds: float) -> str:
    calls = "\n".join(f"  # {says}\n  {command}" for says, command in sample_commands(stack))
    return (
        f"\nCentralino is at {stack.url} (started in {seconds:.1f} s).\n"
        f"Tenant {stack.tenant}; its keys are in {directory / 'demo.json'}. Try:\n\n"
        f"{calls}\n\n"
        f"{_asterisk(stack)}\n\n"
        "Ctrl-C stops it; the data are kept."
    )


def _asterisk(stack: Stack) -> str:
    """Say what an Asterisk on this machine needs; docs/asterisk-websocket.md has it all."""
    return (
        "An Asterisk 22.5 or later connects by WebSocket, with this in its websocket_client.conf\n"
        "and the rest as in docs/asterisk-websocket.md:\n\n"
        f"  uri = {stack.url.replace('http', 'ws', 1)}/{SOCKET_STAGE}\n"
        "  protocols = ari\n"
        "  username = main\n"
        f"  password = {stack.keys['link']}\n"
        "  tls_enabled = no"
    )


if __name__ == "__main__":
    sys.exit(main())
