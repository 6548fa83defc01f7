"""Columns of one stream's events: cut, joined and summed up without looking at one of them."""

import random

from dashboard.fetchers.board import Api, Board, Run
from dashboard.fetchers.session import RawEvent
from dashboard.fetchers.slices import CELL_MS, Scope
from dashboard.fetchers.stream_events import StreamEvents

SCOPE = Scope(region="us-east-1", log_group="/ecs/api")


def events(seed, count=200):
    chance = random.Random(seed)
    at = 1_763_521_200_000
    made = []
    for number in range(count):
        at += chance.choice((0, 0, 1, 1_000))
        ingested = chance.choice((None, at + 900))
        made.append(RawEvent(at, chance.choice(("ping", f"línea {number}", "")), ingested, chance.choice((None, f"id{number}"))))
    return made


def same(one, other):
    return [(e.timestamp, e.message, e.ingestion, e.event_id) for e in one] == [
        (e.timestamp, e.message, e.ingestion, e.event_id) for e in other
    ]


def test_columns_give_back_what_they_were_made_of():
    """Event for event, in order."""
    made = events(1)
    assert same(StreamEvents.of(made), made)


def test_what_is_no_character_becomes_a_question_mark():
    """UTF-8 has no word for half a surrogate pair."""
    assert StreamEvents.of([RawEvent(1, "half a pair: \ud83d")]).texts == [b"half a pair: ?"]


def test_a_window_is_half_open():
    """The event at the start belongs to it, the one at the end does not."""
    made = events(2)
    for start, end in ((made[50].timestamp, made[120].timestamp), (0, made[0].timestamp), (made[-1].timestamp + 1, 10**14)):
        assert same(StreamEvents.of(made).between(start, end), [e for e in made if start <= e.timestamp < end])


def test_the_digest_of_parts_sums_up_to_that_of_the_whole():
    """However pages fall, a cell's digest is the same."""
    made = events(3)
    whole = StreamEvents.of(made).digest()
    for cut in (0, 1, 77, 199, 200):
        parts = StreamEvents.of(made[:cut]), StreamEvents.of(made[cut:])
        assert sum(part.digest() for part in parts) % 2**64 == whole
        joined = StreamEvents()
        for part in parts:
            joined.extend(part)
        assert joined.digest() == whole


def test_the_digest_tells_a_lost_a_doubled_and_a_changed_event():
    """Two readings that agree hold the same events."""
    made = events(4)
    whole = StreamEvents.of(made).digest()
    changed = RawEvent(made[9].timestamp, "pong", made[9].ingestion)
    for other in (made[1:], [*made, made[-1]], [*made[:9], changed, *made[10:]]):
        assert StreamEvents.of(other).digest() != whole


def test_the_latest_ingestion_is_that_of_the_events_that_tell_it():
    """GetLogEvents and FilterLogEvents tell it, a file need not."""
    assert StreamEvents.of([RawEvent(1, "a", 7), RawEvent(2, "b"), RawEvent(3, "c", 5)]).last_ingestion_ms == 7
    assert StreamEvents.of([RawEvent(1, "a")]).last_ingestion_ms is None


def test_an_idle_filter_lane_reads_a_stream_that_waits_for_get_log_events():
    """At the end of a fetch one lane has nothing of its own left: its quota is not to lie idle."""
    share = Run(SCOPE, 0, CELL_MS, 1, stream="ecs/api/1", lane=Api.GET)
    board = Board([], newest_first=True)
    board.give([share])
    board.give([Run(SCOPE, 0, CELL_MS, 2)])  # somewhere to stop, should the first not be taken
    board.take(Api.FILTER, lambda run: False)
    taken = board.take(Api.FILTER, lambda run: False)
    assert (taken.stream, taken.lane) == ("ecs/api/1", Api.FILTER)
    assert taken.chain_scope.streams == ("ecs/api/1",)


def test_a_stream_goes_back_to_the_lane_that_is_open():
    """A second attempt of a stream belongs to GetLogEvents, unless that is closed."""
    again = Run(SCOPE, 0, CELL_MS, 1, stream="ecs/api/1", lane=Api.FILTER)
    board = Board([], newest_first=True)
    board.give([again])
    assert board.take(Api.GET, lambda run: True).lane is Api.GET
    board.done()
    board.close(Api.GET)
    board.give([again])
    assert board.take(Api.FILTER, lambda run: True).lane is Api.FILTER
