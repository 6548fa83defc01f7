"""Pulling a window: what is read first, what stays open, what is said when something can't be read."""

import dataclasses
import itertools
import os
import signal

import pytest

from dashboard.double import Fault, FaultKind, SceneTruth
from dashboard.fetchers.board import Api, Board, Run
from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.pull import seconds_left
from dashboard.fetchers.slices import CELL_MS, Scope, SliceState, Window, aligned, cell_starts, midpoint, missing, split
from tests.dashboard.fetchers.small_group import END_MS, GROUP, REGION, START_MS, Memory, rows, truth_keys


# ---- stretches of time ----
def test_windows_are_cut_on_a_fixed_grid():
    """Cells begin at the same instants whatever the window: reading again replaces what was read."""
    window = Window(start_ms=CELL_MS * 3 + 17, end_ms=CELL_MS * 6 + 5)
    assert list(cell_starts(window)) == [CELL_MS * 3, CELL_MS * 4, CELL_MS * 5, CELL_MS * 6]
    assert aligned(window) == Window(start_ms=CELL_MS * 3, end_ms=window.end_ms)


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 100])
def test_pieces_cover_the_window_exactly(pieces):
    """Whatever the number of pieces, nothing is twice and nothing is left out; the newest piece is one cell."""
    window = Window(start_ms=0, end_ms=CELL_MS * 24 - 7)
    cut = split(window, pieces)
    assert cut[0].start_ms == 0
    assert cut[-1].end_ms == window.end_ms
    assert all(a.end_ms == b.start_ms for a, b in itertools.pairwise(cut))
    assert len(cut) == 1 or cut[-1].length_ms <= CELL_MS


def test_what_is_finished_is_left_out():
    """Only the stretches between finished cells are asked for."""
    window = Window(start_ms=0, end_ms=CELL_MS * 6)
    left = list(missing(window, [CELL_MS, CELL_MS * 2, CELL_MS * 5]))
    assert left == [Window(start_ms=0, end_ms=CELL_MS), Window(start_ms=CELL_MS * 3, end_ms=CELL_MS * 5)]


def test_a_half_is_given_away_only_when_whole_cells_are_left():
    """The middle lies on the grid, beyond what is being read."""
    assert midpoint(10, CELL_MS + 5) is None
    middle = midpoint(10, CELL_MS * 9)
    assert middle % CELL_MS == 0
    assert CELL_MS <= middle < CELL_MS * 9


# ---- pulling ----
@pytest.mark.parametrize(("newest_first", "first"), [(True, 3), (False, 0)])
def test_what_is_read_first(newest_first, first):
    """People look at the latest first; a fetch that follows reads in order."""
    scope = Scope(region=REGION, log_group=GROUP)
    runs = [Run(scope=scope, start_ms=number * CELL_MS, end_ms=(number + 1) * CELL_MS, group=number) for number in (2, 0, 3, 1)]
    board = Board(runs, newest_first=newest_first)
    taken = [board.take(Api.FILTER, lambda run: False).group for _ in runs]
    assert taken == sorted(range(4), reverse=newest_first)
    assert taken[0] == first


def test_what_is_young_stays_open(serve, pull, truth):
    """Less than five minutes after its end a cell may still get events; it is open, and read again next time."""
    memory = Memory()
    now = END_MS - CELL_MS + 60_000
    double = serve(truth, now_ms=now)
    pull(double, memory, end_ms=now)
    states = {start: state for (_, start), state in memory.states.items()}
    assert {start for start, state in states.items() if state == SliceState.OPEN} == {END_MS - 2 * CELL_MS, END_MS - CELL_MS}
    assert set(memory.finished(None, None)) == set(states) - {END_MS - 2 * CELL_MS, END_MS - CELL_MS}
    double.clock.advance(3_600_000)
    pull(double, memory)
    assert memory.keys() == truth_keys(truth)


def test_late_events_are_found_by_the_overlap(serve, pull, truth):
    """Events that become visible minutes after they were logged are there after the next look at the open cells."""
    now = END_MS - 600_000
    double = serve(truth, Fault(kind=FaultKind.LATE_EVENTS), now_ms=now)
    memory = Memory()
    pull(double, memory, end_ms=now)
    for _ in range(4):
        double.clock.advance(180_000)
        pull(double, memory, end_ms=min(double.clock(), END_MS))
    double.clock.advance(600_000)
    pull(double, memory)
    assert memory.keys() == truth_keys(truth)


def test_a_second_pull_reads_nothing_again(serve, pull, truth):
    """What is settled is left alone."""
    memory = Memory()
    double = serve(truth)
    pull(double, memory)
    calls = double.calls.total()
    report = pull(double, memory)
    assert double.calls.total() == calls
    assert report.cells == 0


