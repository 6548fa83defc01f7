"""Start-script lint against the truth: every script is really run, in a real shell, with programs that only note their call."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from parsers.lint import LINT_RULES, Level, LintFinding, lint_files, lint_text

FOLDER = Path(__file__).parent / "lint"
WRITTEN_OUT = 3
"""How many migration commands each idiom is written out with."""

# Notes its call; says that the migration failed, that the server started, or nothing. Ends what runs for ever.
STUB = r"""#!/bin/sh
name="${0##*/}"
line="$name $*"
line=$(echo $line)
end() { echo endless >> "$NOTES"; kill -9 0; }
case "$line" in
  "$LINT_M") echo migrated >> "$NOTES"
    [ "$(grep -c migrated "$NOTES")" -gt 60 ] && end
    echo "Error: P3005"; exit 1 ;;
  "$LINT_S") echo started >> "$NOTES"; exit 0 ;;
  "sleep infinity"|"tail -f /dev/null") end ;;
  "su node -c "*) shift 2; exec sh -c "$1" ;;
  "npm run "*) [ -e "scripts/$2" ] || exit 0
    for step in "pre$2" "$2" "post$2"; do
      [ -e "scripts/$step" ] && { sh -c "$(cat "scripts/$step")" || exit $?; }
    done; exit 0 ;;
