"""How often AWS may be asked: the quotas by region, and one bucket for each account, region and API.

Quotas are shared with the console and every other tool of the account, so half of each is taken unless told otherwise; a
throttle halves the pace, calls that go well raise it again (additive increase, multiplicative decrease).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Calls a second. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_SLOW_REGIONS = ("eu-central-1", "ap-northeast-3", "ap-southeast-3", "ca-west-1", "il-central-1")
REGION_QUOTAS: Mapping[str, Mapping[str, float]] = {
    "FilterLogEvents": {"*": 10, "us-east-1": 25, **dict.fromkeys(_SLOW_REGIONS, 5)},
    "GetLogEvents": {"*": 25, "us-west-2": 10, "eu-west-1": 10, "eu-west-3": 30, **dict.fromkeys(_SLOW_REGIONS, 10)},
    "DescribeLogStreams": {"*": 25},
    "DescribeLogGroups": {"*": 10},
    "StartQuery": {"*": 10},
    "GetQueryResults": {"*": 10},
    # Refill rates: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
    "ListTasks": {"*": 20},
    "DescribeTasks": {"*": 20},
    "ListServices": {"*": 20},
    "DescribeServices": {"*": 20},
    "ListServiceDeployments": {"*": 20},
    "DescribeServiceDeployments": {"*": 20},
    "DescribeServiceRevisions": {"*": 20},
    "ListTaskDefinitions": {"*": 20},
    "DescribeTaskDefinition": {"*": 20},
    "ListClusters": {"*": 20},
    "LookupEvents": {"*": 2},
}
OTHER_APIS = 10.0
DEFAULT_SHARE = 0.5
SLOWEST = 0.2  # calls a second that remain, however often AWS says no
BACK_OFF = 0.5
RECOVER_CALLS = 60  # calls that go well until the full pace is back
BURST_S = 0.1


def quota_of(api: str, region: str) -> float:
    """Calls a second that AWS grants an account for this API in this region."""
    by_region = REGION_QUOTAS.get(api, {})
    return by_region.get(region) or by_region.get("*") or OTHER_APIS


class Bucket:
    """Paces the calls of one API. Thread-safe.

    Args:
        rate: calls a second at full pace.
        clock: monotonic seconds.
        sleep: waits so many seconds; may raise to end the waiting.
    """

    def __init__(
        self, rate: float, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.full_rate = rate
        self.rate = rate
        self.throttles = 0
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._backed_off = float("-inf")
        self._lock = threading.Lock()

    def acquire(self) -> float:
        """Wait for this call's turn; the seconds waited."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now - BURST_S)
            self._next = turn + 1 / self.rate
        wait = turn - now
        if wait > 0:
            self._sleep(wait)
        return max(wait, 0.0)

    def throttled(self) -> None:
        """AWS said no: halve the pace, at most once a second (one burst of refusals is one piece of news)."""
        with self._lock:
            self.throttles += 1
            now = self._clock()
            if now - self._backed_off < 1:
                return
            self._backed_off = now
            self.rate = max(self.rate * BACK_OFF, min(SLOWEST, self.full_rate))
            self._next = max(self._next, now + 1 / self.rate)

    def succeeded(self) -> None:
        """A call went well: a little faster again."""
        if self.rate < self.full_rate:
            with self._lock:
                self.rate = min(self.full_rate, self.rate + self.full_rate / RECOVER_CALLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What share of which quotas may be used: `overrides` are calls a second by API, taken as they are."""

    share: float = DEFAULT_SHARE
    overrides: Mapping[str, float] | None = None

    def rate(self, api: str, region: str) -> float:
        """Calls a second that we allow ourselves."""
        if self.overrides and api in self.overrides:
            return self.overrides[api]
        return quota_of(api, region) * self.share


class Buckets:
    """The buckets of one account, made as they are needed."""

    def __init__(
        self, pace: Pace, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.pace = pace
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._lock = threading.Lock()

    def of(self, api: str, region: str) -> Bucket:
        """The bucket of an API in a region."""
        with self._lock:
            key = (api, region)
            if key not in self._buckets:
                self._buckets[key] = Bucket(self.pace.rate(api, region), clock=self._clock, sleep=self._sleep)
            return self._buckets[key]

    @property
    def throttles(self) -> int:
        """Refusals so far, over all APIs."""
        return sum(bucket.throttles for bucket in self._buckets.values())
