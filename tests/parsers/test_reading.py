"""READ: the same input in any order, cut anywhere, interleaved or not, gives the same reading."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from dashboard.fetchers.files import read_paths
from parsers import Event, Reader, Reading, Redactor, StreamKey, load_packs
from parsers.contract import reading_documents
from parsers.reading import in_order, read, read_stream

SAMPLES = Path(__file__).resolve().parents[2] / "sample_logs"
SCENES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
READER = Reader(rules=load_packs(), redactor=Redactor())
STREAM = StreamKey(log_group="/ecs/app", log_stream="ecs/app/0f3c9a51d7e24b6892aa4d1c5be07f31")


def documents(reading: Reading) -> list[str]:
    return [json.dumps(document) for document in reading_documents(reading)]


def streams_of(scene: str) -> dict[StreamKey, list[Event]]:
    found: dict[StreamKey, list[Event]] = defaultdict(list)
    for event in read_paths([str(SAMPLES / scene)]).events:
        found[event.stream].append(event)
    return {stream: in_order(events) for stream, events in found.items()}


def lines(*texts: str, step_ms: int = 10) -> list[Event]:
    return [Event(stream=STREAM, timestamp_ms=1_763_521_000_000 + n * step_ms, text=text, line=n) for n, text in enumerate(texts)]


def one_part(stream: StreamKey, events: Sequence[Event]) -> Reading:
    return Reading(parts={stream: (read_stream(READER, stream, events),)}, reader=READER)


@pytest.mark.parametrize("scene", SCENES)
def test_cutting_a_stream_anywhere_and_joining_gives_the_reading_of_the_whole(scene: str) -> None:
    """Three pieces, cut at any event (inside blocks, inside a migration run, inside a millisecond), joined in any order."""
    chance = random.Random(scene)
    for stream, events in streams_of(scene).items():
        events = events[:500]
        whole = documents(one_part(stream, events))
        cuts = range(1, len(events)) if len(events) < 60 else chance.sample(range(1, len(events)), 6)
        for first in cuts:
            second = chance.randint(first, len(events))
            pieces = [piece for piece in (events[:first], events[first:second], events[second:]) if piece]
            chance.shuffle(pieces)
            total = one_part(stream, pieces[0])
            for piece in pieces[1:]:
                total += one_part(stream, piece)
            assert documents(total) == whole, f"{stream.log_stream} cut at {first} and {second}"


def test_the_order_of_the_input_does_not_matter() -> None:
    """Shuffled events of several streams give the same bytes as the files in order."""
    events = list(read_paths([str(SAMPLES / "founding-story" / "td49.jsonl.gz")]).events)
    shuffled = random.Random(7).sample(events, len(events))

    assert documents(read(shuffled, rules=READER.rules)) == documents(read(events, rules=READER.rules))


def test_interleaved_streams_give_the_same_as_separate_files(tmp_path: Path) -> None:
    """One file with the lines of all tasks mixed by time, against one file a task."""
    events = sorted(read_paths([str(SAMPLES / "crash-loop")]).events, key=lambda event: event.timestamp_ms)
    rows = [
        {
            "logGroup": e.stream.log_group,
            "logStreamName": e.stream.log_stream,
            "timestamp": e.timestamp_ms,
            "message": e.text,
            "eventId": e.event_id,
        }
        for e in events
    ]
    (tmp_path / "mixed").mkdir()
    (tmp_path / "apart").mkdir()
    (tmp_path / "mixed" / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for row in rows:
        with (tmp_path / "apart" / f"{row['logStreamName'][-8:]}.jsonl").open("a") as out:
            out.write(json.dumps(row) + "\n")

    mixed, apart = (read(read_paths([str(tmp_path / name)]).events, rules=READER.rules) for name in ("mixed", "apart"))

    assert [f.id for f in mixed.findings] == [f.id for f in apart.findings]
    assert [(r.id, r.outcome) for r in mixed.migration_runs] == [(r.id, r.outcome) for r in apart.migration_runs]


def test_seventy_lines_are_one_failure() -> None:
    """Prisma's printed object, its stack, the logger's JSON and the access line are one finding with one cause, layer and fields."""
    story = streams_of("founding-story")
    stream, events = next((s, e) for s, e in story.items() if s.log_stream.endswith("f4e58c1a8e03e7844848f33a7aaaf149"))
    reading = one_part(stream, events)
    biggest = max(reading.findings, key=lambda finding: finding.events)

    assert biggest.events >= 60
    assert (biggest.category, biggest.layer, biggest.status, biggest.fields) == ("validation", "orm", 400, ("appointment",))


def test_of_a_stack_trace_the_exception_decides_not_the_frame_the_rule_knows_it_by() -> None:
    """The first line of the evidence is what somebody on call reads: `File "…/alembic/config.py"` says nothing, its cause does."""
    lines = [
        "Traceback (most recent call last):",
        '  File "/app/venv/lib/python3.11/site-packages/psycopg/cursor.py", line 117, in execute',
        "    raise ex.with_traceback(None)",
        'psycopg.errors.DuplicateColumn: column "weight" of relation "shipments" already exists',
        "The above exception was the direct cause of the following exception:",
        "Traceback (most recent call last):",
        '  File "/app/venv/lib/python3.11/site-packages/alembic/config.py", line 1039, in main',
        "    CommandLine(prog=prog).main(argv=argv)",
        'sqlalchemy.exc.ProgrammingError: (psycopg.errors.DuplicateColumn) column "weight" of relation "shipments" already exists',
    ]
    stream = StreamKey(log_stream="ecs/shipments/1")

    findings = read(Event(stream=stream, timestamp_ms=1_000, text=line, event_id=f"{n}") for n, line in enumerate(lines)).findings

    assert [(f.rule_id, f.evidence[0].text) for f in findings] == [("alembic.traceback", lines[3])]


def test_what_nobody_knows_is_counted_and_grouped() -> None:
    """An error no rule takes is unexplained: one group whatever its numbers, counted in coverage, no finding."""
    reading = read(lines("ERROR quux reactor 17 imploded", "all is well", "ERROR quux reactor 93 imploded", step_ms=5_000))

    assert [(group.count, group.example.text) for group in reading.unexplained] == [(2, "ERROR quux reactor 93 imploded")]
    assert [one.unexplained for one in reading.coverage] == [2]
    assert not [f for f in reading.findings if f.severity != "info"]


def test_what_cannot_be_decoded_is_counted() -> None:
    """Bad bytes are data: the event stays, coverage says how many."""
    broken = Event(stream=STREAM, timestamp_ms=1_763_521_000_000, text="\ufffd\ufffd\x00", undecodable=True)

    assert [(one.events, one.undecodable) for one in read([broken]).coverage] == [(1, 1)]


def test_an_empty_input_reads_as_nothing() -> None:
    """No event: no stream, no finding, no crash."""
    reading = read([])

    assert documents(reading) == []


def test_lines_of_one_millisecond_may_stand_in_either_order() -> None:
    """stdout and stderr are two pipes: "exited with code 127" before "not found" is the same run that never ran."""
    told = [
        "Running database migrations...",
        "Migration command exited with code 127",
        "sh: prisma: not found",
        "Continuing with application startup...",
    ]
    for order in (told, [told[0], told[2], told[1], told[3]], [told[0], told[3], told[1], told[2]]):
        events = [
            Event(stream=STREAM, timestamp_ms=1_763_521_000_000 + (n > 0) * 900, text=text, line=n)
            for n, text in enumerate(order)
        ]
        runs = read(events, rules=READER.rules).migration_runs

        assert [(r.outcome, r.exit_code, r.application_continued) for r in runs] == [("never_ran", 127, True)]


def test_an_unexplained_group_is_made_of_redacted_words() -> None:
    """What redaction takes out neither splits a group of unexplained errors nor enters its fingerprint; strict makes no other groups."""
    events = lines(
        "ERROR could not print the chart of patient Maren Volkert, user maren@example.org, mrn=4471203",
        "ERROR could not print the chart of patient Tilda Okonski, user tilda@example.org, mrn=9902114",
    )

    groups = [read(events, rules=READER.rules, redactor=Redactor(key, strict=strict)).unexplained
              for key in (b"one", b"two") for strict in (False, True)]  # fmt: skip

    assert [[group.count for group in one] for one in groups] == [[2]] * 4
    assert len({group.fingerprint for one in groups for group in one}) == 1
