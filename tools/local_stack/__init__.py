"""The whole system on one machine: what `make run` starts.

The template is deployed as it is by the real `sam deploy`, to an emulator of AWS (ministack) that
listens on loopback only; a small gateway on the port that was asked for hands requests to the API
that was deployed. Docs: docs/local.md.
"""

from local_stack.errors import LocalStackError
from local_stack.stack import Stack, start

__all__ = ["LocalStackError", "Stack", "start"]
