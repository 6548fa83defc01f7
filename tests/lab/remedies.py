"""`python -m tests.lab.remedies [CARD …]`: really does what the remedy cards say, on the real tools and a real PostgreSQL.

For each card: the trouble is made, the card's steps are run in order, and the end is compared: ledger = files = schema (the
schema of a fresh database that the same files made), with the data still there. Then the trouble is made again for each
`do_not`, which is run as well, and must end as the card says. Records go to records/remedies/; tests replay them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from parsers.remedies import Remedy, Step, load_remedies
from tests.lab.__main__ import CACHE, DATABASE, RECORDS, Bench, _scrubber, install, version_of
from tests.lab.cluster import Cluster, private_cluster
from tests.lab.recording import Printed, run
from tests.lab.tools import ADD_NOTE_AGAIN, BAD_SQL, GOOD, TOOLS
from tests.lab.tools import Step as Migration

FOLDER = RECORDS / "remedies"
SHOWN_LINES = 40
Hook = Callable[[Bench], None]

FAILS = "fails"  # the command, or the next start, prints the pattern and fails
LIES = "ledger_lies"  # the next start is content, the ledger complete, the schema not
LOSES = "loses_data"  # rows or columns that were there are gone
FORKED = "stays_forked"  # done, and a later ordinary command prints the pattern
SILENT = "failure_hidden"  # exit code 0, and the schema is not what the files say


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """How a `do_not` ends. `pattern` is searched in what its command, or the next start, printed."""

    ends: str
    pattern: str = ""
    then: str = ""  # the command of the next start, when it is not the tool's own
    again: str = ""  # printed by the start after that


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    card: str
    tool: str
    trouble: Hook
    prints: str  # what the failing start prints
    bad: tuple[Bad, ...]
    values: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    mends: tuple[Hook, ...] = ()  # what a person does in the steps without a command, in order
    ledger: str = ""  # SQL: the names that the tool's ledger holds as done
    names: tuple[str, ...] = ()  # … and those that the files would have there
    port: int | None = None  # of the failing start
    again: str = ""  # the next start's command, when it is not the tool's own


# ---- troubles ----
def _rows(bench: Bench) -> None:
    bench.cluster.sql(DATABASE, "INSERT INTO orders (customer) VALUES ('one'), ('two')")


def _unrecorded(bench: Bench) -> None:
    """The schema of the first two migrations, made by hand; no ledger."""
    bench.cluster.sql(DATABASE, GOOD[0].up, GOOD[1].up)
    _rows(bench)
    bench.lay(GOOD[2], 3)


def _two_done_then(third: Migration) -> Hook:
    def trouble(bench: Bench) -> None:
        bench.migrate_once(steps=2)
        _rows(bench)
        bench.lay(third, 3)

    return trouble


def _failed_before(third: Migration) -> Hook:
    """A first start has failed already: its failed row is there."""

    def trouble(bench: Bench) -> None:
        _two_done_then(third)(bench)
        _sh(bench, bench.tool.migrate)

    return trouble


def _good_files(bench: Bench) -> None:
    bench.lay(GOOD[2], 3)


def _mend_in_place(bad: Migration, good: Migration = GOOD[2]) -> Hook:
    """The failed migration's file keeps its name and gets SQL that works."""

    def mend(bench: Bench) -> None:
        bench.lay(Migration(bad.name, good.up, good.down), 3)

    return mend


def _nothing(bench: Bench) -> None:
    """What a person looks at, or waits for."""


def _sh(bench: Bench, command: str, *, port: int | None = None) -> Printed:
    return run(["sh", "-c", command], folder=bench.folder, environment=bench.environment(port=port))


# ---- tools' own shapes ----
def _alembic_two_heads(bench: Bench) -> None:
    bench.migrate_once(steps=2)
    _rows(bench)
    bench.lay(GOOD[2], 3)
    (bench.folder / "migrations/versions/0004c0ffee12_extra.py").write_text(
        '"""extra"""\nfrom alembic import op\nrevision = "0004c0ffee12"\ndown_revision = "0002c0ffee12"\n'
        "def upgrade():\n    op.execute('ALTER TABLE orders ADD COLUMN extra text')\ndef downgrade():\n    pass\n"
    )
    (bench.folder / "migrations/script.py.mako").write_text(
        '"""${message}"""\nrevision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n'
        "def upgrade():\n    pass\ndef downgrade():\n    pass\n"
    )


