"""The double's quotas: so many calls a second for each API, and a ThrottlingException beyond."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from dashboard.double.answers import ApiError

# Calls a second in us-east-1, https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
# and https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
US_EAST_1: Mapping[str, float] = {
    "FilterLogEvents": 25,
    "GetLogEvents": 25,
    "DescribeLogStreams": 25,
    "DescribeLogGroups": 10,
    "ListServiceDeployments": 20,
    "DescribeServiceDeployments": 20,
    "DescribeServiceRevisions": 20,
    "DescribeServices": 20,
    "DescribeTasks": 20,
    "ListTasks": 20,
    "DescribeTaskDefinition": 20,
    "ListTaskDefinitions": 20,
}


class Quotas:
    """One bucket an API: one second of calls may come at once, then they come at the rate. Thread-safe."""

    def __init__(self, rates: Mapping[str, float] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.rates = dict(rates or {})
        self.clock = clock
        self._level: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, api: str) -> None:
        """Count a call.

        Raises:
            ApiError: ThrottlingException, when the quota of this API is used up.
        """
        rate = self.rates.get(api)
        if rate is None:
            return
        with self._lock:
            now = self.clock()
            level, seen = self._level.get(api, (rate, now))
            level = min(rate, level + (now - seen) * rate)
            self._level[api] = (level - 1 if level >= 1 else level, now)
        if level < 1:
            raise ApiError("ThrottlingException", "Rate exceeded")
