"""A deployment against others: new, worse, gone and same kinds of failure; one symptom that moves down the layers; claims
of a fix. Pure sums over nouns; the verdict decides what they mean.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log

from parsers.model import Category, Deployment, Finding, Layer, RequestCount, Severity, VerdictValue
from parsers.plural import counted
from parsers.statistics import RateShift, Series, bound_text, compare, share_text

LAYER_WORDS: Mapping[Layer, str] = {
    Layer.BODY_PARSER: "the body parser", Layer.AUTH: "authentication", Layer.RATE_LIMIT: "a rate limit",
    Layer.ROUTING: "routing", Layer.VALIDATION: "the request schema", Layer.BUSINESS_RULE: "a business rule",
    Layer.CONTROLLER: "the controller", Layer.ORM: "the ORM", Layer.DATABASE: "the database",
    Layer.UNHANDLED: "an unhandled error", Layer.UNKNOWN: "an unknown layer",
}  # fmt: skip
_DEPTH = (
    Layer.BODY_PARSER, Layer.RATE_LIMIT, Layer.AUTH, Layer.ROUTING, Layer.VALIDATION, Layer.BUSINESS_RULE, Layer.CONTROLLER,
    Layer.ORM, Layer.DATABASE,
)  # fmt: skip
MIN_ANSWERS = 5
"""A fix is not called effective on fewer answers of its route."""
CHANCE_OF_LUCK = 0.05
"""A fix counts as effective when the failure, had it gone on, would have stayed away with no more than this probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One deployment's share of the reading."""

    deployment: Deployment
    findings: tuple[Finding, ...]
    counts: tuple[RequestCount, ...]

    def answered(self, method: str | None = None, route: str | None = None) -> int:
        """Answered requests, health checks left out; of one route when it is named."""
        return sum(
            one.count
            for one in self.counts
            if not one.health_check and not one.aborted and route in (None, one.route) and method in (None, one.method)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KindChange:
    """One kind of failure, now and before. A count of 0 on either side: new, or gone."""

    fingerprint: str
    example: Finding
    requests: int
    before: int
    shift: RateShift | None = None  # None: no access lines to make a rate of


@dataclass(frozen=True, slots=True, kw_only=True)
class KindChanges:
    """Every kind of failure stands in exactly one of the four; worst first."""

    new: tuple[KindChange, ...] = ()
    worse: tuple[KindChange, ...] = ()
    gone: tuple[KindChange, ...] = ()
    same: tuple[KindChange, ...] = ()


def _by_kind(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    groups: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.category is not Category.MIGRATION and finding.severity is not Severity.INFO:
            groups[finding.fingerprint].append(finding)
    return groups


def compare_kinds(now: Side, baseline: Side) -> KindChanges:
    """The kinds of failure of two deployments side by side; rates are per route of the kind where there are access lines."""
    here, there = _by_kind(now.findings), _by_kind(baseline.findings)
    every = [_kind_series(key, some, there.get(key, ()), now, baseline) for key, some in here.items()]
    shifts = {shift.key[0]: shift for shift in compare([one for one in every if one is not None])}
    changes = [
        KindChange(
            fingerprint=key, example=(here.get(key) or there[key])[-1], requests=len(here.get(key, ())),
            before=len(there.get(key, ())), shift=shifts.get(key),
        )
        for key in here.keys() | there.keys()
    ]  # fmt: skip
    changes.sort(key=_worst_first)
    worse = {key for key, shift in shifts.items() if shift.worse and key in there}
    return KindChanges(
        new=tuple(one for one in changes if not one.before),
        worse=tuple(one for one in changes if one.fingerprint in worse),
        gone=tuple(one for one in changes if not one.requests),
        same=tuple(one for one in changes if one.before and one.requests and one.fingerprint not in worse),
    )


_SEVERITIES = tuple(Severity)


def _worst_first(one: KindChange) -> tuple[int, int, str]:
    return _SEVERITIES.index(one.example.severity), -max(one.requests, one.before), one.fingerprint


def _kind_series(key: str, here: Sequence[Finding], there: Sequence[Finding], now: Side, baseline: Side) -> Series | None:
    method, route = here[-1].method, here[-1].route
    if route is None or not now.answered(method, route):
        return None
    failures = Counter(finding.timestamp_ms - finding.timestamp_ms % 60_000 for finding in here)
    return Series(
        key=(key,), minutes=_minutes(now.counts, failures, method, route), before_failures=len(there),
        before_requests=baseline.answered(method, route),
    )  # fmt: skip


def _minutes(
    counts: Iterable[RequestCount], failures: Mapping[int, int], method: str | None, route: str | None
) -> tuple[tuple[int, int], ...]:
    requests: Counter[int] = Counter()
    for one in counts:
        if not one.health_check and not one.aborted and route in (None, one.route) and method in (None, one.method):
            requests[one.minute_ms] += one.count
    every = sorted(requests.keys() | failures.keys())
    return tuple((max(requests[minute], failures.get(minute, 0)), failures.get(minute, 0)) for minute in every)


# ---- rates per route and status class ----
def compare_routes(now: Side, baseline: Side, *, skip: Iterable[int] = (401, 404)) -> list[RateShift]:
    """Every route × status class (4xx, 5xx) against the baseline, surest first; key: method, route, class.

    `skip`: statuses that speak of the caller rather than of the code. Routes that the baseline never answered are left
    out: nothing is known of them (a new kind of failure on them is found by `compare_kinds`).
    """
    left_out = frozenset(skip)
    series = [
        _route_series(method, route, status_class, now, baseline, left_out)
        for method, route in sorted({(one.method, one.route) for one in now.counts if not one.health_check and one.route})
        for status_class in (4, 5)
    ]
    return compare([one for one in series if one.before_requests])


def _route_series(method: str, route: str, status_class: int, now: Side, baseline: Side, skip: frozenset[int]) -> Series:
    def failed(one: RequestCount) -> bool:
        return one.status // 100 == status_class and one.status not in skip and not one.aborted

    mine = [one for one in now.counts if (one.method, one.route) == (method, route) and not one.health_check]
    before = [one for one in baseline.counts if (one.method, one.route) == (method, route) and not one.health_check]
    failures: Counter[int] = Counter()
    for one in mine:
        failures[one.minute_ms] += one.count if failed(one) else 0
    return Series(
        key=(method, route, f"{status_class}xx"),
        minutes=_minutes(mine, failures, None, None),
        before_failures=sum(one.count for one in before if failed(one)),
        before_requests=sum(one.count for one in before if not one.aborted),
    )


# ---- one symptom over several deployments ----
@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A route that one deployment persistently refuses, and who does it."""

    deployment_id: str
    revision: int
    commit: str | None
    method: str
    route: str
    layer: Layer
    codes: tuple[str, ...]
    fields: tuple[str, ...]
    refused: int
    answered: int  # 0: no access lines
    finding_id: str | None = None

    @property
    def by(self) -> str:
        """`the database (P2011, 23502: appointmentId, sessionDate)`."""
        codes, fields = ", ".join(self.codes), ", ".join(self.fields)
        said = f"{codes}: {fields}" if codes and fields else codes or fields
        return f"{LAYER_WORDS[self.layer]} ({said})" if said else LAYER_WORDS[self.layer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One route that deployment after deployment refuses, oldest first: the layer may change, the symptom stays."""

    method: str
    route: str
    steps: tuple[Refusal, ...]

    @property
    def moved_down(self) -> bool:
        """Whether a deeper layer refuses at the end than at the beginning: each fix uncovered the next refusal."""
        known = [_DEPTH.index(step.layer) for step in self.steps if step.layer in _DEPTH]
        return len(known) > 1 and known[-1] > known[0]

    @property
    def text(self) -> str:
        """`POST /x is refused in 5 deployments (46, 47, 48, 49, 50): the request schema → a business rule → the database`."""
        layers = [LAYER_WORDS[step.layer] for step in self.steps]
        path = " → ".join(layer for number, layer in enumerate(layers) if number == 0 or layer != layers[number - 1])
        revisions = ", ".join(str(step.revision) for step in self.steps)
        return f"{self.method} {self.route} is refused in {counted(len(self.steps), 'deployment')} ({revisions}), by {path}"


def symptoms(deployments: Sequence[Sequence[Refusal]], healthy: Sequence[frozenset[tuple[str, str]]] = ()) -> tuple[Symptom, ...]:
    """Refusals of the same route in successive deployments, linked; longest first. `deployments`: oldest first.

    `healthy[i]`: the (method, route) that deployment i answered well; that ends a symptom. A deployment in which nobody
    asked for the route neither ends nor continues it.
    """
    open_: dict[tuple[str, str], list[Refusal]] = {}
    ended: list[list[Refusal]] = []
    for number, refusals in enumerate(deployments):
        for one in refusals:
            open_.setdefault((one.method, one.route), []).append(one)
        for route in healthy[number] if number < len(healthy) else ():
            ended += [open_.pop(route)] if route in open_ else []
    found = [Symptom(method=steps[0].method, route=steps[0].route, steps=tuple(steps)) for steps in (*ended, *open_.values())]
    return tuple(sorted(found, key=lambda one: (-len(one.steps), one.method, one.route, one.steps[0].revision)))


def not_effective_text(symptom: Symptom, deployment_id: str) -> str | None:
    """What a deployment in the middle or at the end of a symptom says of its own fix; None for the first, a stranger, or no change.

    `FIX NOT EFFECTIVE: POST /x is still refused, now by the database (…), in revision 49 by the ORM (…) — 12 of 12 (100 %)`.
    """
    before, step = _two_steps(symptom, deployment_id)
    if before is None or step is None or _as_before(before, step):
        return None
    return (
        f"FIX NOT EFFECTIVE: {step.method} {step.route} is still refused, now by {step.by}, in revision {before.revision} by {before.by} "
        f"— {_share(step)}"
    )


def still_refused_text(symptom: Symptom, deployment_id: str) -> str | None:
    """Of a deployment that refuses exactly what the one before refused, for the same cause: nothing shows that it was to mend that.

    `POST /x is still refused by the request schema (…), as in revision 7 — 26 of 28 (93 %)`.
    """
    before, step = _two_steps(symptom, deployment_id)
    if before is None or step is None or not _as_before(before, step):
        return None
    return f"{step.method} {step.route} is still refused by {step.by}, as in revision {before.revision} — {_share(step)}"


def _two_steps(symptom: Symptom, deployment_id: str) -> tuple[Refusal | None, Refusal | None]:
    """A deployment's step and the one before it."""
    pairs = zip(symptom.steps, symptom.steps[1:], strict=False)
    return next(((before, step) for before, step in pairs if step.deployment_id == deployment_id), (None, None))


def _as_before(before: Refusal, step: Refusal) -> bool:
    return step.layer is before.layer and step.codes == before.codes and step.fields == before.fields


def _share(step: Refusal) -> str:
    return share_text(step.refused, step.answered) if step.answered else counted(step.refused, "request")


# ---- a claimed fix ----
@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claimed fix, judged. `needed`: what is missing for an answer."""

    result: VerdictValue
    text: str
    numbers: Mapping[str, int | float | str | None]
    needed: str | None = None
    finding_id: str | None = None


def judge_fix(fingerprint: str, now: Side, earlier: Sequence[Side], refusals: Sequence[Refusal] = ()) -> Claim:
    """`--fixes v1:…`: gone, on enough requests of its route, and the route not refused by another layer instead."""
    still = [finding for finding in now.findings if finding.fingerprint == fingerprint]
    if still:
        text = f"FIX NOT EFFECTIVE: {still[-1].title} — still {counted(len(still), 'request')}"
        return Claim(result=VerdictValue.FAIL, text=text, numbers={"requests": len(still)}, finding_id=still[-1].id)
    source = next((side for side in reversed(earlier) if any(one.fingerprint == fingerprint for one in side.findings)), None)
    if source is None:
        text = f"{fingerprint} was never seen before: nothing shows what was fixed"
        return Claim(result=VerdictValue.INCONCLUSIVE, text=text, numbers={}, needed=f"a deployment that shows {fingerprint}")
    before = [finding for finding in source.findings if finding.fingerprint == fingerprint]
    method, route = before[-1].method, before[-1].route
    moved = next((one for one in refusals if (one.method, one.route) == (method, route)), None)
    if moved is not None:
        rate = share_text(moved.refused, moved.answered)
        text = f"FIX NOT EFFECTIVE: {method} {route} is still refused, now by {moved.by} — {rate}"
        return Claim(result=VerdictValue.FAIL, text=text, numbers={"requests": moved.refused}, finding_id=moved.finding_id)
    before_answered = source.answered(method, route)
    return _gone(before[-1].title, now.answered(method, route), len(before), before_answered, f"{method} {route}")


def _gone(title: str, answered: int, before: int, before_answered: int, route: str) -> Claim:
    share = min(1.0, before / before_answered) if before_answered else 1.0
    wanted = max(MIN_ANSWERS, ceil(log(CHANCE_OF_LUCK) / log(1 - share)) if share < 1 else MIN_ANSWERS)
    numbers = {"answered": answered, "wanted": wanted, "before": before, "before_answered": before_answered}
    if answered < wanted:
        rate = share_text(before, before_answered)
        text = f"{title} has not come again, on {counted(answered, 'request')} of {route}; it came in {rate} before"
        more = wanted - answered
        return Claim(
            result=VerdictValue.INCONCLUSIVE, text=text, numbers=numbers, needed=f"{counted(more, 'more request')} of {route}"
        )
    text = f"{title} is gone: {bound_text(0, answered)} of {route}"
    return Claim(result=VerdictValue.PASS, text=text, numbers=numbers)


def judge_expectation(expected: str, now: Side, refusals: Sequence[Finding], *, tolerated: float = 0.05) -> Claim:
    """`--expect 'POST /route 201'`: enough such answers, and no refusals beside them.

    `refusals`: the deployment's findings of layers that judge a request. Twenty 201s beside fifty 400s are no success.
    """
    method, route, status = parse_expectation(expected)
    answers = [one for one in now.counts if (one.method, one.route, one.status) == (method, route, status)]
    good = sum(one.count for one in answers if not one.aborted)
    mine = [one for one in refusals if (one.method, one.route) == (method, route) and one.status not in (None, status)]
    total = now.answered(method, route)
    numbers = {"good": good, "refused": len(mine), "answered": total}
    if len(mine) >= 2 and len(mine) >= tolerated * max(total, 1):
        by = Counter(one.layer or Layer.UNKNOWN for one in mine).most_common(1)[0][0]
        said = f"answered {status} {counted(good, 'time')} and was refused {counted(len(mine), 'time')}, now by {LAYER_WORDS[by]}"
        text = f"FIX NOT EFFECTIVE: {method} {route} {said}"
        return Claim(result=VerdictValue.FAIL, text=text, numbers=numbers, finding_id=mine[-1].id)
    if total >= MIN_ANSWERS and not good:
        text = f"FIX NOT EFFECTIVE: {method} {route} was answered {counted(total, 'time')}, never with {status}"
        return Claim(result=VerdictValue.FAIL, text=text, numbers=numbers)
    if good < MIN_ANSWERS:
        text = f"{method} {route} answered {status} {counted(good, 'time')}: too few to say that it works"
        needed = f"{counted(MIN_ANSWERS - good, f'more {status} answer')} of {method} {route}"
        return Claim(result=VerdictValue.INCONCLUSIVE, text=text, numbers=numbers, needed=needed)
    text = f"{method} {route} answers {status}: {good} of {total}, refused {len(mine)}"
    return Claim(result=VerdictValue.PASS, text=text, numbers=numbers)


def parse_expectation(text: str) -> tuple[str, str, int]:
    """`POST /api/v1/clinical-notes 201` in its three parts. Raises ValueError with what is expected."""
    parts = text.split()
    if len(parts) != 3 or not parts[1].startswith("/") or not parts[2].isdigit() or len(parts[2]) != 3:
        raise ValueError(f"{text!r} is no expectation: write METHOD /route STATUS, for example 'POST /api/v1/clinical-notes 201'")
    return parts[0].upper(), parts[1], int(parts[2])
