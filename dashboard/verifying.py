"""`triage verify --wait`: looks again and again until the verdict is certain or the time is over; a line whenever a check changes.

    end = watch(look, wait_ms=600_000, poll_ms=15_000, clock=SystemClock(), say=print)

A failure that cannot go away ends the wait at once (a masked migration, a crash loop, a rollback); one that may (a rate, a
task that ECS starts again) must stand in two looks after the rollout has ended. PASS ends it as well: the judge gives it only to
settled logs and enough requests. At the end of the time the last verdict counts, INCONCLUSIVE with what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from parsers import CheckId, Deployment, ReasonCode, Verdict, VerdictValue, rfc3339, show

POLL_MS = 15_000
"""Logs arrive within seconds, and a look is one fetch of what is new: a P3005 is told well within 90 s of its ingestion."""
CERTAIN = frozenset(
    (
        ReasonCode.MIGRATION_FAILED_CONTINUED, ReasonCode.CRASH_LOOP, ReasonCode.ROLLED_BACK, ReasonCode.WRONG_REVISION,
        ReasonCode.FIX_NOT_EFFECTIVE, ReasonCode.CONTRADICTION,
    )
)  # fmt: skip
"""Reasons of a FAIL that no later line takes back."""


class Clock(Protocol):
    """Time, so that tests need none."""

    def now_ms(self) -> int: ...
    def sleep(self, ms: int) -> None: ...


class SystemClock:
    """The wall clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def sleep(self, ms: int) -> None:
        time.sleep(ms / 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look saw. `deployment` None: the deployment is not there yet (a pipeline asks before ECS knows it)."""

    deployment: Deployment | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the wait ended. `look` is the last one; `why` says what ended it, in words."""

    look: Look
    why: str
    looks: int
    waited_ms: int


def watch(
    look: Callable[[], Look], *, wait_ms: int, clock: Clock, say: Callable[[str], None] = lambda _: None, poll_ms: int = POLL_MS
) -> End:
    """Looks at once, then every `poll_ms`, until the verdict is certain or `wait_ms` are over. Errors of a look go through."""
    begun = clock.now_ms()
    told: dict[str, str] = {}
    failed_before = False
    looks = 0
    while True:
        seen = look()
        looks += 1
        for line in changes(seen, told, clock.now_ms()):
            say(line)
        waited = clock.now_ms() - begun
        why = certain(seen, failed_before)
        if why is None and waited >= wait_ms:
            why = "the time is over"
        if why is not None:
            return End(look=seen, why=why, looks=looks, waited_ms=waited)
        failed_before = seen.verdict is not None and seen.verdict.verdict is VerdictValue.FAIL
        clock.sleep(max(1, min(poll_ms, wait_ms - waited)))


def certain(seen: Look, failed_before: bool) -> str | None:
    """Why waiting longer changes nothing; None when it may."""
    verdict = seen.verdict
    if verdict is None or verdict.verdict is VerdictValue.INCONCLUSIVE:
        return None
    if verdict.verdict is VerdictValue.PASS:
        return "passed"
    codes = {reason.code for reason in verdict.reasons}
    if codes & CERTAIN:
        return "failed for certain"
    rolling = any(check.id is CheckId.TARGET_RUNS and check.result is VerdictValue.INCONCLUSIVE for check in verdict.checks)
    return "failed twice, the rollout has ended" if failed_before and not rolling else None


def changes(seen: Look, told: dict[str, str], now_ms: int) -> list[str]:
    """One line for each check whose answer is new; `told` keeps what was said. Log text in it is made visible, one line each."""
    if seen.deployment is None or seen.verdict is None:
        return _new_lines({"target_runs": "? the deployment is not there yet"}, told, now_ms)
    signs: Mapping[VerdictValue, str] = {VerdictValue.PASS: "✔", VerdictValue.FAIL: "✖", VerdictValue.INCONCLUSIVE: "?"}
    return _new_lines({check.id.value: f"{signs[check.result]} {check.text}" for check in seen.verdict.checks}, told, now_ms)


def _new_lines(answers: Mapping[str, str], told: dict[str, str], now_ms: int) -> list[str]:
    moment = (rfc3339(now_ms) or "")[11:19]
    lines = [f"{moment}Z  {name.replace('_', ' '):<16}{show(text)}" for name, text in answers.items() if told.get(name) != text]
    told.update(answers)
    return lines
