"""What every test may rely on: no network but loopback, no settings of this machine, and a plain word about missing tools.

A test that needs a tool says so with a marker (`chromium`, `postgresql`, `ripgrep`) and asks for the fixture of the same name to
learn its path. Without the tool it is not run, and the end of the run says which and how many; with TRIAGE_CI=1 it fails instead.
A test marked `lab` reads the captured logs in `shared/`, a folder beside the checkout, and is not run where there is none.
"""

import os
import shutil
import socket
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
NOT_RUN = pytest.StashKey[Counter]()


def _postgresql() -> str | None:
    """Folder of PostgreSQL's own programs; Debian keeps them off PATH."""
    found = shutil.which("pg_ctl")
    if found:
        return str(Path(os.path.realpath(found)).parent)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return str(debian[-1].parent) if debian else None


def _lab() -> str | None:
    return str(SHARED) if (SHARED / "lab").is_dir() else None


TOOLS = {
    "chromium": lambda: shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    "postgresql": _postgresql,
    "ripgrep": lambda: shutil.which("rg"),
    "lab": _lab,
}
ADVICE = {
    "chromium": "Chromium is missing (Debian: apt-get install chromium)",
    "postgresql": "PostgreSQL is missing (Debian: apt-get install postgresql)",
    "ripgrep": "ripgrep is missing (Debian: apt-get install ripgrep)",
    "lab": "there is no folder shared/lab beside the checkout",
}


def pytest_configure(config):
    config.stash[NOT_RUN] = Counter()


def pytest_runtest_setup(item):
    for tool, find in TOOLS.items():
        if item.get_closest_marker(tool) is None or find() is not None:
            continue
        if os.environ.get("TRIAGE_CI") and tool != "lab":
            pytest.fail(f"CI skips nothing: {ADVICE[tool]}", pytrace=False)
        item.config.stash[NOT_RUN][tool] += 1
        pytest.skip(ADVICE[tool])


def pytest_terminal_summary(terminalreporter, config):
    for tool, count in sorted(config.stash[NOT_RUN].items()):
        terminalreporter.write_line(f"NOT RUN: {count} tests, because {ADVICE[tool]}", yellow=True)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of captured logs and knowledge beside the checkout; for tests marked `lab`."""
    return SHARED


@pytest.fixture(scope="session")
def lab() -> Path:
    """Captured logs, `shared/lab`; for tests marked `lab`."""
    return SHARED / "lab"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium; for tests marked `chromium`."""
    return str(TOOLS["chromium"]())


@pytest.fixture(scope="session")
def postgresql() -> Path:
    """Folder of initdb, pg_ctl and postgres; for tests marked `postgresql`."""
    return Path(str(TOOLS["postgresql"]()))


@pytest.fixture(scope="session")
def ripgrep() -> str:
    """Path of rg; for tests marked `ripgrep`."""
    return str(TOOLS["ripgrep"]())


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch, tmp_path_factory):
    """Nobody's AWS profile, region, key, or triage settings reach a test."""
    for name in list(os.environ):
        if name.startswith("AWS_") or (name.startswith("TRIAGE_") and name != "TRIAGE_CI"):
            monkeypatch.delenv(name)
    empty = tmp_path_factory.getbasetemp() / "no-aws"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):  # one cache of rule packs for the whole run
        monkeypatch.setenv(name, str(tmp_path_factory.getbasetemp() / name.lower()))


@pytest.fixture(scope="session", autouse=True)
def _loopback_only():
    """A connection to anything but this machine is a bug in the test or in the product."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address!r}")
        return connect(self, address)

    socket.socket.connect = guarded
    yield
    socket.socket.connect = connect
