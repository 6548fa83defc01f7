"""The way from a page to AWS: the console at that instant, and the command that reads the same lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard import links
from dashboard.views.frame import Frame
from parsers import Finding, MigrationRun, StreamKey

if TYPE_CHECKING:
    from dashboard.rows import DeploymentRow


def of_finding(frame: Frame, finding: Finding | None) -> tuple[str | None, str | None]:
    """(AWS CLI command, console URL) for the lines around a finding; None where it does not come from CloudWatch."""
    if finding is None:
        return None, None
    return links.around(finding.stream, _region(frame, finding.stream), finding.timestamp_ms, finding.timestamp_ms)


def of_run(row: DeploymentRow, run: MigrationRun | None) -> tuple[str | None, str | None]:
    """The same for the whole of a migration run."""
    if run is None:
        return None, None
    return links.around(run.stream, run.stream.region or row.deployment.region, run.started_ms, run.ended_ms)


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