def _image_older_than_database(bench: Bench) -> None:
    bench.migrate_once(steps=3)
    _rows(bench)
    bench.lay(GOOD[2], 2)


def _django_gap(bench: Bench) -> None:
    bench.migrate_once(steps=3)
    _rows(bench)
    bench.cluster.sql(DATABASE, "DELETE FROM django_migrations WHERE app = 'orders' AND name = '0002_add_note'")


def _django_two_leaves(bench: Bench) -> None:
    bench.migrate_once(steps=2)
    _rows(bench)
    bench.lay(GOOD[2], 3)
    (bench.folder / "orders/migrations/0003_extra.py").write_text(
        "from django.db import migrations\nclass Migration(migrations.Migration):\n    dependencies = [('orders', '0002_add_note')]\n"
        "    operations = [migrations.RunSQL('ALTER TABLE orders ADD COLUMN extra text')]\n"
    )


def _knex_locked(bench: Bench) -> None:
    _two_done_then(GOOD[2])(bench)
    bench.cluster.sql(DATABASE, *bench.tool.lock)


def _pg_migrate_late(bench: Bench) -> None:
    """The second migration came with a later image than the third."""
    bench.lay(GOOD[2], 3)
    late = bench.folder / "migrations/1730716800002_add_note.js"
    text = late.read_text()
    late.unlink()
    done = _sh(bench, bench.tool.migrate)
    if done.exit_code:
        raise RuntimeError(f"preparing failed: {done.events[-5:]}")
    _rows(bench)
    late.write_text(text)


def _rename_late(bench: Bench) -> None:
    folder = bench.folder / "migrations"
    (folder / "1730716800002_add_note.js").rename(folder / "1730716800009_add_note.js")


NOT_NULL_ROWS = GOOD[2]
PRISMA = ("20251101090000_create_orders", "20251102090000_add_note", "20251103090000_index_customer")
PRISMA_LEDGER = "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL"
ALEMBIC = "SELECT version_num FROM alembic_version"
DJANGO = "SELECT name FROM django_migrations WHERE app = 'orders'"
DJANGO_NAMES = ("0001_create_orders", "0002_add_note", "0003_index_customer")
KNEX = "SELECT name FROM knex_migrations"
KNEX_NAMES = tuple(f"{name}.js" for name in PRISMA)
TYPEORM = "SELECT name FROM migrations"
TYPEORM_NAMES = ("CreateOrders1730716800001", "AddNote1730716800002", "IndexCustomer1730716800003")
SEQUELIZE = 'SELECT name FROM "SequelizeMeta"'
SEQUELIZE_NAMES = tuple(f"{name.replace('_', '-', 1)}.js" for name in PRISMA)
PG_MIGRATE = "SELECT name FROM pgmigrations"
PG_MIGRATE_NAMES = ("1730716800001_create_orders", "1730716800002_add_note", "1730716800003_index_customer")
MIKRO = "SELECT name FROM mikro_orm_migrations"
MIKRO_NAMES = tuple(f"Migration{name}" for name in PRISMA)
DBMATE = "SELECT version FROM schema_migrations"
DBMATE_NAMES = tuple(name.split("_", 1)[0] for name in PRISMA)
DRIZZLE = "SELECT max(created_at) FROM drizzle.__drizzle_migrations"


def _renamed(names: Sequence[str], migration: Migration) -> tuple[str, ...]:
    return (*names[:2], names[2].replace("index_customer", migration.name))


