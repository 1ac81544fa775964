"""Named tuples and protocols for the call path, without `typing`.

Importing `typing`, and what its `NamedTuple` does with every annotation, is work that a cold start
would wait for (docs/performance.md). So modules that a call, or a webhook, imports take
`NamedTuple`, `Protocol` and `TYPE_CHECKING` from here. To type checkers they are those of `typing`;
pyproject.toml says so to ruff.
"""

from __future__ import annotations

from collections import namedtuple

# Type checkers take any name that is spelled like this for true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - exported
    from typing import Protocol as Protocol  # noqa: PLC0414 - exported
else:

    class _Maker(type):
        """Turns the body of a class into a named tuple with its methods."""

        def __new__(cls, name, bases, body):  # noqa: ANN001, ANN204, ARG004 - `type`'s signature
            fields = body["__annotations__"]
            defaults = [body.pop(field) for field in fields if field in body]
            base = namedtuple(name, fields, defaults=defaults, module=body["__module__"])  # noqa: PYI024
            return type(name, (base,), {**body, "__slots__": ()})

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})

    class Protocol:
        """What only type checkers look into."""
