"""No planted identifier gets through, and what an engineer needs stays: through the redactor, and through a whole reading."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from parsers import contract, reading
from parsers.formats import decode
from parsers.masks import Redactor
from parsers.model import Event, StreamKey
from parsers.rules import load_packs
from tests.parsers.planted import SHAPES, Case, cases, leaks, lost

SEED = 7
REDACTOR = Redactor(b"a key of this test")
CASES = [case for case in cases(SEED) if not case.free_text]
WAYS: dict[str, Callable[[Case], str]] = {
    "as one record": lambda case: REDACTOR.text("\n".join(case.events)),
    "line by line": lambda case: "\n".join(REDACTOR.line(event) for event in case.events),
    "decoded first": lambda case: REDACTOR.text("\n".join(decode(event).text for event in case.events)),
}


def test_there_is_enough_to_find() -> None:
    """More than a thousand identifiers in more than four hundred shapes and every wrapper."""
    assert len(SHAPES) > 430
    assert sum(len(case.planted) for case in CASES) > 1_000
    assert {"plain", "pino", "winston", "bunyan", "structlog", "python.json", "logfmt", "firelens", "docker"} <= {
        case.wrapper for case in CASES
    }


@pytest.mark.parametrize("way", WAYS)
def test_no_planted_identifier_gets_through(way: str) -> None:
    """Whichever way a record is read, none of its planted values stands in what comes out."""
    found = [(case.name, piece) for case in CASES for piece in leaks(case, WAYS[way](case))]

    assert found == []


def test_no_planted_identifier_gets_through_fields() -> None:
    """A structured record redacted as fields holds none either."""
    records = [(case, json.loads(case.events[0])) for case in CASES if _is_json(case)]

    found = [(case.name, leaks(case, json.dumps(REDACTOR.fields(record)))) for case, record in records]

    assert len(records) > 30
    assert [one for one in found if one[1]] == []


def test_what_an_engineer_needs_stays() -> None:
    """At least 99 % of codes, fields, tables, constraints, routes, hosts and messages are still there."""
    wanted = sum(len(case.keep) for case in CASES)
    missing = [(case.name, word) for case in CASES for word in lost(case, WAYS["as one record"](case))]

    assert len(missing) <= wanted * 0.01, missing


def test_redacting_twice_changes_nothing() -> None:
    """What is redacted once comes out of a second redaction as it went in."""
    once = [(case.name, way(case)) for case in CASES for way in WAYS.values()]

    assert [name for name, text in once if REDACTOR.text(text) != text] == []


def test_strict_takes_names_out_of_free_text() -> None:
    """With strict evidence the planted names in sentences go too, and codes and statuses stay."""
    strict = Redactor(b"a key of this test", strict=True)
    free = [case for case in cases(SEED) if case.free_text]
    shown = [(case, strict.text("\n".join(case.events))) for case in free]

    assert len(free) >= 16
    assert [(case.name, leaks(case, text)) for case, text in shown if leaks(case, text)] == []
    assert all(code in text for case, text in shown for code in case.keep if code in ("P2002", "P2011", "P3018", "23502"))


def test_strict_lets_no_more_through_than_the_default() -> None:
    """Every shape, strictly: nothing planted, and the number of lines is kept."""
    strict = Redactor(b"a key of this test", strict=True)
    shown = [(case, "\n".join(case.events)) for case in CASES if case.wrapper in ("plain", "pino", "logfmt")]

    assert [case.name for case, text in shown if leaks(case, strict.text(text))] == []
    assert [case.name for case, text in shown if strict.text(text).count("\n") != text.count("\n")] == []


def _is_json(case: Case) -> bool:
    try:
        return case.wrapper == "plain" and len(case.events) == 1 and isinstance(json.loads(case.events[0]), dict)
    except ValueError:
        return False


def _events(case: Case, number: int) -> list[Event]:
    stream = StreamKey(log_group="/ecs/ehr", log_stream=f"ehr/api/{number:032x}")
    return [
        Event(stream=stream, timestamp_ms=1_795_378_332_000 + 10 * position, text=text, event_id=f"{number}-{position}")
        for position, text in enumerate(case.events)
    ]


def test_no_planted_identifier_gets_into_what_is_stored() -> None:
    """Facts, openings and counts of a sealed stretch, which is all that the store is given."""
    reader = reading.Reader(rules=load_packs(), redactor=REDACTOR)
    found = []
    for number, case in enumerate(CASES):
        if case.wrapper not in ("plain", "compose", "docker", "structlog.exception", "python.json"):
            continue
        events = _events(case, number)
        one = reading.sealed(reader, reading.read_stream(reader, events[0].stream, events))
        found += [(case.name, piece) for piece in leaks(case, repr(one))]

    assert found == []


def test_no_planted_identifier_gets_into_the_documents_of_a_reading() -> None:
    """Findings, runs, counts, coverage and unexplained groups of every shape: `classify --format json` shows none."""
    rules = load_packs()
    found = []
    for number, case in enumerate(CASES):
        if case.wrapper not in ("plain", "pino", "winston", "logfmt", "firelens"):
            continue
        one = reading.read(_events(case, number), rules=rules, redactor=REDACTOR)
        shown = "\n".join(json.dumps(document, ensure_ascii=False) for document in contract.reading_documents(one))
        shown += "\n".join(group.example.text for group in one.unexplained) + repr(one.findings) + repr(one.migration_runs)
        found += [(case.name, piece) for piece in leaks(case, shown)]

    assert found == []
