"""Paging by hand: where chains end, what is asked again, what breaks a chain."""

import json
import re
import shlex
from collections import Counter

import jmespath
import pytest

from dashboard.double import Fault, FaultKind, SceneTruth
from dashboard.fetchers.cloudwatch import (
    MAX_REPEATED_TOKENS,
    ChainBroken,
    Tally,
    filter_chain,
    find_log_group,
    lines_around,
    list_streams,
    stream_chain,
)
from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.files import read_paths
from dashboard.fetchers.session import LogPage, RawEvent
from dashboard.fetchers.slices import Scope, Window
from tests.dashboard.fetchers.small_group import END_MS, GROUP, REGION, START_MS

SCOPE = Scope(region=REGION, log_group=GROUP, prefix="ecs/")
WINDOW = Window(start_ms=START_MS, end_ms=END_MS)
STREAM = f"ecs/api/{1:032x}"


def made(*times, stream=STREAM, text="line", group=GROUP):
    truth = SceneTruth(region=REGION)
    truth.add_rows(
        {"logGroup": group, "logStreamName": stream, "timestamp": at, "ingestionTime": at + 1, "message": f"{text} {number}"}
        for number, at in enumerate(times)
    )
    return truth


def read(chain):
    return [event for chunk in chain for event in chunk.events]


@pytest.mark.parametrize("chain", ["filter", "get"])
def test_the_window_is_half_open(serve, connect, chain):
    """The event at the start belongs to the window, the one at the end does not, with either API."""
    aws = connect(serve(made(999, 1000, 1500, 1999, 2000, 2001)))
    window = Window(start_ms=1000, end_ms=2000)
    events = read(
        filter_chain(aws, SCOPE, window, Tally()) if chain == "filter" else stream_chain(aws, SCOPE, STREAM, window, Tally())
    )
    assert [event.timestamp for event in events] == [1000, 1500, 1999]


