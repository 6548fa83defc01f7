"""`triage export`: what is read back with other people's readers is what the store holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow.dataset as arrow
import pytest

from dashboard import exporting
from dashboard.cli import main
from dashboard.rows import Filters
from dashboard.settings import Settings
from dashboard.workspace import Workspace
from parsers import InputError

SCENES = Path(__file__).resolve().parents[2] / "sample_logs"
README = SCENES.parent / "README.md"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory):
    """(workspace of three scenes, the folder of its export, the report)."""
    folder = tmp_path_factory.mktemp("export")
    sources = tuple(str(SCENES / name) for name in ("crash-loop", "migrated-cleanly", "without-migrations"))
    with Workspace.open(Settings(store=folder / "s.db", redaction_key=folder / "key", sources=sources)) as workspace:
        workspace.collect()
        yield workspace, folder / "out", exporting.export(workspace, folder / "out")


def frame(folder: Path, table: str) -> pl.DataFrame:
    return pl.read_parquet(folder / table, hive_partitioning=True)


def test_every_table_holds_what_the_store_holds(story):
    """Findings, runs, counts, coverage and deployments, counted by the workspace's own answers."""
    workspace, folder, report = story
    findings = workspace.findings(Filters(), 100_000)

    assert sorted(frame(folder, "findings")["id"]) == sorted(one.id for one in findings)
    assert sorted(frame(folder, "migration_runs")["id"]) == sorted(one.id for one in workspace.migration_runs(Filters()))
    requests = frame(folder, "request_counts").filter(~pl.col("health_check"))
    assert requests["count"].sum() == sum(row.requests for row in workspace.deployments())
    failures = frame(folder, "failure_counts")
    assert failures["count"].sum() == sum(group.requests for group in workspace.failures(Filters()))
    assert frame(folder, "coverage")["events"].sum() == sum(row.coverage.events for row in workspace.sources())
    told = frame(folder, "deployments")
    assert dict(told.select("deployment_id", "verdict").iter_rows()) == {
        row.deployment.deployment_id: row.verdict.verdict for row in workspace.deployments()
    }
    assert report.rows["deployments"] == len(workspace.deployments()) >= 3


def test_the_question_of_the_readme_is_answered(story):
    """Its SQL as it stands, by Polars, which understands DuckDB's `read_parquet` and `GROUP BY ALL`: all 400s, by day and route."""
    workspace, folder, _ = story
    (question,) = re.findall(r"^```sql\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)

    answer = pl.sql(question.replace("FOLDER", str(folder))).collect()

    assert answer.columns == ["day", "route", "count"]
    told = sum(group.requests for group in workspace.failures(Filters()) if group.status == 400)
    assert answer["count"].sum() == told > 0


def test_a_row_stands_in_the_partition_of_its_day(story):
    """`day=` is the UTC day of the row's own time, a date to every reader."""
    folder = story[1]

    for table, column in (
        ("findings", "at"),
        ("request_counts", "minute"),
        ("migration_runs", "started_at"),
        ("deployments", "created_at"),
    ):
        some = frame(folder, table)
        assert some["day"].dtype == pl.Date
        assert (some[column].dt.date() == some["day"]).all(), table


def test_pyarrow_reads_it_as_a_hive_dataset(story):
    """A reader that is not the writer: partitions pruned, columns typed, times in UTC."""
    folder = story[1]
    found = arrow.dataset(folder / "failure_counts", format="parquet", partitioning="hive")
    refused = found.to_table(filter=arrow.field("day") == "2026-11-22").to_pylist()

    assert refused
    assert {row["first_at"].astimezone(UTC).date() for row in refused} == {datetime(2026, 11, 22, tzinfo=UTC).date()}
    assert {row["status"] for row in refused} >= {422}


def test_again_is_the_same_and_leaves_nothing_behind(story):
    """Same names, same bytes, no temporary file, nothing removed."""
    workspace, folder, _ = story
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    report = exporting.export(workspace, folder)

    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert report.removed == 0
    assert all(path.suffix == ".parquet" and not path.name.startswith(".") for path in before)


def test_json_lines_tell_the_same(story, tmp_path):
    """The same rows and columns, times as RFC 3339; the Parquet beside them is another format's and stays."""
    workspace, folder, report = story
    again = exporting.export(workspace, tmp_path, "json")

    assert again.rows == report.rows
    lines = [
        json.loads(line) for path in (tmp_path / "findings").rglob("*.jsonl") for line in path.read_text("utf-8").splitlines()
    ]
    assert Counter(line["id"] for line in lines) == Counter(frame(folder, "findings")["id"])
    assert set(lines[0]) == set(exporting.COLUMNS["findings"])
    assert lines[0]["at"].endswith("Z")


def test_what_the_store_no_longer_says_goes_and_what_it_dropped_stays(story, tmp_path):
    """A stream's file of a day it has no more is removed; files of streams that the store does not hold are somebody's archive."""
    workspace = story[0]
    exporting.export(workspace, tmp_path)
    mine = next((tmp_path / "findings").rglob("*.parquet"))
    stale = tmp_path / "findings" / "day=2020-01-01" / mine.name
    archive = stale.with_name("0" * 24 + ".parquet")
    stale.parent.mkdir()
    for path in (stale, archive):
        path.write_bytes(mine.read_bytes())

    report = exporting.export(workspace, tmp_path)

    assert (stale.exists(), archive.exists(), report.removed) == (False, True, 1)


def test_a_write_that_fails_leaves_the_file_before(story, tmp_path, monkeypatch):
    """No half file, no temporary one, and a plain word."""
    workspace = story[0]
    exporting.export(workspace, tmp_path)
    before = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}

    def full(path, columns, rows):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setitem(exporting._WRITERS, "parquet", full)
    with pytest.raises(InputError, match="No space left"):
        exporting.export(workspace, tmp_path)

    assert {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_command_exports_a_scene_without_a_store(tmp_path, capsys, monkeypatch):
    """`--from`: nothing but the folder is written; without anything to read it is a usage error."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    assert main(["export", str(tmp_path / "out"), "--from", str(SCENES / "crash-loop")]) == 0
    assert "migration_runs" in capsys.readouterr().out
    assert frame(tmp_path / "out", "migration_runs")["outcome"].to_list() == ["failed"] * 3
    assert not list((tmp_path / "data").rglob("*.db"))
    assert main(["export", str(tmp_path / "out"), "--store", str(tmp_path / "none.db")]) == 2
    file = tmp_path / "file"
    file.write_text("")
    assert main(["export", str(file), "--from", str(SCENES / "crash-loop")]) == 2
    assert "file" in capsys.readouterr().err
