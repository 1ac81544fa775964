"""Named tuples, records and protocols for the call path, without `typing`.

Importing `typing`, and what its `NamedTuple` does with every annotation, is work that a cold start
would wait for (docs/performance.md). So modules that a call, or a webhook, imports take
`NamedTuple`, `Protocol` and `TYPE_CHECKING` from here. To type checkers they are those of `typing`;
pyproject.toml says so to ruff.

What every call makes and reads is a `Record`: Python reads an attribute of a plain object in place,
and a named tuple's through its type and a descriptor.
"""

from __future__ import annotations

from collections import namedtuple

# Type checkers take any name that is spelled like this for true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 - exported
    from typing import Protocol as Protocol  # noqa: PLC0414 - exported

    @dataclass_transform(frozen_default=True)
    class Record:
        """A class whose annotations are its fields, which nobody changes once it is made."""

        _fields: ClassVar[tuple[str, ...]]

        def _asdict(self) -> dict[str, Any]:
            """Return the fields by their names."""

        def _replace(self, **changes: Any) -> Self:  # noqa: ANN401 - fields of any kind
            """Return a copy with some fields changed."""

else:

    class _Maker(type):
        """Turns the body of a class into a named tuple with its methods."""

        def __new__(cls, name, bases, body):  # noqa: ANN001, ANN204, ARG004 - `type`'s signature
            fields = body["__annotations__"]
            defaults = [body.pop(field) for field in fields if field in body]
            base = namedtuple(name, fields, defaults=defaults, module=body["__module__"])  # noqa: PYI024
            return type(name, (base,), {**body, "__slots__": ()})

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})

    class Record:
        """What type checkers see above, at what a class costs that is written out."""

        def __init_subclass__(cls):  # noqa: ANN204
            own = vars(cls)
            cls._fields = tuple(own["__annotations__"])
            defaults = {field: own[field] for field in cls._fields if field in own}
            given = [f"{field}=_{field}" if field in defaults else field for field in cls._fields]
            scope = {f"_{field}": value for field, value in defaults.items()}
            body = "\n ".join([f"self.{field} = {field}" for field in cls._fields])
            # Written as text, as `namedtuple` writes its own.
            exec(f"def __init__(self, {', '.join(given)}):\n {body}", scope)  # noqa: S102
            cls.__init__ = scope["__init__"]
            for field in defaults:
                delattr(cls, field)  # beside one of the class, that of an instance is read slowly

        def _asdict(self):  # noqa: ANN202
            return {field: getattr(self, field) for field in self._fields}

        def _replace(self, **changes):  # noqa: ANN003, ANN202
            return type(self)(**{**self._asdict(), **changes})

        def __eq__(self, other):  # noqa: ANN001, ANN204
            return type(self) is type(other) and self._asdict() == other._asdict()

        def __hash__(self):  # noqa: ANN204
            return hash(tuple(self._asdict().values()))

        def __repr__(self):  # noqa: ANN204
            fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({fields})"

    class Protocol:
        """What only type checkers look into."""
