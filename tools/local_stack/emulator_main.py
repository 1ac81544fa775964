"""Runs ministack in its own environment until standard input ends.

So it never outlives the process that started it, not even one that was killed, and always gets to
save its state. Started by `emulator.py`, never imported.
"""

import os
import runpy
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path


def stop_at_end_of_input() -> None:
    """Ask this process to stop once the other end of its standard input is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def complete_sockets() -> None:
    """Add what the emulator's WebSocket APIs lack."""
    added = runpy.run_path(str(Path(__file__).with_name("emulator_sockets.py")))
    added["install"](
        import_module("ministack.services.apigateway"),
        import_module("ministack.core.lambda_runtime"),
    )


if __name__ == "__main__":
    complete_sockets()
    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")
