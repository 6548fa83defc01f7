"""The store: a slice is replaced whole with all that follows from it; crashes, rivals and old versions lose nothing."""

import hashlib
import itertools
import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from dashboard.rows import Filters
from dashboard.settings import Settings
from dashboard.store import Slice, SliceState, open_database, rollups, schema, slices
from dashboard.workspace import Workspace
from parsers import Event, Reading, StoreError, StreamKey, read, sealed

TASK = "455aa647b26d9310341733d58b9b7442"
STREAM = StreamKey(log_group="/ecs/app", log_stream=f"ecs/app/{TASK}")
BASE = 1_763_478_180_000 // 60_000 * 60_000


def event(at_ms, text, stream=STREAM):
    return Event(stream=stream, timestamp_ms=at_ms, text=text, event_id=f"{at_ms}{zlib.crc32(text.encode()):010d}")


def access(at_ms, method, path, status):
    return event(
        at_ms, f'203.0.113.{at_ms % 50} - - [18/Nov/2025:15:03:05 +0000] "{method} {path} HTTP/1.1" {status} 54 "-" "curl/8"'
    )


def story(minutes=24, every_ms=4_000):
    """A start-up whose migration fails and is masked, then requests of which some are refused with a cause before them."""
    events = [
        event(BASE, "Running database migrations..."),
        event(BASE + 900, "34 migrations found in prisma/migrations"),
        event(BASE + 1_500, "Error: P3005"),
        event(
            BASE + 1_500,
            "The database schema is not empty. Read more about how to baseline an existing production "
            "database: https://pris.ly/d/migrate-baseline",
        ),
        event(BASE + 1_700, "Migration command exited with code 1"),
        event(BASE + 1_701, "Continuing with application startup..."),
        event(BASE + 4_000, "Server listening on port 3001"),
    ]
    for number in range(minutes * 60_000 // every_ms):
        at = BASE + 10_000 + number * every_ms
        if number % 7 == 0:
            events.append(event(at - 3, "Error: Business rules validation failed: appointmentId is required"))
            events.append(access(at, "POST", "/api/v1/clinical-notes", 400))
        elif number % 11 == 0:
            events.append(access(at, "GET", f"/api/v1/clients/{number}", 404))
        else:
            events.append(access(at, "GET", "/api/v1/appointments", 200))
    events.append(event(BASE + minutes * 60_000 + 20_000, "SIGTERM received, shutting down"))
    return events


def opened(folder, name="store"):
    """A workspace with the same redaction key as every other in the folder."""
    return Workspace.open(Settings(store=folder / f"{name}.db", redaction_key=folder / "redaction.key"))


@pytest.fixture
def workspace(tmp_path):
    with opened(tmp_path) as one:
        yield one


def reading_of(workspace, events):
    return read(events, rules=workspace.rules, redactor=workspace.redactor)


def cut(workspace, events, borders):
    """Slices of a stream, cut at these times, as a fetcher reads them: each with only its own events."""
    edges = [min(e.timestamp_ms for e in events), *borders, max(e.timestamp_ms for e in events) + 1]
    found = []
    for start, end in itertools.pairwise(edges):
        inside = [e for e in events if start <= e.timestamp_ms < end]
        if inside:
            one = reading_of(workspace, inside).streams[inside[0].stream]
            found.append(Slice(
                start_ms=start, end_ms=end, state=SliceState.SETTLED, packs_digest="p", reading=sealed(workspace.reader, one),
            ))  # fmt: skip
    return found


def put(workspace, some):
    for one in some:
        with workspace.database.write() as sql:
            origin = slices.origin_id(sql, "test", 1)
            slices.put(sql, origin, one, workspace.fold, read_ms=1)


def told(workspace):
    """Everything that the store derives, as comparable rows."""
    db = workspace.database
    cells = db.ask(
        "SELECT log_stream, minute_ms, method, route, status, aborted, health_check, n FROM request_cells AS c "
        "JOIN streams ON streams.id = c.stream JOIN answers ON answers.id = c.answer ORDER BY 1, 2, 3, 4, 5, 6, 7"
    )
    findings = db.ask(
        "SELECT log_stream, fingerprint, layer, status, minute_ms, n, first_ms, last_ms, clients FROM finding_cells AS c "
        "JOIN streams ON streams.id = c.stream JOIN kinds ON kinds.id = c.kind ORDER BY 1, 2, 3, 4, 5"
    )
    totals = db.ask(
        "SELECT log_stream, fingerprint, layer, c.n, first_ms, last_ms, clients FROM finding_streams AS c "
        "JOIN streams ON streams.id = c.stream JOIN kinds ON kinds.id = c.kind ORDER BY 1, 2, 3"
    )
    runs = [(r.id, r.outcome, r.error_code, r.started_ms, r.ended_ms, r.application_continued) for r in all_runs(workspace)]
    signs = db.ask("SELECT kind, at_ms FROM signs ORDER BY 1, 2")
    examples = db.ask("SELECT id, fingerprint, timestamp_ms FROM examples ORDER BY 1")
    return {"cells": cells, "findings": findings, "totals": totals, "runs": runs, "signs": signs, "examples": examples}


def all_runs(workspace):
    return rollups.migration_runs(workspace.database, Filters())


def check_rollups(workspace):
    """Hours and totals are the sums of their cells; nothing is left over."""
    db = workspace.database
    for hours, cells, what in (("request_hours", "request_cells", "answer"), ("finding_hours", "finding_cells", "kind")):
        expected = db.ask(
            f"SELECT owner, minute_ms / 3600000 * 3600000, {what}, sum(n) FROM {cells} AS c JOIN streams ON "
            f"streams.id = c.stream "
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        assert db.ask(f"SELECT * FROM {hours} ORDER BY 1, 2, 3") == expected
    expected = db.ask(
        "SELECT owner, answer, sum(n) FROM request_cells AS c JOIN streams ON streams.id = c.stream GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert db.ask("SELECT * FROM request_totals ORDER BY 1, 2") == expected


# ---- slices


def test_what_comes_out_is_what_was_read(workspace):
    """Cells, findings and runs of one slice are those of the reading."""
    events = story()
    reading = reading_of(workspace, events)

    put(workspace, cut(workspace, events, []))

    found = told(workspace)
    assert sum(row[-1] for row in found["cells"]) == sum(c.count for c in reading.request_counts)
    assert sum(row[5] for row in found["findings"]) == len(reading.findings)
    assert [run[0] for run in found["runs"]] == [run.id for run in reading.migration_runs]
    check_rollups(workspace)


@pytest.mark.parametrize("folded_whole", [20_000, 10])
@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_a_stream_cut_in_slices_is_the_stream(workspace, tmp_path, monkeypatch, order, folded_whole):
    """Wherever it is cut and whichever slice comes first: all that is derived equals that of one slice.

    The borders go through the migration run, and between a cause and its refusal. With `folded_whole` 10 only what is near
    a new slice is folded again.
    """
    events = story()
    with opened(tmp_path, "one") as one:
        put(one, cut(one, events, []))
        expected = told(one)
    monkeypatch.setattr(slices, "FOLDED_WHOLE", folded_whole)
    monkeypatch.setattr(slices, "_BLOCK", 7)
    refusals = [e.timestamp_ms for e in events if '" 400 ' in e.text]
    borders = [BASE + 1_000, BASE + 1_600, BASE + 180_000, refusals[12], BASE + 600_000, refusals[30] - 1, BASE + 1_200_500]
    some = cut(workspace, events, borders)
    if order != "forward":
        some = some[::-1]
    if order == "shuffled":
        random.Random(3).shuffle(some)

    put(workspace, some)

    assert told(workspace) == expected
    check_rollups(workspace)


def test_slices_from_several_places_at_once_are_the_stream(workspace, tmp_path, monkeypatch):
    """A fetch writes cells of several places of its window together: what is derived is the same, and what lies between is not read."""
    events = story(60)
    borders = [BASE + minute * 60_000 for minute in range(5, 60, 5)]
    with opened(tmp_path, "one") as one:
        put(one, cut(one, events, borders))
        expected = told(one)
    monkeypatch.setattr(slices, "FOLDED_WHOLE", 10)
    some = cut(workspace, events, borders)
    apart = [some[1], some[6], some[10]]
    put(workspace, [one for one in some if one not in apart])
    folded = []

    def fold(stretches):
        folded.append([stretch.first_ms // 300_000 for stretch in stretches])
        return workspace.fold(stretches)

    with workspace.database.write() as sql:
        slices.put_all(sql, slices.origin_id(sql, "test", 1), apart, fold, read_ms=1)

    first = BASE // 300_000
    assert folded == [[first + number for number in near] for near in ([0, 1, 2], [5, 6, 7], [9, 10, 11])]
    assert told(workspace) == expected
    check_rollups(workspace)


def test_reading_again_changes_nothing(workspace):
    """The same slices once more: the same rows, the same sums."""
    some = cut(workspace, story(10), [BASE + 120_000, BASE + 300_000])
    put(workspace, some)
    before = told(workspace)

    put(workspace, some[::-1])

    assert told(workspace) == before
    check_rollups(workspace)


def test_late_events_heal(workspace, tmp_path):
    """A slice read too early is replaced by one that has what came late."""
    events = story(10)
    late = [e for e in events if BASE + 200_000 <= e.timestamp_ms < BASE + 260_000]
    borders = [BASE + 180_000, BASE + 300_000]
    with opened(tmp_path, "whole") as whole:
        put(whole, cut(whole, events, borders))
        expected = told(whole)

    put(workspace, cut(workspace, [e for e in events if e not in late], borders))
    assert told(workspace) != expected
    put(workspace, cut(workspace, events, borders)[1:2])

    assert told(workspace) == expected


def test_a_slice_that_would_be_cut_is_refused(workspace):
    """Half of a slice cannot be replaced; `whole` says what has to be read instead."""
    events = story(10)
    put(workspace, cut(workspace, events, [BASE + 180_000]))
    before = told(workspace)
    half = cut(workspace, events, [BASE + 90_000, BASE + 240_000])[1]

    with pytest.raises(StoreError):
        put(workspace, [half])

    assert told(workspace) == before
    start, end = slices.whole(workspace.database, STREAM, half.start_ms, half.end_ms)
    assert (start, end) == (BASE, max(e.timestamp_ms for e in events) + 1)


def test_raw_events_are_never_stored(workspace):
    """A slice whose raw ends were not sealed is refused; of what is stored, no file holds a raw line's secret."""
    secret = "jane.doe@example.com"
    events = [
        *story(2),
        event(BASE + 200_000, f"Error: cannot save for {secret}"),
        event(BASE + 200_001, "    at save (/app/x.js:1:1)"),
    ]
    raw = reading_of(workspace, events).streams[STREAM]
    assert raw.tail or raw.head

    with pytest.raises(ValueError, match="sealed"):
        put(workspace, [Slice(start_ms=BASE, end_ms=BASE + 300_000, state=SliceState.OPEN, packs_digest="p", reading=raw)])


def test_a_very_long_slice_keeps_the_facts_near_its_borders(workspace, monkeypatch):
    """Facts far from any border and from runs are not needed again; cells and findings are all there."""
    monkeypatch.setattr(slices, "FOLDED_WHOLE", 50)
    monkeypatch.setattr(slices, "KEPT_WHOLE", 50)
    monkeypatch.setattr(slices, "_BLOCK", 10)
    events = story(60)

    put(workspace, cut(workspace, events, []))

    kept = [(a, b) for a, b in workspace.database.ask("SELECT first_ms, last_ms FROM facts ORDER BY first_ms")]
    middle = BASE + 30 * 60_000
    assert not any(a <= middle <= b for a, b in kept)
    assert kept[0][0] == BASE
    expected = sum('" 400 ' in e.text or '" 404 ' in e.text for e in events)
    assert (
        workspace.database.ask("SELECT sum(n) FROM finding_cells JOIN kinds ON kinds.id = kind WHERE status >= 400")[0][0]
        == expected
    )


def test_examples_are_the_newest_twenty(workspace):
    """A bot's refusals do not fill the store: each fingerprint keeps twenty findings a stream, and the count of all."""
    put(workspace, cut(workspace, story(60), []))

    group = max(rollups.failures(workspace.database, Filters(), examples=100), key=lambda one: one.requests)
    kept = workspace.database.ask("SELECT count(*), min(timestamp_ms) FROM examples WHERE fingerprint = ?", (group.fingerprint,))[
        0
    ]
    assert group.requests > 100
    assert kept[0] == slices.EXAMPLES
    assert kept[1] > (group.first_ms + group.last_ms) // 2


def test_a_stream_more_costs_the_same_however_many_there_are(workspace):
    """A group of 100,000 streams with one kind of failure: the database's own steps for a slice do not grow with the others."""
    steps = []

    def step():
        steps[-1] += 1

    for number in range(120):
        stream = StreamKey(log_group="/ecs/app", log_stream=f"ecs/app/{number:032x}")
        refused = event(
            BASE + number, '203.0.113.9 - - [18/Nov/2025:15:03:05 +0000] "POST /notes HTTP/1.1" 400 54 "-" "curl/8"', stream
        )
        (one,) = cut(workspace, [refused], [])
        steps.append(0)
        with workspace.database.write() as sql:
            origin = slices.origin_id(sql, "test", 1)
            sql.set_progress_handler(step, 10)
            slices.put(sql, origin, one, workspace.fold, read_ms=1)
            sql.set_progress_handler(None, 0)
    assert sum(steps[-20:]) < 1.5 * sum(steps[10:30])


# ---- crashes, rivals, versions


def test_a_write_that_fails_leaves_nothing_behind(workspace):
    """All of a slice or none of it."""
    put(workspace, cut(workspace, story(5), [])[:1])
    before, version = told(workspace), workspace.version()
    longer = cut(workspace, story(6), [])[0]

    def broken(stretches):
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError), workspace.database.write() as sql:
        slices.put(sql, slices.origin_id(sql, "test", 1), longer, broken, read_ms=1)

    assert told(workspace) == before
    assert workspace.version() == version


WRITER = """
import sys
from pathlib import Path
from dashboard.store import open_database
db = open_database(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    with db.write() as sql:
        for part in range(50):
            sql.execute("INSERT INTO origins (name, read_ms) VALUES (?, ?)", (f"{sys.argv[2]}-{number}-{part}", number))
    print(number, flush=True)
"""


def writer(path, name, batches):
    """Another process that writes batches of 50 rows and says each one that is committed."""
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, str(batches)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("acknowledged", [0, 3, 11])
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path, acknowledged):
    """A writer killed at any point: every batch it reported is there whole, and no part of another."""
    path = tmp_path / "store.db"
    process = writer(path, "a", 1_000_000)
    assert process.stdout.readline() == "ready\n"
    for _ in range(acknowledged):
        process.stdout.readline()

    os.kill(process.pid, signal.SIGKILL)
    reported = process.communicate()[0].split("\n")[:-1]

    db = open_database(path)
    batches = dict(db.ask("SELECT read_ms, count(*) FROM origins GROUP BY read_ms"))
    db.close()
    assert set(batches.values()) <= {50}
    assert len(batches) >= acknowledged + len(reported)


def test_two_writers_and_a_reader_at_once(tmp_path):
    """Writers take turns, a reader never waits for them and never sees half of a write."""
    path = tmp_path / "store.db"
    open_database(path).close()
    processes = [writer(path, name, 30) for name in ("a", "b")]
    db = open_database(path)

    while any(process.poll() is None for process in processes):
        halves = db.ask("SELECT count(*) FROM (SELECT 1 FROM origins GROUP BY substr(name, 1, 1), read_ms HAVING count(*) != 50)")
        assert halves == [(0,)]

    assert [process.communicate() and process.returncode for process in processes] == [0, 0]
    assert db.ask("SELECT substr(name, 1, 1), count(*) FROM origins GROUP BY 1") == [("a", 1500), ("b", 1500)]
    db.close()


def test_threads_share_an_open_store(workspace):
    """Pages run in threads: each sees what any other wrote."""
    some = cut(workspace, story(3), [])
    thread = threading.Thread(target=put, args=(workspace, some))
    version = workspace.version()
    thread.start()
    thread.join()

    assert workspace.version() > version
    assert told(workspace)["cells"]


def test_an_older_store_walks_up_step_by_step(tmp_path):
    """Every step runs once, in order, and keeps what is there."""
    path = tmp_path / "store.db"
    open_database(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("INSERT INTO origins (name, read_ms) VALUES ('kept', 1)")
    steps = (
        *schema.STEPS,
        "ALTER TABLE origins ADD COLUMN colour TEXT; UPDATE origins SET colour = 'blue'",
        "DROP TABLE attributions",
    )

    for _ in range(2):
        db = open_database(path, steps=steps)
        assert db.ask("SELECT name, colour FROM origins") == [("kept", "blue")]
        assert db.ask("PRAGMA user_version") == [(len(steps),)]
        db.close()


def test_a_step_that_fails_leaves_the_older_store_usable(tmp_path):
    """A step is a transaction: the store stays at the version before it."""
    path = tmp_path / "store.db"
    open_database(path).close()

    with pytest.raises(StoreError):
        open_database(path, steps=(*schema.STEPS, "CREATE TABLE half (x); SELECT no_such_column FROM origins"))

    db = open_database(path)
    assert db.ask("SELECT count(*) FROM sqlite_master WHERE name = 'half'") == [(0,)]
    db.close()


def test_every_released_step_is_what_it_was():
    """A change of the tables is a new step, never an edit of an old one."""
    digests = [hashlib.sha256(" ".join(step.split()).encode()).hexdigest()[:16] for step in schema.STEPS]

    assert digests == json.loads((Path(__file__).parent / "schema_digests.json").read_text())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 100), "damaged"),
        (lambda path: _sqlite(path, "CREATE TABLE other (x)"), "no store of this program"),
        (
            lambda path: _sqlite(
                path, f"PRAGMA application_id = {schema.APPLICATION_ID}; PRAGMA user_version = 99; CREATE TABLE t (x)"
            ),
            "newer",
        ),
        (lambda path: path.mkdir(), "cannot be"),
    ],
)
def test_a_file_that_is_no_usable_store_is_said(tmp_path, make, said):
    """Damaged, foreign, newer, a folder: what it is and what to do, exit code 5."""
    path = tmp_path / "store.db"
    make(path)

    with pytest.raises(StoreError, match=said) as caught:
        open_database(path)

    assert caught.value.exit_code == 5
    assert caught.value.hint


