"""No false green: whatever is lost, cut, doubled or shuffled of a failing start, the verdict is never PASS.

Every recorded failing start of every tool is put in front of a healthy-looking application (it listens, it answers 200),
behind an earlier deployment of the same service that migrated cleanly. Then lines are deleted, cut, swapped, interleaved,
doubled, drowned in chatter; a stream is lost, another task stands beside it. The one exception is what nobody could tell: a
rest that equals, names and numbers masked, a recorded clean transcript of the same tool. Those cases are counted and listed.

    TRIAGE_CASES=100000 python -m pytest -s tests/test_no_false_green.py -k disturbance     the long run, figures printed
    TRIAGE_SEED=7                                                                           another stretch of cases

The long run of 23 November 2026: seeds 101 to 110, 100,000 failing starts, 33 minutes on one shared core: 74,816 FAIL, 24,977
INCONCLUSIVE, 207 PASS. 196 of these equal a clean start (dbmate 182, Sqitch 6, Sequelize 5, umzug 3); the other 11 were defects,
were mended and are no PASS any more (`BROKEN_STARTS`). Of 20,000 clean starts harmlessly disturbed none is FAIL. With the mended
rules all ten seeds were run again: 100,000 cases, every PASS as a clean start; 20,000 clean starts, no FAIL.

What is undisturbed is read once (the earlier deployment, the requests after the start) and joined with what is disturbed,
and what the rules say of a line is asked once;
`test_the_short_way_of_the_cases_says_the_same` holds that against reading everything in one go.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import pytest

from parsers import (
    Deployment,
    EcsFacts,
    Event,
    Outcome,
    Reader,
    Reading,
    Redactor,
    StreamKey,
    TaskDefinition,
    TaskSighting,
    VerdictValue,
    attribute,
    judge,
    load_packs,
    read,
    with_tasks,
)
from parsers.access import parse_access
from parsers.classify import Said, fact_of, say
from parsers.formats import Payload
from parsers.model import Fact
from parsers.reading import read_stream
from parsers.records import Record

RECORDS = Path(__file__).parent / "lab/records"
CASES = int(os.environ.get("TRIAGE_CASES", "150"))
SEED = int(os.environ.get("TRIAGE_SEED", "20251119"))
RULES = load_packs()
HOUR = 3_600_000
SWAP_MS = 50
BEFORE, NOW = 1_763_500_000_000, 1_763_520_000_000
EARLIER_TASK, TASK, OTHER_TASK = "1" * 32, "2" * 32, "3" * 32
GROUP = "/ecs/shop"
ANNOUNCED = "Running database migrations..."
READY = "Server listening on http://0.0.0.0:3000"
REQUESTS = 40
CHATTER = (
    "", "   ", "info: cache warmed", '{"level":30,"msg":"metrics flushed"}', "GET /health 200 1ms", "worker 3 ready to fork", "heartbeat",
    "Loaded configuration from /etc/app.yaml", "[telemetry] exporter started",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A recorded start: what one tool printed in one case."""

    tool: str
    case: str
    outcome: Outcome
    exit_code: int
    lines: tuple[str, ...]
    script: bool


@cache
def starts() -> tuple[Start, ...]:
    """Every recorded start of every tool whose end is known."""
    found = []
    for index in sorted(RECORDS.glob("*/index.json")):
        facts = json.loads(index.read_text("utf-8"))
        for name, case in sorted(facts["cases"].items()):
            path = index.parent / f"{name}.jsonl"
            lines = tuple(json.loads(row)["message"] for row in path.read_text("utf-8").splitlines())
            outcome = Outcome(case["outcome"])
            found.append(
                Start(
                    tool=facts["tool"], case=name, outcome=outcome, exit_code=case["exit_code"], lines=lines,
                    script=bool(case["start_script"]),
                )
            )  # fmt: skip
    return tuple(found)


def failing() -> list[Start]:
    return [one for one in starts() if one.case.startswith(("failed", "script_failed", "script_refused"))]


CLEAN = ("applied", "applied_last_of_three", "nothing_to_do", "script_applied_ready", "script_nothing_to_do_ready")


