"""The waiting loop on a clock of its own: when it looks, what it says, when it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dashboard.verifying import Look, certain, watch
from parsers import Check, CheckId, Deployment, NotSeenError, Reason, ReasonCode, Verdict, VerdictValue

START = 1_763_521_000_000
MINUTE = 60_000
PASS, FAIL, OPEN = VerdictValue.PASS, VerdictValue.FAIL, VerdictValue.INCONCLUSIVE


@dataclass
class FakeClock:
    now: int = START
    slept: list[int] = field(default_factory=list)

    def now_ms(self) -> int:
        return self.now

    def sleep(self, ms: int) -> None:
        self.slept.append(ms)
        self.now += ms


DEPLOYMENT = Deployment(
    deployment_id="d50", account="123456789012", region="us-east-1", cluster="c", service="s", task_definition="s:50", revision=50,
    commit=None, image=None, image_digest=None, created_ms=START, started_ms=START, finished_ms=None, ecs_status="IN_PROGRESS",
)  # fmt: skip


def look(value: VerdictValue, *codes: ReasonCode, target: VerdictValue = PASS, text: str = "as expected") -> Look:
    checks = (
        Check(id=CheckId.TARGET_RUNS, result=target, text="ECS"),
        Check(id=CheckId.START_UP, result=value, text=text),
    )
    verdict = Verdict(
        deployment_id="d50", verdict=value, decided_at_ms=START, complete_to_ms=START, checks=checks,
        reasons=tuple(Reason(code=code, text=code) for code in codes),
    )  # fmt: skip
    return Look(deployment=DEPLOYMENT, verdict=verdict)


NOT_THERE = Look(deployment=None, verdict=None)


def looks(*seen: Look) -> Callable[[], Look]:
    """One look after the other; the last one stays."""
    waiting = list(seen)
    return lambda: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_a_masked_migration_ends_the_wait_at_once() -> None:
    """The task's stream appears, the line is read, the wait is over: no later line takes it back."""
    clock = FakeClock()
    end = watch(looks(NOT_THERE, look(OPEN), look(FAIL, ReasonCode.MIGRATION_FAILED_CONTINUED)), wait_ms=10 * MINUTE, clock=clock)

    assert end.look.verdict is not None
    assert end.look.verdict.verdict is FAIL
    assert end.looks == 3
    assert end.waited_ms <= 90_000


def test_a_failure_that_may_go_away_must_stand_twice() -> None:
    """A rate that fails in one look and not in the next is no verdict yet."""
    clock = FakeClock()
    end = watch(looks(look(FAIL, ReasonCode.WORSE_RATE), look(OPEN), look(PASS)), wait_ms=10 * MINUTE, clock=clock)

    assert end.why == "passed"
    again = watch(looks(look(FAIL, ReasonCode.WORSE_RATE)), wait_ms=10 * MINUTE, clock=FakeClock())
    assert (again.looks, again.why) == (2, "failed twice, the rollout has ended")


def test_while_the_rollout_goes_on_a_task_may_be_started_again() -> None:
    """A migration that failed and stopped its task may succeed in the next one: ECS is still at it."""
    failing = look(FAIL, ReasonCode.MIGRATION_FAILED, target=OPEN)

    assert watch(looks(failing, failing, failing, look(PASS)), wait_ms=10 * MINUTE, clock=FakeClock()).why == "passed"


def test_the_last_verdict_counts_when_the_time_is_over() -> None:
    """INCONCLUSIVE stays INCONCLUSIVE, and the wait is no longer than asked for."""
    clock = FakeClock()
    end = watch(looks(look(OPEN)), wait_ms=10 * MINUTE, clock=clock)

    assert end.why == "the time is over"
    assert end.waited_ms == sum(clock.slept) == 10 * MINUTE
    assert max(clock.slept) <= 15_000


def test_without_waiting_there_is_one_look() -> None:
    """`--wait 0` judges what is there."""
    clock = FakeClock()

    assert watch(looks(look(OPEN)), wait_ms=0, clock=clock).looks == 1
    assert clock.slept == []


def test_each_check_is_told_when_it_changes() -> None:
    """One line a check, once, and again only with another answer."""
    said: list[str] = []
    watch(
        looks(NOT_THERE, NOT_THERE, look(OPEN, text="no log yet"), look(OPEN, text="no log yet"), look(PASS)),
        wait_ms=10 * MINUTE, clock=FakeClock(), say=said.append,
    )  # fmt: skip

    assert [line[11:] for line in said] == [
        "target runs     ? the deployment is not there yet",
        "target runs     ✔ ECS",
        "start up        ? no log yet",
        "start up        ✔ as expected",
    ]


def test_log_text_in_a_line_is_made_visible() -> None:
    """A check quotes a log: no control code and no second line comes of it."""
    said: list[str] = []
    watch(looks(look(PASS, text="bad\x1b[2J\n::error::x")), wait_ms=0, clock=FakeClock(), say=said.append)

    assert not any(char in line for line in said for char in "\x1b\n")


def test_an_error_of_a_look_goes_through() -> None:
    """Credentials that are gone end the wait with their own exit code."""

    def broken() -> Look:
        raise NotSeenError("AccessDenied")

    with pytest.raises(NotSeenError):
        watch(broken, wait_ms=MINUTE, clock=FakeClock())


@pytest.mark.parametrize(
    "code", [ReasonCode.CRASH_LOOP, ReasonCode.ROLLED_BACK, ReasonCode.WRONG_REVISION, ReasonCode.FIX_NOT_EFFECTIVE]
)
def test_what_is_certain(code: ReasonCode) -> None:
    """These end the wait in the first look that has them."""
    assert certain(look(FAIL, code, target=OPEN), failed_before=False) == "failed for certain"
