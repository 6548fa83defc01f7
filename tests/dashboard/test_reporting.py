"""`triage report`, `triage lint` and the CI formats of `triage verify`, as commands."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from dashboard.cli import main

STORY = str(Path(__file__).resolve().parents[2] / "sample_logs/founding-story")
HIDES = "#!/bin/sh\nset -e\nnpx prisma migrate deploy || true\nexec node server.js\n"
CLEAN = "#!/bin/sh\nset -e\nnpx prisma migrate deploy\nexec node server.js\n"


def test_report_is_markdown_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary of the newest deployment; a report exits 0 whatever it says."""
    assert main(["report", "--from", STORY]) == 0

    said = capsys.readouterr().out
    assert said.startswith("# Deployment summary: mentalspace-backend-prod:50\n")
    assert "## Required action" in said


def test_report_of_one_revision_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One object, of the revision that was asked for."""
    assert main(["report", "--from", STORY, "--task-definition", ":48", "--format", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["deployment"]["revision"]) == ("report", 48)


def test_verify_as_junit_keeps_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """The format changes what is printed, not what is judged."""
    assert main(["verify", "--from", STORY, "--format", "junit"]) == 1

    root = ET.fromstring(capsys.readouterr().out)
    assert {case.get("name") for case in root.iter("testcase")} >= {"target_runs", "start_up", "enough_evidence"}


def test_github_writes_the_step_summary(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Annotations on stdout, Markdown appended to the file that the runner names."""
    file = tmp_path / "summary.md"
    file.write_text("of another step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))

    assert main(["verify", "--from", STORY, "--format", "github"]) == 1

    assert all(line.startswith("::error ") for line in capsys.readouterr().out.splitlines())
    assert file.read_text().startswith("of another step\n# Deployment summary")


def test_github_with_a_summary_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A usage error that names the variable."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no/such/folder/file"))

    assert main(["report", "--from", STORY, "--format", "github"]) == 2
    assert "GITHUB_STEP_SUMMARY" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "code"), [(HIDES, 1), (CLEAN, 0)])
def test_lint_exits_1_when_something_hides(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, code: int) -> None:
    """A clean script exits 0 and says so."""
    script = tmp_path / "start.sh"
    script.write_text(text)

    assert main(["lint", str(script)]) == code
    said = capsys.readouterr().out
    assert ("start.sh:3: error:" in said) == bool(code)
    assert ("nothing hides a failed migration" in said) == (not code)


def test_lint_looks_through_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Scripts, Dockerfiles and package.json are found; what is installed is left alone."""
    (tmp_path / "node_modules/x").mkdir(parents=True)
    (tmp_path / "node_modules/x/start.sh").write_text(HIDES)
    (tmp_path / "docker-entrypoint").write_text(HIDES)
    (tmp_path / "Dockerfile").write_text("FROM x\nCMD npx prisma migrate deploy; node x.js\n")
    (tmp_path / "package.json").write_text('{"scripts": {"start": "prisma migrate deploy || true"}}')
    (tmp_path / "notes.txt").write_text(HIDES)

    assert main(["lint", str(tmp_path), "--format", "json"]) == 1
    paths = {Path(json.loads(line)["path"]).name for line in capsys.readouterr().out.splitlines()}
    assert paths == {"docker-entrypoint", "Dockerfile", "package.json"}


def test_lint_sarif_of_nothing_is_still_sarif(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Code scanning closes old findings only when it gets a run without them."""
    script = tmp_path / "start.sh"
    script.write_text(CLEAN)

    assert main(["lint", str(script), "--format", "sarif"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []


def test_lint_strict_fails_for_warnings(tmp_path: Path) -> None:
    """What only an option opens is a warning: 0, and 1 with --strict."""
    script = tmp_path / "start.sh"
    script.write_text('set -e\nnpx prisma migrate deploy || { [ -n "$ALLOW" ] || exit 1; }\nexec node x.js\n')

    assert main(["lint", str(script)]) == 0
    assert main(["lint", "--strict", str(script)]) == 1


def test_lint_of_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with the name."""
    assert main(["lint", "no/such/start.sh"]) == 2
    assert "no/such/start.sh" in capsys.readouterr().err
