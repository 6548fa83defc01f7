"""What a pull will bring and cost, asked before a long one: bytes, events, pages, seconds, dollars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.session import Aws
from dashboard.fetchers.slices import Scope, Window
from parsers import counted

PAGE_BYTES = 1_000_000
PAGE_EVENTS = 10_000
PERIOD_S = 3_600
EVENT_OVERHEAD_BYTES = 26  # what IncomingBytes counts beside each message
# Reading logs costs nothing, but what leaves the region is billed as data transfer: list price of the first 10 TB in
# us-east-1, https://aws.amazon.com/ec2/pricing/on-demand/. Within the region it is free.
TRANSFER_DOLLARS_PER_GB = 0.09


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An estimate from the groups' own metrics; None where they could not be asked. The metrics count whole groups."""

    window_ms: int
    response_bytes: int | None
    events: int | None
    pages: int | None
    seconds: float | None
    dollars: float | None
    why_unknown: str = ""

    def sentence(self) -> str:
        """The plan in one line."""
        hours = self.window_ms / 3_600_000
        if self.response_bytes is None or self.seconds is None or self.dollars is None:
            return f"{hours:.1f} h to read; how much that is could not be asked ({self.why_unknown})"
        return (
            f"{hours:.1f} h: about {self.response_bytes / 1e6:,.1f} MB, {counted(self.events or 0, 'event')}, "
            f"{counted(self.pages or 0, 'page')}, "
            f"{self.seconds:,.0f} s, ${self.dollars:.2f} if it leaves the region"
        )


def plan_pull(aws: Aws, scopes: Sequence[Scope], window: Window) -> Plan:
    """Estimate a pull from AWS/Logs IncomingBytes and IncomingLogEvents (by ingestion, whole groups: an upper bound)."""
    try:
        sums = [_incoming(aws, region, group, window) for region, group in dict.fromkeys((s.region, s.log_group) for s in scopes)]
    except AwsError as error:
        return Plan(
            window_ms=window.length_ms,
            response_bytes=None,
            events=None,
            pages=None,
            seconds=None,
            dollars=None,
            why_unknown=str(error),
        )
    size, events = sum(size for size, _ in sums), sum(events for _, events in sums)
    pages = max(-(-size // PAGE_BYTES), -(-events // PAGE_EVENTS), 1)
    rate = sum(aws.settings.pace.rate(api, aws.region) for api in ("FilterLogEvents", "GetLogEvents"))
    return Plan(
        window_ms=window.length_ms, response_bytes=size, events=events, pages=pages, seconds=pages / rate,
        dollars=size / 1e9 * TRANSFER_DOLLARS_PER_GB,
    )  # fmt: skip


def _incoming(aws: Aws, region: str, log_group: str, window: Window) -> tuple[int, int]:
    """(bytes, events) that came in, by the hours that the window touches."""
    queries = [
        {
            "Id": name.lower(), "ReturnData": True,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/Logs", "MetricName": name, "Dimensions": [{"Name": "LogGroupName", "Value": log_group}]},
                "Period": PERIOD_S, "Stat": "Sum",
            },
        }
        for name in ("IncomingBytes", "IncomingLogEvents")
    ]  # fmt: skip
    step = PERIOD_S * 1000
    start = datetime.fromtimestamp(window.start_ms // step * PERIOD_S, UTC)
    end = datetime.fromtimestamp(-(-window.end_ms // step) * PERIOD_S, UTC)
    answer = aws.call(
        "cloudwatch", "get_metric_data", region=region, about=log_group, StartTime=start, EndTime=end, MetricDataQueries=queries
    )
    sums = {result["Id"]: int(sum(result.get("Values", []))) for result in answer.get("MetricDataResults", [])}
    events = sums.get("incominglogevents", 0)
    return max(0, sums.get("incomingbytes", 0) - EVENT_OVERHEAD_BYTES * events), events
