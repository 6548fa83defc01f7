"""Exact statistics for few requests: bounds, one-sided tests, repeated looks, "how many more are needed".

Services here answer 1-20 requests a minute, so nothing leans on a normal approximation except Wilson's interval, which
is only shown. Own code instead of scipy: ten lines each, and the command line starts without it (tests compare them).

Repeated looks: a share can only be called worse at a moment when a failure arrives, so the error probability is spent
per failure, not per look (`spent_at`): looking every second costs nothing. That the i-th look's p-value is at most
`alpha * spent_at(i)` has at most that probability under "not worse", because it means that at least j failures came
within n requests, with n fixed by the test; the sum over all looks is at most alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, exp, lgamma, log, log1p, pi, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
ALPHA = 0.01
"""Probability of calling any of the compared series worse when none is, over a whole watch."""
MIN_INCREASE = 0.005
"""A share that rose by less than this (half a point) and did not double is not called worse, however sure it is."""
TOLERATED = 0.10
"""The share of failures that clean traffic must rule out before it counts as enough."""
_EVERY_FAILURE = 20
"""Up to this many failures each one is looked at; later ones in steps of a quarter."""


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _tail(term: float, start: int, stop: int, ratio: Callable[[int], float]) -> float:
    """The sum of terms from `start` on, each `ratio(k)` times the one before; ends when nothing is added any more."""
    total = 0.0
    step = 1 if stop >= start else -1
    for k in range(start, stop + step, step):
        total += term
        if term <= total * 1e-17:
            break
        term *= ratio(k)
    return min(total, 1.0)


def fisher_greater(failures: int, requests: int, before_failures: int, before_requests: int) -> float:
    """One-sided Fisher: probability of at least `failures` of `requests` when the share is not higher than before.

    The hypergeometric upper tail, summed from its thin end. 1.0 when either side has no request: nothing can be said.
    """
    if requests <= 0 or before_requests <= 0 or failures <= 0:
        return 1.0
    total, bad = requests + before_requests, failures + before_failures

    def term(k: int) -> float:
        return exp(_log_choose(requests, k) + _log_choose(before_requests, bad - k) - _log_choose(total, bad))

    def up(k: int) -> float:
        return (requests - k) * (bad - k) / ((k + 1) * (before_requests - bad + k + 1))

    least, most = max(0, bad - before_requests), min(bad, requests)
    if failures * total > bad * requests:
        return _tail(term(failures), failures, most, lambda k: up(k) if k < most else 0.0)
    if failures - 1 < least:
        return 1.0
    return 1.0 - _tail(term(failures - 1), failures - 1, least, lambda k: 1 / up(k - 1) if k > least else 0.0)


def binomial_tail(failures: int, requests: int, share: float) -> float:
    """Probability of at least `failures` of `requests` when each fails with `share`; summed from its thin end."""
    if failures <= 0:
        return 1.0
    if share <= 0 or failures > requests:
        return 0.0
    if share >= 1:
        return 1.0
    odds = share / (1 - share)

    def term(k: int) -> float:
        return exp(_log_choose(requests, k) + k * log(share) + (requests - k) * log1p(-share))

    if failures > share * requests:
        return _tail(term(failures), failures, requests, lambda k: (requests - k) / (k + 1) * odds)
    return 1.0 - _tail(term(failures - 1), failures - 1, 0, lambda k: k / (requests - k + 1) / odds)


def clopper_pearson(failures: int, requests: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact two-sided interval of a share. (0.0, 1.0) without requests."""
    if requests <= 0:
        return 0.0, 1.0
    rest = (1 - confidence) / 2
    low = 0.0 if failures == 0 else _share_where(lambda share: binomial_tail(failures, requests, share) - rest)
    high = 1.0 if failures == requests else _share_where(lambda share: binomial_tail(failures + 1, requests, share) - (1 - rest))
    return low, high


def _share_where(rising: Callable[[float], float]) -> float:
    """Where a function that rises over [0, 1] is 0, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def wilson(failures: int, requests: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval: for tables, where thousands are shown. (0.0, 1.0) without requests."""
    if requests <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    share = failures / requests
    middle = (share + z * z / (2 * requests)) / (1 + z * z / requests)
    half = z * sqrt(share * (1 - share) / requests + z * z / (4 * requests * requests)) / (1 + z * z / requests)
    return (0.0 if failures == 0 else max(0.0, middle - half)), (1.0 if failures == requests else min(1.0, middle + half))


def upper_bound(failures: int, requests: int, confidence: float = CONFIDENCE) -> float:
    """The share that is ruled out from above, one-sided and exact; for 0 failures 1 - (1 - confidence)^(1/n)."""
    if requests <= 0 or failures >= requests:
        return 1.0
    if failures == 0:
        return float(1 - (1 - confidence) ** (1 / requests))
    return _share_where(lambda share: binomial_tail(failures + 1, requests, share) - confidence)


def requests_to_clear(failures: int, requests: int, *, tolerated: float = TOLERATED, confidence: float = CONFIDENCE) -> int:
    """How many more requests, all of them clean, rule out more than `tolerated`. 0 when it is ruled out already."""
    low, high = 0, 1
    while upper_bound(failures, requests + high, confidence) > tolerated:
        low, high = high, high * 2
    if upper_bound(failures, requests, confidence) <= tolerated:
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(failures, requests + middle, confidence) > tolerated:
            low = middle
        else:
            high = middle
    return high


