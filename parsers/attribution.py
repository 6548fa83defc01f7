"""Which deployment did a task run for, and how do we know. From what ECS answered and what streams are called.

The input is a mapping keyed by the name of a boto3 ECS call, with that call's answer (times as ISO strings, datetimes
or epoch seconds): a scene's `ecs.json` and the live fetcher give the same shape. `describe_tasks_snapshots` is a list
of `{"asked_at", "response"}`: ECS forgets stopped tasks after about an hour, the snapshots do not.

Resolution ladder (first hit wins; the rung is kept): told by the record (FireLens metadata) · DescribeTasks · a map the
user gave · the only deployment whose window the stream's birth falls into · several candidates · unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from parsers.model import (
    Attribution,
    Confidence,
    Coverage,
    Deployment,
    DeploymentTask,
    MigrationRun,
    Outcome,
    StreamKey,
    TaskDefinition,
    TaskSighting,
)
from parsers.plural import counted

COMMIT_NAMES = (
    "GIT_SHA",
    "GIT_COMMIT",
    "COMMIT_SHA",
    "COMMIT",
    "SOURCE_VERSION",
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "SENTRY_RELEASE",
)
"""Environment names whose value may be kept; every other value is discarded at the door."""

WINDOW_SLACK_MS = 120_000
OWN_TASK_BEFORE_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsFacts:
    """What ECS said, as nouns. Deployments oldest first, without tasks."""

    deployments: tuple[Deployment, ...] = ()
    task_definitions: tuple[TaskDefinition, ...] = ()
    sightings: tuple[TaskSighting, ...] = ()
    as_of_ms: int | None = None
    notices: tuple[str, ...] = ()

    def definition(self, name: str) -> TaskDefinition | None:
        return next((d for d in self.task_definitions if d.name == name), None)

    def sighting(self, task_id: str | None) -> TaskSighting | None:
        return next((s for s in self.sightings if s.task_id == task_id), None)


def epoch_ms(value: Any) -> int | None:
    """Epoch milliseconds of an ISO string, a datetime (naive: UTC) or epoch seconds; None when it is none of them."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return int(value * 1000)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    return None


def ecs_facts(answers: Mapping[str, Any]) -> EcsFacts:
    """Everything a scene's or a fetch's ECS answers say. Unknown keys are ignored; broken entries are named in `notices`."""
    definitions = _definitions(answers.get("describe_task_definition"))
    deployments = _deployments(answers, definitions)
    return EcsFacts(
        deployments=deployments,
        task_definitions=tuple(definitions.values()),
        sightings=_sightings(answers),
        as_of_ms=epoch_ms(_dict(answers.get("_about")).get("as_of")),
        notices=(),
    )


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _tail(arn: Any) -> str:
    """`family:revision`, a cluster's or a service's name: the part behind the last slash."""
    return str(arn or "").rsplit("/", 1)[-1]


def _arn_part(arn: Any, number: int) -> str:
    parts = str(arn or "").split(":")
    return parts[number] if len(parts) > number else ""


def _definitions(answer: Any) -> dict[str, TaskDefinition]:
    """By family:revision. The answer: one DescribeTaskDefinition answer, a list of them, or a mapping of them."""
    entries = [answer] if "taskDefinition" in _dict(answer) else [*_dict(answer).values()] or _list(answer)
    found = {}
    for entry in entries:
        one = _definition(_dict(_dict(entry).get("taskDefinition")))
        if one is not None:
            found[one.name] = one
    return found


