"""Whatever AWS does to a fetch: every event is there once, or the coverage says exactly which stretch is missing."""

import random

import pytest

from dashboard.double import Fault, FaultKind
from tests.dashboard.fetchers.small_group import Memory, truth_keys

PAGING = (
    FaultKind.EMPTY_PAGE, FaultKind.SMALL_PAGE, FaultKind.REPEATED_TOKEN, FaultKind.REPEATED_PAGE, FaultKind.OVERLAP,
    FaultKind.SHUFFLED_PAGE, FaultKind.TOO_MUCH, FaultKind.STALE_TOKEN, FaultKind.SHORT_READ, FaultKind.LATE_EVENTS,
    FaultKind.STALE_LAST_EVENT,
)  # fmt: skip
TRANSPORT = (FaultKind.THROTTLE, FaultKind.UNAVAILABLE, FaultKind.SERVER_ERROR, FaultKind.CUT_CONNECTION)


def assert_complete_or_said(memory, report, truth):
    """The kept keys are the truth's, but for the stretches that the coverage names; nothing is there twice."""
    kept, wanted = memory.keys(), truth_keys(truth)
    assert not kept - wanted, "something is there that was never logged, or twice"
    for stream, timestamp, _, message in wanted - kept:
        named = any(gap.start_ms <= timestamp < gap.end_ms and gap.scope.holds(stream) for gap in report.gaps)
        assert named, f"missing without a word: {stream} {timestamp} {message}"
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


@pytest.mark.parametrize("seed", range(60))
def test_mixtures_of_faults_lose_nothing_silently(serve, pull, truth, seed):
    """Sixty mixtures by seed: complete, or said."""
    memory = Memory()
    api = ("auto", "filter", "get")[seed % 3]
    report = pull(serve(truth, *mixture(seed), seed=seed), memory, api=api, verify=True)
    assert_complete_or_said(memory, report, truth)
