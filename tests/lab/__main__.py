"""`python -m tests.lab [TOOL …]`: runs the tools against a private PostgreSQL and records what they print.

Packages are installed once into $TRIAGE_LAB (default ~/.cache/triage-lab), never into the repository.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import tools
from tests.lab.cluster import Cluster, private_cluster
from tests.lab.recording import Scrubber, run, write
from tests.lab.tools import ADD_NOTE_AGAIN, BAD_SQL, GOOD, NOTE_REQUIRED, TOOLS, Step, Tool

CACHE = Path(os.environ.get("TRIAGE_LAB", Path.home() / ".cache/triage-lab"))
RECORDS = Path(__file__).parent / "records"
DATABASE = "lab"
SCRIPT = """\
echo "Running database migrations..."
{migrate}
code=$?
if [ "$code" -ne 0 ]; then
  echo "Migration command exited with code $code"
  echo "Continuing with application startup..."
fi
echo "Migrations check complete"
exec node -e 'console.log("Server listening on http://0.0.0.0:3000");
  setTimeout(() => console.log("SIGTERM received, shutting down gracefully"), 300)'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    outcome: str  # what really happened; the exit code and the schema are checked against it
    third: Step = GOOD[2]
    prepare: Callable[[Bench], None] = lambda bench: None
    command: str = "migrate"  # migrate | rollback | status
    script: bool = False
    port: int | None = None
    database: str = DATABASE
    steps: int = 3
    migration: str | None = None  # part of the failed migration's name
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One tool on one fresh database."""

    tool: Tool
    cluster: Cluster
    folder: Path

    def environment(self, *, port: int | None = None, database: str = DATABASE) -> dict[str, str]:
        port = port or self.cluster.port
        home = CACHE / self.tool.home
        paths = [str(home / "node_modules/.bin"), str(home / "bin"), os.environ["PATH"]]
        return {
            "PATH": ":".join(paths),
            "NO_COLOR": "",
            "CI": "",
            "NODE_PATH": str(home / "node_modules"),
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/{database}",
            "DATABASE_TARGET": f"//postgres@127.0.0.1:{port}/{database}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict(self.tool.environment),
        }

    def lay(self, third: Step, steps: int) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        modules = CACHE / self.tool.home / "node_modules"
        if modules.exists():
            (self.folder / "node_modules").symlink_to(modules)
        self.tool.write(self.folder, (*GOOD[:2], third)[:steps])

    def migrate_once(self, third: Step = GOOD[2], steps: int = 3) -> None:
        self.lay(third, steps)
        done = run(["sh", "-c", self.tool.migrate], folder=self.folder, environment=self.environment())
        if done.exit_code:
            raise RuntimeError(f"{self.tool.name}: preparing failed: {done.events[-5:]}")


def _existing_table(bench: Bench) -> None:
    bench.cluster.sql(DATABASE, GOOD[0].up)


def _applied_before(bench: Bench) -> None:
    bench.migrate_once()


def _rows_before(bench: Bench) -> None:
    bench.migrate_once(steps=2)
    bench.cluster.sql(DATABASE, "INSERT INTO orders (customer) VALUES ('acme')")


def _two_before(bench: Bench) -> None:
    bench.migrate_once(steps=2)


def _locked(bench: Bench) -> None:
    bench.migrate_once(steps=2)
    bench.cluster.sql(DATABASE, *bench.tool.lock)


def _history_lost(bench: Bench) -> None:
    bench.migrate_once()
    bench.cluster.sql(DATABASE, f'DROP TABLE "{bench.tool.history}"')


CASES: tuple[Case, ...] = (
    Case(name="applied", outcome="applied"),
    Case(name="applied_last_of_three", outcome="applied", prepare=_two_before),
    Case(name="nothing_to_do", outcome="nothing_to_do", prepare=_applied_before),
    Case(name="failed_table_exists", outcome="failed", prepare=_existing_table, migration="create_orders", sqlstate="42P07"),
    Case(name="failed_third_of_three", outcome="failed", third=ADD_NOTE_AGAIN, migration="add_note_again", sqlstate="42701"),
    Case(
        name="failed_not_null",
        outcome="failed",
        third=NOTE_REQUIRED,
        prepare=_rows_before,
        migration="note_required",
        sqlstate="23502",
    ),
    Case(name="failed_syntax", outcome="failed", third=BAD_SQL, migration="bad_sql", sqlstate="42601"),
    Case(name="failed_connection_refused", outcome="failed", port=1),
    Case(name="failed_no_database", outcome="failed", database="nosuchdb"),
    Case(
        name="script_failed_continues",
        outcome="failed",
        third=ADD_NOTE_AGAIN,
        script=True,
        migration="add_note_again",
        sqlstate="42701",
    ),
    Case(name="script_refused_continues", outcome="failed", port=1, script=True),
    Case(name="script_applied_ready", outcome="applied", script=True),
    Case(name="script_nothing_to_do_ready", outcome="nothing_to_do", prepare=_applied_before, script=True),
    Case(name="rolled_back", outcome="rolled_back", prepare=_applied_before, command="rollback"),
    Case(name="status_pending", outcome="pending", prepare=_two_before, command="status"),
)
LOCK_CASE = Case(name="failed_locked", outcome="failed", prepare=_locked)
HISTORY_CASE = Case(name="failed_history_lost", outcome="failed", prepare=_history_lost)
HOLD_CASE = Case(name="failed_lock_held", outcome="failed", prepare=_two_before)


def cases(tool: Tool) -> Iterator[Case]:
    for case in CASES:
        if case.name not in tool.skip and (case.command == "migrate" or getattr(tool, case.command)):
            yield case
    if tool.lock:
        yield LOCK_CASE
    if tool.history:
        yield HISTORY_CASE
    if tool.hold:
        yield HOLD_CASE


def until_held(cluster: Cluster, database: str) -> None:
    """Asks until somebody holds an advisory lock. Raises RuntimeError when nobody comes to hold one."""
    for _ in range(200):  # each question is a process: a few seconds in all
        if int(cluster.sql(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")):
            return
    raise RuntimeError("nobody holds the lock that the case is about")


@contextmanager
def _held(bench: Bench, case: Case) -> Iterator[None]:
    """Holds the tool's lock from another session while the command runs."""
    if case is not HOLD_CASE or bench.tool.hold is None:
        yield
        return
    session = subprocess.Popen(
        ["psql", bench.cluster.url(DATABASE), "-X", "-q", "-c", bench.tool.hold], stdout=subprocess.DEVNULL
    )
    try:
        until_held(bench.cluster, DATABASE)
        yield
    finally:
        session.terminate()
        session.wait()


