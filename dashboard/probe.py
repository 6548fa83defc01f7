"""`triage verify --probe-db`: what the database itself says, read-only, to set beside what the log said. Off unless asked for.

Looks at the migration tools' ledger tables and at the nullability of columns; reads no row of anybody's data. One read-only
transaction, a short statement timeout, no write of any kind. The URL comes from the environment (`--probe-db DATABASE_URL` names the
variable), is never printed, and no error of the driver is printed with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from parsers import Finding, InputError, MigrationRun, NotSeenError, Outcome, Reason, ReasonCode, counted

STATEMENT_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 5
MAX_ROWS = 5_000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SQLSTATE_WORDS = {"28P01": "the password is refused", "28000": "the role is refused", "3D000": "there is no such database"}

# tool -> (table, how to read it): name, whether it is finished, whether it failed. Literal SQL: nothing of a log is in it.
LEDGERS: Mapping[str, tuple[str, str]] = {
    "prisma": (
        "_prisma_migrations",
        "SELECT migration_name, finished_at IS NOT NULL AND rolled_back_at IS NULL, finished_at IS NULL AND rolled_back_at IS NULL "
        "FROM _prisma_migrations ORDER BY started_at",
    ),
    "alembic": ("alembic_version", "SELECT version_num, true, false FROM alembic_version"),
    "django": ("django_migrations", "SELECT app || '.' || name, true, false FROM django_migrations ORDER BY id"),
    "knex": ("knex_migrations", "SELECT name, true, false FROM knex_migrations ORDER BY id"),
    "typeorm": ("migrations", 'SELECT name, true, false FROM migrations ORDER BY "timestamp"'),
    "sequelize": ("SequelizeMeta", 'SELECT name, true, false FROM "SequelizeMeta" ORDER BY name'),
    "node-pg-migrate": ("pgmigrations", "SELECT name, true, false FROM pgmigrations ORDER BY id"),
    "dbmate": ("schema_migrations", "SELECT version, true, false FROM schema_migrations ORDER BY version"),
    "mikroorm": ("mikro_orm_migrations", "SELECT name, true, false FROM mikro_orm_migrations ORDER BY id"),
    "golang-migrate": ("schema_migrations", "SELECT version::text, NOT dirty, dirty FROM schema_migrations"),
    "flyway": (
        "flyway_schema_history",
        "SELECT coalesce(version, description), success, NOT success FROM flyway_schema_history ORDER BY installed_rank",
    ),
    "liquibase": ("databasechangelog", "SELECT id, true, false FROM databasechangelog ORDER BY orderexecuted"),
}  # fmt: skip
COLUMNS_SQL = (
    "SELECT table_name, column_name, is_nullable = 'YES' FROM information_schema.columns "
    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND column_name = ANY(%s) AND (%s::text IS NULL OR table_name = %s)"
)


class Cursor(Protocol):
    """The little of a DB-API cursor that is used."""

    def execute(self, query: Any, params: Any = None) -> Any: ...
    def fetchmany(self, size: int) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    name: str
    finished: bool
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    table: str
    name: str
    nullable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the database said. `ledger` None: the tool's table does not exist in the connected schema, or the tool is unknown."""

    tool: str | None
    ledger: tuple[LedgerRow, ...] | None
    columns: tuple[Column, ...] = ()
    cut: bool = False


def probe_url(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """The URL that an environment variable holds. Raises InputError; a URL given on the command line is refused.

    Arguments are seen by every user of a machine and stay in shell histories: only the variable's name may stand there.
    """
    if not _VARIABLE.fullmatch(variable):
        raise InputError(
            "--probe-db takes the name of an environment variable, not a URL", hint="--probe-db DATABASE_URL, with the URL in it"
        )
    value = (os.environ if environment is None else environment).get(variable)
    if not value:
        raise InputError(f"--probe-db {variable}: the variable is not set", hint=f"export {variable}=postgresql://…")
    return value


def probe(url: str, run: MigrationRun | None, findings: Sequence[Finding] = ()) -> Probed:
    """Asks the database. Raises NotSeenError (exit 4) when it cannot be asked; no text of the driver or the URL is in it."""
    try:
        import psycopg
    except ImportError as error:
        raise NotSeenError("--probe-db needs psycopg", hint="pip install 'ecs-log-triage[probe]'") from error
    try:
        with psycopg.connect(
            url, connect_timeout=CONNECT_TIMEOUT_S, autocommit=True, application_name="triage probe",
            options=f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_TIMEOUT_MS}",
        ) as connection, connection.cursor() as cursor:  # fmt: skip
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            seen = ask(cursor, run.tool if run else None, findings)
            cursor.execute("ROLLBACK")
            return seen
    except psycopg.Error as error:
        raise NotSeenError(f"the database could not be asked: {_why(error)}", hint="the verdict from the logs stands") from None