def clean() -> list[Start]:
    """The starts that went well; of a silent tool (its log alone can't tell) too."""
    return [one for one in starts() if one.case in CLEAN and one.exit_code == 0]


# ---- scenes ----
def started(one: Start) -> list[str]:
    """The start-up lines of a task: the recorded ones, then an application that listens in spite of everything."""
    lines = [line for line in one.lines if "SIGTERM" not in line]
    if one.script:
        return lines
    told = ["Migration command exited with code 1", "Continuing with application startup..."] if one.exit_code else []
    return [ANNOUNCED, *lines, *told, READY]


def events(lines: Sequence[str], task: str, start_ms: int, *, spread_ms: int = 37) -> list[Event]:
    """Events of one task: its start-up lines, then answered requests."""
    return [*opening(lines, task, start_ms, spread_ms), *traffic(task, traffic_ms(lines, start_ms, spread_ms))]


def opening(lines: Sequence[str], task: str, start_ms: int, spread_ms: int) -> list[Event]:
    """The start-up lines of a task."""
    return [event(task, start_ms + spread_ms * number, number, line) for number, line in enumerate(lines)]


def traffic_ms(lines: Sequence[str], start_ms: int, spread_ms: int) -> int:
    """When the first request comes."""
    return start_ms + spread_ms * len(lines) + 5_000


def traffic(task: str, start_ms: int) -> list[Event]:
    """The answered requests of a task."""
    line = '10.0.0.{0} - - [19/Nov/2025:03:00:00 +0000] "GET /api/orders/{1} HTTP/1.1" 200 17 "-" "-"'
    return [event(task, start_ms + 9_000 * n, 10_000 + n, line.format(n % 9 + 1, n)) for n in range(REQUESTS)]


def event(task: str, at_ms: int, number: int, text: str) -> Event:
    stream = StreamKey(log_group=GROUP, log_stream=f"shop/app/{task}")
    return Event(stream=stream, timestamp_ms=at_ms, text=text, event_id=f"{task[:4]}{number:06}", ingestion_ms=at_ms + 800)


def deployment(revision: int, start_ms: int) -> Deployment:
    return Deployment(
        deployment_id=f"d{revision}", account="123456789012", region="us-east-1", cluster="shop", service="shop",
        task_definition=f"shop:{revision}", revision=revision, commit=None, image=None, image_digest=None, created_ms=start_ms - 60_000,
        started_ms=start_ms - 60_000, finished_ms=start_ms + 120_000, ecs_status="SUCCESSFUL",
        superseded_ms=NOW - 60_000 if start_ms < NOW else None,
    )  # fmt: skip


def sighting(task: str, revision: int, start_ms: int) -> TaskSighting:
    return TaskSighting(
        task_id=task, task_definition=f"shop:{revision}", cluster="shop", group="service:shop", started_by=f"ecs-svc/{revision}",
        created_ms=start_ms - 30_000, started_ms=start_ms - 1_000, stopped_ms=NOW - 1_000 if start_ms < NOW else None,
        last_status="STOPPED" if start_ms < NOW else "RUNNING", exit_code=0 if start_ms < NOW else None,
    )  # fmt: skip


def facts(*more: TaskSighting) -> EcsFacts:
    definitions = tuple(
        TaskDefinition(family="shop", revision=revision, log_groups=(GROUP,), stream_prefixes=("shop",), containers=("app",))
        for revision in (1, 2)
    )
    return EcsFacts(
        deployments=(deployment(1, BEFORE), deployment(2, NOW)), task_definitions=definitions,
        sightings=(sighting(EARLIER_TASK, 1, BEFORE), sighting(TASK, 2, NOW), *more), as_of_ms=NOW + HOUR,
    )  # fmt: skip


@cache
def earlier(tool: str) -> Reading:
    """The earlier deployment of the service: the same tool, cleanly."""
    return read(events(started(starts_before(tool)), EARLIER_TASK, BEFORE), rules=RULES)


def starts_before(tool: str) -> Start:
    return next(one for one in clean() if one.tool == tool and one.case in ("script_applied_ready", "applied"))


