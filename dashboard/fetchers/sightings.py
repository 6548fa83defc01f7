"""Tasks that ECS has forgotten, found where it may have written about them: event capture and Container Insights.

Both are log groups of the cluster, both are opt-in. What they say comes back in the shape of DescribeTasks answers, as
`describe_tasks_snapshots` of a scene, so that attribution reads it like any other sighting.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from dashboard.fetchers.cloudwatch import ChainBroken, Tally, filter_chain, find_log_group
from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.session import Aws, RawEvent
from dashboard.fetchers.slices import Scope, Window

EVENT_CAPTURE = "/aws/events/ecs/containerinsights/{cluster}/performance"
CONTAINER_INSIGHTS = "/aws/ecs/containerinsights/{cluster}/performance"
PATTERN_CHARS = 1_024  # a filter pattern has at most so many
TASKS_AT_MOST = 200


def sighted_elsewhere(
    aws: Aws, cluster: str, region: str, account: str, task_ids: Sequence[str], window: Window
) -> tuple[dict[str, Any], list[str]]:
    """What the cluster's own log groups say of these tasks: answers with `describe_tasks_snapshots`, and notices."""
    left = dict.fromkeys(task_ids[:TASKS_AT_MOST])
    snapshots: list[dict[str, Any]] = []
    notices: list[str] = []
    for template, read in ((EVENT_CAPTURE, _from_event), (CONTAINER_INSIGHTS, _from_insights)):
        group = template.format(cluster=cluster)
        try:
            if not left or find_log_group(aws, group, region) is None:
                continue
            for event in _mentions(aws, Scope(region=region, log_group=group), list(left), window):
                task = read(event, cluster, region, account)
                if task is not None and task["taskArn"].rsplit("/", 1)[-1] in left:
                    snapshots.append(
                        {"asked_at": event.timestamp / 1000, "response": {"tasks": [task], "failures": []}, "rung": group}
                    )
        except (AwsError, ChainBroken) as error:
            notices.append(f"{group}: {error}")
        seen = {snapshot["response"]["tasks"][0]["taskArn"].rsplit("/", 1)[-1] for snapshot in snapshots}
        left = {task_id: None for task_id in left if task_id not in seen}
    return {"describe_tasks_snapshots": snapshots}, notices


def _mentions(aws: Aws, scope: Scope, task_ids: Sequence[str], window: Window) -> Iterator[RawEvent]:
    for pattern in patterns_for(task_ids):
        for chunk in filter_chain(aws, replace(scope, pattern=pattern), window, Tally()):
            yield from chunk.events


def patterns_for(words: Iterable[str]) -> Iterator[str]:
    """Filter patterns that match an event with any of the words, each as long as a pattern may be."""
    pattern = ""
    for word in words:
        term = f'?"{word}"'
        if pattern and len(pattern) + 1 + len(term) > PATTERN_CHARS:
            yield pattern
            pattern = ""
        pattern = f"{pattern} {term}".strip()
    if pattern:
        yield pattern


def _record(event: RawEvent) -> dict[str, Any]:
    try:
        record = json.loads(event.message)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _from_event(event: RawEvent, cluster: str, region: str, account: str) -> dict[str, Any] | None:  # noqa: ARG001 -- called like its neighbour
    """An "ECS Task State Change" of event capture: its detail is a task as DescribeTasks tells it."""
    record = _record(event)
    detail = record.get("detail")
    if record.get("detail-type") != "ECS Task State Change" or not isinstance(detail, dict) or "taskArn" not in detail:
        return None
    keys = (
        "taskArn",
        "taskDefinitionArn",
        "clusterArn",
        "group",
        "startedBy",
        "createdAt",
        "startedAt",
        "stoppedAt",
        "stopCode",
        "stoppedReason",
        "lastStatus",
        "desiredStatus",
        "containers",
    )
    return {key: detail[key] for key in keys if key in detail}


def _from_insights(event: RawEvent, cluster: str, region: str, account: str) -> dict[str, Any] | None:
    """A per-minute Task record of Container Insights: it names the task's family and revision."""
    record = _record(event)
    task_id, family, revision = (record.get(key) for key in ("TaskId", "TaskDefinitionFamily", "TaskDefinitionRevision"))
    if record.get("Type") != "Task" or not (task_id and family and revision):
        return None
    arn = f"arn:aws:ecs:{region}:{account}"
    service = record.get("ServiceName")
    return {
        "taskArn": f"{arn}:task/{cluster}/{task_id}", "clusterArn": f"{arn}:cluster/{cluster}",
        "taskDefinitionArn": f"{arn}:task-definition/{family}:{revision}",
        "group": f"service:{service}" if service else f"family:{family}", "lastStatus": str(record.get("KnownStatus") or ""),
    }  # fmt: skip