@pytest.mark.parametrize("chain", ["filter", "get"])
def test_events_outside_are_dropped_here(serve, connect, truth, chain):
    """AWS may send more than was asked for: times and streams are checked again, and what is too much is counted."""
    aws = connect(serve(truth, Fault(kind=FaultKind.TOO_MUCH)))
    times = [event.timestamp for event in truth.groups[REGION, GROUP].streams[STREAM]]
    window = Window(start_ms=times[len(times) // 4], end_ms=times[len(times) // 2])
    tally = Tally()
    only = Scope(region=REGION, log_group=GROUP, streams=(STREAM,))
    events = read(
        filter_chain(aws, only, window, tally) if chain == "filter" else stream_chain(aws, SCOPE, STREAM, window, tally)
    )
    wanted = [e for e in truth.groups[REGION, GROUP].streams[STREAM] if window.start_ms <= e.timestamp < window.end_ms]
    assert [e.message for e in events] == [e.message for e in wanted]
    assert tally.outside > 0


def test_equal_lines_of_one_millisecond_are_all_kept(serve, connect):
    """Twins across a page's edge are no repeat: FilterLogEvents' ids decide, and GetLogEvents asks it."""
    truth = SceneTruth(region=REGION)
    truth.add_rows(
        [{"logGroup": GROUP, "logStreamName": STREAM, "timestamp": 5000, "ingestionTime": 5001, "message": "ping"}] * 25
    )
    aws = connect(serve(truth, max_events=10))
    window = Window(start_ms=0, end_ms=10_000)
    tally = Tally()
    assert len(read(filter_chain(aws, SCOPE, window, Tally()))) == 25
    assert len(read(stream_chain(aws, SCOPE, STREAM, window, tally))) == 25
    assert tally.probes > 0


def test_twins_without_filter_log_events(serve, connect):
    """Where FilterLogEvents is denied, the millisecond is read again alone: twins stay twins, repeats stay repeats."""
    truth = made(*range(1000, 1030))
    truth.add_rows(
        [{"logGroup": GROUP, "logStreamName": STREAM, "timestamp": 1009, "ingestionTime": 1010, "message": "ping"}] * 3
    )
    denied = Fault(kind=FaultKind.ACCESS_DENIED, api="FilterLogEvents", times=99)
    aws = connect(serve(truth, Fault(kind=FaultKind.OVERLAP), denied, max_events=11))
    events = read(stream_chain(aws, SCOPE, STREAM, Window(start_ms=0, end_ms=10_000), Tally()))
    assert [event.timestamp for event in events] == sorted([*range(1000, 1030), 1009, 1009, 1009])


@pytest.mark.parametrize("kind", [FaultKind.REPEATED_TOKEN, FaultKind.REPEATED_PAGE])
def test_a_repeated_token_is_passed_over_up_to_a_bound(serve, connect, truth, kind):
    """A token that comes back a few times is asked again; one that always comes back breaks the chain."""
    tally = Tally()
    read(filter_chain(connect(serve(truth, Fault(kind=kind, rate=0.5, times=3))), SCOPE, WINDOW, tally))
    assert tally.repeated_tokens > 0
    with pytest.raises(ChainBroken, match="repeated one page token"):
        read(
            filter_chain(
                connect(serve(truth, Fault(kind=FaultKind.REPEATED_TOKEN, times=MAX_REPEATED_TOKENS * 2))), SCOPE, WINDOW, Tally()
            )
        )


@pytest.mark.parametrize("chain", ["filter", "get"])
def test_empty_pages_without_end_break_the_chain(serve, connect, truth, chain, monkeypatch):
    """Nothing but empty pages is no end of the log: the chain breaks and the rest counts as not seen."""
    monkeypatch.setattr("dashboard.fetchers.cloudwatch.MAX_EMPTY_PAGES", 20)
    aws = connect(serve(truth, Fault(kind=FaultKind.EMPTY_PAGE, times=10**6)))
    with pytest.raises(ChainBroken, match="empty pages in a row"):
        read(
            filter_chain(aws, SCOPE, WINDOW, Tally()) if chain == "filter" else stream_chain(aws, SCOPE, STREAM, WINDOW, Tally())
        )


@pytest.mark.parametrize("chain", ["filter", "get"])
def test_a_token_that_aws_no_longer_takes_is_no_loss(serve, connect, truth, chain):
    """Page tokens live for a day: the chain starts again where it was, and forgets nothing."""
    aws = connect(serve(truth, Fault(kind=FaultKind.STALE_TOKEN, rate=0.5)))
    tally = Tally()
    events = read(
        filter_chain(aws, SCOPE, WINDOW, tally) if chain == "filter" else stream_chain(aws, SCOPE, STREAM, WINDOW, tally)
    )
    wanted = [
        e for e in truth.groups[REGION, GROUP].events if e.stream.startswith("ecs/") if chain == "filter" or e.stream == STREAM
    ]
    assert Counter((e.stream or STREAM, e.timestamp, e.message) for e in events) == Counter(
        (e.stream, e.timestamp, e.message) for e in wanted
    )
    assert tally.restarts > 0


def test_events_come_in_the_order_of_the_api(serve, connect, truth):
    """Oldest first, and within a millisecond as AWS orders them, even when pages come shuffled."""
    aws = connect(serve(truth, Fault(kind=FaultKind.SHUFFLED_PAGE)))
    events = read(filter_chain(aws, SCOPE, WINDOW, Tally()))
    assert [int(event.event_id) for event in events] == sorted(int(event.event_id) for event in events)


def test_more_than_a_hundred_streams_in_one_call_is_refused(serve, connect, truth):
    """The limit of FilterLogEvents is the double's too, so that nobody runs into it unseen."""
    crowd = Scope(region=REGION, log_group=GROUP, streams=tuple(f"s{number}" for number in range(101)))
    with pytest.raises(AwsError) as caught:
        read(filter_chain(connect(serve(truth)), crowd, WINDOW, Tally()))
    assert "more than 100" in caught.value.hint


def test_a_group_of_another_class_says_so(serve, connect, truth):
    """INFREQUENT_ACCESS groups are named, with what can read them."""
    double = serve(truth)
    other = made(1000, group="/ecs/rare")
    other.group("/ecs/rare").log_class = "INFREQUENT_ACCESS"
    double.logs.truth = other
    aws = connect(double)
    group = find_log_group(aws, "/ecs/rare", REGION)
    assert not group.readable
    assert "INFREQUENT_ACCESS" in group.why_not
    assert "Insights" in group.why_not
    with pytest.raises(AwsError, match="not supported"):
        read(filter_chain(aws, Scope(region=REGION, log_group="/ecs/rare"), WINDOW, Tally()))


def test_the_words_for_such_a_group_can_be_typed_and_what_they_bring_be_read(serve, connect, tmp_path):
    """The query has what the command asks for, and its answer, in the form that is asked for, is a log to `triage classify`."""
    rare = made(1000)
    rare.group(GROUP).log_class = "INFREQUENT_ACCESS"
    told = find_log_group(connect(serve(rare)), GROUP, REGION).what_to_do
    query, answer = re.findall(r"aws logs ((?:start-query|get-query-results) .+?)(?:; |$)", told)
    asked = shlex.split(query.replace("$(($(date +%s)-7200))", "1").replace("$(date +%s)", "2"))
    assert [word for word in asked if word.startswith("--")] == [
        "--region", "--log-group-name", "--start-time", "--end-time", "--query-string",
    ]  # fmt: skip
    fields = {"@timestamp": "2025-11-19 02:57:56.060", "@logStream": STREAM, "@message": "Error: P3005", "@ptr": "x"}
    insights = {"status": "Complete", "results": [[{"field": name, "value": value} for name, value in fields.items()]]}
    words = shlex.split(answer)
    (tmp_path / "logs.json").write_text(json.dumps(jmespath.search(words[words.index("--query") + 1], insights), indent=4))
    (event,) = read_paths([str(tmp_path / "logs.json")]).events
    assert (event.timestamp_ms, event.stream.log_stream, event.text) == (1_763_521_076_060, STREAM, "Error: P3005")


def test_a_group_that_only_begins_with_the_name_is_another(serve, connect, truth):
    """`/ecs/ap` is not `/ecs/api`."""
    assert find_log_group(connect(serve(truth)), "/ecs/ap", REGION) is None


def test_listing_stops_where_it_is_not_worth_it(serve, connect):
    """A group of very many streams is not listed to its end; FilterLogEvents reads it without a list."""
    truth = SceneTruth(region=REGION)
    truth.add_rows(
        {"logGroup": GROUP, "logStreamName": f"ecs/api/{number:032x}", "timestamp": 1000, "ingestionTime": 1001, "message": "x"}
        for number in range(400)
    )
    double = serve(truth)
    aws = connect(double)
    assert list_streams(aws, SCOPE, at_most=100) is None
    assert double.calls["logs", "DescribeLogStreams"] == 3
    assert len(list_streams(aws, SCOPE, at_most=1000)) == 400


@pytest.mark.parametrize("faults", [(), (Fault(kind=FaultKind.EMPTY_PAGE, rate=0.5), Fault(kind=FaultKind.OVERLAP, rate=0.5))])
def test_lines_around_an_instant(serve, connect, faults):
    """So many lines before and after, from the same stream, whatever the pages look like."""
    aws = connect(serve(made(*range(1000, 1100)), *faults, max_events=7))
    events = lines_around(aws, SCOPE, STREAM, 1050, 20)
    assert [event.timestamp for event in events] == list(range(1030, 1071))
    assert {event.stream for event in events} == {STREAM}


def test_lines_around_the_edges_of_a_stream(serve, connect):
    """At the beginning there are fewer before, at the end fewer after."""
    aws = connect(serve(made(*range(1000, 1010))))
    assert [event.timestamp for event in lines_around(aws, SCOPE, STREAM, 1002, 5)] == list(range(1000, 1008))
    assert [event.timestamp for event in lines_around(aws, SCOPE, STREAM, 1009, 3)] == [1006, 1007, 1008, 1009]


class Pages:
    """AWS, as far as a chain of FilterLogEvents knows it: these pages, one after the other."""

    def __init__(self, *pages):
        self.left = [
            LogPage(
                events=[RawEvent(at, f"line {at}", at, f"id-{at}", STREAM) for at in times],
                next_token=str(number),
                size=len(times),
            )
            for number, times in enumerate(pages, start=1)
        ]
        self.left[-1].next_token = None

    def page(self, _api, **_parameters):
        return self.left.pop(0)


def test_an_event_behind_what_was_delivered_is_not_passed_over():
    """A page that brings an older event than the ones handed on says from where on the stretch has to be read again."""
    chunks = list(
        filter_chain(Pages([1000, 1500, 1600], [1200, 1700], [1800]), SCOPE, Window(start_ms=1000, end_ms=2000), Tally())
    )

    assert [chunk.disturbed_ms for chunk in chunks] == [None, 1200, 1200]


def test_a_repeat_from_some_pages_before_is_neither_new_nor_a_disturbance(monkeypatch):
    """Ids are remembered for two generations: a page that comes again a while later changes nothing."""
    monkeypatch.setattr("dashboard.fetchers.cloudwatch.REMEMBERED", 1)
    pages = Pages([1000, 1100, 1200], [1300, 1400], [1100, 1500], [1600])

    chunks = list(filter_chain(pages, SCOPE, Window(start_ms=1000, end_ms=2000), Tally()))

    assert [event.timestamp for chunk in chunks for event in chunk.events] == list(range(1000, 1700, 100))
    assert {chunk.disturbed_ms for chunk in chunks} == {None}