class Remembering(Redactor):
    """The redactor, asked once for each text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = cache(super().text)  # type: ignore[method-assign]


class RememberingReader(Reader):
    """The reader; what the rules say of equal texts is worked out once, cases repeat the same recorded lines."""

    said: ClassVar[dict[tuple[str, ...], Said | None]] = {}
    opened: ClassVar[dict[str, bool]] = {}

    def opens(self, text: str, payload: Payload) -> bool:
        if text not in self.opened:
            self.opened[text] = super().opens(text, payload)
        return self.opened[text]

    def classify(self, record: Record) -> Fact | None:
        if len(record.events) == 1 and parse_access(record.payload) is not None:
            return super().classify(record)
        key = tuple(event.text for event in record.events)
        if key not in self.said:
            self.said[key] = say(record.payload, record.texts, self.rules, self.redactor)
        said = self.said[key]
        return fact_of(record, said, self.redactor) if said is not None else None


READER = RememberingReader(rules=RULES, redactor=Remembering())


def read_fast(now: Sequence[Event]) -> Reading:
    """The reading of one stream's events, in their order."""
    return Reading(parts={now[0].stream: (read_stream(READER, now[0].stream, now),)} if now else {}, reader=READER)


@cache
def requests_from(task: str, start_ms: int) -> Reading:
    """A task's requests, read once: they are never disturbed, and a stream read in two stretches is the stream."""
    return read_fast(traffic(task, start_ms))


def verdict(tool: str, now: Sequence[Event], *more: TaskSighting) -> VerdictValue:
    """The verdict on the second deployment."""
    return judged(tool, read(now, rules=RULES), *more)


def judged(tool: str, now: Reading, *more: TaskSighting) -> VerdictValue:
    """The verdict on the second deployment, of which `now` was read. No stream of it is one of the earlier deployment's."""
    before, known = earlier(tool), facts(*more)
    runs, coverage = before.migration_runs + now.migration_runs, before.coverage + now.coverage
    attributions = attribute(coverage, known)
    verdicts = judge(
        with_tasks(known, attributions, runs, coverage), before.findings + now.findings, runs,
        before.request_counts + now.request_counts, coverage, attributions, facts=known, as_of_ms=NOW + HOUR,
    )  # fmt: skip
    return verdicts[-1].verdict


# ---- disturbances ----
Lines = list[str]
Disturbance = Callable[[random.Random, Lines], Lines]


def delete_some(chance: random.Random, lines: Lines) -> Lines:
    share = chance.choice((0.1, 0.3, 0.6, 0.9))
    return [line for line in lines if chance.random() > share]


def delete_stretch(chance: random.Random, lines: Lines) -> Lines:
    first, last = sorted(chance.choices(range(len(lines) + 1), k=2))
    return lines[:first] + lines[last:]


def delete_what_tells(chance: random.Random, lines: Lines) -> Lines:
    """The cruellest loss: the lines that speak of an error, one by one or all."""
    telling = re.compile(r"(?i)error|fail|exception|traceback|refused|exited|continuing|already exists|abort|cannot|can't")
    return [line for line in lines if not telling.search(line) or chance.random() < 0.1]


def cut_head(chance: random.Random, lines: Lines) -> Lines:
    return lines[chance.randrange(len(lines) + 1) :]


def cut_tail(chance: random.Random, lines: Lines) -> Lines:
    return lines[: chance.randrange(len(lines) + 1)]


def cut_letters(chance: random.Random, lines: Lines) -> Lines:
    return [line[: chance.randrange(len(line) + 1)] if line and chance.random() < 0.3 else line for line in lines]


def swap(chance: random.Random, lines: Lines) -> Lines:
    lines = list(lines)
    for _ in range(chance.randrange(1, 5)):
        if len(lines) > 1:
            a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[a], lines[b] = lines[b], lines[a]
    return lines


def shuffle_stretch(chance: random.Random, lines: Lines) -> Lines:
    first, last = sorted(chance.choices(range(len(lines) + 1), k=2))
    part = lines[first:last]
    chance.shuffle(part)
    return lines[:first] + part + lines[last:]


def double(chance: random.Random, lines: Lines) -> Lines:
    return [copy for line in lines for copy in [line] * (1 + (chance.random() < 0.2))]


