"""Connections and transactions. Many processes and threads read while one writes; writes are short.

Each thread has a connection of its own. `write` takes the write lock at once (BEGIN IMMEDIATE), waits for its turn, and
commits all or nothing: a process killed at any point leaves the store as after its last commit.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard.store.schema import APPLICATION_ID, STEPS
from parsers import StoreError

BUSY_MS = 15_000
_PAGES_KIB = 64_000  # page cache of one connection

Sql = sqlite3.Connection  # an open transaction, for those who fill it and speak no SQL themselves


def open_database(path: Path, *, steps: Sequence[str] = STEPS) -> Database:
    """Opens the store, makes it when it is not there, and walks it up to this version.

    Raises StoreError when it is damaged, of a newer version, no store of ours, or in a folder that may not be written.
    """
    with _told(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():  # may hold persons' data in spite of redaction: for its owner's eyes
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            text = f"{path}: the store cannot be made here ({error.strerror})"
            raise StoreError(text, hint="--store FILE puts it elsewhere") from error
        database = Database(path)
        try:
            _upgrade(database, steps)
        except BaseException:
            database.close()
            raise
    return database


class Database:
    """One open store. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._every: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the connections of all threads."""
        with self._lock:
            for connection in self._every:
                connection.close()
            self._every.clear()
        self._local = threading.local()

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            self._local.connection = connection
            with self._lock:
                self._every.append(connection)
        return connection

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a question. Raises StoreError."""
        with _told(self.path):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several questions of one state of the store."""
        with _told(self.path):
            connection = self._connection
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that changes the store. Raises StoreError when its turn does not come in time."""
        with _told(self.path):
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'changes'")
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def changes(self) -> int:
        """Counts committed writes, whichever process made them: the key of every cache."""
        rows = self.ask("SELECT value FROM meta WHERE key = 'changes'")
        return int(rows[0][0])

    def scrub(self) -> None:
        """After something was forgotten: nothing of it stays in the file or in its log."""
        with _told(self.path):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    for pragma in (
        f"busy_timeout = {BUSY_MS}", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON",
        f"cache_size = -{_PAGES_KIB}", "temp_store = MEMORY", "mmap_size = 268435456", "secure_delete = ON",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _upgrade(database: Database, steps: Sequence[str]) -> None:
    """From whatever version the file has to this one, each step in a transaction of its own."""
    connection = database._connection  # noqa: SLF001 -- the other half of opening it
    if _version(connection) == len(steps) and _pragma(connection, "application_id") == APPLICATION_ID:
        return
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _checked_version(connection, database.path, len(steps))
            if version == len(steps):
                return
            for statement in steps[version].split(";"):
                connection.execute(statement)
            if version == 0:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute("INSERT INTO meta VALUES ('changes', '0')")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.commit()
        finally:
            if connection.in_transaction:
                connection.rollback()


def _checked_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    version = _version(connection)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if (tables or version) and _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{path} is an SQLite file, but no store of this program", hint="--store FILE names another one")
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer version (its tables: {version}, this program's: {newest})",
            hint="upgrade: pip install --upgrade ecs-log-triage, or name another store with --store FILE",
        )
    return version


def _version(connection: sqlite3.Connection) -> int:
    return _pragma(connection, "user_version")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite says, as a StoreError that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _operational(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: the store is damaged ({error})", hint=_AWAY.format(path=path)) from error


def _operational(path: Path, text: str) -> StoreError:
    if "locked" in text or "busy" in text:
        waited = f"{path}: another process has been writing for {BUSY_MS // 1000} s"
        return StoreError(waited, hint="try again when it is done")
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"{path}: cannot be written ({text})", hint="check the permissions of the file and its folder")
    if "full" in text:
        return StoreError(f"{path}: the disk is full", hint="make room, or lower retention_days")
    return StoreError(f"{path}: {text}", hint=_AWAY.format(path=path))


_AWAY = "everything but ECS's old task list can be read again: mv {path} {path}.damaged, then collect"
