"""A fetch of the small log group into a store: in this process, or in one that can be killed."""

import functools
import os
import types
from pathlib import Path

from dashboard.fetchers import keeping
from dashboard.fetchers.board import Api
from dashboard.fetching import FetchRequest, run_fetch
from dashboard.pack_cache import cached_packs
from dashboard.settings import Settings
from dashboard.store import open_database
from parsers import Reader, Redactor
from tests.dashboard.fetchers.small_group import CREDENTIALS, END_MS, GROUP, REGION, START_MS, UNHURRIED

LINES = (
    "Running database migrations...",
    "Error: P3005",
    "The database schema is not empty. Read more about how to baseline an existing production database",
    '::ffff:10.0.0.7 - - [19/Nov/2025:02:57:56 +0000] "POST /clinical-notes HTTP/1.1" 400 213 "-" "curl/8"',
    '::ffff:10.0.0.7 - - [19/Nov/2025:02:57:56 +0000] "GET /clients/17 HTTP/1.1" 200 1200 "-" "curl/8"',
    "Server listening on port 3001",
    "Error: Something odd happened",
    "    at Object.<anonymous> (/app/dist/index.js:10:5)",
    "    at Module._compile (node:internal/modules/cjs/loader:1358:14)",
)


def telling(rows):
    """The same rows with lines that the parsers know."""
    for number, row in enumerate(rows):
        yield row | {"message": LINES[number % len(LINES)]}


@functools.cache
def reader():
    """Rules and a redactor with a fixed key, made once."""
    return Reader(rules=cached_packs(()), redactor=Redactor(b"k" * 32))


def keeper(path):
    """What a Workspace gives a fetch."""
    return types.SimpleNamespace(database=open_database(Path(path)), reader=reader(), packs_digest="these")


def settings(endpoint_url, **more):
    """Settings of the small group behind a double."""
    return Settings(**({"region": REGION, "endpoint_url": endpoint_url, "log_groups": (GROUP,)} | more))


def request(**more):
    """The test's window, at no pace, through one API: GetLogEvents has no event ids, and who reads what is a matter of time."""
    plain = {"start_ms": START_MS, "end_ms": END_MS, "quotas": UNHURRIED.overrides, "verify": False, "api": Api.FILTER}
    return FetchRequest(**(plain | more))


def fetch(endpoint_url, store, **more):
    """One fetch in this process."""
    keeping.FLUSH_EVERY_S = 0.0
    for name, value in CREDENTIALS.items():
        os.environ[name.upper()] = value
    one = keeper(store)
    try:
        return run_fetch(settings(endpoint_url), request(**more), one)
    finally:
        one.database.close()


_TABLES = {
    "slices": "SELECT log_stream, start_ms, end_ms, state, events, undecodable, access_lines, facts, gaps, hex(rest) FROM slices JOIN streams ON streams.id = stream",  # noqa: E501
    "facts": "SELECT log_stream, slice_ms, first_ms, last_ms, hex(data) FROM facts JOIN streams ON streams.id = stream",
    "fetched": "SELECT region, log_group, selection, start_ms, end_ms, state, packs_digest, events, digest FROM fetched",
    "gaps": "SELECT region, log_group, selection, start_ms, end_ms, reason FROM fetch_gaps",
    "runs": "SELECT log_stream, runs.id, started_ms, ended_ms, hex(data) FROM runs JOIN streams ON streams.id = stream",
    "requests": "SELECT log_stream, minute_ms, method, route, status, n FROM request_cells JOIN streams ON streams.id = stream "
    "JOIN answers ON answers.id = answer",
    "findings": "SELECT log_stream, minute_ms, digest, n, first_ms, last_ms FROM finding_cells JOIN streams ON streams.id = stream "
    "JOIN kinds ON kinds.id = kind",
    "unexplained": "SELECT log_stream, fingerprint, minute_ms, n FROM unexplained_cells JOIN streams ON streams.id = stream",
    "totals": "SELECT owner, method, route, status, n FROM request_totals JOIN answers ON answers.id = answer",
}


def contents(store):
    """Everything that a store holds, without row numbers and the times of writing."""
    database = open_database(Path(store))
    try:
        return {name: sorted(map(tuple, database.ask(sql)), key=repr) for name, sql in _TABLES.items()}
    finally:
        database.close()