esac
exit 0
"""
DATABASE_URL = "postgres://app@db.example.internal/app"
REAL = ["sh", "bash", "cat", "seq", "grep", "tee", "sed", "env", "timeout", "mkdir", "rm", "date", "basename", "kill"]
STUBS = (
    *(
        "npx",
        "npm",
        "node",
        "nodejs",
        "yarn",
        "pnpm",
        "bunx",
        "alembic",
        "python",
        "flask",
        "poetry",
        "knex",
        "typeorm",
        "sequelize-cli",
    ),
    *("node-pg-migrate", "dbmate", "flyway", "migrate", "bundle", "php", "goose", "mix", "dotnet", "gunicorn", "uvicorn", "java"),
    *("php-fpm", "sleep", "tail", "nc", "pg_isready", "curl", "su", "psql", "migrate.sh"),
)


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    file: str
    text: str
    argv: tuple[str, ...]
    envs: tuple[Mapping[str, str], ...]
    migration: str
    server: str
    rule: str | None
    any_rule: bool
    scripts: Mapping[str, str] = field(default_factory=dict)


def _filled(text: str, migration: str, server: str) -> str:
    return text.replace("{M}", migration).replace("{S}", server)


def _cases() -> Iterator[Case]:
    idioms = tomllib.loads((FOLDER / "idioms.toml").read_text("utf-8"))["idiom"]
    commands = tomllib.loads((FOLDER / "commands.toml").read_text("utf-8"))
    turn = 0
    for idiom in idioms:
        for _ in range(WRITTEN_OUT):
            turn += 1
            choices = commands["migrations"]
            servers = commands["servers"]
            if "scripts" in idiom:
                choices = [command for command in choices if not command.startswith(("npm", "./"))]
                servers = [command for command in servers if not command.startswith("npm")]
            yield _case(idiom, choices[turn * 7 % len(choices)], servers[turn * 5 % len(servers)])


def _case(idiom: Mapping[str, Any], migration: str, server: str) -> Case:
    scripts = {name: _filled(text, migration, server) for name, text in idiom.get("scripts", {}).items()}
    text = (
        json.dumps({"name": "x", "scripts": scripts}, indent=2)
        if scripts
        else _filled(idiom["script"].lstrip("\n"), migration, server)
    )
    shell = "sh" if text.startswith("#!/bin/sh") else "bash"
    argv = [_filled(word, migration, server) for word in idiom.get("argv", ())]
    if scripts:
        argv = ["npm", "run", "start"]
    elif not argv:
        first = text.split("\n", 1)[0]
        options = ["-e"] if first.endswith("bash -e") else []
        arguments = [word for item in idiom.get("args", ()) for word in _filled(item, migration, server).split()]
        argv = [shell, *options, "start.sh", *arguments]
    return Case(
        name=f"{idiom['name']} [{migration}]", file=idiom.get("file", "start.sh"), text=text, argv=tuple(argv),
        envs=tuple(idiom.get("envs", [{}])), migration=migration, server=server, rule=idiom.get("rule"),
        any_rule=idiom.get("any_rule", False), scripts=scripts,
    )  # fmt: skip


def _as_called(command: str) -> str:
    words = [
        word
        for word in command.replace("$DATABASE_URL", DATABASE_URL).split()
        if not re.match(r"[A-Z_]+=", word) and word != "env"
    ]
    return " ".join([words[0].rsplit("/", 1)[-1], *words[1:]])


def _run(case: Case, env: Mapping[str, str], folder: Path, programs: Path) -> str:
    """What really happens: `hidden` (the server started after the failure, or 0), `endless`, `stopped`, `unreached`."""
    notes = folder / "notes"
    notes.write_text("")
    process = subprocess.Popen(
        case.argv, cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PATH": str(programs), "NOTES": str(notes), "LINT_M": _as_called(case.migration), "LINT_S": _as_called(case.server),
             "DATABASE_URL": DATABASE_URL, **env},
    )  # fmt: skip
    process.communicate(timeout=60)  # to the end of the pipe: background jobs hold it too
    code = process.returncode
    rows = notes.read_text().split()
    if "migrated" not in rows:
        return "unreached"
    if "endless" in rows:
        return "endless"
    return "hidden" if code == 0 or "started" in rows[rows.index("migrated") :] else "stopped"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stub programs and the few real ones that scripts need: the whole PATH of every case."""
    folder = tmp_path_factory.mktemp("programs")
    stub = folder / ".stub"
    stub.write_text(STUB)
    stub.chmod(0o755)
    for name in STUBS:
        (folder / name).symlink_to(stub)
    for name in REAL:
        (folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    return folder


def _prepared(case: Case, folder: Path, programs: Path) -> None:
    folder.mkdir()
    (folder / "start.sh").write_text(case.text)
    for local in ("node_modules/.bin/typeorm", "scripts/migrate.sh"):
        (folder / local).parent.mkdir(parents=True, exist_ok=True)
        (folder / local).symlink_to(programs / ".stub")
    for name, text in case.scripts.items():
        (folder / "scripts" / name).write_text(text)


def _truth(case: Case, folder: Path, programs: Path) -> str:
    _prepared(case, folder, programs)
    endings = [_run(case, env, folder, programs) for env in case.envs]
    return next((ending for ending in ("hidden", "endless", "stopped") if ending in endings), "unreached")


def _claims(case: Case) -> list[LintFinding]:
    found = lint_text(case.text, case.file)
    return [item for item in found if item.hides or item.rule in {"endless_retry", "kept_alive"}]


@dataclass(frozen=True, kw_only=True)
class Tried:
    case: Case
    truth: str
    claims: list[LintFinding]


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, programs: Path) -> list[Tried]:
    """Every case, run and linted."""
    folder = tmp_path_factory.mktemp("cases")
    return [
        Tried(case=case, truth=_truth(case, folder / str(number), programs), claims=_claims(case))
        for number, case in enumerate(_cases())
    ]


def _named(cases: Sequence[Tried]) -> list[str]:
    return [f"{item.case.name}: really {item.truth}, said {[claim.rule for claim in item.claims]}" for item in cases]


def test_every_case_reaches_its_migration(tried: list[Tried]) -> None:
    """A script whose stub migration never ran proves nothing."""
    assert not _named([item for item in tried if item.truth == "unreached"])
    assert len(tried) >= 300


def test_recall(tried: list[Tried]) -> None:
    """Of the scripts that really hide the failure, or try for ever, at least 95 % are found."""
    guilty = [item for item in tried if item.truth in {"hidden", "endless"}]
    missed = [item for item in guilty if not item.claims]
    assert len(guilty) >= 150
    assert len(missed) <= 0.05 * len(guilty), _named(missed)