def _definition(raw: Mapping[str, Any]) -> TaskDefinition | None:
    family, revision = raw.get("family"), raw.get("revision")
    if not family or not isinstance(revision, int):
        return None
    containers = [_dict(c) for c in _list(raw.get("containerDefinitions"))]
    main = next((c for c in containers if c.get("essential", True)), containers[0] if containers else {})
    logs = [_dict(c.get("logConfiguration")) for c in containers]
    options = [_dict(log.get("options")) for log in logs]
    environment = {str(_dict(e).get("name")): _dict(e).get("value") for c in containers for e in _list(c.get("environment"))}
    return TaskDefinition(
        family=str(family),
        revision=revision,
        image=main.get("image"),
        commit=_commit(environment, main.get("image")),
        registered_ms=epoch_ms(raw.get("registeredAt")),
        log_groups=_texts(o.get("awslogs-group") for o in options),
        stream_prefixes=_texts(o.get("awslogs-stream-prefix") for o in options),
        regions=_texts(o.get("awslogs-region") for o in options),
        containers=_texts(c.get("name") for c in containers),
        log_driver=_dict(main.get("logConfiguration")).get("logDriver"),
        log_mode=_dict(_dict(main.get("logConfiguration")).get("options")).get("mode"),
        environment_names=tuple(sorted(environment)),
        secret_names=_texts(sorted(str(_dict(s).get("name")) for c in containers for s in _list(c.get("secrets")))),
        command=tuple(str(part) for part in _list(main.get("command"))),
    )


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if value))


def _commit(environment: Mapping[str, Any], image: Any) -> str | None:
    for name in COMMIT_NAMES:
        value = environment.get(name)
        if isinstance(value, str) and 4 <= len(value) <= 64:
            return value
    tag = str(image or "").rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
    is_sha = 7 <= len(tag) <= 40 and all(c in "0123456789abcdef" for c in tag)
    return tag if is_sha else None


def _deployments(answers: Mapping[str, Any], definitions: Mapping[str, TaskDefinition]) -> tuple[Deployment, ...]:
    services = {s.get("serviceArn"): s for s in map(_dict, _list(_dict(answers.get("describe_services")).get("services")))}
    revisions = {
        r.get("serviceRevisionArn"): r
        for r in map(_dict, _list(_dict(answers.get("describe_service_revisions")).get("serviceRevisions")))
    }
    listed = {
        d.get("serviceDeploymentArn"): d
        for d in map(_dict, _list(_dict(answers.get("list_service_deployments")).get("serviceDeployments")))
    }
    described = {
        d.get("serviceDeploymentArn"): d
        for d in map(_dict, _list(_dict(answers.get("describe_service_deployments")).get("serviceDeployments")))
    }
    built = [
        one
        for arn in dict.fromkeys([*listed, *described])
        if arn
        and (one := _deployment({**listed.get(arn, {}), **described.get(arn, {})}, revisions, services, definitions)) is not None
    ]
    told = {(d.service, d.task_definition) for d in built}
    built.extend(
        d for service in services.values() for d in _current(service, definitions) if (d.service, d.task_definition) not in told
    )
    return _chained(sorted(built, key=lambda d: (d.service, d.started_ms or d.created_ms or 0)))


def _deployment(
    raw: Mapping[str, Any],
    revisions: Mapping[Any, Mapping[str, Any]],
    services: Mapping[Any, Mapping[str, Any]],
    definitions: Mapping[str, TaskDefinition],
) -> Deployment | None:
    target_arn = _dict(raw.get("targetServiceRevision")).get("arn") or raw.get("targetServiceRevisionArn")
    revision = _dict(revisions.get(target_arn))
    name = _tail(revision.get("taskDefinition"))
    service = _dict(services.get(raw.get("serviceArn")))
    if not name:
        sources = [_dict(d) for d in _list(service.get("deployments"))]
        name = next((_tail(d.get("taskDefinition")) for d in sources if d.get("status") == "PRIMARY"), "")
    if not name:
        return None
    source = next(
        (
            _tail(_dict(revisions.get(_dict(s).get("arn"))).get("taskDefinition"))
            for s in _list(raw.get("sourceServiceRevisions"))
        ),
        "",
    )
    definition = definitions.get(name)
    image = next((_dict(i) for i in _list(revision.get("containerImages"))), {})
    arn = str(raw.get("serviceDeploymentArn"))
    rollback = _dict(raw.get("rollback"))
    return Deployment(
        deployment_id=arn,
        account=_arn_part(arn, 4),
        region=_arn_part(arn, 3),
        cluster=_tail(raw.get("clusterArn")),
        service=_tail(raw.get("serviceArn")),
        task_definition=name,
        revision=_revision(name),
        commit=definition.commit if definition is not None else _commit({}, image.get("image")),
        image=image.get("image") or (definition.image if definition is not None else None),
        image_digest=image.get("imageDigest"),
        created_ms=epoch_ms(raw.get("createdAt")),
        started_ms=epoch_ms(raw.get("startedAt")),
        finished_ms=epoch_ms(raw.get("finishedAt")) or epoch_ms(raw.get("stoppedAt")),
        ecs_status=str(raw.get("status") or "UNKNOWN"),
        previous_task_definition=source or None,
        rollback_reason=str(rollback.get("reason")) if rollback.get("reason") else None,
        failed_tasks=int(_dict(raw.get("deploymentCircuitBreaker")).get("failureCount") or 0),
        controller=str(_dict(service.get("deploymentController")).get("type") or "ECS"),
        log_mode=definition.log_mode if definition is not None else None,
    )


