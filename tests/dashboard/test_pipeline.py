"""`triage verify` as a pipeline runs it: README's step and job, typed as they stand, against the story behind an endpoint like AWS's."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard import cli, verify_live
from dashboard.double import Double, SceneTruth
from dashboard.fetchers.quotas import Pace
from parsers import rfc3339

REPOSITORY = Path(__file__).resolve().parents[2]
STORY = REPOSITORY / "sample_logs" / "founding-story"
SMALL = REPOSITORY / "sample_logs" / "crash-loop"
BLOCKS = [
    yaml.safe_load(text)
    for text in re.findall(r"^```yaml\n(.*?)^```", (REPOSITORY / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
]
GITHUB: str = next(one["jobs"]["deploy"]["steps"][0]["run"] for one in BLOCKS if "jobs" in one)
GITLAB: str = next(one["verify-deployment"]["script"][0] for one in BLOCKS if "verify-deployment" in one)
COMMIT = "c3a7950" + "0" * 33
DEPLOYED_MS = int(datetime.fromisoformat("2025-11-19T02:57:30+00:00").timestamp() * 1000)
SETTLED_MS = int(datetime.fromisoformat("2025-11-19T03:10:56+00:00").timestamp() * 1000)


class DoubleClock:
    """The double's clock, which only sleeping moves."""

    def __init__(self, double: Double) -> None:
        self.double = double

    def now_ms(self) -> int:
        return self.double.clock()

    def sleep(self, ms: int) -> None:
        self.double.clock.advance(ms)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Double]:
    """The story while revision 50 is rolled out, half a minute before its migration fails; `triage` finds it as it would find AWS."""
    with Double(SceneTruth.load(STORY), now_ms=DEPLOYED_MS) as served:
        for name, value in {
            "AWS_ENDPOINT_URL": served.endpoint_url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo",
            "CLUSTER": "mentalspace-ehr-prod", "SERVICE": "mentalspace-backend", "GITHUB_SHA": COMMIT, "CI_COMMIT_SHA": COMMIT,
            "TRIAGE_STORE": str(tmp_path / "s.db"), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path),
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(verify_live, "SystemClock", lambda: DoubleClock(served))
        monkeypatch.setattr(Pace, "rate", lambda *_: 10_000.0)
        yield served


def typed(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a README command, its variables filled in as a shell would."""
    from os import path

    words = shlex.split(path.expandvars(command.strip()))
    assert words[0] == "triage"
    return cli.main(words[1:])


def test_the_github_step_fails_the_job_soon_after_the_line(
    double: Double, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """While it is rolled out: FAIL within 90 s of P3005's ingestion by the double's clock, annotated and summed up."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    assert typed(GITHUB, monkeypatch) == 1

    told = capsys.readouterr()
    assert 0 <= double.clock() - p3005_ms(double) <= 90_000, rfc3339(double.clock())
    assert [line for line in told.out.splitlines() if not line.startswith("::error title=FAIL%3A ")] == []
    assert "P3005" in told.out
    assert "MIGRATION FAILED AND MASKED (P3005)" in summary.read_text("utf-8")
    assert "the deployment is not there yet" not in told.err
    assert "start up        ✖" in told.err


def p3005_ms(double: Double) -> int:
    """When the line of revision 50 was ingested."""
    lines = (event for group in double.truth.groups.values() for event in group.events)
    return min(one.ingestion for one in lines if one.message == "Error: P3005" and one.ingestion > DEPLOYED_MS)


def test_the_gitlab_job_leaves_a_test_case_a_check(
    double: Double, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """After the story: FAIL in words, and in the JUnit file each failed case tells its own reasons."""
    double.clock.advance(SETTLED_MS - DEPLOYED_MS)

    assert typed(GITLAB, monkeypatch) == 1

    assert "✖ FAIL" in capsys.readouterr().out
    root = ET.parse(tmp_path / "triage.xml").getroot()
    failed = {
        case.get("name"): case.findtext("failure") or "" for case in root.iter("testcase") if case.find("failure") is not None
    }
    assert set(failed) == {"start_up", "new_or_worse", "fix_effective"}
    assert "P3005" in failed["start_up"]
    assert "P3005" not in failed["new_or_worse"]
    assert "FIX NOT EFFECTIVE" in failed["new_or_worse"]
    assert "FIX NOT EFFECTIVE" in failed["fix_effective"]


def test_what_could_not_be_looked_at_is_an_error_in_the_file(
    double: Double, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No such service: exit code 4, and a JUnit file that cannot be read as success."""
    monkeypatch.setenv("SERVICE", "nobody")

    assert typed(GITLAB, monkeypatch) == 4

    assert ET.parse(tmp_path / "triage.xml").getroot().get("errors") == "1"
    assert "nobody" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--baseline", "nothing"], "--baseline"),
        (["--since", "soon", "--wait", "1m"], "--since"),
        (["--commit", "c3a7951"], "no such deployment"),
        (["--junit", "/nowhere/x.xml"], "/nowhere/x.xml"),
    ],
)
def test_a_wrong_word_is_a_usage_error(more: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is silently left out of a judgement."""
    assert cli.main(["verify", "--from", str(SMALL), *more]) == 2
    assert word in capsys.readouterr().err


def test_at_is_not_silently_ignored_on_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The store keeps counts, not lines: the past can be judged from files only."""
    assert cli.main(["verify", "--store", str(tmp_path / "s.db"), "--at", "2025-11-19T03:00:00Z"]) == 2
    assert "--from" in capsys.readouterr().err


def test_min_requests_below_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Zero requests prove nothing."""
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", "--from", str(STORY), "--min-requests", "0"])
    assert end.value.code == 2
    assert "--min-requests" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("known", "asked", "same"),
    [("c3a7950", COMMIT, True), ("c3a7950", "c3a", True), (COMMIT, "c3a7950", True), ("c3a7950", "c3a7951", False), ("c3a", COMMIT, False),
     (None, COMMIT, False)],
)  # fmt: skip
def test_a_commit_is_known_by_its_beginning(known: str | None, asked: str, same: bool) -> None:
    """An image's tag holds seven letters, a pipeline knows forty; three letters in a tag name nothing."""
    assert cli.same_commit(known, asked) is same


def test_the_yaml_is_what_the_services_take() -> None:
    """Exit code 3 is no red job on GitLab, and the step's time is longer than the wait."""
    job: dict[str, Any] = next(one["verify-deployment"] for one in BLOCKS if "verify-deployment" in one)
    step: dict[str, Any] = next(one["jobs"]["deploy"]["steps"][0] for one in BLOCKS if "jobs" in one)
    assert job["allow_failure"] == {"exit_codes": 3}
    assert job["artifacts"]["reports"]["junit"] == "triage.xml"
    assert step["timeout-minutes"] > 15
