"""The tolerant reader of printed values: JSON, util.inspect, repr, whole or cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.literals import MAX_TOKENS, Bare, loads, values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(min_size=1, max_size=10), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[ { code: 'x', path: [ 'a', 1 ] } ]", [[{"code": "x", "path": ["a", 1]}]]),
        ("{'type': 'missing', 'loc': ('body', 'x'), 'input': None}", [{"type": "missing", "loc": ["body", "x"], "input": None}]),
        ("{'a': [ErrorDetail(string='no', code='required')]}", [{"a": [{"string": "no", "code": "required"}]}]),
        ("{ a: 'x' +\n  'y', b: undefined, c: [Function (anonymous)] }", [{"a": "xy", "b": None, "c": [["anonymous"]]}]),
        (
            "ZodError: [ { path: ['a'] } ]\n    at f (/app/x.js:1:2) {\n  issues: [ { path: [Array] } ]\n}",
            [[{"path": ["a"]}], {"issues": [{"path": ["Array"]}]}],
        ),
        ("meta: { e: DriverAdapterError: No\n   at f (/a.js:1:2) {\n cause: [Object] } }", [{"e": {"cause": ["Object"]}}]),
        ('{"a": {"b": [1, 2', [{"a": {"b": [1, 2]}}]),
        ("{} []", [{}, []]),
        ("no value here (really)", []),
    ],
)
def test_values_are_read_as_they_are_printed(text: str, expected: list[Any]) -> None:
    """Unquoted keys, three kinds of quotes, tuples, calls, class names before objects, missing ends."""
    assert list(values(text)) == expected


def test_a_word_without_quotes_is_told_from_a_string() -> None:
    """`[Array]` is Node's way of printing no deeper; `['Array']` is a path."""
    (printed,) = values("[Array]")
    (path,) = values("['Array']")
    assert isinstance(printed[0], Bare)
    assert not isinstance(path[0], Bare)


@given(JSON.filter(lambda value: isinstance(value, dict | list)))
@settings(max_examples=100, deadline=None)
def test_json_is_read_as_json(value: Any) -> None:
    """What a JSON parser reads, loads() reads the same."""
    assert loads(json.dumps(value)) == value


@given(st.text(alphabet="{}[]()\"'`\\,:= \nabcErrorDetail0123", max_size=2_000))
@settings(max_examples=100, deadline=None)
def test_no_text_makes_it_raise(text: str) -> None:
    """Whatever the log holds, reading it ends without an exception."""
    list(values(text))


@pytest.mark.parametrize("piece", ["[", "{a:", "{a b", "{a b(", "\\'", "'", '"a\\', "[{", "(((", "a: [", "'x' + "])
def test_hostile_texts_cost_no_more_than_others(piece: str) -> None:
    """16 kB of any nesting: the reader ends within its budget of tokens."""
    assert len(list(values(piece * (16_384 // len(piece))))) <= MAX_TOKENS
