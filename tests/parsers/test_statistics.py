"""Statistics against scipy, and simulated: what is found, how soon, and how often wrongly. Seeded throughout."""

from __future__ import annotations

from statistics import median

import pytest
from numpy.random import Generator, default_rng
from scipy import stats

from parsers.statistics import (
    RateShift,
    Series,
    binomial_tail,
    bound_text,
    clopper_pearson,
    compare,
    fisher_greater,
    holm,
    minutes_for,
    needed_text,
    percent,
    requests_to_clear,
    sequential_p,
    share_text,
    spent_at,
    upper_bound,
    wilson,
)

TABLES = [
    (0, 5, 0, 5),
    (1, 5, 0, 50),
    (3, 20, 0, 100),
    (5, 20, 1, 20),
    (40, 40, 0, 60),
    (7, 3000, 2, 5000),
    (900, 1000, 10, 1000),
]


@pytest.mark.parametrize(("k1", "n1", "k0", "n0"), TABLES)
def test_fisher_is_scipys(k1: int, n1: int, k0: int, n0: int) -> None:
    """The one-sided exact test agrees with scipy's."""
    expected = stats.fisher_exact([[k1, n1 - k1], [k0, n0 - k0]], alternative="greater").pvalue

    assert fisher_greater(k1, n1, k0, n0) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 30), (1, 7), (5, 20), (20, 20), (37, 400), (3, 100_000)])
def test_intervals_are_scipys(k: int, n: int) -> None:
    """Clopper-Pearson and Wilson agree with scipy's."""
    exact = stats.binomtest(k, n).proportion_ci(method="exact")
    score = stats.binomtest(k, n).proportion_ci(method="wilson")

    assert clopper_pearson(k, n) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert wilson(k, n) == pytest.approx((score.low, score.high), abs=1e-9)


def test_the_binomial_tail_is_scipys() -> None:
    """Upper tails agree with scipy's, far out too."""
    for k, n, share in [(1, 10, 0.1), (8, 10, 0.9), (30, 1000, 0.01), (2, 5, 0.0), (0, 5, 0.3), (400, 1000, 0.05)]:
        assert binomial_tail(k, n, share) == pytest.approx(stats.binom.sf(k - 1, n, share), rel=1e-8, abs=1e-300)


def test_the_bound_of_clean_traffic() -> None:
    """Zero failures rule out a share, they don't prove zero; the figures are those of 1 - 0.05^(1/n)."""
    assert [round(upper_bound(0, n) * 100, 1) for n in (5, 10, 30, 60, 300)] == [45.1, 25.9, 9.5, 4.9, 1.0]
    assert upper_bound(2, 40) == pytest.approx(stats.beta.ppf(0.95, 3, 38))
    assert upper_bound(0, 0) == 1.0
    assert bound_text(0, 30) == "0 of 30: at most 9.5 % at 95 %"


def test_holm() -> None:
    """Smallest times the number of tests, the next times one less, never falling."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.9]) == [1.0, 1.0]


def test_all_looks_together_spend_alpha_once() -> None:
    """The parts that the looks may spend sum to one."""
    assert sum(spent_at(look) for look in range(1, 200_000)) == pytest.approx(1, abs=1e-4)


def test_no_baseline_says_nothing() -> None:
    """Without a request before, nothing is worse."""
    [shift] = compare([Series(key=("POST /x", "4xx"), minutes=((20, 20),), before_failures=0, before_requests=0)])

    assert not shift.worse
    assert shift.p == 1.0


def test_sure_but_tiny_is_not_worse() -> None:
    """A tenth of a point more among a million requests is no regression."""
    [shift] = compare(
        [Series(key=("GET /x", "4xx"), minutes=((1_000_000, 11_300),), before_failures=10_000, before_requests=1_000_000)]
    )

    assert shift.p < 0.01
    assert not shift.worse


# ---- simulated ----
def watch(chance: Generator, *, per_minute: int, minutes: int, before: float, after: float, before_minutes: int) -> Series:
    """One series of a watch: the baseline's totals, then a count a minute."""
    return Series(
        key=("POST /notes", "4xx"),
        minutes=tuple((per_minute, int(failures)) for failures in chance.binomial(per_minute, after, minutes)),
        before_failures=int(chance.binomial(per_minute * before_minutes, before)),
        before_requests=per_minute * before_minutes,
    )


