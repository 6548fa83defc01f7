"""kill -9 at any call of a fetch: the next fetch ends with the store of an undisturbed one."""

import multiprocessing
import os
import random
import signal

import pytest

from dashboard.double import Double, SceneTruth
from tests.dashboard.fetchers.small_fetch import contents, fetch, telling
from tests.dashboard.fetchers.small_group import END_MS, HOUR_MS, REGION, rows

TIMES = int(os.environ.get("TRIAGE_KILLS", "20"))


@pytest.fixture(scope="module")
def telling_truth():
    truth = SceneTruth(region=REGION)
    truth.add_rows(telling(rows(streams=2)))
    return truth


@pytest.fixture(scope="module")
def undisturbed(telling_truth, tmp_path_factory):
    """(contents of an undisturbed store, how many calls it took)."""
    store = tmp_path_factory.mktemp("whole") / "store.db"
    with Double(telling_truth, max_events=25, now_ms=END_MS + 2 * HOUR_MS) as double:
        report = fetch(double.endpoint_url, store)
        calls = double.calls.total()
    assert report.complete
    return contents(store), calls


@pytest.fixture(scope="module")
def forks():
    """A process that has everything imported, and makes one that is killed in no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.dashboard.fetchers.warm"])
    return context


@pytest.mark.parametrize("seed", range(TIMES))
def test_a_killed_fetch_is_taken_up(telling_truth, undisturbed, forks, tmp_path, seed):
    """Killed at a call that the seed names, then fetched again: nothing lost, nothing twice."""
    whole, calls = undisturbed
    fatal = random.Random(seed).randrange(2, calls)
    store = tmp_path / "store.db"
    with Double(telling_truth, max_events=25, now_ms=END_MS + 2 * HOUR_MS) as double:
        process = forks.Process(target=fetch, args=(double.endpoint_url, str(store)))

        def kill(number):
            if number == fatal and process.pid:
                os.kill(process.pid, signal.SIGKILL)

        double.on_call = kill
        process.start()
        process.join(60)
        double.on_call = None
        assert process.exitcode in (-signal.SIGKILL, 0)
        assert not [row for row in contents(store)["slices"] if row not in whole["slices"]], "half a cell was kept"
        assert fetch(double.endpoint_url, store).complete
    assert contents(store) == whole
