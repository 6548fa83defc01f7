"""The read-only probe: the URL only from the environment, nothing written, nothing leaked, contradictions found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dashboard.probe import LEDGERS, Column, LedgerRow, Probed, ask, contradictions, probe, probe_url, told
from parsers import (
    Category,
    Confidence,
    Finding,
    InputError,
    Layer,
    MigrationRun,
    NotSeenError,
    Outcome,
    ReasonCode,
    Severity,
    StreamKey,
)
from tests.lab.cluster import Cluster, private_cluster

STREAM = StreamKey(log_stream="app/app/0123456789abcdef0123456789abcdef")
RUN = MigrationRun(
    id="r-1", tool="prisma", outcome=Outcome.APPLIED, confidence=Confidence.EXACT, error_code=None, implied_code=None, db_code=None,
    migrations_found=2, applied_count=1, applied=("2_b",), failed_migration=None, exit_code=0, application_continued=False, ready=True,
    stream=STREAM, started_ms=0, ended_ms=1, event_ids=(), transcript=(),
)  # fmt: skip
REFUSED = Finding(
    id="f-1", rule_id="x", category=Category.DATABASE, system="prisma", code="P2011", db_code="23502", implied_code=None,
    severity=Severity.ERROR, outcome=None, layer=Layer.DATABASE, status=400, aborted=False, method="POST", route="/x", path="/x",
    fields=("appointmentId",), title="refused", evidence=(), fingerprint="v1:a", stream=STREAM, timestamp_ms=0, event_ids=(),
    request_id=None, client=None, cause_link=None, table="ClinicalNote",
)  # fmt: skip


# ---- the URL ----
def test_the_url_comes_from_the_environment_only() -> None:
    """A variable's name is taken, a URL on the command line is refused, without repeating it."""
    assert probe_url("DATABASE_URL", {"DATABASE_URL": "postgresql://x"}) == "postgresql://x"
    for given in ("postgresql://app:s3cret@db/app", "DATABASE URL", ""):
        with pytest.raises(InputError) as caught:
            probe_url(given, {"DATABASE_URL": "postgresql://x"})
        assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(InputError, match="not set"):
        probe_url("NOT_THERE", {})


def test_an_error_of_the_driver_shows_neither_url_nor_its_text() -> None:
    """A database that is not there: exit code 4, and no host, user or password in the message."""
    with pytest.raises(NotSeenError) as caught:
        probe("postgresql://someuser:s3cret@127.0.0.1:1/somedb", RUN)

    said = f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert caught.value.exit_code == 4
    assert not any(word in said for word in ("s3cret", "someuser", "somedb", "127.0.0.1"))


# ---- contradictions ----
def row(name: str, *, finished: bool = True, failed: bool = False) -> LedgerRow:
    return LedgerRow(name=name, finished=finished, failed=failed)


def said(seen: Probed, run: MigrationRun = RUN) -> list[str]:
    return [reason.text for reason in contradictions(seen, run)]


def test_ledger_log_and_schema_that_agree_give_no_reason() -> None:
    """Applied in the log, finished in the ledger, the column takes NULL."""
    seen = Probed(tool="prisma", ledger=(row("1_a"), row("2_b")), columns=(Column(table="t", name="c", nullable=True),))

    assert said(seen) == []


def test_a_success_without_a_ledger_is_a_contradiction() -> None:
    """The log speaks of another database, or the table is not where the application looks."""
    [text] = said(Probed(tool="prisma", ledger=None))

    assert "no ledger of prisma" in text


def test_a_success_that_the_ledger_does_not_know() -> None:
    """Applied in the log and missing or failed in the ledger."""
    assert "does not know it" in said(Probed(tool="prisma", ledger=(row("1_a"),)))[0]
    assert "holds failed: 1_a" in said(Probed(tool="prisma", ledger=(row("1_a", finished=False, failed=True), row("2_b"))))[0]


def test_a_failure_that_the_ledger_holds_as_applied() -> None:
    """Somebody marked it by hand: the story's second option."""
    run = replace(RUN, outcome=Outcome.FAILED, applied=(), failed_migration="2_b")

    assert "holds it as applied" in said(Probed(tool="prisma", ledger=(row("2_b"),)), run)[0]


def test_a_green_log_and_a_column_that_is_still_not_null() -> None:
    """A green migration log is no proof of the schema."""
    seen = Probed(
        tool="prisma", ledger=(row("2_b"),), columns=(Column(table="ClinicalNote", name="appointmentId", nullable=False),)
    )
    [reason] = contradictions(seen, RUN)

    assert reason.code is ReasonCode.CONTRADICTION
    assert "still says NOT NULL: ClinicalNote.appointmentId" in reason.text