def found_after(series: Series, others: int, alpha: float = 0.01) -> int | None:
    """Requests until the series is called worse beside `others` clean series, looking every minute; None when never."""
    best = 1.0
    for end in range(1, len(series.minutes) + 1):
        so_far = Series(
            key=series.key,
            minutes=series.minutes[:end],
            before_failures=series.before_failures,
            before_requests=series.before_requests,
        )
        best = min(best, sequential_p(so_far))
        if best * (others + 1) <= alpha:
            return so_far.requests
    return None


def test_a_new_failure_of_ten_percent_is_found_within_thirty_requests() -> None:
    """0 -> 10 % at 5 requests a minute, beside 29 other fingerprints: median of at most 30 requests, nearly always found."""
    chance = default_rng(20251119)
    found = [
        found_after(watch(chance, per_minute=5, minutes=30, before=0.0, after=0.10, before_minutes=300), others=29)
        for _ in range(400)
    ]

    seen = [requests for requests in found if requests is not None]
    assert len(seen) >= 0.99 * len(found)
    assert median(seen) <= 30


@pytest.mark.parametrize(("per_minute", "share"), [(5, 0.01), (2, 0.05), (20, 0.01)])
def test_false_alarms_over_a_whole_watch(per_minute: int, share: float) -> None:
    """30 fingerprints that did not change, looked at every minute for 30 minutes: at most 1 % of watches alarm."""
    chance = default_rng(per_minute)
    watches = 1000
    alarms = 0
    for _ in range(watches):
        series = [
            watch(
                chance, per_minute=per_minute, minutes=30, before=share, after=share, before_minutes=60 if per_minute < 20 else 20
            )
            for _ in range(30)
        ]
        alarms += any(shift.worse for shift in compare(series))
    assert alarms <= 0.01 * watches


def test_every_draft_save_fails() -> None:
    """A rare route whose every request fails is found after a few of them."""
    chance = default_rng(46)
    found = [
        found_after(watch(chance, per_minute=1, minutes=12, before=0.0, after=1.0, before_minutes=60), others=29)
        for _ in range(20)
    ]

    assert max(requests or 99 for requests in found) <= 6


@pytest.mark.parametrize("watched", [3, 10, 19])
def test_one_request_a_minute_says_truly_what_is_needed(watched: int) -> None:
    """Too little clean traffic names the requests that are missing; with exactly so many the bound holds, with one less not."""
    more = requests_to_clear(0, watched)

    assert more > 0
    assert upper_bound(0, watched + more) <= 0.10 < upper_bound(0, watched + more - 1)
    assert minutes_for(more, 1.0) == more
    assert requests_to_clear(0, watched + more) == 0


def test_needed_with_failures_is_true_as_well() -> None:
    """A few failures of a kind that was there before raise what is needed."""
    more = requests_to_clear(2, 20)

    assert upper_bound(2, 20 + more) <= 0.10 < upper_bound(2, 20 + more - 1)


# ---- words ----
def test_words() -> None:
    """Numbers as people read them."""
    assert percent(0.0953) == "9.5 %"
    assert percent(0.3) == "30 %"
    assert percent(0.0002) == "<0.1 %"
    assert percent(0.0) == "0 %"
    assert share_text(3, 0) == "no requests"
    assert needed_text(12, 4.0) == "12 more requests (about 3 minutes at this pace)"
    assert needed_text(1, 0.0) == "1 more request (none came so far)"
    shift = RateShift(key=("a",), failures=12, requests=40, before_failures=3, before_requests=400, p=0.001, worse=True)
    assert shift.text == "12 of 40 (30 %; 95 %: 17 % to 47 %), before 3 of 400 (0.8 %)"
