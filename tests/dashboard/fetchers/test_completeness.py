"""Whatever AWS does to a fetch: every event is there once, or the coverage says exactly which stretch is missing."""

import os
import random
from collections import Counter

import pytest

from dashboard.double import Fault, FaultKind, SceneTruth
from dashboard.double.answers import ApiError
from dashboard.fetchers.slices import CELL_MS, SliceState, cell_start
from tests.dashboard.fetchers.small_group import END_MS, GROUP, REGION, Memory, truth_keys

MIXTURES = int(os.environ.get("TRIAGE_MIXTURES", "60"))

PAGING = (
    FaultKind.EMPTY_PAGE, FaultKind.SMALL_PAGE, FaultKind.REPEATED_TOKEN, FaultKind.REPEATED_PAGE, FaultKind.OVERLAP,
    FaultKind.SHUFFLED_PAGE, FaultKind.TOO_MUCH, FaultKind.STALE_TOKEN, FaultKind.SHORT_READ, FaultKind.LATE_EVENTS,
    FaultKind.STALE_LAST_EVENT,
)  # fmt: skip
TRANSPORT = (FaultKind.THROTTLE, FaultKind.UNAVAILABLE, FaultKind.SERVER_ERROR, FaultKind.CUT_CONNECTION)


def assert_complete_or_said(memory, report, truth):
    """The kept keys are the truth's, but for the stretches that the coverage names; nothing is there twice.

    A cell of which one stream could not be read is named for that stream, and stays open for the others: all of these
    windows are old, so nothing else is open.
    """
    kept, wanted = memory.keys(), truth_keys(truth)
    assert not kept - wanted, "something is there that was never logged, or twice"
    still_open = {start for (_, start), state in memory.states.items() if state == "open"}
    for start in still_open:
        assert any(gap.start_ms < start + CELL_MS and start < gap.end_ms for gap in report.gaps), "open without a reason"
    for stream, timestamp, _, message in wanted - kept:
        named = any(gap.start_ms <= timestamp < gap.end_ms and gap.scope.holds(stream) for gap in report.gaps)
        assert named or cell_start(timestamp) in still_open, f"missing without a word: {stream} {timestamp} {message}"
    if not report.gaps:
        assert kept == wanted


@pytest.mark.parametrize("api", ["filter", "get", "auto"])
def test_an_undisturbed_pull_is_complete_and_verified(serve, pull, truth, api):
    """Each API alone, and both together, bring every event once, and a second reading agrees."""
    memory = Memory()
    report = pull(serve(truth), memory, api=api, verify=True)
    assert memory.keys() == truth_keys(truth)
    assert report.complete
    assert (report.open, report.settled) == (0, 0)
    assert report.verified == report.cells == 24


@pytest.mark.parametrize("api", ["filter", "get"])
@pytest.mark.parametrize("kind", [*PAGING, *TRANSPORT])
def test_each_fault_alone_loses_nothing(serve, pull, truth, kind, api):
    """A single kind of fault, striking a third of the requests, is overcome without a gap."""
    memory = Memory()
    report = pull(serve(truth, Fault(kind=kind, rate=0.3, times=1), seed=3), memory, api=api, verify=True)
    assert_complete_or_said(memory, report, truth)
    assert report.complete


def mixture(seed):
    """Three to six faults with rates of their own, named by the seed."""
    chance = random.Random(seed)
    kinds = chance.sample([*PAGING, *TRANSPORT], chance.randint(3, 6))
    return [Fault(kind=kind, rate=chance.choice((0.05, 0.15, 0.3)), times=chance.randint(1, 2)) for kind in kinds]


@pytest.mark.parametrize("seed", range(MIXTURES))
def test_mixtures_of_faults_lose_nothing_silently(serve, pull, truth, seed):
    """Sixty mixtures by seed (TRIAGE_MIXTURES=500 for more): complete, or said."""
    memory = Memory()
    api = ("auto", "filter", "get")[seed % 3]
    report = pull(serve(truth, *mixture(seed), seed=seed), memory, api=api, verify=True)
    assert_complete_or_said(memory, report, truth)


# ---- what the mixtures found, each alone ----
def one_cell(*counts):
    """A cell's truth: stream n has counts[n] events."""
    made = SceneTruth(region=REGION)
    made.add_rows(
        {
            "logGroup": GROUP,
            "logStreamName": f"ecs/api/{number}",
            "timestamp": END_MS - CELL_MS + 1_000 * line,
            "message": f"{line}",
        }
        for number, count in enumerate(counts)
        for line in range(count)
    )
    return made


def on_chain(double, stream, strange):
    """Have `strange(number of the chain)` answer the first page of each chain of a stream; None: as usual."""
    answer, chains = double.logs.answers["GetLogEvents"], Counter()

    def get_log_events(request):
        name, first = request.body["logStreamName"], not request.body.get("nextToken") and "limit" not in request.body
        if name == stream and first:
            chains[name] += 1
            told = strange(chains[name])
            if told is not None:
                return told
        return answer(request)

    double.logs.answers["GetLogEvents"] = get_log_events


def away(since):
    """The stream can not be read from this chain on."""

    def strange(number):
        if number >= since:
            raise ApiError("ServiceUnavailableException", "The service cannot complete the request.", 503)

    return strange


def test_two_readings_that_lack_the_same_stream_do_not_agree(serve, pull):
    """A reading in which a stream failed is none: it may hold more than a first one that came short, and still lacks a stream."""
    truth = one_cell(3, 3, 9)
    double = serve(truth)
    on_chain(double, "ecs/api/0", away(since=2))
    on_chain(double, "ecs/api/2", lambda number: {"events": [], "nextForwardToken": None} if number == 1 else None)
    memory = Memory()
    report = pull(double, memory, api="get", verify=True, start_ms=END_MS - CELL_MS)
    assert report.verified == 0
    assert [gap.reason for gap in report.gaps] == ["could not be read a second time"]
    assert Counter(stream for stream, *_ in memory.keys().elements()) == {"ecs/api/0": 3, "ecs/api/1": 3}


@pytest.mark.parametrize("verify", [True, False])
def test_a_stretch_that_failed_is_read_again_at_the_end(serve, pull, verify):
    """Bad minutes of a service pass: what was given up is asked for once more, and then it is no gap."""
    truth = one_cell(3, 3, 9)
    double = serve(truth)
    on_chain(double, "ecs/api/0", lambda number: away(since=1)(number) if number <= 40 else None)
    memory = Memory()
    report = pull(double, memory, api="get", verify=verify, start_ms=END_MS - CELL_MS)
    assert report.gaps == ()
    assert memory.keys() == truth_keys(truth)
    assert set(memory.states.values()) == {SliceState.VERIFIED if verify else SliceState.SETTLED}