def test_false_positives(tried: list[Tried]) -> None:
    """Of the scripts that really stop, at most 2 % are accused."""
    innocent = [item for item in tried if item.truth == "stopped"]
    accused = [item for item in innocent if item.claims]
    assert len(innocent) >= 100
    assert len(accused) <= 0.02 * len(innocent), _named(accused)


def test_the_idiom_is_named(tried: list[Tried]) -> None:
    """A hidden failure is explained by the rule of its idiom, not just noticed."""
    guilty = [item for item in tried if item.case.rule and not item.case.any_rule and item.truth in {"hidden", "endless"}]
    wrong = [item for item in guilty if item.case.rule not in {claim.rule for claim in item.claims}]
    assert not _named(wrong)


def _rules(text: str, path: str = "start.sh") -> list[tuple[int, str]]:
    return [(item.line, item.rule) for item in lint_text(text, path)]


def test_a_dockerfile_line_is_the_line_of_the_command() -> None:
    """Comments and continuations do not move the line: it is that of the instruction that holds the list."""
    text = "FROM node:20\n\n# start\nCMD echo hello && \\\n  # why\n  npx prisma migrate deploy || true; \\\n  node server.js\n"

    assert _rules(text, "Dockerfile") == [(4, "or_true")]


def test_a_build_step_that_migrates_is_remarked() -> None:
    """RUN migrates another database than the deployment's, or none."""
    assert _rules("FROM x\nRUN npx prisma migrate deploy\n", "Dockerfile") == [(2, "migrates_at_build")]


def test_a_shell_as_entrypoint_runs_the_command_as_its_script() -> None:
    """`ENTRYPOINT ["sh", "-c"]` and CMD are one command; another entrypoint takes the CMD as its arguments."""
    hidden = 'FROM x\nENTRYPOINT ["/bin/sh", "-c"]\nCMD ["npx prisma migrate deploy; exec node server.js"]\n'

    assert _rules(hidden, "Dockerfile") == [(3, "semicolon")]
    assert _rules(hidden.replace('["/bin/sh", "-c"]', '["tini", "--"]'), "Dockerfile") == []
    assert _rules(hidden.replace("FROM x\n", "").replace("CMD", "FROM y\nCMD"), "Dockerfile") == []


COMPOSE = """\
services:
  api:
    image: api
    command: sh -c "npx prisma migrate deploy; node server.js"
  web:
    command: ["sh", "-c", "npx prisma migrate deploy && node server.js"]
  worker:
    entrypoint: >
      sh -c "alembic upgrade head || true
             && gunicorn app:app"
    environment:
      - A=1
  admin:
    command:
      - 'bash'
      - -c
      - |
        echo not followed
  jobs:
    command: # nothing to run
    entrypoint: ['bash', '-c', 'set -e; knex migrate:latest; exec node "$$MAIN"']
  other:
    command: *anchor
  ok:
    command: bash -c "alembic upgrade head && uvicorn main:app"
"""


def test_commands_of_compose_files() -> None:
    """One line, a list in either style, folded: what hides is named with its service; what cannot be followed is left out."""
    found = lint_text(COMPOSE, "docker-compose.yml")

    assert [(item.line, item.rule, item.where) for item in found] == [
        (4, "semicolon", "api.command"),
        (8, "or_true", "worker.entrypoint"),
    ]


def test_package_scripts_are_followed_across_files() -> None:
    """`npm run x` of a script is looked up in the package.json given beside it, and the loss is named where it stands."""
    package = '{\n "scripts": {\n  "db:up": "prisma migrate deploy || true"\n }\n}'
    found = lint_files({"app/package.json": package, "app/start.sh": "#!/bin/sh\nset -e\nnpm run db:up\nexec node server.js\n"})

    assert ("app/package.json", "or_true") in {(item.path, item.rule) for item in found}
    assert any(item.path == "app/start.sh" and item.hides for item in found)


def test_a_task_definition_command_is_read() -> None:
    """The command of a container definition is a start script too."""
    text = json.dumps(
        {"containerDefinitions": [{"name": "app", "command": ["sh", "-c", "alembic upgrade head; uvicorn app:app"]}]}
    )

    [found] = lint_text(text, "taskdef.json")

    assert (found.rule, found.where) == ("semicolon", "containerDefinitions[0].command")


