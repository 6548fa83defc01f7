"""The reading that a dashboard begins before its server is up: another process, the same store, told like any refresh."""

from __future__ import annotations

from pathlib import Path

from dashboard.first_reading import FirstReading
from dashboard.refresh import Refresh
from dashboard.settings import Settings
from dashboard.workspace import Workspace

SCENES = Path(__file__).resolve().parents[2] / "sample_logs"


def settings(folder: Path, *sources: str) -> Settings:
    return Settings(store=folder / "s.db", redaction_key=folder / "key", sources=sources)


def begun(folder: Path, *sources: str) -> Refresh:
    reading, refresh = FirstReading(settings(folder, *sources)), Refresh()
    refresh.start(lambda: reading)
    refresh.wait(60)
    return refresh


def test_another_process_reads_into_the_store(tmp_path: Path) -> None:
    """Pages find what it stored, and are told how much it was."""
    progress = begun(tmp_path, str(SCENES / "crash-loop")).progress

    assert (progress.running, progress.error) == (False, None)
    assert "3 streams" in progress.told[0]
    with Workspace.open(settings(tmp_path)) as workspace:
        assert [row.deployment.revision for row in workspace.deployments()] == [12]


def test_what_stops_the_reading_is_said(tmp_path: Path) -> None:
    """A path that is not there: the page says which, and what to do."""
    progress = begun(tmp_path, str(tmp_path / "nowhere")).progress

    assert progress.error is not None
    assert "nowhere" in progress.error
    assert progress.hint
