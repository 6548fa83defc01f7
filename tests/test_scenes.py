"""Every scene of sample_logs/ against its expected.toml: verdicts, outcomes and counts that were not made by the product.

The request counts in expected.toml were counted by `count` below, a few lines that share nothing with the product; it
counts again at every run, so the file can't drift from the logs.
"""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.judgement import judge_paths

SAMPLES = Path(__file__).resolve().parents[1] / "sample_logs"
SCENES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir())
LINE = re.compile(r'"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) [^"]*" (\d{3}|-)(?= )')


def messages(scene: str) -> Iterator[tuple[str, str]]:
    """(task id, message) of every event."""
    for path in sorted((SAMPLES / scene).iterdir()):
        if ".jsonl" not in path.name:
            continue
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text("utf-8")
        for line in text.splitlines():
            event = json.loads(line)
            yield event["logStreamName"].rsplit("/", 1)[-1], event["message"]


def status_of(message: str) -> str | None:
    """The status an access line answers with; `-` when the client gave up."""
    if message.startswith("{"):
        if '"msg":"request completed"' not in message:
            return None
        return str(json.loads(message)["res"]["statusCode"])
    hit = LINE.search(message)
    return hit[1] if hit is not None else None


def count(scene: str) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for task, message in messages(scene):
        status = status_of(message)
        if status is not None:
            counted.setdefault(task, Counter())[status] += 1
    return {task: dict(statuses) for task, statuses in counted.items()}


def expected(scene: str) -> dict[str, Any]:
    return tomllib.loads((SAMPLES / scene / "expected.toml").read_text("utf-8"))


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_is_judged_as_expected(scene: str) -> None:
    """Verdict and reasons of each deployment, outcome and code of each task, requests by status of each task."""
    wanted = expected(scene)
    judgement = judge_paths([str(SAMPLES / scene)])
    verdicts = {v.deployment_id: v for v in judgement.verdicts}

    deployments = [
        {
            "revision": d.revision,
            "verdict": str(verdicts[d.deployment_id].verdict),
            "reasons": sorted({str(r.code) for r in verdicts[d.deployment_id].reasons}),
        }
        for d in judgement.deployments
    ]
    tasks = [
        {"id": t.task_id, "outcome": str(t.migration_outcome), "code": t.error_code or "", "continued": t.application_continued}
        for d in judgement.deployments
        for t in d.tasks
    ]
    counted: dict[str, Counter[str]] = {}
    for one in judgement.counts:
        counted.setdefault(one.stream.task_id or "", Counter())["-" if one.aborted else str(one.status)] += one.count

    assert deployments == wanted["deployment"]
    assert sorted(tasks, key=lambda t: str(t["id"])) == sorted(wanted["task"], key=lambda t: t["id"])
    assert {task: dict(statuses) for task, statuses in counted.items()} == count(scene) == wanted.get("requests", {})


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_explains_itself(scene: str) -> None:
    """Each has a README that says where its lines come from and what was done to them."""
    text = (SAMPLES / scene / "README.md").read_text("utf-8")

    assert "captured" in text


LOSSES = {
    "nothing": lambda task, text: False,
    "what Alembic and the entrypoint said on one task": lambda task, text: task.startswith("f77a") and ("[" in text),
    "every answered request": lambda task, text: "HTTP/1.1" in text,
    "the whole log of one task": lambda task, text: task.startswith("fde1"),
}


@pytest.mark.parametrize("lost", LOSSES)
def test_the_green_scene_is_green_by_its_evidence(lost: str, tmp_path: Path) -> None:
    """Revision 20 of `mended-and-green` passes; without one kind of the lines that prove it, it does not."""
    scene = SAMPLES / "mended-and-green"
    (tmp_path / "ecs.json").write_bytes((scene / "ecs.json").read_bytes())
    events = [json.loads(line) for line in gzip.decompress((scene / "td20.jsonl.gz").read_bytes()).splitlines()]
    kept = [e for e in events if not LOSSES[lost](e["logStreamName"].rsplit("/", 1)[-1], e["message"])]
    (tmp_path / "td20.jsonl").write_text("".join(json.dumps(e) + "\n" for e in kept), "utf-8")

    judgement = judge_paths([str(tmp_path)])
    verdict = next(judgement.verdict_of(d.deployment_id) for d in judgement.deployments if d.revision == 20)

    assert verdict is not None
    assert str(verdict.verdict) == ("PASS" if lost == "nothing" else "INCONCLUSIVE")


def test_the_scenes_are_small() -> None:
    """At most 3 MB travel with the product."""
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) <= 3_000_000
