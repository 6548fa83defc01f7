"""Quickly made frozen dataclasses behave as frozen dataclasses do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from parsers.classify import LaterEvidence, _Redacted
from parsers.formats import Payload
from parsers.frozen import quickly_made
from parsers.layouts import Line
from parsers.masks import Redactor
from parsers.model import Access, Event, Evidence, Fact, Finding, Match, StreamKey
from parsers.records import Record

EVENT = Event(stream=StreamKey(log_group="g", log_stream="s"), timestamp_ms=1, text="a line")
MADE: tuple[Any, ...] = (
    EVENT,
    Payload(text="a", fields={"a": 1}),
    Line(method="GET", target="/a", status=200),
    Access(method="GET", path="/a", route="/a", status=200),
    Fact(timestamp_ms=1, seq=2, last_ms=1),
    Record(events=(EVENT,), payload=Payload(text="a"), texts=("a",), seq=0),
)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class _Quick:
    a: int
    b: list[int] = field(default_factory=list)
    c: str = "c"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    a: int
    b: list[int] = field(default_factory=list)
    c: str = "c"


def test_fields_and_defaults_are_those_of_a_plain_one() -> None:
    """The same values by name, by default and by factory."""
    for arguments in ({"a": 1}, {"a": 1, "b": [2], "c": "d"}, {"c": "", "a": 0}):
        assert asdict(_Quick(**arguments)) == asdict(_Plain(**arguments))
    assert _Quick(a=1).b is not _Quick(a=1).b
    assert repr(_Quick(a=1)) == "_Quick(a=1, b=[], c='c')"


def test_a_missing_or_unknown_argument_is_refused() -> None:
    """As any function refuses it, with the class in the message."""
    for arguments in ({}, {"a": 1, "d": 2}):
        with pytest.raises(TypeError, match=r"_Quick\.__init__\(\)"):
            _Quick(**arguments)


@pytest.mark.parametrize("made", MADE, ids=lambda made: type(made).__name__)
def test_what_is_made_is_frozen_compared_copied_and_pickled(made: Any) -> None:
    """Nothing but the time it takes to make one is different."""
    first = fields(made)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(made, first, None)
    with pytest.raises(FrozenInstanceError):
        delattr(made, first)
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), replace(made)):
        assert type(again) is type(made)
        assert again == made
    assert replace(made, **{first: None}) != made


@pytest.mark.parametrize("kind", [Event, Match, Access, Fact, Finding, Payload, Line, Record])
def test_what_reading_makes_millions_of_is_made_quickly(kind: Any) -> None:
    """The quick __init__ is the one in use."""
    assert kind.__init__.__code__.co_filename == "<string>"
    assert "__setattr__" not in kind.__init__.__code__.co_names
    assert "__class__" in kind.__init__.__code__.co_names


def test_later_evidence_is_frozen() -> None:
    """Evidence that is redacted later is made in the same way."""
    record = Record(events=(EVENT,), payload=Payload(text="a line"), texts=("a line",), seq=0)
    later = LaterEvidence(EVENT, 0, _Redacted(record, 1, Redactor()))
    assert type(later) is LaterEvidence
    with pytest.raises(FrozenInstanceError):
        later.line = 3  # type: ignore[misc]
    assert later == Evidence(timestamp_ms=1, text="a line")
    assert pickle.loads(pickle.dumps(later)) == later
