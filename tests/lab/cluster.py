"""A private PostgreSQL for one lab run: a temporary folder, a free loopback port, gone afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    folder: Path
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, database: str, *statements: str) -> str:
        """Runs statements with psql; what they answer as unaligned text. Raises CalledProcessError."""
        command = [
            "psql",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "postgres",
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            database,
        ]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def fresh(self, database: str) -> None:
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)', f'CREATE DATABASE "{database}"')

    def schema_digest(self, database: str) -> str:
        """Twelve hex digits of the application's columns and indexes: whether a run changed the schema."""
        listing = self.sql(
            database,
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'orders' ORDER BY 1, 2",
            "SELECT indexname FROM pg_indexes WHERE tablename = 'orders' ORDER BY 1",
        )
        return hashlib.sha256(listing.encode()).hexdigest()[:12] if listing.strip() else "empty"


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """Starts a cluster (as user postgres when we are root: the server refuses root) and removes it."""
    if not BINARIES:
        raise FileNotFoundError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="triage-lab-", dir="/tmp"))
    port = free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    _as_server(folder, "initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=40"
    _as_server(folder, "pg_ctl", "-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield Cluster(folder=folder, port=port)
    finally:
        _as_server(folder, "pg_ctl", "-D", str(folder / "data"), "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _as_server(folder: Path, program: str, *arguments: str) -> None:
    command = [str(BINARIES[-1] / program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
