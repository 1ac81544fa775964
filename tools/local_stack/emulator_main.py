"""Runs ministack in its own environment until standard input ends.

So it never outlives the process that started it, not even one that was killed, and always gets to
save its state. Started by `emulator.py`, never imported.
"""

import os
import runpy
import signal
import sys
import threading


def stop_at_end_of_input() -> None:
    """Ask this process to stop once the other end of its standard input is gone."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")