PLAYS: tuple[Play, ...] = (
    Play(
        card="prisma.no_history", tool="prisma", trouble=_unrecorded, prints="P3005", ledger=PRISMA_LEDGER, names=PRISMA,
        values={"older": PRISMA[:2], "new": PRISMA[2], "table": "orders"},
        bad=(Bad(ends=FAILS, pattern="already exists", again="P3009"), Bad(ends=LOSES, again="P3005"), Bad(ends=FAILS, pattern='"_prisma_migrations" does not exist', again="P3005")),
    ),
    Play(
        card="prisma.failed_row", tool="prisma", trouble=_failed_before(BAD_SQL), prints="P3009", ledger=PRISMA_LEDGER, names=_renamed(PRISMA, BAD_SQL),
        values={"migration": "20251103090000_bad_sql"}, mends=(_nothing, _mend_in_place(BAD_SQL)),
        bad=(Bad(ends=LIES), Bad(ends=FAILS, pattern="syntax error", again="P3009")),
    ),
    Play(
        card="prisma.migration_failed", tool="prisma", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=PRISMA_LEDGER,
        names=_renamed(PRISMA, BAD_SQL), values={"migration": "20251103090000_bad_sql"}, mends=(_nothing, _mend_in_place(BAD_SQL)),
        bad=(Bad(ends=FAILS, pattern="P3009"), Bad(ends=LIES)),
    ),
    Play(
        card="prisma.unreachable", tool="prisma", trouble=_two_done_then(GOOD[2]), prints="Can't reach database server", port=1, ledger=PRISMA_LEDGER,
        names=PRISMA, mends=(_nothing,), bad=(Bad(ends=SILENT),),
    ),
    Play(
        card="alembic.unbaselined", tool="alembic", trouble=_unrecorded, prints="already exists", ledger=ALEMBIC, names=("0003c0ffee12",),
        values={"revision": "0002c0ffee12", "table": "orders"}, bad=(Bad(ends=LIES), Bad(ends=LOSES)),
    ),
    Play(
        card="alembic.multiple_heads", tool="alembic", trouble=_alembic_two_heads, prints="Multiple head revisions", ledger=ALEMBIC,
        values={"head": "0003c0ffee12"},
        bad=(Bad(ends=FAILS, pattern="Multiple head revisions"), Bad(ends=FORKED, pattern="Multiple head revisions")),
    ),
    Play(
        card="alembic.unknown_revision", tool="alembic", trouble=_image_older_than_database, prints="Can't locate revision", ledger=ALEMBIC,
        names=("0003c0ffee12",), values={"revision": "0003c0ffee12", "older": "0002c0ffee12"}, mends=(_good_files,),
        bad=(Bad(ends=FAILS, pattern="already exists", then="restore"),),
    ),
    Play(
        card="alembic.step_failed", tool="alembic", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=ALEMBIC, names=("0003c0ffee12",),
        mends=(_mend_in_place(BAD_SQL),), bad=(Bad(ends=LIES),),
    ),
    Play(
        card="django.unfaked", tool="django", trouble=_unrecorded, prints="already exists", ledger=DJANGO, names=DJANGO_NAMES,
        values={"app": "orders", "last": "0002_add_note"}, bad=(Bad(ends=LIES), Bad(ends=LIES)),
    ),
    Play(
        card="django.inconsistent_history", tool="django", trouble=_django_gap, prints="InconsistentMigrationHistory", ledger=DJANGO, names=DJANGO_NAMES,
        values={"app": "orders", "dependency": "0002_add_note"},
        bad=(Bad(ends=FAILS, pattern="InconsistentMigrationHistory"), Bad(ends=FAILS, pattern="already exists")),
    ),
    Play(
        card="django.conflicting", tool="django", trouble=_django_two_leaves, prints="Conflicting migrations", ledger=DJANGO,
        values={"app": "orders", "leaf": "0003_extra"}, bad=(Bad(ends=FAILS, pattern="Conflicting migrations"),),
    ),
    Play(
        card="django.step_failed", tool="django", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=DJANGO,
        names=_renamed(DJANGO_NAMES, BAD_SQL), mends=(_mend_in_place(BAD_SQL),), bad=(Bad(ends=LIES),),
    ),
    Play(
        card="knex.locked", tool="knex", trouble=_knex_locked, prints="already locked", ledger=KNEX, names=KNEX_NAMES,
        bad=(Bad(ends=FAILS, pattern="already locked", again="already locked"), Bad(ends=FAILS, pattern="already exists")),
    ),
    Play(
        card="knex.unbaselined", tool="knex", trouble=_unrecorded, prints="already exists", ledger=KNEX, names=KNEX_NAMES,
        values={"older": KNEX_NAMES[:2], "all": " ".join(KNEX_NAMES), "table": "orders"}, bad=(Bad(ends=LIES), Bad(ends=LOSES)),
    ),
    Play(
        card="knex.directory_corrupt", tool="knex", trouble=_image_older_than_database, prints="migration directory is corrupt", ledger=KNEX,
        names=KNEX_NAMES, values={"missing": KNEX_NAMES[2]}, mends=(_good_files,), bad=(Bad(ends=FAILS, pattern="already exists", then="restore"),),
    ),
    Play(
        card="knex.step_failed", tool="knex", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=KNEX, names=_renamed(KNEX_NAMES, BAD_SQL),
        values={"migration": "20251103090000_bad_sql.js", "file": "20251103090000_bad_sql.js"}, mends=(_mend_in_place(BAD_SQL),), bad=(Bad(ends=LIES),),
    ),
    Play(
        card="typeorm.unbaselined", tool="typeorm", trouble=_unrecorded, prints="already exists", ledger=TYPEORM, names=TYPEORM_NAMES,
        values={"older": TYPEORM_NAMES[:2]}, bad=(Bad(ends=LIES),),
    ),
    Play(
        card="typeorm.step_failed", tool="typeorm", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=TYPEORM,
        names=(*TYPEORM_NAMES[:2], "BadSql1730716800003"), mends=(_mend_in_place(BAD_SQL),), bad=(Bad(ends=LIES),),
    ),
    Play(
        card="sequelize.unbaselined", tool="sequelize", trouble=_unrecorded, prints="already exists", ledger=SEQUELIZE, names=SEQUELIZE_NAMES,
        values={"older": SEQUELIZE_NAMES[:2], "all": " ".join(SEQUELIZE_NAMES)}, bad=(Bad(ends=LIES),),
    ),
    Play(
        card="sequelize.step_failed", tool="sequelize", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=SEQUELIZE,
        names=_renamed(SEQUELIZE_NAMES, BAD_SQL), values={"file": "20251103090000-bad_sql.js"}, mends=(_nothing, _mend_in_place(BAD_SQL)),
        bad=(Bad(ends=LIES),),
    ),
    Play(
        card="node-pg-migrate.unbaselined", tool="node-pg-migrate", trouble=_unrecorded, prints="already exists", ledger=PG_MIGRATE, names=PG_MIGRATE_NAMES,
        values={"count": "2"}, bad=(Bad(ends=LIES),),
    ),
    Play(
        card="node-pg-migrate.order", tool="node-pg-migrate", trouble=_pg_migrate_late, prints="preceding already run", ledger=PG_MIGRATE,
        names=("1730716800001_create_orders", "1730716800003_index_customer", "1730716800009_add_note"), mends=(_rename_late,),
        bad=(Bad(ends=LIES, then="node-pg-migrate up --no-check-order"),),
    ),
    Play(
        card="mikroorm.unbaselined", tool="mikroorm", trouble=_unrecorded, prints="already exists", ledger=MIKRO, names=MIKRO_NAMES,
        values={"older": MIKRO_NAMES[:2]}, bad=(Bad(ends=LOSES),),
    ),
    Play(
        card="drizzle.unbaselined", tool="drizzle-kit", trouble=_unrecorded, prints="", ledger=DRIZZLE, names=("1730716800002",),
        values={"when": "1730716800001", "newest": "1730716800002", "table": "orders"}, bad=(Bad(ends=LIES),),
    ),
    Play(
        card="dbmate.unbaselined", tool="dbmate", trouble=_unrecorded, prints="already exists", ledger=DBMATE, names=DBMATE_NAMES,
        values={"older": DBMATE_NAMES[:2], "all": " ".join(DBMATE_NAMES)}, bad=(Bad(ends=LIES),),
    ),
    Play(
        card="dbmate.step_failed", tool="dbmate", trouble=_two_done_then(BAD_SQL), prints="syntax error", ledger=DBMATE, names=DBMATE_NAMES,
        values={"version": DBMATE_NAMES[2]}, mends=(_mend_in_place(BAD_SQL),), bad=(Bad(ends=LIES),),
    ),
)  # fmt: skip
UNUSED = (ADD_NOTE_AGAIN,)