def test_get_log_events_helps_when_there_is_much(serve, pull, truth, monkeypatch):
    """Both quotas are used for a long pull, one for a short one."""
    monkeypatch.setattr("dashboard.fetchers.pull.PAGES_BEFORE_HELP", 3)
    few, many = serve(truth, max_events=10_000), serve(truth, max_events=20)
    pull(few, Memory())
    pull(many, Memory())
    assert few.calls["logs", "GetLogEvents"] == 0
    assert many.calls["logs", "GetLogEvents"] > 0


@pytest.mark.parametrize("denied", ["FilterLogEvents", "GetLogEvents", "DescribeLogStreams"])
def test_one_denied_api_costs_no_event(serve, pull, truth, denied, monkeypatch):
    """The other API reads alone, and the denial is named with the action."""
    monkeypatch.setattr("dashboard.fetchers.pull.PAGES_BEFORE_HELP", 3)
    double = serve(truth, Fault(kind=FaultKind.ACCESS_DENIED, api=denied, times=10**6), max_events=20)
    memory = Memory()
    report = pull(double, memory)
    assert memory.keys() == truth_keys(truth)
    assert any(f"logs:{denied}" in notice for notice in report.notices)


def test_everything_denied_is_an_error(serve, pull, truth):
    """Without any API there is nothing to look at: an error that names the action."""
    faults = [Fault(kind=FaultKind.ACCESS_DENIED, api=api, times=10**6) for api in ("FilterLogEvents", "GetLogEvents")]
    with pytest.raises(AwsError) as caught:
        pull(serve(truth, *faults), Memory())
    assert caught.value.denied


def test_credentials_that_expire_meanwhile_keep_what_was_read(serve, pull, truth):
    """The error is told, and the cells that were complete are kept."""
    memory = Memory()
    with pytest.raises(AwsError, match="expired"):
        pull(serve(truth, Fault(kind=FaultKind.EXPIRED_CREDENTIALS, times=10**6, after=12), max_events=60), memory, api="filter")
    assert memory.kept
    assert not memory.keys() - truth_keys(truth)


def test_what_can_not_be_read_is_named(serve, pull, truth):
    """A chain that always breaks leaves a gap with its times and its reason, and the rest is complete."""
    double = serve(truth)
    broken = START_MS + 5 * CELL_MS
    answer = double.logs.answers["FilterLogEvents"]

    def refuse(request):
        from dashboard.double.answers import ApiError

        if request.body["startTime"] <= broken <= request.body["endTime"]:
            raise ApiError("ServiceUnavailableException", "no", 503)
        return answer(request)

    double.logs.answers["FilterLogEvents"] = refuse
    memory = Memory()
    report = pull(double, memory, api="filter")
    assert report.gaps
    assert not report.complete
    for stream, timestamp, *_ in truth_keys(truth) - memory.keys():
        assert any(gap.start_ms <= timestamp < gap.end_ms and gap.scope.holds(stream) for gap in report.gaps)
    assert memory.gaps == list(report.gaps)
    assert "ServiceUnavailable" in report.gaps[0].reason


def test_ctrl_c_keeps_what_was_fetched(serve, pull, truth):
    """After an interrupt whole cells are kept and half ones are not, and the next pull brings the rest."""
    double = serve(truth, max_events=40)

    class Interrupted(Memory):
        def commit(self, cell):
            super().commit(cell)
            if len(self.kept) == 2:
                os.kill(os.getpid(), signal.SIGINT)

    memory = Interrupted()
    report = pull(double, memory, api="filter")
    assert report.interrupted
    assert not report.complete
    assert 2 <= len(memory.kept) < 24
    assert not any(memory.fed.values())
    for (_, start), kept in memory.kept.items():
        assert kept == truth_keys(truth, start, start + CELL_MS)
    pull(double, memory)
    assert memory.keys() == truth_keys(truth)


def test_a_sink_that_fails_ends_the_pull(serve, pull, truth):
    """A full disk is told as it is; no worker is left behind."""

    class Full(Memory):
        def commit(self, cell):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        pull(serve(truth), Full())


def test_progress_tells_pages_events_window_and_eta(serve, pull, truth):
    """From the first report on: pages, events, bytes, how much of the window, how long to go."""
    told = []
    report = pull(serve(truth, max_events=50), Memory(), progress=told.append)
    last = told[-1]
    assert last.doing == "done"
    assert last.covered_ms == last.window_ms == END_MS - START_MS
    assert last.events == report.events == truth_keys(truth).total()
    assert last.response_bytes > 0
    assert last.eta_s == 0
    assert last.newest_ms == END_MS
    assert sum(number for api, number in last.calls.items() if api.endswith("LogEvents")) >= last.pages