def drown(chance: random.Random, lines: Lines) -> Lines:
    return [new for line in lines for new in ([chance.choice(CHATTER), line] if chance.random() < 0.4 else [line])]


def repeat_whole(_chance: random.Random, lines: Lines) -> Lines:
    return lines + lines


def interleave(chance: random.Random, lines: Lines) -> Lines:
    """Two pipes: each keeps its order, between them there is none."""
    pipes: tuple[Lines, Lines] = ([], [])
    for line in lines:
        pipes[chance.random() < 0.5].append(line)
    mixed, left = [], [list(pipe) for pipe in pipes]
    while left[0] or left[1]:
        mixed.append(left[chance.random() < len(left[1]) / (len(left[0]) + len(left[1]))].pop(0))
    return mixed


LOSSES: tuple[Disturbance, ...] = (
    delete_some, delete_stretch, delete_what_tells, cut_head, cut_tail, cut_letters, swap, shuffle_stretch, interleave, double, drown,
    repeat_whole,
)  # fmt: skip


# ---- the exception ----
def masked(lines: Sequence[str]) -> tuple[str, ...]:
    """Names and numbers away, repeats and blanks folded: what is left of a transcript is its shape."""
    shapes = []
    for line in lines:
        if line in CHATTER:
            continue
        shape = re.sub(r"\x1b\[[0-9;]*m", "", line).strip()
        shape = re.sub(r"[0-9a-f]{8,}|\d[\w.:-]*", "#", shape)
        shape = re.sub(r"\.{2,}", "…", shape)  # dots that line up names of different lengths
        shape = re.sub(r"(?i)(create|add|index|bad|note)_?[\w.]*", "name", shape)
        if shape:
            shapes.append(shape)
    return _folded(shapes)


def _folded(shapes: list[str]) -> tuple[str, ...]:
    """Repeats of up to seven lines folded into one: three migrations look like one."""
    for width in range(1, 8):
        kept: list[str] = []
        for shape in shapes:
            kept.append(shape)
            if kept[-width:] == kept[-2 * width : -width] and len(kept) >= 2 * width:
                del kept[-width:]
        shapes = kept
    return tuple(shapes)


# Lines that some clean starts of a tool have and others have not.
SOMETIMES: dict[str, Callable[[str], bool]] = {
    "dbmate": lambda line: line.startswith("Applied: "),  # not up to 2.10 (looked for in the released programs 2.4.0 and 2.10.0)
    "sequelize": lambda line: line.startswith(
        "Using environment "
    ),  # not where the settings have no environments (its config-helper)
    "umzug": lambda line: "event: 'up'" in line,  # printed by its command only, not by `umzug.up()` in a program (its src/cli.ts)
}


@cache
def clean_shapes(tool: str) -> frozenset[tuple[str, ...]]:
    mine = [started(one) for one in clean() if one.tool == tool]
    mine += [[line for line in lines if line != ANNOUNCED] for lines in mine]  # as recorded, without the script's announcement
    without = [[line for line in lines if not SOMETIMES[tool](line)] for lines in mine] if tool in SOMETIMES else []
    return frozenset(masked(lines) for lines in (*mine, *without))


def as_clean(tool: str, lines: Sequence[str], spread_ms: int = 1_000) -> bool:
    """Nobody could tell this, or the last start in it, from a recorded clean start of the tool.

    Neighbours within SWAP_MS may have come in either order: two pipes write one stream.
    """
    begins = [number for number, line in enumerate(lines) if line == ANNOUNCED]
    last = lines[begins[-1] :] if begins else lines
    return any(masked(some) in clean_shapes(tool) for one in (lines, last) for some in orders(one, spread_ms))


def orders(lines: Sequence[str], spread_ms: int) -> Iterator[Sequence[str]]:
    """The lines, and with any two neighbours exchanged that are close enough."""
    yield lines
    for n in range(len(lines) - 1 if spread_ms <= SWAP_MS else 0):
        yield [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]]