def _revision(name: str) -> int:
    tail = name.rsplit(":", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def _current(service: Mapping[str, Any], definitions: Mapping[str, TaskDefinition]) -> Iterable[Deployment]:
    """Fallback where the deployment history cannot be asked: DescribeServices' own deployments."""
    arn = service.get("serviceArn")
    states = {"COMPLETED": "SUCCESSFUL", "IN_PROGRESS": "IN_PROGRESS", "FAILED": "STOPPED"}
    for raw in map(_dict, [*_list(service.get("deployments")), *_list(service.get("taskSets"))]):
        name = _tail(raw.get("taskDefinition"))
        if not name:
            continue
        definition = definitions.get(name)
        yield Deployment(
            deployment_id=str(raw.get("id")),
            account=_arn_part(arn, 4),
            region=_arn_part(arn, 3),
            cluster=_tail(service.get("clusterArn")),
            service=str(service.get("serviceName") or _tail(arn)),
            task_definition=name,
            revision=_revision(name),
            commit=definition.commit if definition is not None else None,
            image=definition.image if definition is not None else None,
            image_digest=None,
            created_ms=epoch_ms(raw.get("createdAt")),
            started_ms=epoch_ms(raw.get("createdAt")),
            finished_ms=epoch_ms(raw.get("updatedAt")) if raw.get("rolloutState") == "COMPLETED" else None,
            ecs_status=states.get(
                str(raw.get("rolloutState")), str(raw.get("rolloutState") or raw.get("stabilityStatus") or "UNKNOWN")
            ),
            failed_tasks=int(raw.get("failedTasks") or 0),
            controller=str(_dict(service.get("deploymentController")).get("type") or "ECS"),
            log_mode=definition.log_mode if definition is not None else None,
        )


def _chained(deployments: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """Each deployment with when the next of its service began, and what ran before it."""
    chained = []
    for number, one in enumerate(deployments):
        after = deployments[number + 1] if number + 1 < len(deployments) else None
        before = deployments[number - 1] if number else None
        same_after = after is not None and (after.service, after.cluster) == (one.service, one.cluster)
        same_before = before is not None and (before.service, before.cluster) == (one.service, one.cluster)
        chained.append(
            replace(
                one,
                superseded_ms=(after.started_ms or after.created_ms) if same_after and after is not None else None,
                previous_task_definition=one.previous_task_definition
                or (before.task_definition if same_before and before is not None else None),
            )
        )
    return tuple(chained)


def _sightings(answers: Mapping[str, Any]) -> tuple[TaskSighting, ...]:
    """The latest sighting of every task, newer answers over older ones; what a newer one lacks stays from the older."""
    found: dict[str, TaskSighting] = {}
    snapshots = sorted(
        (
            (epoch_ms(_dict(s).get("asked_at")) or 0, _dict(_dict(s).get("response")))
            for s in _list(answers.get("describe_tasks_snapshots"))
        ),
        key=lambda pair: pair[0],
    )
    last = epoch_ms(_dict(answers.get("_about")).get("as_of"))
    for asked_ms, response in [*snapshots, (last, _dict(answers.get("describe_tasks")))]:
        for raw in map(_dict, _list(response.get("tasks"))):
            one = _sighting(raw, asked_ms)
            found[one.task_id] = one
    return tuple(sorted(found.values(), key=lambda s: (s.created_ms or 0, s.task_id)))


def _sighting(raw: Mapping[str, Any], seen_ms: int | None) -> TaskSighting:
    containers = [_dict(c) for c in _list(raw.get("containers"))]
    own = _own_container(raw, containers)
    return TaskSighting(
        task_id=_tail(raw.get("taskArn")),
        task_definition=_tail(raw.get("taskDefinitionArn")),
        cluster=_tail(raw.get("clusterArn")),
        group=str(raw.get("group") or ""),
        started_by=str(raw.get("startedBy") or ""),
        created_ms=epoch_ms(raw.get("createdAt")),
        started_ms=epoch_ms(raw.get("startedAt")),
        stopped_ms=epoch_ms(raw.get("stoppedAt")),
        last_status=str(raw.get("lastStatus") or ""),
        stop_code=raw.get("stopCode"),
        stopped_reason=raw.get("stoppedReason"),
        exit_code=own.get("exitCode"),
        image=own.get("image"),
        image_digest=own.get("imageDigest"),
        health=own.get("healthStatus"),
        seen_ms=seen_ms,
    )


_SIDECARS = ("aws-guardduty-agent", "ecs-service-connect", "log_router", "firelens", "xray", "datadog", "envoy")


def _own_container(raw: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The service's own container: sidecars that AWS injects fail too, and say nothing of the deployment."""
    family = _tail(raw.get("taskDefinitionArn")).rsplit(":", 1)[0]
    own = [c for c in containers if not str(c.get("name", "")).startswith(_SIDECARS)]
    return next((c for c in own if str(c.get("name")) in family), own[0] if own else {})


def attribute(
    coverage: Iterable[Coverage],
    facts: EcsFacts,
    *,
    given: Mapping[str, str] | None = None,
) -> dict[StreamKey, Attribution]:
    """Every stream's deployment by the ladder. `given`: the user's map, task id or stream name -> family:revision.

    Where rungs say different things, the higher one decides and the contradiction is told with it.
    """
    coverage = list(coverage)
    sightings = {sighting.task_id: sighting for sighting in reversed(facts.sightings)}  # the first of each, as facts.sighting
    writers = _Writers(facts)
    skew = whole_hour_skew(coverage, facts)
    return {one.stream: _attribution(one, facts, sightings, writers, given or {}, skew) for one in coverage}


def _attribution(
    one: Coverage,
    facts: EcsFacts,
    sightings: Mapping[str, TaskSighting],
    writers: _Writers,
    given: Mapping[str, str],
    skew: str | None,
) -> Attribution:
    task_id = one.stream.task_id
    sighting = sightings.get(task_id or "")
    if len(one.told) > 1:
        return _of_several_tasks(one, facts)
    mapped = given.get(task_id or "") or given.get(one.stream.log_stream)
    said = {
        "the records": one.told[0] if one.told else None,
        "ECS": sighting.task_definition if sighting is not None else None,
        "your map": mapped,
    }
    known = {who: definition for who, definition in said.items() if definition}
    clash = ", ".join(f"{who} say{'' if who == 'the records' else 's'} {what}" for who, what in known.items())
    contradiction = clash if len(set(known.values())) > 1 else skew
    if one.told:
        return _found(one, facts, one.told[0], Confidence.EXACT, "record", sighting, contradiction)
    if sighting is not None:
        return _found(one, facts, sighting.task_definition, sighting.source, sighting.rung, sighting, contradiction)
    if mapped:
        return _found(one, facts, mapped, Confidence.STRONG, "given_map", None, contradiction)
    inferred = _by_interval(one, writers)
    if skew is None or inferred.deployment_id is None:
        return replace(inferred, contradiction=skew if inferred.candidates else None)
    # Which deployment's time it falls into means nothing while the two clocks lie hours apart.
    return replace(
        inferred, task_definition=None, deployment_id=None, confidence=Confidence.WEAK, rung="ambiguous_interval",
        candidates=(inferred.deployment_id,), contradiction=skew,
    )  # fmt: skip


def _of_several_tasks(one: Coverage, facts: EcsFacts) -> Attribution:
    """A stream that tasks of several task definitions write into: as a whole it belongs to none of them."""
    fitting = tuple(d.deployment_id for d in facts.deployments if d.task_definition in one.told)
    return Attribution(
        stream=one.stream, task_id=one.stream.task_id, task_definition=None, deployment_id=None, confidence=Confidence.WEAK,
        rung="record", candidates=fitting, contradiction=f"the records name several task definitions: {', '.join(one.told)}",
    )  # fmt: skip


SKEW_BEFORE_MS, SKEW_AFTER_MS = 30_000, 180_000  # a task logs within minutes of being created
_HOURS = [hours for hours in range(-14, 15) if hours]


def whole_hour_skew(coverage: Sequence[Coverage], facts: EcsFacts) -> str | None:
    """The sentence about it when ECS's times and the logs' lie a constant number of whole hours apart; None when they don't.

    AWS tells epoch times; a constant offset is a local time that somebody wrote down as UTC. Tasks are witnesses where they
    are known, else deployments; all of them must agree on one offset, and none may fit without it. Logs that begin before
    their task need two witnesses; logs that begin after it (they may have been fetched in part) need three, and half of the
    logs must begin right then.
    """
    births = {one.stream.task_id: one.first_event_ms for one in coverage if one.first_event_ms is not None}
    every = sorted(births.values())
    tasks = [(s.created_ms, [births[s.task_id]]) for s in facts.sightings if s.created_ms is not None and s.task_id in births]
    told = [d.created_ms or d.started_ms for d in facts.deployments]
    deployments = [(time, every) for time in told if time is not None]
    return _skew("tasks", tasks, every) or _skew("deployments", deployments, every)


def _skew(name: str, witnesses: Sequence[tuple[int, Sequence[int]]], births: Sequence[int]) -> str | None:
    number = len({time // SKEW_AFTER_MS for time, _ in witnesses})  # those of one moment are one witness
    fitting = [hours for hours in _HOURS if all(_begins(time, times, hours) for time, times in witnesses)]
    if len(fitting) != 1 or number < 2 or any(_begins(time, times, 0) for time, times in witnesses):
        return None
    hours = fitting[0]
    explained = sum(any(_begins(time, [birth], hours) for time, _ in witnesses) for birth in births)
    if hours > 0 and (number < 3 or explained * 2 < len(births)):
        return None
    length = f"{abs(hours)} {'hour' if abs(hours) == 1 else 'hours'}"
    return (
        f"ECS's times of {counted(len(witnesses), name.removesuffix('s'))} lie {length} {'before' if hours > 0 else 'after'} "
        "the logs': a local time told as UTC?"
    )


def _begins(told_ms: int, times: Sequence[int], hours: int) -> bool:
    """Whether a log begins right at the told time, once that is moved by so many hours."""
    moved = told_ms + hours * 3_600_000
    return any(-SKEW_BEFORE_MS <= time - moved <= SKEW_AFTER_MS for time in times)


def _found(
    one: Coverage,
    facts: EcsFacts,
    definition: str,
    confidence: Confidence,
    rung: str,
    sighting: TaskSighting | None,
    clash: str | None,
) -> Attribution:
    one_off = sighting is not None and bool(sighting.group) and not sighting.group.startswith("service:")
    deployment = None if one_off else _deployment_of(facts.deployments, definition, sighting, one.first_event_ms)
    return Attribution(
        stream=one.stream,
        task_id=one.stream.task_id,
        task_definition=definition,
        deployment_id=deployment.deployment_id if deployment is not None else None,
        confidence=confidence,
        rung="one_off_task" if one_off else rung,
        contradiction=clash,
    )


def _deployment_of(
    deployments: Sequence[Deployment], definition: str, sighting: TaskSighting | None, born_ms: int | None
) -> Deployment | None:
    """The latest deployment of that revision (and service) that had begun when the task was created."""
    service = sighting.group.removeprefix("service:") if sighting is not None and sighting.group.startswith("service:") else None
    born = (sighting.created_ms if sighting is not None else None) or born_ms
    fitting = [d for d in deployments if d.task_definition == definition and service in (None, d.service)]
    begun = [d for d in fitting if born is None or (d.created_ms or d.started_ms or 0) <= born + WINDOW_SLACK_MS]
    known = begun or fitting
    return known[-1] if known else None


class _Writers:
    """The deployments whose tasks may have written a stream, by where their log configuration sends lines.

    Another service's stream that was born at the same time, or a schedule's, is told by its group, prefix or container.
    """

    def __init__(self, facts: EcsFacts) -> None:
        self._deployments = facts.deployments
        self._definitions = {definition.name: definition for definition in facts.task_definitions}
        self._known: dict[tuple[str, str], list[Deployment]] = {}  # by group and name without the task: these are few

    def of(self, stream: StreamKey) -> list[Deployment]:
        place = stream.log_group, stream.log_stream.removesuffix(stream.task_id or "")
        if place not in self._known:
            self._known[place] = self._among(stream)
        return self._known[place]

    def _among(self, stream: StreamKey) -> list[Deployment]:
        said = [(one, _writes(self._definitions.get(one.task_definition), stream)) for one in self._deployments]
        named = {one.service for one, writes in said if writes}
        return [one for one, writes in said if writes or (writes is None and (not named or one.service in named))]


def _writes(definition: TaskDefinition | None, stream: StreamKey) -> bool | None:
    """Whether tasks of this definition write such a stream. None: nothing is known of it, or awslogs did not name the stream."""
    if definition is None or definition.log_driver != "awslogs" or stream.container is None:
        return None
    if stream.log_group and definition.log_groups and stream.log_group not in definition.log_groups:
        return False
    prefix = stream.log_stream.removesuffix(f"/{stream.container}/{stream.task_id}")
    return not definition.stream_prefixes or (prefix in definition.stream_prefixes and stream.container in definition.containers)


def _by_interval(one: Coverage, writers: _Writers) -> Attribution:
    """The stream's birth against the windows of the deployments that may have written it: one answer, or the candidates, or unknown."""
    unknown = Attribution(
        stream=one.stream,
        task_id=one.stream.task_id,
        task_definition=None,
        deployment_id=None,
        confidence=Confidence.UNKNOWN,
        rung="unknown",
    )
    born = one.first_event_ms
    if born is None or one.stream.task_id is None:
        return unknown
    deployments = writers.of(one.stream)
    inside = [d for d in deployments if _window(d)[0] <= born <= _window(d)[1]]
    if not inside:
        before = [
            d
            for d in deployments
            if (d.started_ms or d.created_ms or 0) <= born and d.ecs_status in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL")
        ]
        inside = before[-1:]
    if len(inside) == 1:
        found = inside[0]
        return replace(
            unknown,
            task_definition=found.task_definition,
            deployment_id=found.deployment_id,
            confidence=Confidence.INFERRED,
            rung="unique_interval",
        )
    if inside:
        return replace(
            unknown, confidence=Confidence.WEAK, rung="ambiguous_interval", candidates=tuple(d.deployment_id for d in inside)
        )
    return unknown


def _window(one: Deployment) -> tuple[int, int]:
    start = one.created_ms or one.started_ms or 0
    return start, one.finished_ms or one.superseded_ms or start + 3_600_000


def with_tasks(
    facts: EcsFacts, attributions: Mapping[StreamKey, Attribution], runs: Iterable[MigrationRun], coverage: Iterable[Coverage]
) -> tuple[Deployment, ...]:
    """The deployments with their tasks: those seen in logs and those only ECS knows. A one-off task belongs to none."""
    by_stream: dict[StreamKey, list[MigrationRun]] = {}
    for run in runs:
        by_stream.setdefault(run.stream, []).append(run)
    covered = {one.stream: one for one in coverage}
    tasks: dict[str, list[DeploymentTask]] = {}
    seen: set[str] = set()
    for stream, attribution in attributions.items():
        if attribution.deployment_id is None:
            continue
        seen.add(attribution.task_id or stream.log_stream)
        task = _task(stream, attribution, by_stream.get(stream, []), covered.get(stream), facts)
        tasks.setdefault(attribution.deployment_id, []).append(task)
    for sighting in facts.sightings:
        if sighting.task_id in seen or not sighting.group.startswith("service:"):
            continue
        deployment = _deployment_of(facts.deployments, sighting.task_definition, sighting, None)
        if deployment is not None:
            tasks.setdefault(deployment.deployment_id, []).append(_unlogged(sighting))
    return tuple(
        replace(one, tasks=tuple(sorted(tasks.get(one.deployment_id, ()), key=lambda t: (t.started_ms or 0, t.task_id))))
        for one in facts.deployments
    )


def _task(
    stream: StreamKey, attribution: Attribution, runs: Sequence[MigrationRun], coverage: Coverage | None, facts: EcsFacts
) -> DeploymentTask:
    sighting = facts.sighting(attribution.task_id)
    run = deciding_run(runs)
    return DeploymentTask(
        task_id=attribution.task_id or stream.log_stream,
        log_stream=stream.log_stream,
        confidence=attribution.confidence,
        migration_outcome=run.outcome if run is not None else Outcome.NOT_SEEN,
        ready=bool(coverage.ready_ms) if coverage is not None else None,
        exit_code=sighting.exit_code if sighting is not None else None,
        stopped_reason=sighting.stopped_reason if sighting is not None else None,
        started_ms=coverage.first_event_ms if coverage is not None else None,
        stopped_ms=sighting.stopped_ms if sighting is not None else None,
        error_code=run.code if run is not None else None,
        application_continued=run.application_continued if run is not None else False,
        run_id=run.id if run is not None else None,
    )


def _unlogged(sighting: TaskSighting) -> DeploymentTask:
    return DeploymentTask(
        task_id=sighting.task_id,
        log_stream=None,
        confidence=sighting.source,
        migration_outcome=Outcome.NOT_SEEN,
        ready=None,
        exit_code=sighting.exit_code,
        stopped_reason=sighting.stopped_reason,
        started_ms=sighting.started_ms or sighting.created_ms,
        stopped_ms=sighting.stopped_ms,
    )


def deciding_run(runs: Sequence[MigrationRun]) -> MigrationRun | None:
    """A task's last run that says something (retries: the last counts); its last run when none does.

    A run that began after a success and says nothing takes the success back: nobody knows how it ended.
    """
    telling = [run for run in runs if run.outcome is not Outcome.UNKNOWN]
    if not telling:
        return runs[-1] if runs else None
    decided, last = telling[-1], runs[-1]
    good = decided.outcome in (Outcome.APPLIED, Outcome.NOTHING_TO_DO)
    return last if good and last.outcome is Outcome.UNKNOWN and last.started_ms >= decided.started_ms else decided


def own_tasks(facts: EcsFacts, runs: Iterable[MigrationRun]) -> dict[str, MigrationRun]:
    """deployment_id -> the run of a one-off task of the same family that migrated shortly before or during its rollout."""
    found: dict[str, MigrationRun] = {}
    for run in runs:
        sighting = facts.sighting(run.stream.task_id)
        if sighting is None or sighting.group.startswith("service:"):
            continue
        family = sighting.task_definition.rsplit(":", 1)[0]
        for one in facts.deployments:
            start = one.started_ms or one.created_ms or 0
            in_time = start - OWN_TASK_BEFORE_MS <= run.started_ms <= (one.finished_ms or start + 3_600_000)
            if one.task_definition.rsplit(":", 1)[0] == family and in_time:
                found[one.deployment_id] = run
    return found
