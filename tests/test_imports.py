"""The import law: in each package a file imports only files above it; what is pure stays pure."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

# Top to bottom. A new file gets its line here, below everything that it imports.
PARSERS = (
    "late", "frozen", "plural", "model", "errors", "surrogates", "lint/", "statistics", "comparison", "remedies", "identifiers",
    "field_names", "vocabulary", "fingerprints", "wording", "structures", "documents", "strict", "shown", "masks", "batch", "formats",
    "triggers", "literals", "extract/", "rules", "layouts", "access", "forms", "shapes", "scan", "columns", "records",
    "classify", "written", "requests", "lifecycle", "migrations", "told", "attribution", "standalone", "reading", "bulk",
    "verdict", "packcheck", "explanation", "contract", "__init__",
)  # fmt: skip
# A name that ends in "/" is a folder whose files may import each other, without a circle.
DASHBOARD = (
    "__init__", "shipped", "words", "settings", "links", "rows", "pack_cache", "store/", "fetchers/", "fetching", "doctor", "double/",
    "workspace", "judgement", "state", "tables", "charts", "report/", "attempts", "probe", "verifying", "verify_live",
    "exporting", "reporting", "sharing", "refresh",
    "first_reading", "running", "early", "landing", "terminal", "rulecheck",
    "aws_commands", "views/", "app", "launch", "cli", "__main__",
)  # fmt: skip

IMPURE = {
    "boto3", "botocore", "pandas", "plotly", "streamlit", "requests", "urllib.request", "http", "socket", "ssl",
    "asyncio", "subprocess", "sqlite3", "time", "random", "secrets", "tempfile", "shutil", "rich", "dashboard",
}  # fmt: skip


def files(package: str) -> list[Path]:
    return sorted(p for p in (REPOSITORY / package).rglob("*.py") if "__pycache__" not in p.parts)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """(module, names) of every import in the file, wherever it stands; relative ones made absolute."""
    package = path.relative_to(REPOSITORY).with_suffix("").parts[:-1]
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.extend((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found.append((module, tuple(alias.name for alias in node.names)))
    return found


def modules(path: Path, package: str) -> set[str]:
    """Files of `package` (as "a.b.c") that `path` imports."""
    known = {".".join(p.relative_to(REPOSITORY).with_suffix("").parts) for p in files(package)}
    wanted = set()
    for module, names in imports(path):
        if module != package and not module.startswith(f"{package}."):
            continue
        inner = {one for name in names for one in (f"{module}.{name}", f"{module}.{name}.__init__") if one in known}
        wanted |= inner
        if not inner or (module == package and set(names) - {n.removesuffix(".__init__").rsplit(".", 1)[1] for n in inner}):
            wanted.add(module if module in known else f"{module}.__init__")
    return wanted


def rank(module: str, order: tuple[str, ...]) -> int:
    inner = module.split(".")[1:]
    name = f"{inner[0]}/" if len(inner) > 1 else inner[0]
    assert name in order, f"{module} has no place in the order of tests/test_imports.py: give it one, below everything it imports"
    return order.index(name)


@pytest.mark.parametrize(("package", "order"), [("parsers", PARSERS), ("dashboard", DASHBOARD)])
def test_a_file_imports_only_files_above_it(package, order):
    """The order of DESIGN §3 holds in both packages, function-level imports included."""
    wrong = []
    for path in files(package):
        own = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for other in modules(path, package):
            above = rank(other, order) < rank(own, order)
            same_folder = rank(other, order) == rank(own, order) and own.count(".") > 1 and other != own
            if not above and not same_folder:
                wrong.append(f"{own} imports {other}")

    assert wrong == []


@pytest.mark.parametrize("folder", ["fetchers", "views"])
def test_files_of_one_folder_import_each_other_without_a_circle(folder):
    """Inside a folder of the dashboard there is an order too."""
    prefix = f"dashboard.{folder}."
    needs = {
        ".".join(p.relative_to(REPOSITORY).with_suffix("").parts): {m for m in modules(p, "dashboard") if m.startswith(prefix)}
        for p in files(f"dashboard/{folder}")
    }
    while free := [name for name, wanted in needs.items() if not wanted & (needs.keys() - {name})]:
        for name in free:
            del needs[name]

    assert needs == {}


def test_parsers_are_pure():
    """No network, clock, disk, process or drawing library is imported by the parsers, nor is the dashboard."""
    wrong = [
        f"{path.name} imports {module}"
        for path in files("parsers")
        for module, _ in imports(path)
        if module in IMPURE or module.split(".")[0] in IMPURE
    ]

    assert wrong == []


def test_parsers_ask_no_clock_and_open_only_their_packs():
    """`datetime.now` and its like appear nowhere; the rule loader and the package's own data apart, no file is opened."""
    wrong = []
    for path in files("parsers"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            reads = name in {"open", "read_text", "read_bytes"} and path.name not in {"rules.py", "remedies.py"}
            if name in {"now", "utcnow", "today"} or (reads and "files(" not in ast.unparse(node.func)):
                wrong.append(f"{path.name}:{node.lineno} calls {name}")

    assert wrong == []


def test_only_fetchers_import_boto3():
    """AWS is spoken to in one folder."""
    wrong = [
        str(path.relative_to(REPOSITORY))
        for path in files("dashboard")
        if path.parent.name != "fetchers" and any(module.split(".")[0] in {"boto3", "botocore"} for module, _ in imports(path))
    ]

    assert wrong == []


def test_only_the_store_speaks_sql():
    """No other file of the dashboard imports sqlite3 or holds a statement."""
    starts = ("select ", "insert ", "update ", "delete from", "create table", "create index", "pragma ", "drop table")
    databases = {"sqlite3", "sqlalchemy", "duckdb"}
    wrong = []
    for path in files("dashboard"):
        if path.parent.name in ("store", "report") or path.name == "probe.py":
            continue  # the report shows statements to people, the optional probe asks the user's own database: neither is our store
        wrong.extend(f"{path.name} imports {module}" for module, _ in imports(path) if module in databases)
        wrong.extend(
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_sql(node.value, starts)
        )

    assert wrong == []


def _is_sql(text: str, starts: tuple[str, ...]) -> bool:
    text = " ".join(text.lower().split())
    sure = text.startswith(("insert into", "pragma", "create", "drop", "delete"))
    return text.startswith(starts) and (sure or " from " in text or " set " in text)


def test_the_dashboard_meets_the_parsers_at_their_face():
    """`from parsers import ...` and nothing deeper."""
    wrong = [
        f"{path.relative_to(REPOSITORY)} imports {module}"
        for path in files("dashboard")
        for module, _ in imports(path)
        if module.startswith("parsers.")
    ]

    assert wrong == []


def test_the_face_hands_out_every_name_and_loads_no_more_than_it_needs():
    """What reads logs loads nothing that judges; what judges does not load the lint of start scripts."""
    script = (
        "import sys, parsers\n"
        "late = ('comparison', 'contract', 'explanation', 'lint', 'remedies', 'statistics', 'verdict')\n"
        "loaded = lambda: [name for name in late if f'parsers.{name}' in sys.modules]\n"
        "parsers.read([]); print(loaded())\n"
        "parsers.judge; print(loaded())\n"
        "print([name for name in parsers.__all__ if not hasattr(parsers, name)])\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPOSITORY)

    assert done.stdout.splitlines() == ["[]", "['comparison', 'statistics', 'verdict']", "[]"]
