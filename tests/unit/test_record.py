"""The call path's named tuples are those of `typing`, but for what nobody reads at run time."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from centralino.domain.record import NamedTuple


class Ours(NamedTuple):
    """A line and how long it waits."""

    country: str
    wait_s: float = 3.0
    rules: tuple[str, ...] = ()

    @property
    def patient(self) -> bool:
        """Whether it waits for long."""
        return self.wait_s > 2

    def renamed(self, country: str) -> Ours:
        """Return the same line in another country."""
        return self._replace(country=country)


class Theirs(typing.NamedTuple):
    """A line and how long it waits."""

    country: str
    wait_s: float = 3.0
    rules: tuple[str, ...] = ()


def test_fields_defaults_and_names_are_as_typing_has_them() -> None:
    for name in ("_fields", "_field_defaults", "__doc__", "__module__"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert repr(Ours("IT")) == repr(Theirs("IT")).replace("Theirs", "Ours")


def test_it_is_a_tuple_that_can_be_taken_apart_compared_and_replaced() -> None:
    line = Ours("IT", 2.0)
    country, wait_s, rules = line
    assert (country, wait_s, rules) == ("IT", 2.0, ())
    assert tuple(line) == (country, wait_s, rules)
    assert line._asdict() == {"country": "IT", "wait_s": 2.0, "rules": ()}
    assert isinstance(line._replace(wait_s=1.0), Ours)
    assert Ours._make(("DE", 1.0, ())) == Ours("DE", 1.0)


def test_it_has_the_methods_of_its_class() -> None:
    assert Ours("IT").patient
    assert Ours("IT", 1.0).renamed("DE") == Ours("DE", 1.0)


def test_it_can_be_copied_and_sent_to_another_process() -> None:
    line = Ours("IT", 2.0)
    for same in (copy.deepcopy(line), pickle.loads(pickle.dumps(line))):  # noqa: S301 - our own
        assert same == line
        assert isinstance(same, Ours)


def test_it_takes_no_further_attributes() -> None:
    with pytest.raises(AttributeError):
        Ours("IT").city = "Milano"  # type: ignore[attr-defined]


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(TypeError, match="country"):
        Ours()  # type: ignore[call-arg]
