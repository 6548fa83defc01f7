"""The founding story: what was really captured, counted here by a few independent lines, against what the product says."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.judgement import Judgement, judge_paths
from parsers import Category, Layer, Outcome, ReasonCode, Severity, VerdictValue

SCENE = Path(__file__).resolve().parents[2] / "sample_logs" / "founding-story"
ACCESS = re.compile(r'^\S+ - \S+ \[[^\]]+\] "([A-Z]+) (\S+) HTTP/1\.1" (\d{3}|-) ')
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NEVER_CAME_UP = "141a1928116bfc4ab22d509c39269cc9"
LAYER_OF_MESSAGE = (
    ("Zod validation error", Layer.VALIDATION),
    ("Business rules validation failed", Layer.BUSINESS_RULE),
    ("Bad Request: Prisma validation error", Layer.ORM),
    ("Bad Request: database constraint violation", Layer.DATABASE),
    ("Database error", Layer.DATABASE),
    ("Bad Request: malformed JSON body", Layer.BODY_PARSER),
    ("Payload too large", Layer.BODY_PARSER),
)


def captured() -> Iterator[dict[str, Any]]:
    """Every captured event, in the order of its file."""
    for path in sorted(SCENE.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


@pytest.fixture(scope="module")
def story() -> Judgement:
    return judge_paths([str(SCENE)])


def access_lines() -> Iterator[tuple[str, str, str, str, int]]:
    """(task, method, route, status, timestamp) of every access line."""
    for event in captured():
        hit = ACCESS.match(event["message"])
        if hit is not None:
            yield event["logStreamName"][-32:], hit[1], UUID.sub(":id", hit[2].split("?")[0]), hit[3], event["timestamp"]


def test_each_task_has_its_own_migration_outcome_and_code(story: Judgement) -> None:
    """Eight tasks ran `prisma migrate deploy`; each failed, seven with P3005, one could not reach the database; each went on."""
    said = {
        run.stream.task_id: (run.outcome, run.error_code, run.exit_code, run.application_continued, run.ready)
        for run in story.runs
    }
    tasks = {event["logStreamName"][-32:] for event in captured()}

    assert said == {
        task: (Outcome.FAILED, "P1001" if task == NEVER_CAME_UP else "P3005", 1, True, task != NEVER_CAME_UP) for task in tasks
    }


def test_requests_are_counted_exactly_as_the_access_lines_say(story: Judgement) -> None:
    """By task, method, route template and status: no request more, none less."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for one in story.counts:
        counted[one.stream.task_id or "", one.method, one.route, "-" if one.aborted else str(one.status)] += one.count

    assert counted == Counter(line[:4] for line in access_lines())


def test_one_finding_for_each_refused_request(story: Judgement) -> None:
    """A refused request prints up to seventy lines and is one finding; nothing else has a status."""
    found = Counter(
        (f.stream.task_id, f.method, f.route, str(f.status)) for f in story.findings if f.status is not None and not f.aborted
    )

    assert found == Counter(line[:4] for line in access_lines() if line[3].isdigit() and int(line[3]) >= 400)


def test_an_aborted_request_is_a_finding_when_its_cause_was_printed(story: Judgement) -> None:
    """morgan's `- -`: the client gave up; the statement timeout that is printed up to ten seconds later says why."""
    aborted = [f for f in story.findings if f.aborted]

    assert len(aborted) == sum(1 for line in access_lines() if line[3] == "-")
    assert {(f.layer, f.db_code) for f in aborted} == {(Layer.DATABASE, "57014")}


def told_layers() -> Counter[tuple[str, Layer]]:
    """(task, layer) of refused draft saves as the application's own log lines say it: one such line a request."""
    told: Counter[tuple[str, Layer]] = Counter()
    for event in captured():
        if not event["message"].startswith('{"'):
            continue
        line = json.loads(event["message"])
        layer = next((layer for words, layer in LAYER_OF_MESSAGE if line["message"].startswith(words)), None)
        if layer is not None and line.get("method", "POST") == "POST" and line.get("path") == "/api/v1/clinical-notes":
            told[event["logStreamName"][-32:], layer] += 1
    return told