def record(tool: Tool, case: Case, cluster: Cluster) -> dict[str, object]:
    """Runs one case; its facts. Raises RuntimeError when what happened is not what the case says."""
    bench = Bench(tool=tool, cluster=cluster, folder=CACHE / "work" / tool.name)
    cluster.fresh(DATABASE)
    case.prepare(bench)
    bench.lay(case.third, case.steps)
    before = cluster.schema_digest(DATABASE)
    command = str(getattr(tool, case.command))
    shell = SCRIPT.format(migrate=command) if case.script else command
    with _held(bench, case):
        printed = run(
            ["sh", "-c", shell], folder=bench.folder, environment=bench.environment(port=case.port, database=case.database)
        )
    after = cluster.schema_digest(DATABASE)
    _check(tool, case, printed.exit_code, changed=before != after)
    write(RECORDS / tool.name / f"{case.name}.jsonl", tool.name, case.name, printed, _scrubber(bench))
    return {
        "command": command,
        "start_script": case.script,
        "exit_code": printed.exit_code,
        "schema_changed": before != after,
        "happened": case.outcome,
        "outcome": tool.silent.get(case.name, case.outcome),
        "migration": case.migration,
        "sqlstate": case.sqlstate,
        "events": len(printed.events),
    }


def _check(tool: Tool, case: Case, exit_code: int, *, changed: bool) -> None:
    told = {"applied": changed, "nothing_to_do": not changed, "rolled_back": changed}.get(case.outcome, True)
    if case.outcome == "failed" and not case.script and exit_code == 0:
        told = False
    if not told:
        raise RuntimeError(f"{tool.name}/{case.name}: expected {case.outcome}, exit code {exit_code}, schema changed: {changed}")


def _scrubber(bench: Bench) -> Scrubber:
    home = CACHE / bench.tool.home
    return Scrubber(
        replacements=(
            (str(bench.folder.resolve()), "/app"),
            (str(bench.folder), "/app"),
            (str(home / "node_modules"), "/app/node_modules"),
            (str(home), "/usr/local"),
            (str(CACHE), "/srv"),
            (f":{bench.cluster.port}", ":5432"),
            (f"port {bench.cluster.port}", "port 5432"),
            (f"port: {bench.cluster.port}", "port: 5432"),
            (f"'{bench.cluster.port}'", "'5432'"),
            (str(bench.cluster.folder), "/var/run/postgresql"),
        )
    )


def install() -> None:
    """The tools' packages, once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    for home, packages in tools.NODE_PACKAGES.items():
        folder = CACHE / home
        if not (folder / "node_modules").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text('{"name": "triage-lab", "private": true, "version": "1.0.0"}\n')
            subprocess.run(["npm", "install", "--ignore-scripts", "--no-fund", "--no-audit", *packages], cwd=folder, check=True)
    python = CACHE / "python"
    if not (python / "bin/alembic").exists():
        subprocess.run([sys.executable, "-m", "venv", str(python)], check=True)
        subprocess.run([str(python / "bin/pip"), "install", "-q", *tools.PYTHON_PACKAGES], check=True)


def version_of(tool: Tool) -> str:
    bench = Bench(tool=tool, cluster=Cluster(folder=Path("/"), port=1), folder=CACHE / "work" / tool.name)
    bench.lay(GOOD[2], 3)
    said = run(["sh", "-c", tool.version], folder=bench.folder, environment=bench.environment())
    return said.events[0][1].strip() if said.events and not said.exit_code else ""


def main(names: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the cluster is stopped on the way out
    install()
    wrong = 0
    with private_cluster() as cluster:
        server = cluster.sql("postgres", "SHOW server_version").strip()
        for tool in (tool for tool in TOOLS if not names or tool.name in names):
            version = version_of(tool)
            if not version:
                print(f"{tool.name:22} not installed", flush=True)
                continue
            facts: dict[str, object] = {}
            for case in cases(tool):
                try:
                    facts[case.name] = record(tool, case, cluster)
                except (RuntimeError, subprocess.CalledProcessError) as error:
                    wrong += 1
                    print(f"{tool.name}/{case.name}: {error}", flush=True)
            index = {"tool": tool.name, "version": version, "postgresql": server, "cases": facts}
            (RECORDS / tool.name / "index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", "utf-8")
            print(f"{tool.name:22} {version:14} {len(facts)} cases", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
