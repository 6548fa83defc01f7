"""Refreshing: one at a time, with progress, a cancel, and an end in words."""

import threading
from types import SimpleNamespace

from dashboard.refresh import Refresh
from parsers import errors


class Reading:
    """Collects three steps; waits between them where the test says so."""

    def __init__(self, *, wait: threading.Event | None = None, error: Exception | None = None) -> None:
        self.wait, self.error, self.closed, self.steps = wait, error, False, 0
        self.begun = threading.Event()

    def collect(self, progress=None):
        for step in range(1, 4):
            progress(step, 3, f"file {step}")
            self.steps = step
            self.begun.set()
            if self.wait:
                assert self.wait.wait(10)
            if self.error:
                raise self.error
        return SimpleNamespace(events=1200, streams=3, unchanged=0, calls={"FilterLogEvents": 7}, notices=("one gap",))

    def close(self):
        self.closed = True


def test_a_reading_ends_and_closes_its_workspace():
    """After the last step nothing runs, one reading has ended, and its own connection is closed."""
    refresh, reading = Refresh(), Reading()

    assert refresh.start(lambda: reading)
    refresh.wait(10)

    assert (refresh.progress.running, refresh.progress.ended, refresh.progress.done) == (False, 1, 3)
    assert reading.closed
    assert refresh.progress.told == ("1,200 events of 3 streams were read", "AWS calls: FilterLogEvents 7", "one gap")


def test_there_is_one_reading_at_a_time():
    """A second start while one runs is refused and changes nothing; progress is seen meanwhile."""
    go = threading.Event()
    refresh, reading = Refresh(), Reading(wait=go)
    refresh.start(lambda: reading)
    assert reading.begun.wait(10)

    assert not refresh.start(Reading)
    assert (refresh.progress.running, refresh.progress.total, refresh.progress.step) == (True, 3, "file 1")
    go.set()
    refresh.wait(10)


def test_cancel_stops_at_the_next_step():
    """What was read stays, the rest is left; the connection is closed."""
    go = threading.Event()
    refresh, reading = Refresh(), Reading(wait=go)
    refresh.start(lambda: reading)
    assert reading.begun.wait(10)

    refresh.cancel()
    go.set()
    refresh.wait(10)

    assert refresh.progress.cancelled
    assert reading.steps == 1
    assert reading.closed


def test_an_error_becomes_words_with_a_hint():
    """Wrong credentials end as a message and what to type, never as a dead thread."""
    refresh = Refresh()
    refresh.start(lambda: Reading(error=errors.NotSeenError("the credentials are expired", hint="aws sso login")))
    refresh.wait(10)

    assert refresh.progress.error == "the credentials are expired"
    assert refresh.progress.hint == "aws sso login"


def test_an_unforeseen_error_does_not_show_log_text():
    """Only the kind of the error is said: its text may quote a log."""
    refresh = Refresh()
    refresh.start(lambda: Reading(error=ValueError("patient Jane Doe")))
    refresh.wait(10)

    assert refresh.progress.error == "ValueError while reading logs"