def test_a_procfile_line_is_read() -> None:
    """Each process of a Procfile is a script of one line."""
    assert _rules("release: ./migrate.sh\nweb: alembic upgrade head; gunicorn app:app\n", "Procfile") == [(2, "semicolon")]


def test_repairing_at_every_start_is_an_error() -> None:
    """Automatic resolve, stamp, fake and force are named even where nothing is hidden."""
    text = "set -e\nnpx prisma migrate resolve --applied 2025_x\nnpx prisma migrate deploy\nexec node server.js\n"

    [found] = lint_text(text)

    assert (found.rule, found.line, found.level, found.hides) == ("automatic_resolve", 2, Level.ERROR, False)


def test_what_may_destroy_data_is_an_error() -> None:
    """`db push --accept-data-loss` has no place in a start script."""
    assert (2, "destructive_command") in _rules("set -e\nnpx prisma db push --accept-data-loss\nexec node server.js\n")


def test_psql_without_on_error_stop() -> None:
    """psql exits 0 although statements failed, unless told otherwise."""
    assert "psql_goes_on" in {rule for _, rule in _rules('set -e\npsql "$DATABASE_URL" -f migrations/1.sql\nexec node x.js\n')}
    assert not _rules('set -e\npsql -v ON_ERROR_STOP=1 "$DATABASE_URL" -f migrations/1.sql\nexec node x.js\n')


def test_a_way_that_only_an_option_opens_is_a_warning() -> None:
    """A deliberate opt-in to going on is shown, one level lower."""
    text = 'set -e\nnpx prisma migrate deploy || { [ -n "$ALLOW_FAILURE" ] || exit 1; }\nexec node server.js\n'

    assert {item.level for item in lint_text(text)} == {Level.WARNING}


@pytest.mark.parametrize("text", ["if true; then\n", 'echo "never closed\n', "case x in\n", "((" * 200, "$(" * 500, "{ " * 3000])
def test_what_cannot_be_read_is_never_clean(text: str) -> None:
    """A script that cannot be read gives a finding that says so."""
    assert {item.rule for item in lint_text(text)} == {"unreadable"}


def test_passwords_are_not_shown() -> None:
    """A command is quoted without its assignments and without the password of a URL."""
    text = "DB_PASSWORD=s3cret-one migrate -path m -database postgres://app:s3cret-two@db/app up || true\nexec node server.js\n"

    assert lint_text(text)
    assert "s3cret" not in repr(lint_text(text))


def test_no_migration_no_finding() -> None:
    """A script that does not migrate is none of our business."""
    assert not lint_text("npm ci\nrm -rf x || true\nnode server.js; echo done\n")


def test_every_rule_says_why_and_what_to_do() -> None:
    """No rule without its reason and its mend."""
    assert all(rule.title and rule.why and rule.mend for rule in LINT_RULES.values())


def test_the_server_before_the_migration_is_no_accusation() -> None:
    """A server in the background dies with the script that ends."""
    assert not lint_text("set -e\nnode server.js &\nnpx prisma migrate deploy\nwait\n")


COPIED = """\
FROM node:20
COPY --chmod=755 <<'EOS' /start.sh
#!/bin/sh
npx prisma migrate deploy || echo "continuing"
exec node server.js
EOS
COPY <<-EOF /usr/local/bin/entry
\t#!/usr/bin/env bash
\tnpx prisma migrate deploy || true
\texec node \\$MAIN
EOF
COPY <<EOF /etc/app.conf
migrate = "npx prisma migrate deploy || true"
EOF
CMD ["/start.sh"]
"""


def test_a_start_script_written_into_the_dockerfile_is_read() -> None:
    """`COPY <<EOF /start.sh`, quoted or not, with tabs or not, at its own lines; a configuration file is no script."""
    found = lint_text(COPIED, "Dockerfile")

    assert [(one.rule, one.line) for one in found] == [("or_echo", 4), ("or_true", 9)]
