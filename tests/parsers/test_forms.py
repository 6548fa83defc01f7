"""Lines that take a form's pattern say what their decoded records would."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.access import access_of_record
from parsers.formats import structured_of
from parsers.forms import LINES_BEFORE, Exactly, Form, Forms, OfItsKind, Taken, Unfit, form_of
from parsers.masks import Redactor
from parsers.shapes import Odd, Sayings, Shapes
from parsers.written import Failures, Requests
from tests.parsers.test_shapes import changed, made

SEPARATORS = ((",", ":"), (", ", ": "), (" , ", " :  "))
REDACTOR = Redactor(b"a key of the tests")


def lines(rng: random.Random, count: int) -> list[bytes]:
    """Lines of one logger: the same keys, other values; some with escapes, some broken."""
    first = made(rng)
    separators = rng.choice(SEPARATORS)
    texts = [json.dumps(changed(rng, first), separators=separators, ensure_ascii=rng.random() < 0.5) for _ in range(count)]
    return [(text if rng.random() < 0.97 else text[: rng.randrange(len(text))] + "}").encode() for text in texts]


def decoded(line: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(line)
    except ValueError:
        return None


def learned(forms: Forms, line: bytes, shapes: Shapes) -> None:
    """One form for each line that can have one, at once."""
    record = decoded(line)
    if record is not None:
        for _ in range(LINES_BEFORE):
            forms.note(line, line, shapes.taken)


@settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 40))
def test_lines_of_one_class_are_records_of_one_class(seed: int) -> None:
    """Whatever the form does not look at, the reading of records doesn't either; what is broken or odd takes no form."""
    rng = random.Random(seed)
    forms, shapes = Forms(), Shapes()
    classes: dict[Any, Any] = {}
    some = [line for _ in range(4) for line in lines(rng, 12)]
    for line in some[::3]:
        learned(forms, line, shapes)

    for (_, start, end, key), line in zip(forms.classes_of(b"\n".join(some), _ends(some), range(len(some))), some, strict=True):
        assert b"\n".join(some)[start:end] == line
        if key is None:
            continue
        record = decoded(line)
        assert record is not None, line
        assert classes.setdefault(key, shapes.class_of(record)) == shapes.class_of(record)


@settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 40))
def test_the_request_of_a_line_is_that_of_its_record(seed: int) -> None:
    """Path, request id and client are its own, all else is that of its class."""
    rng = random.Random(seed)
    forms, shapes = Forms(), Shapes()
    requests = Requests(forms, ("/healthy/*",))
    some = [line for _ in range(4) for line in lines(rng, 12)]
    for line in some[::3]:
        learned(forms, line, shapes)

    for line in some:
        said = requests.access(line, 0, len(line))
        if said is not None:
            whole = structured_of(msgspec.json.decode(line))
            assert whole is not None
            assert said == access_of_record(*whole, health_paths=("/healthy/*",)), line


def _ends(some: list[bytes]) -> list[int]:
    at, ends = -1, []
    for line in some:
        at += len(line) + 1
        ends.append(at)
    return ends


def test_usual_requests_are_read_by_their_forms() -> None:
    """The property above would hold if no line had a form, too."""
    forms, shapes = Forms(), Shapes()
    requests = Requests(forms, ())
    lines = [
        b'{"level":30,"req":{"id":%d,"method":"GET","url":"/notes/%d?a=1","remoteAddress":"10.0.0.%d"},"res":{"statusCode":404},"responseTime":5}'
        % (number, number, number)
        for number in range(40)
    ]
    for line in lines[:LINES_BEFORE]:
        forms.note("one shape", line, shapes.taken)

    said = [requests.access(line, 0, len(line)) for line in lines]

    assert [(one.path, one.route, one.request_id, one.client, one.status) for one in said if one is not None] == [
        (f"/notes/{number}", "/notes/:id", str(number), f"10.0.0.{number}", 404) for number in range(40)
    ]


def test_a_request_that_stands_in_a_message_is_read_of_each() -> None:
    """Lines of one class differ in what their message says of path and client: a form tells their class, and no request."""
    forms, shapes = Forms(), Shapes()
    requests = Requests(forms, ())
    line = b'{"message":"203.0.113.7 - - [18/Nov/2025:15:03:31 +0000] \'GET /x/5 HTTP/1.1\' 200 3","level":"info"}'.replace(
        b"'", b"\\u0022"
    )
    plain = b'{"message":"GET /x/5 404 4.032 ms - 250","level":"info"}'
    for one in (line, plain):
        learned(forms, one, shapes)

    assert forms.find(plain, 0, len(plain)) is not None
    assert requests.access(plain, 0, len(plain)) is None
    assert forms.find(line, 0, len(line)) is None  # escaped quotes
    assert requests.access(line, 0, len(line)) is None


