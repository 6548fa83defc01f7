"""`triage verify --wait` and `--probe-db` together with the store: a deployment that comes, a verdict that ends the wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard import verify_live
from dashboard.cli import chosen_deployment, main
from dashboard.judgement import Judgement
from dashboard.probe import Column, Probed
from dashboard.settings import load_settings
from dashboard.verify_live import wait_for_verdict
from dashboard.workspace import Workspace
from parsers import Deployment, JudgeSettings, NotSeenError, UsageError, VerdictValue

SCENES = Path(__file__).resolve().parents[2] / "sample_logs"
STORY, CLEAN = str(SCENES / "founding-story"), str(SCENES / "migrated-cleanly")


class FakeClock:
    """Time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_763_521_000_000

    def now_ms(self) -> int:
        return self.now

    def sleep(self, ms: int) -> None:
        self.now += ms


def newest(judgement: Judgement) -> Deployment:
    return chosen_deployment(judgement.deployments, ":50", None, None)


def test_a_wait_ends_with_the_first_certain_failure(tmp_path: Path) -> None:
    """Nothing in the first two looks, the story's logs in the third: FAIL, within 90 s of the fake clock."""
    clock, said, looks = FakeClock(), [], []

    def fetch(workspace: Workspace) -> None:
        looks.append(clock.now)
        if len(looks) == 3:
            workspace.collect()

    settings = load_settings({"store": str(tmp_path / "s.db"), "from": [STORY]})
    judgement, target = wait_for_verdict(
        settings, JudgeSettings(), newest, wait_ms=600_000, say=said.append, clock=clock, fetch=fetch
    )

    verdict = judgement.verdict_of(target.deployment_id)
    assert verdict is not None
    assert verdict.verdict is VerdictValue.FAIL
    assert clock.now - 1_763_521_000_000 <= 90_000
    assert any("not there yet" in line for line in said)
    assert any("start up" in line and "✖" in line for line in said)


def test_a_one_off_task_of_the_revision_does_not_end_the_wait(tmp_path: Path) -> None:
    """A migration task of its own runs before ECS knows the deployment: the wait goes on until it does."""
    looks: list[int] = []

    def choose(judgement: Judgement) -> Deployment:
        looks.append(len(judgement.standalone))
        there = judgement.deployments if len(looks) == 3 else ()
        return chosen_deployment(there, "mentalspace-backend-prod:50", None, None, judgement.standalone)

    settings = load_settings({"store": str(tmp_path / "s.db"), "from": [STORY]})
    _, target = wait_for_verdict(
        settings,
        JudgeSettings(),
        choose,
        wait_ms=600_000,
        say=lambda _: None,
        clock=FakeClock(),
        fetch=lambda workspace: workspace.collect(),
    )

    assert looks == [1, 1, 1]
    assert target.revision == 50


def test_a_deployment_that_never_comes_is_not_a_verdict(tmp_path: Path) -> None:
    """Could not look: exit code 4, never PASS."""
    settings = load_settings({"store": str(tmp_path / "s.db")})

    with pytest.raises(NotSeenError):
        wait_for_verdict(
            settings, JudgeSettings(), newest, wait_ms=60_000, say=lambda _: None, clock=FakeClock(), fetch=lambda _: None
        )


def test_a_baseline_that_nobody_knows_ends_the_wait_at_once(tmp_path: Path) -> None:
    """No waiting brings an older deployment: the first look says so, though the one that is waited for is not there yet."""
    clock, looks = FakeClock(), []

    def fetch(workspace: Workspace) -> None:
        looks.append(clock.now)
        workspace.collect()

    def check(judgement: Judgement) -> None:
        raise UsageError("--baseline :7: no such deployment")

    def choose(judgement: Judgement) -> Deployment:
        raise UsageError("not there yet")

    settings = load_settings({"store": str(tmp_path / "s.db"), "from": [CLEAN]})
    with pytest.raises(UsageError, match="baseline"):
        wait_for_verdict(
            settings, JudgeSettings(), choose, wait_ms=600_000, say=lambda _: None, clock=clock, fetch=fetch, check=check
        )
    assert len(looks) == 1


def test_a_scene_is_looked_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Files do not change: `--wait` beside `--from` waits for nothing, and a bad duration is a usage error."""
    assert main(["verify", "--from", STORY, "--wait", "10m"]) == 1
    assert main(["verify", "--from", STORY, "--wait", "soon"]) == 2
    assert "--wait" in capsys.readouterr().err


def test_a_contradicting_database_takes_the_green_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log is clean, the ledger is not there: FAIL with the contradiction as a reason."""
    assert main(["verify", "--from", CLEAN, "--inconclusive", "pass"]) == 0
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.internal/app")
    monkeypatch.setattr(verify_live, "probe", lambda url, run, findings: Probed(tool=run.tool, ledger=None))

    assert main(["verify", "--from", CLEAN, "--probe-db", "DATABASE_URL"]) == 1
    assert "no ledger of alembic" in capsys.readouterr().out


def test_a_database_that_agrees_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failing deployment stays failing; the probe only adds."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.internal/app")
    column = Column(table="ClinicalNote", name="appointmentId", nullable=False)
    monkeypatch.setattr(verify_live, "probe", lambda url, run, findings: Probed(tool=run.tool, ledger=None, columns=(column,)))

    assert main(["verify", "--from", STORY, "--probe-db", "DATABASE_URL"]) == 1


def test_a_url_on_the_command_line_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Only a variable's name may stand there; the URL is not repeated."""
    assert main(["verify", "--from", STORY, "--probe-db", "postgresql://app:s3cret@db/app"]) == 2
    assert "s3cret" not in capsys.readouterr().err
