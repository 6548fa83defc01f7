"""The way from a page to AWS: the console at that instant, and the command that reads the same lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dashboard import links
from dashboard.views.frame import Frame
from parsers import Finding, MigrationRun, StreamKey

if TYPE_CHECKING:
    from dashboard.rows import DeploymentRow

_REGION = re.compile(r"^[a-z]{2}(-[a-z]+){1,3}-\d{1,2}$")


def of_finding(frame: Frame, finding: Finding | None) -> tuple[str | None, str | None]:
    """(AWS CLI command, console URL) for the lines around a finding; None where it does not come from CloudWatch."""
    if finding is None:
        return None, None
    return _around(finding.stream, _region(frame, finding.stream), finding.timestamp_ms, finding.timestamp_ms)


def of_run(row: DeploymentRow, run: MigrationRun | None) -> tuple[str | None, str | None]:
    """The same for the whole of a migration run."""
    if run is None:
        return None, None
    return _around(run.stream, run.stream.region or row.deployment.region, run.started_ms, run.ended_ms)


def _around(stream: StreamKey, region: str, start_ms: int, end_ms: int) -> tuple[str | None, str | None]:
    """A region becomes part of a host name: what does not look like one leads nowhere."""
    if not (_REGION.match(region) and stream.log_group and stream.log_stream):
        return None, None
    start_ms, end_ms = start_ms - links.AROUND_MS, end_ms + links.AROUND_MS
    command = links.logs_command(region, stream.log_group, stream.log_stream, start_ms, end_ms)
    return command, links.log_link(region, stream.log_group, stream.log_stream, start_ms=start_ms, end_ms=end_ms)


def _region(frame: Frame, stream: StreamKey) -> str:
    """The stream's own region; of logs that came as files, that of the deployment whose task wrote them."""
    if stream.region:
        return stream.region
    owners = (
        row.deployment.region
        for row in frame.every_deployment()
        for task in row.deployment.tasks
        if task.task_id == stream.task_id
    )
    return next(owners, "")