def test_refused_draft_saves_have_the_right_layer(story: Judgement) -> None:
    """At least 98 % of them, against the application's own words."""
    told = told_layers()
    found = Counter(
        (f.stream.task_id or "", f.layer)
        for f in story.findings
        if f.method == "POST" and f.route == "/api/v1/clinical-notes" and f.status is not None
    )
    right = sum((told & found).values())

    assert sum(told.values()) > 250
    assert right / sum(told.values()) >= 0.98


def test_look_alikes_give_no_finding(story: Judgement) -> None:
    """A search for "P3005", a note about "error 400" and `limit=400` all answered 200."""
    quiet = {
        e["eventId"] for e in captured() if (hit := ACCESS.match(e["message"])) is not None and hit[3] < "400" and hit[3] != "-"
    }
    proving = {event_id for f in story.findings for event_id in f.event_ids}

    assert not quiet & proving


def test_ecs_says_successful_and_the_verdict_is_fail(story: Judgement) -> None:
    """Green everywhere else, FAIL here, for all five; first the masked migration, then what refuses draft saves now."""
    assert [d.revision for d in story.deployments] == [46, 47, 48, 49, 50]
    assert {d.ecs_status for d in story.deployments} == {"SUCCESSFUL"}
    assert {v.verdict for v in story.verdicts} == {VerdictValue.FAIL}
    assert {v.reasons[0].code for v in story.verdicts} == {ReasonCode.MIGRATION_FAILED_CONTINUED}


@pytest.mark.parametrize(
    ("revision", "layer", "fields"),
    [
        (46, Layer.VALIDATION, {"sessionDate"}),
        (47, Layer.BUSINESS_RULE, {"appointmentId"}),
        (48, Layer.ORM, {"sessionDate"}),
        (49, Layer.ORM, {"appointment"}),
        (50, Layer.DATABASE, {"appointmentId"}),
    ],
)
def test_each_revision_refuses_draft_saves_in_its_own_layer(
    story: Judgement, revision: int, layer: Layer, fields: set[str]
) -> None:
    """The symptom moves down the layers; where the founding document and the logs differ, the logs win."""
    verdict = next(v for d, v in zip(story.deployments, story.verdicts, strict=True) if d.revision == revision)
    reason = next(r for r in verdict.reasons if r.numbers.get("route") == "/api/v1/clinical-notes")

    assert reason.numbers["layer"] == layer
    assert fields <= set(str(reason.numbers["fields"]).split(", "))


def test_deployment_49_shows_both_tasks(story: Judgement) -> None:
    """One task never came up (P1001), the next failed another way (P3005) and runs: the one that runs is the worst that matters."""
    verdict = next(v for d, v in zip(story.deployments, story.verdicts, strict=True) if d.revision == 49)
    failures = [r for r in verdict.reasons if r.code is ReasonCode.MIGRATION_FAILED_CONTINUED]

    assert [r.numbers["error_code"] for r in failures] == ["P3005", "P1001"]
    assert failures[1].numbers["task_id"] == NEVER_CAME_UP


def test_streams_are_attributed_by_ecs_own_words(story: Judgement) -> None:
    """The snapshots keep what ECS forgot: every stream is exact."""
    revision_of_file = {e["logStreamName"]: path for path in range(46, 51) for e in _file(path)}
    said = {s.log_stream: int((a.task_definition or ":0").rsplit(":", 1)[1]) for s, a in story.attributions.items()}

    assert said == revision_of_file
    assert {a.confidence for a in story.attributions.values()} == {"exact"}


def _file(revision: int) -> Iterator[dict[str, Any]]:
    with gzip.open(SCENE / f"td{revision}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def test_migration_failures_are_critical_and_name_what_follows(story: Judgement) -> None:
    """One finding a failed run, with its run."""
    failures = [f for f in story.findings if f.category is Category.MIGRATION]

    assert len(failures) == len(story.runs)
    assert {f.severity for f in failures} == {Severity.CRITICAL}
    assert {f.run_id for f in failures} == {run.id for run in story.runs}
