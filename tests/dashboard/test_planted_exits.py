"""No planted identifier leaves by any door: the store's file, the context of a finding, the command line, an exception."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.cli import main
from dashboard.rows import Filters
from dashboard.settings import Settings
from dashboard.workspace import Workspace
from tests.parsers.planted import Case, cases

START_MS = 1_795_378_332_000
CASES = [case for case in cases(3, wrappers_a_shape=2) if not case.free_text]


def _line(case: Case, number: int, position: int) -> str:
    return json.dumps(
        {
            "logGroup": "/ecs/ehr",
            "logStreamName": f"ehr/api/{number:032x}",
            "timestamp": START_MS + 60_000 * number + 10 * position,
            "ingestionTime": START_MS + 60_000 * number + 1_000,
            "message": case.events[position],
            "eventId": f"{number:05d}{position:05d}",
        }
    )


@pytest.fixture(scope="module")
def planted_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one log file: a stream for every case, as `filter-log-events` gives them."""
    folder = tmp_path_factory.mktemp("planted")
    lines = [_line(case, number, position) for number, case in enumerate(CASES) for position in range(len(case.events))]
    (folder / "planted.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def workspace(planted_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The folder, collected into a store."""
    settings = Settings(store=tmp_path_factory.mktemp("store") / "store.db", sources=(str(planted_log),))
    with Workspace.open(settings) as opened:
        opened.collect()
        yield opened


def leaked(text: str) -> list[tuple[str, str]]:
    """(case, piece) of everything planted that stands in `text`; a few digits inside a longer number or a digest are chance.

    So are three digits anywhere (a card's CVV) among thousands of counts and line numbers: test_planted.py looks for them record by record.
    """
    text = text.casefold()
    pieces = [(case.name, piece) for case in CASES for plant in case.planted for piece in plant.pieces]
    found = [(name, piece) for name, piece in pieces if not (len(piece) < 4 and piece.isdigit()) and piece.casefold() in text]
    return [
        (name, piece) for name, piece in found if not piece.isdigit() or re.search(rf"(?<![0-9a-f.]){piece}(?![0-9a-f])", text)
    ]


def _cells(workspace: Workspace) -> Iterator[str]:
    """Every value of every row of every table, opened where it is packed."""
    names = [row[0] for row in workspace.database.ask("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in names:
        assert re.fullmatch(r"\w+", name)
        for row in workspace.database.ask(f"SELECT * FROM {name}"):
            for value in row:
                yield _opened(value) if isinstance(value, bytes) else str(value)


def _opened(value: bytes) -> str:
    with contextlib.suppress(zlib.error):
        value = zlib.decompress(value)
    return value.decode("utf-8", "replace")


def test_nothing_planted_is_in_the_store(workspace: Workspace) -> None:
    """Neither in a cell of a table nor in a byte of its files."""
    cells = "\n".join(_cells(workspace))
    files = "\n".join(
        path.read_bytes().decode("utf-8", "replace") for path in sorted(Path(workspace.settings.store).parent.glob("store.db*"))
    )

    assert len(cells) > 100_000
    assert "P2002" in cells
    assert leaked(cells) == []
    assert leaked(files) == []


def test_nothing_planted_is_on_a_page_or_in_a_link(workspace: Workspace) -> None:
    """What the views show: findings, groups, runs, requests, fields, unexplained lines, and the events around a finding."""
    every = Filters()
    findings = workspace.findings(every, limit=2_000)
    told = [
        findings,
        workspace.failures(every),
        workspace.migration_runs(every),
        workspace.requests(every),
        workspace.fields(every),
    ]
    around = [workspace.context(one.id) for one in findings[:60]]

    assert len(findings) > 100
    assert any(around)
    assert leaked(repr([told, workspace.unexplained(), workspace.sources(), around])) == []


@pytest.mark.parametrize("arguments", [("--format", "json"), ()])
def test_nothing_planted_is_printed(
    arguments: tuple[str, ...], planted_log: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """`triage classify`: neither what it says nor its talk nor its own log lines."""
    with caplog.at_level(logging.DEBUG):
        assert main(["classify", str(planted_log), *arguments]) == 0
    out, err = capfd.readouterr()

    assert len(out) > 10_000
    assert leaked(out + err + caplog.text) == []


def test_nothing_planted_is_in_an_explanation(capfd: pytest.CaptureFixture[str]) -> None:
    """`triage explain` shows a line it was given: redacted like any other."""
    chosen = [case for case in CASES if len(case.events) == 1 and case.wrapper == "plain"][::8]
    for case in chosen:
        main(["explain", case.events[0]])
    out, err = capfd.readouterr()

    assert len(chosen) > 20
    assert leaked(out + err) == []
