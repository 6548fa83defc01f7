"""What must not stand in the repository, and what must agree with itself."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "core", "service", "services", "manager"}
# `[/]` keeps this file clean itself.
MACHINE_PATHS = re.compile(r"[/]work/(?:main|shared|\.library)\b|[/]tmp/team\b|[/]home/(?!app/|node/|user/)\w+/|[/]root/\.pyenv")
ACCOUNT = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12})|\b(\d{12})\.dkr\.ecr")
MADE_UP_ACCOUNTS = {"123456789012", "111122223333", "000000000000"}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every tracked file that is there."""
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    return [REPOSITORY / name for name in answer.stdout.decode().split("\0") if name and (REPOSITORY / name).is_file()]


def texts(paths: list[Path]) -> list[tuple[Path, str]]:
    return [(path.relative_to(REPOSITORY), path.read_text("utf-8", errors="replace")) for path in paths]


def test_names_say_what_is_inside(tracked):
    """No file or folder carries a name that could hold anything."""
    names = [path.relative_to(REPOSITORY) for path in tracked]

    wrong = {name for name in names for part in name.parts if part.split(".")[0] in FORBIDDEN_NAMES}

    assert wrong == set()


def test_no_path_of_a_machine(tracked):
    """Nothing names the folders of the machine it was written on."""
    wrong = {f"{name}: {hit[0]}" for name, text in texts(tracked) for hit in MACHINE_PATHS.finditer(text)}

    assert wrong == set()


def test_no_real_account(tracked):
    """Account ids are AWS's documentation ids."""
    wrong = {
        f"{name}: {hit[0]}"
        for name, text in texts(tracked)
        for hit in ACCOUNT.finditer(text)
        if (hit[1] or hit[2]) not in MADE_UP_ACCOUNTS
    }

    assert wrong == set()


def test_the_lock_names_versions_and_hashes_and_no_address():
    """requirements.lock works with any index: no URL, and a hash under every version."""
    lock = (REPOSITORY / "requirements.lock").read_text("utf-8")

    assert "://" not in lock
    assert "index-url" not in lock
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []


def test_every_dependency_is_locked():
    """What pyproject.toml asks for, extras included, stands in requirements.lock."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    locked = {_plain(line) for line in (REPOSITORY / "requirements.lock").read_text("utf-8").splitlines() if "==" in line}

    assert {_plain(one) for one in wanted} - locked == set()


def _plain(requirement: str) -> str:
    return re.split(r"[\s\[=<>;]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def test_every_test_says_what_it_holds():
    """One sentence under every test function."""
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}"
        for path in sorted((REPOSITORY / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if not ast.get_docstring(node)
    ]

    assert wrong == []


def test_every_lint_exception_has_its_reason():
    """In pyproject.toml each ignored rule stands with a comment."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    lint = text[text.index("\nignore = [") : text.index("[tool.ruff.lint.mccabe]")]
    ignored = re.findall(r'^\s+"[A-Z]+\d*",.*$', lint, flags=re.MULTILINE)

    assert ignored
    assert [line for line in ignored if "#" not in line] == []
