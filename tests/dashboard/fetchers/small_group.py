"""A small log group with every trap in it, and a sink that remembers what it was given."""

import random
from collections import Counter

from dashboard.fetchers.quotas import Pace

REGION = "us-east-1"
GROUP = "/ecs/api"
END_MS = 1_763_521_200_000  # a cell boundary
HOUR_MS = 3_600_000
START_MS = END_MS - 2 * HOUR_MS
CREDENTIALS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
UNHURRIED = Pace(overrides=dict.fromkeys(("FilterLogEvents", "GetLogEvents", "DescribeLogStreams", "DescribeLogGroups"), 1e5))


class Memory:
    """A sink that keeps the keys of what it was given, so that they can be compared with the truth."""

    def __init__(self):
        self.fed = {}
        self.kept = {}
        self.states = {}
        self.gaps = []
        self.confirmed = set()

    def finished(self, scope, window):
        return [start for (_, start), state in self.states.items() if state in ("settled", "verified")]

    def feed(self, scope, cell_ms, stream, events):
        self.fed.setdefault((scope, cell_ms), {}).setdefault(stream, []).extend(events)

    def discard(self, scope, cell_ms, stream):
        fed = self.fed.get((scope, cell_ms), {})
        for name in [stream] if stream else list(fed):
            fed.pop(name, None)

    def commit(self, cell):
        fed = self.fed.pop((cell.scope, cell.start_ms), {})
        for events in fed.values():
            assert [e.timestamp for e in events] == sorted(e.timestamp for e in events), "events come in order"
        inside = (
            (stream, event.timestamp, event.ingestion, event.message)
            for stream, events in fed.items()
            for event in events
            if cell.start_ms <= event.timestamp < cell.end_ms
        )
        self.kept[cell.scope, cell.start_ms] = Counter(inside)
        self.states[cell.scope, cell.start_ms] = cell.state

    def confirm(self, cell):
        self.states[cell.scope, cell.start_ms] = cell.state

    def gap(self, gap):
        self.gaps.append(gap)

    def keys(self):
        return sum(self.kept.values(), Counter())


def rows(seed=7, streams=5, start_ms=START_MS, end_ms=END_MS):
    """Events of tasks that come and go: bursts in one millisecond, equal lines in one millisecond, long silences."""
    chance = random.Random(seed)
    for number in range(streams):
        stream = f"ecs/api/{number:032x}"
        at = start_ms + chance.randrange(0, (end_ms - start_ms) // 2)
        until = min(end_ms, at + chance.randrange(HOUR_MS // 4, HOUR_MS))
        line = 0
        while at < until:
            for _ in range(chance.choice((1, 1, 1, 3, 25))):
                line += 1
                text = "ping" if chance.random() < 0.2 else f"line {line} of {number}"
                yield {
                    "logGroup": GROUP,
                    "logStreamName": stream,
                    "timestamp": at,
                    "ingestionTime": at + 900,
                    "message": text,
                }
            at += chance.choice((0, 1, 40, 2_000, 45_000, 240_000))
    for number in range(20):  # another service of the same group
        at = start_ms + number * 600_000
        yield {
            "logGroup": GROUP,
            "logStreamName": "other/web/1",
            "timestamp": at,
            "ingestionTime": at + 900,
            "message": "elsewhere",
        }


def truth_keys(truth, start_ms=START_MS, end_ms=END_MS, prefix="ecs/"):
    """What a complete fetch must have kept, counted straight from the rows."""
    return Counter(
        (event.stream, event.timestamp, event.ingestion, event.message)
        for event in truth.groups[REGION, GROUP].events
        if start_ms <= event.timestamp < end_ms and event.stream.startswith(prefix)
    )