def test_thousands_of_paths_that_nobody_has_are_read_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner of the web asks for another path with each request: where path, id and client stand is found out once."""
    asked: list[str] = []

    def access(fields: Any, *more: Any, **options: Any) -> Any:
        asked.append(fields["path"])
        return access_of_record(fields, *more, **options)

    monkeypatch.setattr("parsers.written.access_of_record", access)
    forms, shapes = Forms(), Shapes()
    requests = Requests(forms, ())
    lines = [b'{"method":"GET","path":"/%s.php","status":404,"reqId":"r%d"}' % (b"x" * number, number) for number in range(50)]
    learned(forms, lines[0], shapes)

    said = [requests.access(line, 0, len(line)) for line in lines]

    assert [one.path for one in said if one is not None] == [f"/{'x' * number}.php" for number in range(50)]
    assert len(asked) == len(lines) + 1


def any_value(name: str, _value: Any) -> Taken:
    return Exactly() if name == "x" else OfItsKind()


@pytest.mark.parametrize(
    "line",
    [b'{"a":1,"a":2}', b'{"a":1e5}', b'{"a":"\\n"}', '{"a":"\u00e9"}'.encode(), b'{"a":1}x', b'{"a":[1]}', b'{"a":12345678901234567890}',
     b'{"a":-0}', b'{"x":"\x7f"}', b'{"x":[' + b"1," * 400 + b"1]}", b'{"a":1', b'["a"]', b""],
)  # fmt: skip
def test_of_some_lines_no_form_is_made(line: bytes) -> None:
    """Twice the same key, exponents, escapes, what is not ASCII, lists that don't matter or are long, what is cut."""
    with pytest.raises(Unfit):
        form_of(line, any_value)


def form(line: bytes) -> Form:
    return form_of(line, any_value)


@pytest.mark.parametrize(
    ("line", "other", "taken"),
    [
        (b'{"a":1,"x":5}', b'{"a":-70,"x":6}', True),
        (b'{"a":1,"x":5}', b'{"a":1.5,"x":5}', False),
        (b'{"a":1,"x":5}', b'{"a":01,"x":5}', False),
        (b'{"a":1,"x":5}', b'{"a":true,"x":5}', False),
        (b'{"a":1,"x":5}', b'{"a":1, "x":5}', False),
        (b'{"a":1,"x":5}', b'{"x":5,"a":1}', False),
        (b'{"a":1,"x":5}', b'{"a":1,"x":5} ', False),
        (b'{"a":1,"x":5}', b'{"a":1,"x":5,"b":1}', False),
        (b'{"a":1.5}', b'{"a":1}', False),
        (b'{"a":1.5}', b'{"a":.5}', False),
        (b'{"a":1.5}', b'{"a":-0.25}', True),
        (b'{"a":true}', b'{"a":false}', True),
        (b'{"a":null}', b'{"a":false}', False),
        (b'{"a":"b"}', b'{"a":""}', True),
        (b'{"a":"b"}', b'{"a":"b\\""}', False),
        (b'{"a":"b"}', b'{"a":"b","c":"d"}', False),
        (b'{"a":"b"}', b'{"a":"\x01"}', False),
        (b'{"x":[1,2]}', b'{"x":[1,3]}', False),
    ],
)
def test_a_form_takes_lines_of_the_same_kinds(line: bytes, other: bytes, *, taken: bool) -> None:
    """The same keys in the same order, separated alike, with values of the same kinds, and nothing behind."""
    assert (form(line).pattern.fullmatch(other) is not None) is taken


@settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 40))
def test_failures_known_by_their_lines_are_those_of_their_records(seed: int) -> None:
    """A line that is known says what the first record of its class said."""
    rng = random.Random(seed)
    sayings = Sayings()
    failures: Failures[Any] = Failures(sayings, REDACTOR)
    some = [line for _ in range(4) for line in lines(rng, 12)]
    for line in [*some, *some]:
        record = decoded(line)
        try:
            key = sayings.class_of(record) if record is not None else None
        except Odd:
            key = None
        known = failures.find(line, 0, len(line))
        if known is not None:
            assert known[0] == key
        elif key is not None and record is not None:
            for _ in range(LINES_BEFORE):
                failures.note(line, record, key)


def test_each_failure_keeps_the_id_of_its_own_request() -> None:
    """The id is taken from the line; where nothing names it, there is none."""
    failures: Failures[str] = Failures(Sayings(), REDACTOR)
    lines = [b'{"msg":"no","reqId":"a request of %d","err":{"stack":"Error:\\n at %s"}}' % (number, b"x") for number in range(30)]
    for line in lines:
        failures.note(line, msgspec.json.decode(line), "said")

    found = [failures.find(line, 0, len(line)) for line in lines]

    assert found == [("said", REDACTOR.request_id(f"a request of {number}")) for number in range(30)]
    other = lines[0].replace(b"at x", b"at y")
    assert failures.find(other, 0, len(other)) is None
