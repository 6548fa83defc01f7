"""What real migration tools printed (tests/lab/records, recorded by `make lab`) is read as what really happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from parsers import Event, Outcome, Reading, StreamKey, load_packs, read

RECORDS = Path(__file__).parents[1] / "lab" / "records"
ENOUGH = 0.98
RULES = load_packs()
OPEN_ENDED = {Outcome.RUNNING, Outcome.UNKNOWN}


def _cases() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for index in sorted(RECORDS.glob("*/index.json")):
        facts = json.loads(index.read_text("utf-8"))
        for name, case in sorted(facts["cases"].items()):
            yield facts["tool"], name, case


CASES = list(_cases())


@cache
def _reading(tool: str, case: str) -> Reading:
    events = []
    path = RECORDS / tool / f"{case}.jsonl"
    for number, line in enumerate(path.read_text("utf-8").splitlines()):
        data = json.loads(line)
        stream = StreamKey(log_group=data["logGroup"], log_stream=data["logStreamName"])
        events.append(
            Event(stream=stream, timestamp_ms=data["timestamp"], text=data["message"], event_id=data["eventId"], line=number)
        )
    return read(events, rules=RULES)


def _told(tool: str, case: str) -> Outcome:
    """The outcome the product reports: of the worst run, `unknown` without one; a refused connection outside of a run is `failed`."""
    reading = _reading(tool, case)
    outcomes = [run.outcome for run in reading.migration_runs]
    if Outcome.FAILED in outcomes or any(f.category in ("connection", "database") for f in reading.findings):
        return Outcome.FAILED
    return outcomes[-1] if outcomes else Outcome.UNKNOWN


def _right(tool: str, name: str, case: dict[str, Any]) -> bool:
    told, expected = _told(tool, name), Outcome(case["outcome"])
    return told is expected or (expected is Outcome.UNKNOWN and told in OPEN_ENDED)


def test_the_lab_holds_what_it_promises() -> None:
    """At least ten tools, each with a failure, an application that continued, and nothing to do."""
    tools: dict[str, set[str]] = {}
    for tool, name, _ in CASES:
        tools.setdefault(tool, set()).add(name)
    complete = [
        tool
        for tool, names in tools.items()
        if {"applied", "nothing_to_do", "failed_third_of_three", "script_failed_continues"} <= names
    ]
    assert len(complete) >= 10


def test_outcomes_are_right() -> None:
    """In at least 98 % of the recorded runs the outcome told is the one the database and the exit code showed."""
    wrong = [
        f"{tool}/{name}: {case['outcome']}, told {_told(tool, name)}"
        for tool, name, case in CASES
        if not _right(tool, name, case)
    ]
    assert 1 - len(wrong) / len(CASES) >= ENOUGH, "\n".join(wrong)


FAILED = [pytest.param(tool, name, id=f"{tool}-{name}") for tool, name, case in CASES if case["happened"] == "failed"]
CONTINUED = [
    pytest.param(tool, name, id=f"{tool}-{name}")
    for tool, name, case in CASES
    if case["happened"] == "failed" and case["start_script"]
]


@pytest.mark.parametrize(("tool", "name"), FAILED)
def test_a_failure_is_never_told_as_success(tool: str, name: str) -> None:
    """Law 1 and 2: a run that failed is neither applied nor nothing to do, whatever its tool printed."""
    assert _told(tool, name) not in (Outcome.APPLIED, Outcome.NOTHING_TO_DO)


@pytest.mark.parametrize(("tool", "name"), CONTINUED)
def test_a_start_script_that_goes_on_is_seen(tool: str, name: str) -> None:
    """A failed migration before an application that listens: one failed run, one finding, `application_continued`."""
    reading = _reading(tool, name)
    failed = [run for run in reading.migration_runs if run.outcome is Outcome.FAILED]
    assert len(failed) == 1
    assert failed[0].application_continued
    assert failed[0].exit_code
    assert sum(finding.category == "migration" for finding in reading.findings) == 1


def test_failed_migrations_are_named() -> None:
    """Where the tool names the migration that failed, the run names it: at least nine of ten of those that name it at all."""
    named = [(tool, name, case) for tool, name, case in CASES if case["migration"] and _mentions(tool, name, case["migration"])]
    missing = [
        f"{tool}/{name}"
        for tool, name, case in named
        if not any(case["migration"] in (run.failed_migration or "").lower() for run in _reading(tool, name).migration_runs)
    ]
    assert len(missing) <= len(named) // 10, missing


def _mentions(tool: str, name: str, migration: str) -> bool:
    return migration in (RECORDS / tool / f"{name}.jsonl").read_text("utf-8").lower()


def test_database_codes_are_told() -> None:
    """Printed or implied by the wording, the SQLSTATE of a failed run is known in at least nine of ten cases that show it."""
    failed = [(tool, name, case) for tool, name, case in CASES if _told(tool, name) is Outcome.FAILED]
    with_code = [(tool, name, case) for tool, name, case in failed if case["sqlstate"]]
    missing = []
    for tool, name, case in with_code:
        runs = _reading(tool, name).migration_runs
        known = {code for run in runs for code in (run.error_code, run.db_code, run.implied_code)}
        if case["sqlstate"] not in known and "P3005" not in known:
            missing.append(f"{tool}/{name}: {case['sqlstate']} not in {known}")
    assert len(missing) <= len(with_code) // 10, "\n".join(missing)


def test_a_step_and_its_traceback_are_a_failure() -> None:
    """A record that begins with a step of the tool and ends with the database's refusal is no success."""
    lines = [
        "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.",
        "INFO  [alembic.runtime.migration] Running upgrade  -> be32626451fb, add orders",
        "Traceback (most recent call last):",
        '  File "/srv/base.py", line 1245, in _execute_context',
        'psycopg2.errors.DuplicateColumn: column "note" of relation "orders" already exists',
    ]
    joined = [*lines[:1], "\n".join(lines[1:])]
    for texts in (lines, joined):
        events = [Event(stream=StreamKey(log_stream="s"), timestamp_ms=number, text=text) for number, text in enumerate(texts)]
        (run,) = read(events, rules=RULES).migration_runs
        assert (run.outcome, run.implied_code, run.failed_migration) == (Outcome.FAILED, "42701", "be32626451fb")
