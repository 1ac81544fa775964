"""The call path's named tuples and records do what those of the standard library do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import typing

import pytest

from centralino.domain.record import NamedTuple, Record


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


class Read(Record):
    """A line and how long it waits."""

    country: str
    wait_s: float = 3.0
    rules: tuple[str, ...] = ()

    @property
    def patient(self) -> bool:
        """Whether it waits for long."""
        return self.wait_s > 2


@dataclasses.dataclass(frozen=True)
class Written:
    """A line and how long it waits."""

    country: str
    wait_s: float = 3.0
    rules: tuple[str, ...] = ()


@pytest.mark.parametrize("given", [("IT",), ("IT", 2.0), ("IT", 2.0, ("a",))])
def test_a_record_is_made_shown_and_compared_as_a_dataclass_is(
    given: tuple[typing.Any, ...],
) -> None:
    ours, theirs = Read(*given), Written(*given)
    assert ours._asdict() == dataclasses.asdict(theirs)
    assert [*Read._fields] == [field.name for field in dataclasses.fields(Written)]
    assert repr(ours) == repr(theirs).replace("Written", "Read")
    for other in (("IT",), ("DE",), ("IT", 2.0)):
        assert (ours == Read(*other)) == (theirs == Written(*other))
        assert (hash(ours) == hash(Read(*other))) == (hash(theirs) == hash(Written(*other)))
    assert Read(country="DE", rules=("b",)) == Read("DE", 3.0, ("b",))
    assert not isinstance(ours, tuple)


def test_a_record_has_its_methods_and_is_replaced_copied_and_sent() -> None:
    line = Read("IT", 2.0)
    assert (line.patient, Read("IT").patient) == (False, True)
    assert line._replace(wait_s=1.0) == Read("IT", 1.0)
    assert line == Read("IT", 2.0)
    for same in (copy.deepcopy(line), pickle.loads(pickle.dumps(line))):  # noqa: S301 - our own
        assert same == line
        assert isinstance(same, Read)


def test_a_record_is_refused_what_is_not_a_field_of_it() -> None:
    with pytest.raises(TypeError, match="country"):
        Read()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="city"):
        Read("IT", city="Milano")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="city"):
        Read("IT")._replace(city="Milano")