def minutes_for(requests: int, per_minute: float) -> int | None:
    """Minutes until `requests` more have come at this pace, rounded up; None when none come."""
    return None if per_minute <= 0 else ceil(requests / per_minute)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjustment of several p-values, in their order: compare each with alpha."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = highest
    return adjusted


def spent_at(look: int) -> float:
    """The part of alpha that the `look`-th look (1-based) may spend: 6 / (pi * look)^2; all parts sum to 1."""
    return 6 / (pi * look) ** 2


def _looked_at(failures: int) -> Iterable[int]:
    number = 1
    while number <= failures:
        yield number
        number = number + 1 if number < _EVERY_FAILURE else ceil(number * 1.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One thing that is compared: a route with a status class, a fingerprint.

    `minutes`: (requests, failures) of the new deployment in order of time, one pair a minute or a look.
    """

    key: tuple[str, ...]
    minutes: tuple[tuple[int, int], ...]
    before_failures: int
    before_requests: int

    @property
    def requests(self) -> int:
        return sum(requests for requests, _ in self.minutes)

    @property
    def failures(self) -> int:
        return sum(failures for _, failures in self.minutes)


def sequential_p(series: Series) -> float:
    """The smallest p-value over all failures so far, each divided by what its look may spend: valid at any time."""
    wanted = iter(_looked_at(series.failures))
    number, requests, failures, best, look = next(wanted, None), 0, 0, 1.0, 0
    for more_requests, more_failures in series.minutes:
        requests += more_requests
        failures += more_failures
        while number is not None and number <= failures:
            look += 1
            if number * series.before_requests > series.before_failures * requests:  # else p is no less than about a half
                p = fisher_greater(number, requests, series.before_failures, series.before_requests)
                best = min(best, p / spent_at(look))
            number = next(wanted, None)
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class RateShift:
    """A series compared with before. `p` is adjusted for looks and number of series; `worse`: p below alpha, and by enough."""

    key: tuple[str, ...]
    failures: int
    requests: int
    before_failures: int
    before_requests: int
    p: float
    worse: bool

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the share now."""
        return clopper_pearson(self.failures, self.requests)

    @property
    def text(self) -> str:
        """`12 of 40 requests (30 %; 95 %: 17-47 %), before 3 of 400 (0.8 %)`."""
        before = share_text(self.before_failures, self.before_requests)
        return f"{share_text(self.failures, self.requests, self.interval)}, before {before}"

    @property
    def numbers(self) -> dict[str, int | float]:
        """For JSON."""
        low, high = self.interval
        return {
            "failures": self.failures, "requests": self.requests, "before_failures": self.before_failures,
            "before_requests": self.before_requests, "p": self.p, "low": low, "high": high,
        }  # fmt: skip


def compare(series: Sequence[Series], *, alpha: float = ALPHA, min_increase: float = MIN_INCREASE) -> list[RateShift]:
    """Every series against its baseline, surest first. All of them are counted, also those without a failure."""
    adjusted = holm([sequential_p(one) for one in series])
    shifts = [_shift(one, p, alpha, min_increase) for one, p in zip(series, adjusted, strict=True)]
    return sorted(shifts, key=lambda shift: (shift.p, -shift.failures, shift.key))


def _shift(one: Series, p: float, alpha: float, min_increase: float) -> RateShift:
    share = one.failures / one.requests if one.requests else 0.0
    before = one.before_failures / one.before_requests if one.before_requests else 0.0
    enough = share - before >= min_increase or share >= 2 * before
    return RateShift(
        key=one.key, failures=one.failures, requests=one.requests, before_failures=one.before_failures,
        before_requests=one.before_requests, p=p, worse=p <= alpha and enough,
    )  # fmt: skip


# ---- words ----
def percent(share: float) -> str:
    """`9.5 %`, `30 %`, `<0.1 %`: two digits that mean something."""
    hundred = share * 100
    if 0 < hundred < 0.1:
        return "<0.1 %"
    return f"{hundred:.0f} %" if hundred >= 10 or hundred == int(hundred) else f"{hundred:.1f} %"


def share_text(failures: int, requests: int, interval: tuple[float, float] | None = None) -> str:
    """`12 of 40 (30 %)`, with an interval `(30 %; 95 %: 17 % to 47 %)`; `no requests`."""
    if requests <= 0:
        return "no requests"
    if interval is None:
        return f"{failures} of {requests} ({percent(failures / requests)})"
    return f"{failures} of {requests} ({percent(failures / requests)}; 95 %: {percent(interval[0])} to {percent(interval[1])})"


def bound_text(failures: int, requests: int, confidence: float = CONFIDENCE) -> str:
    """`0 of 30: at most 9.5 % at 95 %`: never `0 % errors` alone."""
    if requests <= 0:
        return "no requests: nothing is known"
    return (
        f"{failures} of {requests}: at most {percent(upper_bound(failures, requests, confidence))} at {confidence:.0%}".replace(
            "5%", "5 %"
        )
    )


def needed_text(more: int, per_minute: float, what: str = "request") -> str:
    """`12 more requests (about 3 minutes at this pace)`; `…; none come at the moment`."""
    minutes = minutes_for(more, per_minute)
    pace = "none came so far" if minutes is None else f"about {minutes} minute{'s' if minutes != 1 else ''} at this pace"
    return f"{more} more {what}{'s' if more != 1 else ''} ({pace})"
