"""What can go wrong on the desk, each with a message that says what to do."""

from __future__ import annotations


class LocalStackError(Exception):
    """The local stack can't start or go on; the message is for the person at the desk."""