def _why(error: Exception) -> str:
    """The kind of a driver's error, never its text: that holds host, user and sometimes the password."""
    state = getattr(error, "sqlstate", None)
    return _SQLSTATE_WORDS.get(state or "", f"SQLSTATE {state}" if state else "no connection")


def ask(cursor: Cursor, tool: str | None, findings: Sequence[Finding] = ()) -> Probed:
    """The ledger of `tool` and the columns that findings name."""
    ledger, cut = _ledger(cursor, tool)
    return Probed(tool=tool, ledger=ledger, columns=_columns(cursor, findings), cut=cut)


def _ledger(cursor: Cursor, tool: str | None) -> tuple[tuple[LedgerRow, ...] | None, bool]:
    if tool is None or tool not in LEDGERS:
        return None, False
    table, sql = LEDGERS[tool]
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f'"{table}"',))
    if not cursor.fetchmany(1)[0][0]:
        return None, False
    cursor.execute(sql)
    rows = cursor.fetchmany(MAX_ROWS + 1)
    kept = tuple(
        LedgerRow(name=str(name), finished=bool(finished), failed=bool(failed)) for name, finished, failed in rows[:MAX_ROWS]
    )
    return kept, len(rows) > MAX_ROWS


def _columns(cursor: Cursor, findings: Sequence[Finding]) -> tuple[Column, ...]:
    wanted: dict[str, str | None] = {}
    for finding in findings:
        if {finding.code, finding.db_code, finding.implied_code} & {"P2011", "23502"}:
            wanted.update(dict.fromkeys(finding.fields, finding.table))
    found: list[Column] = []
    for name, table in wanted.items():
        cursor.execute(COLUMNS_SQL, ([name], table, table))
        found += [Column(table=str(t), name=str(c), nullable=bool(n)) for t, c, n in cursor.fetchmany(100)]
    return tuple(dict.fromkeys(found))


# ---- beside the log ----
def contradictions(seen: Probed, run: MigrationRun | None) -> list[Reason]:
    """Where ledger, log and schema do not say the same; each is a reason (`contradiction`)."""
    reasons: list[Reason] = []
    good = run is not None and run.outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO)
    if run is not None and run.tool in LEDGERS:
        reasons += _ledger_against_log(seen, run, good)
    not_null = [column for column in seen.columns if not column.nullable]
    if good and not_null:
        names = ", ".join(f"{column.table}.{column.name}" for column in not_null[:5])
        text = (
            f"the log says that migrations are done, requests are refused for NULL, and the database still says NOT NULL: {names}"
        )
        reasons.append(
            Reason(code=ReasonCode.CONTRADICTION, text=text, run_id=run.id if run else None, numbers={"columns": len(not_null)})
        )
    return reasons


def _ledger_against_log(seen: Probed, run: MigrationRun, good: bool) -> list[Reason]:
    def reason(text: str) -> Reason:
        return Reason(code=ReasonCode.CONTRADICTION, text=text, run_id=run.id)

    if seen.ledger is None:
        return (
            [reason(f"the log says {run.outcome.replace('_', ' ')}, and the database has no ledger of {run.tool}")]
            if good
            else []
        )
    failed = [row.name for row in seen.ledger if row.failed]
    reasons = (
        [reason(f"the log says {run.outcome.replace('_', ' ')}, and the ledger holds failed: {', '.join(failed[:3])}")]
        if good and failed
        else []
    )
    done = {row.name for row in seen.ledger if row.finished}
    missing = [] if seen.cut else [name for name in run.applied if not _in_ledger(name, done)]
    if good and missing:
        reasons.append(reason(f"the log says that {', '.join(missing[:3])} was applied, and the ledger does not know it"))
    if run.failed_migration and _in_ledger(run.failed_migration, done):
        reasons.append(
            reason(
                f"the log says that {run.failed_migration} failed, and the ledger holds it as applied: somebody marked it, or a later run did it"
            )
        )
    return reasons


def _in_ledger(name: str, done: set[str]) -> bool:
    bare = re.sub(r"\.(?:js|ts|cjs|mjs|sql|py)$", "", name)
    digits = re.match(r"\d{6,}", bare)
    return bool(
        {name, bare, digits[0] if digits else name} & {re.sub(r"\.(?:js|ts|cjs|mjs|sql|py)$", "", one) for one in done}
        | {name} & done
    )


def told(seen: Probed) -> list[str]:
    """What the probe saw, in lines for people."""
    lines = []
    if seen.tool is not None and seen.tool in LEDGERS:
        if seen.ledger is None:
            lines.append(f"ledger: no table {LEDGERS[seen.tool][0]} in the connected schema")
        else:
            failed = [row.name for row in seen.ledger if row.failed]
            lines.append(
                f"ledger: {counted(len(seen.ledger), 'migration')}{' or more' if seen.cut else ''}, {len(failed)} failed"
            )
    lines += [
        f"column: {column.table}.{column.name} {'takes NULL' if column.nullable else 'is NOT NULL'}" for column in seen.columns
    ]
    return lines or ["the probe had nothing to look for"]