def test_a_failed_log_and_an_old_schema_agree() -> None:
    """P3005, no ledger, NOT NULL: that is what the log said."""
    run = replace(RUN, outcome=Outcome.FAILED, applied=(), error_code="P3005")
    seen = Probed(tool="prisma", ledger=None, columns=(Column(table="t", name="c", nullable=False),))

    assert contradictions(seen, run) == []


def test_names_with_and_without_ending_are_the_same() -> None:
    """Tools print file names and record versions, or the other way round."""
    for printed, recorded in (
        ("20251101090000_a.js", "20251101090000_a.js"),
        ("20251101090000_a.sql", "20251101090000"),
        ("1_a", "1_a.sql"),
    ):
        run = replace(RUN, tool="dbmate", applied=(printed,))
        assert said(Probed(tool="dbmate", ledger=(row(recorded),)), run) == []


# ---- a real database ----
@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A private PostgreSQL with the story's database: the table is there, a ledger with one failed row too."""
    with private_cluster() as made:
        made.fresh("story")
        made.sql(
            "story",
            'CREATE TABLE "ClinicalNote" (id int, "appointmentId" text NOT NULL, "dueDate" text)',
            "CREATE TABLE _prisma_migrations (id varchar(36), migration_name text, started_at timestamptz DEFAULT now(), "
            "finished_at timestamptz, rolled_back_at timestamptz)",
            "INSERT INTO _prisma_migrations (migration_name, finished_at) VALUES ('1_a', now()), ('2_b', NULL)",
        )
        yield made


@pytest.mark.postgresql
def test_the_ledger_and_the_columns_are_read(cluster: Cluster) -> None:
    """Finished and failed rows; the refused column and whether it takes NULL."""
    seen = probe(cluster.url("story"), RUN, [REFUSED])

    assert seen.ledger == (row("1_a"), row("2_b", finished=False, failed=True))
    assert seen.columns == (Column(table="ClinicalNote", name="appointmentId", nullable=False),)
    assert told(seen) == ["ledger: 2 migrations, 1 failed", "column: ClinicalNote.appointmentId is NOT NULL"]


@pytest.mark.postgresql
def test_a_tool_without_its_table(cluster: Cluster) -> None:
    """No table is an answer, not an error."""
    assert probe(cluster.url("story"), replace(RUN, tool="knex")).ledger is None
    assert probe(cluster.url("story"), None).ledger is None


@pytest.mark.postgresql
def test_the_probe_cannot_write(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked inside it, the server refuses to write: every statement runs read-only."""
    monkeypatch.setitem(
        LEDGERS, "prisma", ("_prisma_migrations", "DELETE FROM _prisma_migrations RETURNING migration_name, true, true")
    )

    with pytest.raises(NotSeenError, match="SQLSTATE 25006"):
        probe(cluster.url("story"), RUN)
    assert cluster.sql("story", "SELECT count(*) FROM _prisma_migrations").strip() == "2"


@pytest.mark.postgresql
def test_hostile_names_are_parameters(cluster: Cluster) -> None:
    """A field that a log names is never part of a statement."""
    hostile = replace(REFUSED, fields=("x'; DROP TABLE _prisma_migrations; --",), table='"; DROP TABLE x; --')

    assert probe(cluster.url("story"), RUN, [hostile]).columns == ()
    assert cluster.sql("story", "SELECT count(*) FROM _prisma_migrations").strip() == "2"


class FakeCursor:
    """Answers in the order asked."""

    def __init__(self, *answers: list[tuple[Any, ...]]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def execute(self, query: Any, params: Any = None) -> None:
        self.asked.append(query)

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        return self.answers.pop(0)[:size]


def test_a_huge_ledger_is_cut_and_said_so() -> None:
    """At most a few thousand rows are read; what is missing then is no contradiction."""
    cursor = FakeCursor([(True,)], [(f"{number}_x", True, False) for number in range(9_000)])
    seen = ask(cursor, "knex")

    assert seen.cut
    assert "or more" in told(seen)[0]
    assert contradictions(seen, replace(RUN, tool="knex")) == []
    assert all(text.lstrip().upper().startswith("SELECT") for text in cursor.asked)


def test_every_ledger_is_only_read() -> None:
    """No statement of the table writes, and none holds a placeholder."""
    for table, sql in LEDGERS.values():
        assert sql.startswith("SELECT ")
        assert "%" not in sql
        assert table in sql