def _sqlite(path, script):
    with sqlite3.connect(path) as raw:
        raw.executescript(script)


def test_a_store_damaged_in_use_is_said(workspace):
    """Pages overwritten on disk: an error with what to do, no made-up answer."""
    put(workspace, cut(workspace, story(20), []))
    workspace.database.scrub()
    workspace.close()
    path = workspace.database.path
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 8192))

    with pytest.raises(StoreError) as caught:
        rollups.streams(open_database(path))

    assert str(path) in caught.value.hint


def test_the_store_is_for_its_owners_eyes(workspace):
    """Redacted or not: the file is not readable by other users."""
    assert stat.S_IMODE(workspace.database.path.stat().st_mode) == 0o600


# ---- forgetting


def test_forgetting_everything_leaves_no_trace_in_the_file(workspace):
    """Rows, roll-ups and the bytes on disk go."""
    put(workspace, cut(workspace, story(5), []))
    workspace.database.ask("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"clinical-notes" in workspace.database.path.read_bytes()

    workspace.forget(everything=True)

    left = b"".join(p.read_bytes() for p in workspace.database.path.parent.glob("store.db*"))
    assert b"clinical-notes" not in left
    assert b"P3005" not in left
    assert told(workspace)["cells"] == []
    check_rollups(workspace)


def test_forgetting_by_age_keeps_the_younger(workspace):
    """Streams that ended before a time go, with their share of the roll-ups."""
    other = StreamKey(log_group="/ecs/app", log_stream="ecs/app/" + "a" * 32)
    put(workspace, cut(workspace, story(5), []))
    put(workspace, cut(workspace, [Event(stream=other, timestamp_ms=e.timestamp_ms + 10**8, text=e.text) for e in story(5)], []))

    gone = workspace.forget(before_ms=BASE + 10**7)

    assert gone == 1
    assert {row[0] for row in told(workspace)["cells"]} == {other.log_stream}
    check_rollups(workspace)


def test_a_reading_is_a_reading(workspace):
    """The fold that the store is given is the parsers' own."""
    one = cut(workspace, story(1), [])[0]

    assert isinstance(workspace.fold([one.reading]), Reading)
