"""`fetch --follow` and the page's Refresh at once: the store ends as if one of them had been alone."""

import multiprocessing
import sqlite3

import pytest

from dashboard.double import Double, SceneTruth
from dashboard.fetchers.keeping import StoreSink
from dashboard.fetchers.pull import CellRead
from dashboard.fetchers.session import RawEvent
from dashboard.fetchers.slices import CELL_MS, Scope, SliceState, Window
from dashboard.fetchers.stream_events import StreamEvents
from dashboard.store import open_database
from tests.dashboard.fetchers.small_fetch import contents, fetch, reader, telling
from tests.dashboard.fetchers.small_group import END_MS, GROUP, HOUR_MS, REGION, rows

SCOPE = Scope(region=REGION, log_group=GROUP)
CELL = END_MS - CELL_MS


def test_two_processes_on_the_same_streams(tmp_path):
    """Two real processes fetch one window into one store at the same time: nothing lost, nothing twice, all of it once."""
    truth = SceneTruth(region=REGION)
    truth.add_rows(telling(rows(streams=3)))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.dashboard.fetchers.warm"])
    alone, shared = tmp_path / "alone.db", tmp_path / "shared.db"
    with Double(truth, max_events=25, now_ms=END_MS + 2 * HOUR_MS, latency_s=0.005) as double:
        assert fetch(double.endpoint_url, alone).complete
        writers = [context.Process(target=fetch, args=(double.endpoint_url, str(shared))) for _ in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert contents(shared) == contents(alone)


@pytest.fixture
def sinks(tmp_path):
    """Two sinks on one store, as two processes have them, both before anything was written."""
    opened = [open_database(tmp_path / "store.db") for _ in range(2)]
    made = [
        StoreSink(database, reader(), packs_digest="these", origin="aws:1/r/-", account="1", now_ms=lambda: END_MS)
        for database in opened
    ]
    for sink in made:
        assert sink.finished(SCOPE, Window(start_ms=CELL, end_ms=END_MS)) == []
    yield made
    for database in opened:
        database.close()


def write(sink, events, state, digest, end_ms=END_MS):
    """The sink is fed so many events of a cell and writes them."""
    fed = [RawEvent(timestamp=CELL + number, message=f"Error: number {number}") for number in range(events)]
    sink.feed(SCOPE, CELL, "ecs/api/1", StreamEvents.of(fed))
    sink.commit(
        CellRead(scope=SCOPE, start_ms=CELL, end_ms=end_ms, state=state, events=events, digest=digest, streams=("ecs/api/1",))
    )
    sink.flush()


def kept(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as raw:
        return (
            raw.execute("SELECT events, state, end_ms FROM fetched").fetchall(),
            raw.execute("SELECT events FROM slices").fetchall(),
        )


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ((9, SliceState.VERIFIED, 1), (7, SliceState.SETTLED, 2), (9, "verified", END_MS)),
        ((9, SliceState.OPEN, 1), (7, SliceState.SETTLED, 2), (9, "settled", END_MS)),
        ((7, SliceState.SETTLED, 2), (9, SliceState.SETTLED, 1), (9, "settled", END_MS)),
        ((9, SliceState.VERIFIED, 1), (9, SliceState.OPEN, 1), (9, "verified", END_MS)),
        ((9, SliceState.OPEN, 1, END_MS - 60_000), (9, SliceState.SETTLED, 1), (9, "settled", END_MS)),
        ((9, SliceState.SETTLED, 1), (9, SliceState.OPEN, 1, END_MS - 60_000), (9, "settled", END_MS)),
    ],
)
def test_the_fuller_reading_stays_whoever_writes_last(sinks, tmp_path, first, second, stays):
    """Each asked the store before the other had written: what is written is decided in the transaction."""
    write(sinks[0], *first)
    write(sinks[1], *second)
    assert kept(tmp_path) == ([stays], [(9,)])
