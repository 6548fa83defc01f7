"""The fold of marks into migration runs, by what one would read in a transcript."""

from __future__ import annotations

import pytest

from parsers import Category, Confidence, Event, Outcome, StreamKey, load_packs, read
from parsers.model import MigrationRun

RULES = load_packs()
STREAM = StreamKey(log_group="/ecs/app", log_stream="ecs/app/0f3c9a51d7e24b6892aa4d1c5be07f31")
PRISMA = (
    "Running database migrations...",
    "Prisma schema loaded from prisma/schema.prisma",
    "34 migrations found in prisma/migrations",
)
LISTENING = "Server listening at http://0.0.0.0:3000"


def runs(*texts: str, step_ms: int = 400) -> list[MigrationRun]:
    events = [
        Event(stream=STREAM, timestamp_ms=1_763_521_000_000 + n * step_ms, text=text, line=n) for n, text in enumerate(texts)
    ]
    return list(read(events, rules=RULES).migration_runs)


def test_a_masked_failure_is_a_failure_that_the_application_survived() -> None:
    """P3005, exit code 1, continuing, listening: failed, exact, the application continued."""
    (run,) = runs(
        *PRISMA, "Error: P3005", "Migration command exited with code 1", "Continuing with application startup...", LISTENING
    )

    assert (run.outcome, run.confidence, run.error_code, run.exit_code) == (Outcome.FAILED, Confidence.EXACT, "P3005", 1)
    assert (run.application_continued, run.ready, run.migrations_found) == (True, True, 34)


def test_check_complete_after_a_failure_is_no_success() -> None:
    """The script's own "Migrations check complete" takes nothing back."""
    (run,) = runs(*PRISMA, "Error: P3005", "Migrations check complete", LISTENING)

    assert run.outcome is Outcome.FAILED


def test_a_printed_success_is_needed_where_the_tool_prints_one() -> None:
    """Prisma announces its work; without its success line the outcome is unknown, however well the application starts."""
    assert runs(*PRISMA, LISTENING)[0].outcome is Outcome.UNKNOWN
    assert runs(*PRISMA, "All migrations have been successfully applied.", LISTENING)[0].outcome is Outcome.APPLIED
    assert runs(*PRISMA, "No pending migrations to apply.", LISTENING)[0].outcome is Outcome.NOTHING_TO_DO


def test_an_open_end_is_running() -> None:
    """Migrations were found and the log ends: not failed, not applied."""
    (run,) = runs(*PRISMA)

    assert (run.outcome, run.open) == (Outcome.RUNNING, True)


def test_a_start_script_that_only_says_continuing_hides_a_failure() -> None:
    """No code, no error text, just "continuing": failed, inferred."""
    (run,) = runs("Running database migrations...", "⚠️  Migration failed, but continuing startup", LISTENING)

    assert (run.outcome, run.application_continued) == (Outcome.FAILED, True)


def test_the_script_names_the_tool_its_exit_code_and_goes_on() -> None:
    """`alembic exited with code 1, continuing`: the run's exit code and that the start went on, in one line without "migration"."""
    alembic = (
        "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.",
        "FAILED: Can't locate revision identified by '1a2b'",
    )
    (told,) = runs(*alembic, "alembic exited with code 1, continuing")
    (other,) = runs(*alembic, "uvicorn exited with code 1")

    assert (told.tool, told.outcome, told.exit_code, told.application_continued) == ("alembic", Outcome.FAILED, 1, True)
    assert (other.exit_code, other.application_continued) == (None, False)


def test_a_retry_that_succeeds_is_a_second_run() -> None:
    """First P1001, then applied: two runs; the second says how it ended."""
    told = runs(
        *PRISMA, "Error: P1001: Can't reach database server at `db:5432`", "Migration command exited with code 1",
        "Running database migrations...", *PRISMA[1:], "All migrations have been successfully applied.", LISTENING,
    )  # fmt: skip

    assert [run.outcome for run in told] == [Outcome.FAILED, Outcome.APPLIED]
    assert [run.application_continued for run in told] == [False, False]


def test_a_database_error_inside_a_run_is_the_runs_failure() -> None:
    """A driver's message between the tool's lines fails the run with the database's code; after "continuing" it does not."""
    (inside,) = runs(*PRISMA, 'ERROR: relation "orders" already exists', "Migration command exited with code 1")
    (outside,) = runs(*PRISMA, "No pending migrations to apply.", LISTENING, 'ERROR: relation "orders" does not exist')

    assert (inside.outcome, inside.db_code) == (Outcome.FAILED, "42P07")
    assert outside.outcome is Outcome.NOTHING_TO_DO


def test_one_failed_run_is_one_finding() -> None:
    """Its code line, its text, its exit code and its stack are told once, with the run's id; a success is no finding."""

    def findings(*texts: str) -> list[str | None]:
        events = [
            Event(stream=STREAM, timestamp_ms=1_763_521_000_000 + n * 400, text=text, line=n) for n, text in enumerate(texts)
        ]
        return [f.run_id for f in read(events, rules=RULES).findings if f.category is Category.MIGRATION]

    assert (
        len(findings(*PRISMA, "Error: P3005", "The database schema is not empty.", "Migration command exited with code 1")) == 1
    )
    assert findings(*PRISMA, "All migrations have been successfully applied.", LISTENING) == []


def test_the_transcript_keeps_what_stood_between_the_marks() -> None:
    """Every line of the run, guilty ones marked, ordinary ones too."""
    (run,) = runs(*PRISMA, "Tip: upgrade to the newest version", "Error: P3005", "Migration command exited with code 1")

    assert [line.text for line in run.transcript if not line.guilty] == [*PRISMA, "Tip: upgrade to the newest version"]
    assert [line.text for line in run.transcript if line.guilty] == ["Error: P3005", "Migration command exited with code 1"]


@pytest.mark.parametrize(
    "text", ["GET /search?q=P3005 200 12 - 3 ms", "fix(docker): auto-baseline Prisma P3005 on container startup"]
)
def test_look_alikes_begin_no_run(text: str) -> None:
    """A URL and a commit title name a code; nothing migrated."""
    assert runs(text) == []
