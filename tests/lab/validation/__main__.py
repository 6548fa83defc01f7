"""`python -m tests.lab.validation`: runs schema libraries, drivers and ORMs and records how each prints a refusal.

Packages are installed once into $TRIAGE_LAB (default ~/.cache/triage-lab), never into the repository. What each case
must be read as is known by construction: the scripts break known fields and known constraints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.cluster import private_cluster

CACHE = Path(os.environ.get("TRIAGE_LAB", Path.home() / ".cache/triage-lab")) / "validation"
HERE = Path(__file__).parent
RECORDS = HERE.parent / "records" / "validation"
NODE_PACKAGES = (
    "zod3@npm:zod@3.25.76 zod4@npm:zod@4 joi ajv yup valibot class-validator class-transformer reflect-metadata express-validator celebrate express "
    "body-parser fastify pino winston bunyan pg mongoose graphql @nestjs/common @nestjs/core knex sequelize typeorm postgres drizzle-orm"
).split()
PYTHON_PACKAGES = (
    "pydantic pydantic-settings fastapi httpx marshmallow django djangorestframework sqlalchemy psycopg[binary] psycopg2-binary asyncpg structlog"
).split()


def main() -> int:
    modules = _node_modules()
    modern, old = _environment("pydantic-2", PYTHON_PACKAGES), _environment("pydantic-1", ["pydantic<2"])
    RECORDS.mkdir(parents=True, exist_ok=True)
    with private_cluster() as cluster:
        cluster.fresh("lab")
        _record("node", ["node", str(HERE / "print.js"), cluster.url("lab")], NODE_PATH=str(modules))
        cluster.fresh("lab")
        _record("python", [str(modern), str(HERE / "print_python.py"), cluster.url("lab")])
    _record("pydantic-1", [str(old), str(HERE / "print_python.py"), "--pydantic-only"])
    return 0


def _node_modules() -> Path:
    folder = CACHE / "node"
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"name": "lab", "private": true, "version": "1.0.0"}')
        _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NODE_PACKAGES], folder)
    return folder / "node_modules"


def _environment(name: str, packages: Sequence[str]) -> Path:
    folder = CACHE / name
    if not folder.is_dir():
        _run([sys.executable, "-m", "venv", str(folder)], HERE)
        _run([str(folder / "bin/pip"), "install", "--quiet", *packages], HERE)
    return folder / "bin/python"


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)


def _record(name: str, command: Sequence[str], **environment: str) -> None:
    """One JSON object a case, as the script says them; refuses to write what is no JSON."""
    done = subprocess.run(command, cwd=HERE, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True, text=True)
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    text = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    (RECORDS / f"{name}.jsonl").write_text(text, "utf-8")
    print(f"{name}: {len(cases)} cases of {len({case['tool'] for case in cases})} tools")


if __name__ == "__main__":
    sys.exit(main())