# ---- the tests ----
@pytest.mark.parametrize("one", failing(), ids=lambda one: f"{one.tool}-{one.case}")
def test_no_failing_start_is_green(one: Start) -> None:
    """Undisturbed, no recorded failure is called PASS."""
    assert verdict(one.tool, events(started(one), TASK, NOW)) is not VerdictValue.PASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one task's stream tells: its start-up lines as they arrived; None: its stream is lost."""

    task: str
    lines: tuple[str, ...] | None
    spread_ms: int

    def reading(self) -> Reading | None:
        if self.lines is None:
            return None
        start = read_fast(opening(self.lines, self.task, NOW, self.spread_ms))
        return start + requests_from(self.task, traffic_ms(self.lines, NOW, self.spread_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    start: Start
    tasks: tuple[Told, ...]
    losses: tuple[str, ...]

    def verdict(self) -> VerdictValue:
        readings = [one.reading() for one in self.tasks]
        now = sum((one for one in readings if one is not None), read_fast(()))
        return judged(self.start.tool, now, *self.sightings())

    def sightings(self) -> list[TaskSighting]:
        return [sighting(one.task, 2, NOW) for one in self.tasks[1:]]

    def excused(self) -> bool:
        """Nobody could tell any of its tasks from one that started cleanly."""
        return all(one.lines is not None and as_clean(self.start.tool, one.lines, one.spread_ms) for one in self.tasks)


def disturbed(chance: random.Random) -> Tried:
    one = chance.choice(failing())
    first, losses = lossy(chance, one, TASK)
    if chance.random() < 0.85:
        return Tried(start=one, tasks=(first,), losses=losses)
    if chance.random() < 0.5:  # the other task of the deployment started as badly
        second, more = lossy(chance, one, OTHER_TASK)
        return Tried(start=one, tasks=(first, second), losses=(*losses, "beside", *more))
    good = chance.choice([each for each in clean() if each.tool == one.tool])
    beside = Told(task=OTHER_TASK, lines=tuple(started(good)), spread_ms=37)
    return Tried(start=one, tasks=(first, beside), losses=(*losses, "beside", good.case))


def lossy(chance: random.Random, one: Start, task: str) -> tuple[Told, tuple[str, ...]]:
    """A start with one to three losses; now and then its whole stream is lost."""
    lines, losses = started(one), []
    for loss in chance.choices(LOSSES, k=chance.randrange(1, 4)):
        lines = loss(chance, lines)
        losses.append(loss.__name__)
    lost = chance.random() < 0.03
    told = Told(task=task, lines=None if lost else tuple(lines), spread_ms=chance.choice((0, 1, 37, 900)))
    return told, (*losses, *(["stream lost"] if lost else []))


def test_the_short_way_of_the_cases_says_the_same() -> None:
    """Joined from what was read once or read in one go, delivered in any order: a case has one verdict."""
    chance = random.Random(SEED + 2)
    for _ in range(25):
        tried = disturbed(chance)
        whole = list(events(started(starts_before(tried.start.tool)), EARLIER_TASK, BEFORE))
        for one in tried.tasks:
            whole += events(one.lines, one.task, NOW, spread_ms=one.spread_ms) if one.lines is not None else []
        chance.shuffle(whole)
        reading, known = read(whole, rules=RULES), facts(*tried.sightings())
        attributions = attribute(reading.coverage, known)
        verdicts = judge(
            with_tasks(known, attributions, reading.migration_runs, reading.coverage), reading.findings, reading.migration_runs,
            reading.request_counts, reading.coverage, attributions, facts=known, as_of_ms=NOW + HOUR,
        )  # fmt: skip
        assert verdicts[-1].verdict is tried.verdict(), tried


def test_no_disturbance_makes_a_failing_start_green() -> None:
    """Deleted, cut, swapped, doubled, drowned, lost: never PASS, but where the rest equals a recorded clean start."""
    chance = random.Random(SEED)
    told: Counter[str] = Counter()
    excused: Counter[str] = Counter()
    wrong: list[Tried] = []
    for _ in range(CASES):
        tried = disturbed(chance)
        verdict_now = tried.verdict()
        told[verdict_now] += 1
        if verdict_now is VerdictValue.PASS:
            if tried.excused():
                excused[f"{tried.start.tool}/{tried.start.case}"] += 1
            else:
                wrong.append(tried)
    print(f"{CASES} cases, seed {SEED}: {dict(told)}; as a clean start: {sum(excused.values())} {dict(excused)}")
    shown = [(one.start.tool, one.start.case, one.losses, one.tasks) for one in wrong[:20]]
    assert not wrong, f"{len(wrong)} false greens, for example {shown}"


def test_most_disturbed_failures_are_still_seen_as_failures() -> None:
    """Never green must not mean never red: most disturbed failures still say FAIL."""
    chance = random.Random(SEED + 1)
    told = Counter(disturbed(chance).verdict() for _ in range(min(CASES, 60)))

    assert told[VerdictValue.FAIL] > told[VerdictValue.INCONCLUSIVE] / 2


A, B, C = "20251101090000_create_orders", "20251102090000_add_note", "20251103090000_note_required"
BROKEN_STARTS = {
    "db-migrate": [("[INFO] Processed migration 20251101090000-create_orders", READY)],
    "alembic": [
        (
            ANNOUNCED, "INFO  [alembic.runtime.migration] Will assume transactional DDL.",
            "INFO  [alembic.runtime.migration] Running upgrade  -> 0001c0ffee12, create orders", "Traceback (most recent call last):",
            '  File "/usr/local/bin/alembic", line 8, in <module>',
            'psycopg.errors.DuplicateColumn: column "note" of relation "orders" already exists', "Migration command exited with code 1",
            "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.", "Migrations check complete", READY,
        ),
    ],
    "dbmate": [
        (ANNOUNCED, f"Applying: {A}.sql", f"Applied: {A}.sql in 6.3ms", f"Applying: {B}.sql", "Migrations check complete", READY),
        (ANNOUNCED, "Continuing wi", "Error:", f"Applying: {A}.sql", READY),
        (ANNOUNCED, f"Applying: {A}.sql", "A", READY),
        (ANNOUNCED, f"Applying: {A}.sql", READY, f"Applied: {A}.sql in 6.3ms", READY),
        (ANNOUNCED, f"Applying: {A}.sql", "Migration comm", READY),
        (ANNOUNCED, f"Applying: {A}.sql", f"Applied: {A}.sql in 6.3ms", "Applying: 202511030900", f"Applied: {C}.sq", READY),
        (ANNOUNCED, f"Applying: {C}.sql", READY, 'Error: pq: column "note" of relation "orders" contains null values (23502)'),
        ('Error: pq: column "note" of relation "orders" contains null values (23502)', f"Applying: {C}.sql", READY),
        (ANNOUNCED, f"Applying: {A}.sql", READY, "Migration command exited with code 1", "Continuing with application startup..."),
    ],
    "typeorm": [
        (
            ANNOUNCED, "0 migrations are already loaded in the database.", "3 migrations were found in the source code.",
            "3 migrations are new migrations must be executed.", "Migration CreateOrders1730716800001 has been executed successfully.", READY,
        ),
        (
            ANNOUNCED, "0 migrations are already loaded in the database.", "3 migrations were found in the source code.",
            "3 migrations are new migrations must be executed.", "Migration CreateOrders1730716800001 has been executed successfully.",
            "  table: undefined,", "  dataType: undefined,", "  constraint: undefined,", "  routine: 'check_for_column_name_collision'", "}",
            "Migrations check complete", READY,
        ),
    ],
    "sequelize": [
        (
            ANNOUNCED, "Sequelize CLI [Node: 20.20.2, CLI: 6.6.5, ORM: 6.37.8]", 'Using environment "development".',
            "== 20251101090000-create_orders: migrated (0.017s)", 'ERROR: column "note" of relation "orders" already exists', READY,
        ),
        (
            ANNOUNCED, "Sequelize CLI [Node: 20.20.2, CLI: 6.6.5, ORM: 6.37.8]", 'Loaded configuration file "config/config.js".',
            'Using environment "development".', "== 20251101090000-create_orders: migrating", "== ",
            "== 20251102090000-add_note: migrating =======", "== 20251102090000-add_note: migrated (0.006s)", "== 202", "Migrations c", READY,
        ),
        (
            ANNOUNCED, "Sequelize CLI [Node: 20.20.2, CLI: 6.6.5, ORM: 6.37.8]", "== 20251101090000-create_orders: migrated (0.021s)",
            READY,
        ),
    ],
    "umzug": [
        (
            "{ event: 'migrating', name: '20251101090000-create_orders.js' }", "  event: 'migrated',",
            "  name: '20251101090000-create_orders.js',", "  durationSeconds: 0.068", READY,
        ),
        (
            ANNOUNCED, "{ event: 'migrating', name: '20251101090000-create_orders.js' }", "{", "  event: 'migrated',",
            "  name: '20251101090000-create_orders.js',", "{ event: 'migrating', name: '20251103090000-add_note_again.js' }",
            "  durationSeconds: 0.007", "}", READY,
        ),
    ],
}  # fmt: skip
"""What earlier long runs called PASS: half of a tool's lines, the rest of an error, an end behind the end."""


@pytest.mark.parametrize(("tool", "lines"), [(tool, lines) for tool, some in BROKEN_STARTS.items() for lines in some])
def test_what_once_was_green_is_not(tool: str, lines: tuple[str, ...]) -> None:
    """A start that an earlier long run found green stays without a PASS."""
    spread_ms = 900 if lines[-1] == READY else 1  # what stands behind "listening" counts when it came with it
    assert verdict(tool, events(lines, TASK, NOW, spread_ms=spread_ms)) is not VerdictValue.PASS


@pytest.mark.parametrize("one", [one for one in clean() if not one.script], ids=lambda one: f"{one.tool}-{one.case}")
def test_no_false_red(one: Start) -> None:
    """A clean start stays what it is: lines that come late, chatter and blank lines between, a task that starts once more."""
    chance = random.Random(f"{one.tool}/{one.case}")
    plain = verdict(one.tool, events(started(one), TASK, NOW))
    assert plain is not VerdictValue.FAIL
    late = events(started(one), TASK, NOW)
    chance.shuffle(late)
    late = [replace(event, ingestion_ms=event.timestamp_ms + chance.randrange(120_000)) for event in late]
    assert verdict(one.tool, late) is plain
    assert verdict(one.tool, events(drown(chance, started(one)), TASK, NOW)) is not VerdictValue.FAIL
    again = [*events(started(one), TASK, NOW), *events(started(one), OTHER_TASK, NOW + HOUR // 4)]
    assert verdict(one.tool, again, sighting(OTHER_TASK, 2, NOW + HOUR // 4)) is not VerdictValue.FAIL


def test_no_harmless_disturbance_makes_a_clean_start_red() -> None:
    """Chatter, blank lines, two pipes, late and shuffled delivery, another task, a start told again: never FAIL."""
    chance = random.Random(SEED + 3)
    told: Counter[str] = Counter()
    wrong = []
    for _ in range(CASES // 5):
        one = chance.choice([each for each in clean() if not each.script])
        spread_ms, harmless = (
            chance.choice((1, 37, 900)),
            chance.sample((drown, blank, interleave_close), k=chance.randrange(1, 4)),
        )
        tasks = []
        for task in (TASK, OTHER_TASK)[: 1 + (chance.random() < 0.3)]:
            lines = started(one)
            for change in harmless:
                lines = change(chance, lines)
            tasks.append(Told(task=task, lines=tuple(lines), spread_ms=spread_ms))
        tried = Tried(start=one, tasks=tuple(tasks), losses=tuple(change.__name__ for change in harmless))
        told[verdict_now := tried.verdict()] += 1
        if verdict_now is VerdictValue.FAIL:
            wrong.append((one.tool, one.case, tried.losses, tried.tasks))
    print(f"{CASES // 5} clean starts, seed {SEED}: {dict(told)}")
    assert not wrong, f"{len(wrong)} false reds, for example {wrong[:5]}"


def blank(chance: random.Random, lines: Lines) -> Lines:
    """Lines of nothing but blanks between."""
    return [new for line in lines for new in ([line, chance.choice((" ", "    "))] if chance.random() < 0.3 else [line])]


def interleave_close(chance: random.Random, lines: Lines) -> Lines:
    """Neighbours change places, as two pipes of one process let them."""
    lines = list(lines)
    for number in range(len(lines) - 1):
        if chance.random() < 0.15:
            lines[number], lines[number + 1] = lines[number + 1], lines[number]
    return lines