# ---- playing ----
class CardFailedError(RuntimeError):
    """A card did not end as it says."""


def commands_of(step: Step, values: Mapping[str, str | tuple[str, ...]]) -> list[str]:
    """The commands of a step: one, or one for each value of its `each`; placeholders filled in."""
    if not step.command:
        return []
    each = values[step.each] if step.each else ("",)
    assert isinstance(each, tuple)
    return [_filled(step.command, {**values, **({step.each: one} if step.each else {})}) for one in each]


def _filled(command: str, values: Mapping[str, str | tuple[str, ...]]) -> str:
    for name, value in values.items():
        if isinstance(value, str):
            command = command.replace("{" + name + "}", value)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One card on one tool, one fresh database after the other."""

    play: Play
    card: Remedy
    bench: Bench

    def begin(self) -> Printed:
        """The trouble, and the start that fails with it."""
        self.bench.cluster.fresh(DATABASE)
        self.play.trouble(self.bench)
        told = f'{self.bench.tool.migrate}; code=$?; echo "Migration command exited with code $code"; exit $code'
        failed = _sh(self.bench, told, port=self.play.port)
        if failed.exit_code == 0 or not re.search(self.play.prints, _text(failed)):
            raise CardFailedError(f"the trouble is not there: exit code {failed.exit_code}: {_text(failed)[-400:]}")
        return failed

    def start(self, command: str = "") -> Printed:
        return _sh(self.bench, command or self.play.again or self.bench.tool.migrate)

    def schema(self) -> str:
        return self.bench.cluster.schema_digest(DATABASE)

    def rows(self) -> str:
        return self.bench.cluster.sql(DATABASE, "SELECT count(*) FROM orders").strip()

    def columns(self) -> list[str]:
        sql = "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders' ORDER BY 1"
        return self.bench.cluster.sql(DATABASE, sql).split()

    def ledger(self) -> list[str]:
        return sorted(self.bench.cluster.sql(DATABASE, self.play.ledger).split()) if self.play.ledger else []

    def entry(self, do: str, command: str, printed: Printed, lines: int = SHOWN_LINES) -> dict[str, object]:
        scrub = _scrubber(self.bench)
        said = [scrub.text(line) for _, line in printed.events][-lines:]
        return {"do": do, "command": command, "exit_code": printed.exit_code, "printed": said}

    # ---- the recommended order ----
    def recommended(self) -> dict[str, object]:
        failed = self.begin()
        rows, mends = self.rows(), iter(self.play.mends)
        steps: list[dict[str, object]] = []
        for step in self.card.steps:
            commands = commands_of(step, self.play.values)
            if not commands:
                next(mends)(self.bench)
                steps.append({"do": step.do, "command": "", "exit_code": 0, "printed": []})
            steps.extend(self._worked(step.do, command) for command in commands)
        checks = [
            self._worked(step.do, command)
            for step in self.card.check
            if "alembic check" not in step.command
            for command in commands_of(step, self.play.values)
        ]
        after = self.start()
        schema, ledger = self.schema(), self.ledger()
        if after.exit_code or self.rows() != rows:
            raise CardFailedError(
                f"the next start: exit code {after.exit_code}, {self.rows()} of {rows} rows: {_text(after)[-300:]}"
            )
        reference = self._reference()
        names = sorted(self.play.names) or ledger
        if schema != reference or ledger != names:
            raise CardFailedError(f"ledger {ledger}, files {names}; schema {schema}, of a fresh database {reference}")
        return {
            "trouble": self.entry("the start that fails", self.bench.tool.migrate, failed, lines=400), "steps": steps, "check": checks,
            "next_start": self.entry("the next start", self.bench.tool.migrate, after),
            "end": {"ledger": ledger, "files": names, "schema": schema, "fresh_database": reference, "rows_kept": True},
        }  # fmt: skip

    def _worked(self, do: str, command: str) -> dict[str, object]:
        printed = _sh(self.bench, command)
        if printed.exit_code:
            raise CardFailedError(f"{command}: exit code {printed.exit_code}: {_text(printed)[-600:]}")
        return self.entry(do, command, printed)

    def _reference(self) -> str:
        """The schema that the same files give to a fresh database."""
        self.bench.cluster.fresh(DATABASE)
        done = _sh(self.bench, self.bench.tool.migrate)
        if done.exit_code:
            raise CardFailedError(f"the files do not build a fresh database: {_text(done)[-300:]}")
        return self.schema()

    # ---- what not to do ----
    def wrong(self, number: int) -> dict[str, object]:
        one, bad = self.card.do_not[number], self.play.bad[number]
        self.begin()
        before = (self.rows(), self.columns())
        command = _filled(one.command, self.play.values)
        done = _sh(self.bench, command, port=self.play.port)
        at_once = self.schema()
        if bad.then == "restore":
            _good_files(self.bench)
        after = self.start("" if bad.then == "restore" else bad.then)
        lost = (self.rows(), self.columns()) if self._there() else ("0", [])
        ledger = self.ledger() if bad.ends == LIES else []
        schema = at_once if bad.ends == SILENT else self.schema()
        last = self.start() if bad.again else None
        self._ended(
            bad,
            done,
            after,
            last,
            lost_rows=lost != before and bad.ends == LOSES and _less(lost, before),
            ledger=ledger,
            schema=schema,
        )
        return {
            "what": one.what, "command": command, "ends": bad.ends, **self.entry(one.what, command, done),
            "next_start": self.entry("the next start", self.bench.tool.migrate, after),
            "start_after": None if last is None else self.entry("the start after that", self.bench.tool.migrate, last),
        }  # fmt: skip

    def _there(self) -> bool:
        return self.bench.cluster.sql(DATABASE, "SELECT to_regclass('orders') IS NOT NULL").strip() == "t"

    def _ended(
        self, bad: Bad, done: Printed, after: Printed, last: Printed | None, *, lost_rows: bool, ledger: list[str], schema: str
    ) -> None:
        said = _text(done) + "\n" + _text(after)
        if last is not None and (last.exit_code == 0 or not re.search(bad.again, _text(last))):
            raise CardFailedError(f"the start after that does not say {bad.again!r}: {_text(last)[-300:]}")
        good = {
            FAILS: lambda: bool(re.search(bad.pattern, said)) and (after.exit_code != 0),
            FORKED: lambda: bool(re.search(bad.pattern, said)),
            LOSES: lambda: lost_rows,
            LIES: lambda: after.exit_code == 0 and self._complete(ledger) and schema != self._reference_of_good(),
            SILENT: lambda: done.exit_code == 0 and schema != self._reference_of_good(),
        }[bad.ends]()
        if not good:
            raise CardFailedError(
                f"does not end as {bad.ends}: exit codes {done.exit_code}, {after.exit_code}; ledger {ledger}: {said[-700:]}"
            )

    def _complete(self, ledger: list[str]) -> bool:
        return set(ledger) >= set(self.play.names) or len(ledger) >= len(self.play.names)

    def _reference_of_good(self) -> str:
        self.bench.cluster.fresh(DATABASE)
        for step in GOOD:
            self.bench.cluster.sql(DATABASE, step.up)
        return self.schema()


def _less(now: tuple[str, list[str]], before: tuple[str, list[str]]) -> bool:
    return int(now[0]) < int(before[0]) or not set(before[1]) <= set(now[1])


def _text(printed: Printed) -> str:
    return "\n".join(line for _, line in printed.events)


def perform(play: Play, cluster: Cluster, server: str, versions: dict[str, str]) -> dict[str, object]:
    """The record of one card. Raises CardFailedError when the card does not hold."""
    tool = next(tool for tool in TOOLS if tool.name == play.tool)
    card = next(card for card in load_remedies() if card.id == play.card)
    if len(play.bad) != len(card.do_not):
        raise CardFailedError(f"{len(card.do_not)} do_not, {len(play.bad)} played")
    version = versions.setdefault(tool.name, version_of(tool))
    stage = Stage(play=play, card=card, bench=Bench(tool=tool, cluster=cluster, folder=CACHE / "remedies" / tool.name))
    record = stage.recommended()
    record["do_not"] = [stage.wrong(number) for number in range(len(card.do_not))]
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in play.values.items()}
    return {"card": card.id, "tool": tool.name, "version": version, "postgresql": server, "values": values, **record}


def main(names: list[str]) -> int:
    install()
    wrong, versions = 0, {}
    FOLDER.mkdir(parents=True, exist_ok=True)
    with private_cluster() as cluster:
        server = cluster.sql("postgres", "SHOW server_version").strip()
        for play in PLAYS:
            if names and not any(play.card.startswith(name) for name in names):
                continue
            try:
                record = perform(play, cluster, server, versions)
            except (CardFailedError, RuntimeError, subprocess.CalledProcessError) as error:
                wrong += 1
                print(f"{play.card:30} {error}", flush=True)
                continue
            (FOLDER / f"{play.card}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
            print(f"{play.card:30} proven, {len(play.bad)} wrong way(s) end as said", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