def test_the_time_left_begins_with_the_plan_and_ends_with_the_pace():
    """60 s by the plan, 90 s in truth: what is said in between lies between the two, and falls."""
    shares = [0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 1.0]
    told = [seconds_left(90 * share, share, 60.0) for share in shares]

    assert told[0] == 60.0
    assert told == sorted(told, reverse=True)
    assert all(60 * (1 - share) <= one <= 90 * (1 - share) for share, one in zip(shares, told, strict=True))
    assert told[-1] == 0


def test_without_a_plan_no_time_is_told_before_a_fifth_is_covered():
    """The first stretch that is complete says nothing of the pace: all its neighbours are half read."""
    assert seconds_left(2.0, 0.01, None) is None
    assert seconds_left(10.0, 0.25, None) == 30.0


def test_the_plan_counts_for_what_is_still_missing(serve, pull, truth):
    """A fetch that goes on does not tell the seconds of the whole window."""
    told = []
    memory = Memory()
    double = serve(truth, max_events=50)
    pull(double, memory, end_ms=aligned(Window(start_ms=0, end_ms=(START_MS + END_MS) // 2)).end_ms // CELL_MS * CELL_MS)

    pull(double, memory, progress=told.append, planned_s=600.0)

    assert 0 < told[0].eta_s <= 600.0 * told[0].window_ms / (END_MS - START_MS) < 400.0


def test_while_two_readings_are_compared_no_time_is_told(serve, pull, truth, monkeypatch):
    """The whole window is covered then, and "0 s left" would be said for as long as it takes."""
    monkeypatch.setattr("dashboard.fetchers.pull.PROGRESS_EVERY_S", 0.0)
    told = []
    pull(serve(truth, max_events=50), Memory(), progress=told.append, verify=True)

    assert {one.eta_s for one in told if one.doing == "comparing"} == {None}
    assert told[-1].eta_s == 0


def test_a_crowded_group_is_not_listed_to_the_end(serve, pull):
    """Of thousands of streams FilterLogEvents reads by prefix, and the listing stops early."""
    truth = SceneTruth(region=REGION)
    truth.add_rows(rows(streams=2))
    truth.add_rows(
        {
            "logGroup": GROUP,
            "logStreamName": f"ecs/old/{number:032x}",
            "timestamp": START_MS + number,
            "ingestionTime": START_MS + number,
            "message": "x",
        }
        for number in range(3_000)
    )
    double = serve(truth, max_events=100)
    memory = Memory()
    pull(double, memory)
    assert memory.keys() == truth_keys(truth)
    assert double.calls["logs", "DescribeLogStreams"] < 30
    assert double.calls["logs", "GetLogEvents"] == 0


def test_a_stale_last_event_time_hides_no_stream(serve, pull):
    """DescribeLogStreams may lag by hours; streams that it calls silent are read all the same."""
    made = SceneTruth(region=REGION)
    made.add_rows(rows(streams=2))
    yesterday = END_MS - 20 * 3_600_000  # what the listing still takes for each stream's last event
    made.add_rows(
        {"logGroup": GROUP, "logStreamName": name, "timestamp": yesterday, "ingestionTime": yesterday, "message": "x"}
        for name in list(made.groups[REGION, GROUP].streams)
    )
    memory = Memory()
    pull(serve(made, Fault(kind=FaultKind.STALE_LAST_EVENT), max_events=20), memory, api="get")
    assert memory.keys() == truth_keys(made)


def test_a_stream_deleted_meanwhile_is_no_gap(serve, pull, truth):
    """A stream that is listed and gone holds nothing any more; that is noted."""
    double = serve(truth, max_events=20)
    gone = f"ecs/api/{2:032x}"
    answer = double.logs.answers["GetLogEvents"]

    def forget(request):
        return answer(
            dataclasses.replace(request, body=request.body | {"logStreamName": "nothing"})
            if request.body["logStreamName"] == gone
            else request
        )

    double.logs.answers["GetLogEvents"] = forget
    memory = Memory()
    report = pull(double, memory, api="get")
    assert report.complete
    assert any(gone in notice for notice in report.notices)
    assert not any(stream == gone for stream, *_ in memory.keys())  # noqa: SIM118


def test_several_scopes_at_once(serve, connect, truth):
    """Two prefixes of one group are two scopes, each complete."""
    from dashboard.fetchers.pull import Pull

    double = serve(truth)
    memory = Memory()
    scopes = [Scope(region=REGION, log_group=GROUP, prefix=prefix) for prefix in ("ecs/", "other/")]
    Pull(connect(double), memory).run(scopes, Window(start_ms=START_MS, end_ms=END_MS))
    assert memory.keys() == truth_keys(truth) + truth_keys(truth, prefix="other/")
