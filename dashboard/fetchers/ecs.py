"""ECS, asked for what a verdict needs: services, deployments, revisions, task definitions and tasks.

The answers come back keyed by boto3 call name, times as ISO strings: the shape of a scene's `ecs.json`, so that
`parsers.ecs_facts` reads both. What must not be kept is dropped here, at the door: environment values (but for names
that say a commit), secrets' places, labels and log driver options that may hold keys.
A denied call costs its rung and is named in `_about.notices`; only the service itself must be describable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.session import Aws
from dashboard.fetchers.slices import Scope
from parsers import counted

ENVIRONMENT_KEPT = frozenset({
    "GIT_SHA", "GIT_COMMIT", "COMMIT_SHA", "COMMIT", "SOURCE_VERSION", "GITHUB_SHA", "CI_COMMIT_SHA", "SENTRY_RELEASE",
})  # fmt: skip
TAGS_KEPT = frozenset(
    {"gitsha", "git_sha", "git-sha", "gitcommit", "git_commit", "commit", "commit_sha", "commitsha", "version", "release"}
)
LOG_OPTIONS_KEPT = frozenset({
    "awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-datetime-format", "awslogs-multiline-pattern",
    "awslogs-create-group", "mode", "max-buffer-size", "Name", "region", "log_group_name", "log_stream_prefix", "log_stream_name",
    "enable-ecs-log-metadata",
})  # fmt: skip
_DEFINITION_KEPT = ("taskDefinitionArn", "family", "revision", "status", "registeredAt", "requiresCompatibilities", "networkMode")
_CONTAINER_KEPT = ("name", "image", "essential", "command", "entryPoint")
_TASK_DROPPED = ("attachments", "attributes", "overrides", "tags", "inferenceAccelerators", "ephemeralStorage")
DEPLOYMENTS_A_CALL = 20
REVISIONS_A_CALL = 20
TASKS_A_CALL = 100
SERVICES_A_CALL = 10
NEWEST_REVISIONS = 10  # of a family, described even when no deployment names them
MAX_DEPLOYMENTS = 100
HISTORY_MS = 90 * 86_400_000  # ECS keeps deployments for 90 days
FIRELENS = "awsfirelens"
JUDGED_CONTROLLERS = ("ECS",)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsQuestion:
    """What to ask ECS about. Without a service: every service of the cluster."""

    cluster: str
    service: str | None = None
    task_definition: str | None = None
    region: str = ""
    since_ms: int | None = None
    task_ids: tuple[str, ...] = ()  # of log streams: asked about even when they are not listed any more


@dataclass(slots=True)
class _Asking:
    """The answers as they come in, and what could not be asked."""

    aws: Aws
    region: str
    answers: dict[str, Any] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)

    def ask(self, method: str, about: str, **parameters: Any) -> dict[str, Any]:
        """One call, its answer ready to be kept."""
        kept: dict[str, Any] = without_metadata(self.aws.call("ecs", method, region=self.region, about=about, **parameters))
        return kept

    def pages(self, method: str, key: str, about: str, at_most: int = 10_000, **parameters: Any) -> list[Any]:
        """All entries of a listing; ListServiceDeployments has no paginator, so tokens are followed by hand."""
        found: list[Any] = []
        token: str | None = None
        while len(found) < at_most:
            answer = self.ask(method, about, **parameters, **({"nextToken": token} if token else {}))
            found.extend(answer.get(key, []))
            following = answer.get("nextToken")
            if not following or following == token:
                break
            token = following
        return found

    def or_else(self, step: Callable[[], object]) -> None:
        """Do without what is denied or not offered here, and say so."""
        try:
            step()
        except AwsError as error:
            if not (
                error.denied
                or error.code in ("UnsupportedFeatureException", "InvalidParameterException", "ServiceNotFoundException")
            ):
                raise
            if error.denied:
                self.denied.append(error.action)
            self.notices.append(f"{error}. {error.hint}")


def ask_ecs(aws: Aws, question: EcsQuestion) -> dict[str, Any]:
    """Everything ECS says, in the shape of a scene's `ecs.json`.

    Raises:
        AwsError: no such cluster or service, or DescribeServices is denied: nothing can be judged then.
    """
    asking = _Asking(aws, question.region or aws.region)
    services = _services(asking, question)
    asking.answers["describe_services"] = {"services": services}
    _note_controllers(asking, services)
    for service in services:
        asking.or_else(lambda service=service: _deployments(asking, question, service))  # type: ignore[misc]
    asking.or_else(lambda: _revisions(asking))
    _tasks(asking, question, services)
    asking.or_else(lambda: _definitions(asking, question, services))
    asking.answers["_about"] = {
        "as_of": _iso(aws.now_ms()),
        "notices": list(dict.fromkeys(asking.notices)),
        "denied": sorted(set(asking.denied)),
        "region": asking.region,
        "account": _account_of(services),
    }
    return asking.answers


# ---- services ----------------------------------------------------------------------------------------------------------------
def _services(asking: _Asking, question: EcsQuestion) -> list[dict[str, Any]]:
    if question.service:
        names = [question.service]
    elif question.task_definition:
        return []
    else:
        names = asking.pages("list_services", "serviceArns", question.cluster, cluster=question.cluster)
    found: list[dict[str, Any]] = []
    for some in _batches(names, SERVICES_A_CALL):
        answer = asking.ask("describe_services", question.cluster, cluster=question.cluster, services=list(some))
        found.extend(answer.get("services", []))
        missing = [failure.get("arn", "?").rsplit("/", 1)[-1] for failure in answer.get("failures", [])]
        if missing and question.service:
            raise AwsError(
                f"ecs:DescribeServices in {asking.region}: no service {question.service} in cluster {question.cluster}",
                hint=f"aws ecs list-services --cluster {question.cluster} --region {asking.region}",
                code="ServiceNotFoundException",
                api="DescribeServices",
                region=asking.region,
                action="ecs:DescribeServices",
            )
    return [_kept_service(service) for service in found]


def _kept_service(service: Mapping[str, Any]) -> dict[str, Any]:
    dropped = ("networkConfiguration", "serviceConnectConfiguration", "volumeConfigurations", "tags", "createdBy", "roleArn")
    kept = {key: value for key, value in service.items() if key not in dropped}
    kept["deployments"] = [
        {key: value for key, value in deployment.items() if key not in dropped} for deployment in service.get("deployments", [])
    ]
    return kept


def controller_of(service: Mapping[str, Any]) -> str:
    """ECS (rolling, blue/green, linear, canary), CODE_DEPLOY or EXTERNAL."""
    return str((service.get("deploymentController") or {}).get("type") or "ECS")


def _note_controllers(asking: _Asking, services: Iterable[Mapping[str, Any]]) -> None:
    for service in services:
        controller, strategy = controller_of(service), service.get("schedulingStrategy")
        if controller not in JUDGED_CONTROLLERS:
            asking.notices.append(
                f"service {service['serviceName']} is deployed by {controller}: its history is not in ECS, "
                "so nothing of it passes: FAIL by what its logs say, else INCONCLUSIVE"
            )
        if strategy == "DAEMON":
            asking.notices.append(f"service {service['serviceName']} is a DAEMON: one task on each instance, replaced one by one")


# ---- deployments and revisions -------------------------------------------------------------------------------------------------
def _deployments(asking: _Asking, question: EcsQuestion, service: Mapping[str, Any]) -> None:
    since_ms = max(question.since_ms or 0, asking.aws.now_ms() - HISTORY_MS)
    name = service["serviceName"]
    listed = asking.pages(
        "list_service_deployments", "serviceDeployments", name, MAX_DEPLOYMENTS,
        cluster=question.cluster, service=service["serviceArn"], createdAt={"after": datetime.fromtimestamp(since_ms / 1000, UTC)},
    )  # fmt: skip
    _extend(asking, "list_service_deployments", "serviceDeployments", listed)
    arns = [deployment["serviceDeploymentArn"] for deployment in listed]
    for some in _batches(arns, DEPLOYMENTS_A_CALL):
        answer = asking.ask("describe_service_deployments", name, serviceDeploymentArns=list(some))
        _extend(asking, "describe_service_deployments", "serviceDeployments", answer.get("serviceDeployments", []))


def _revisions(asking: _Asking) -> None:
    arns: dict[str, None] = {}
    for deployment in asking.answers.get("describe_service_deployments", {}).get("serviceDeployments", []):
        revisions = [deployment.get("targetServiceRevision") or {}, *deployment.get("sourceServiceRevisions", [])]
        arns |= dict.fromkeys(revision["arn"] for revision in revisions if revision.get("arn"))
    for deployment in asking.answers.get("list_service_deployments", {}).get("serviceDeployments", []):
        if deployment.get("targetServiceRevisionArn"):
            arns[deployment["targetServiceRevisionArn"]] = None
    for some in _batches(list(arns), REVISIONS_A_CALL):
        answer = asking.ask("describe_service_revisions", "revisions", serviceRevisionArns=list(some))
        kept = [_kept_revision(revision) for revision in answer.get("serviceRevisions", [])]
        _extend(asking, "describe_service_revisions", "serviceRevisions", kept)


def _kept_revision(revision: Mapping[str, Any]) -> dict[str, Any]:
    keys = (
        "serviceRevisionArn",
        "serviceArn",
        "clusterArn",
        "taskDefinition",
        "launchType",
        "containerImages",
        "createdAt",
        "ecsManagedResources",
    )
    return {key: revision[key] for key in keys if key in revision}


# ---- task definitions ----------------------------------------------------------------------------------------------------------
def _definitions(asking: _Asking, question: EcsQuestion, services: Sequence[Mapping[str, Any]]) -> None:
    named = dict.fromkeys(_named_definitions(asking, question, services))
    families = dict.fromkeys(name.rsplit(":", 1)[0] for name in named)
    for family in families:
        asking.or_else(lambda family=family: named.update(dict.fromkeys(_newest_of(asking, family))))  # type: ignore[misc]
    described: dict[str, Any] = {}
    for name in named:
        try:
            answer = asking.ask("describe_task_definition", name, taskDefinition=name, include=["TAGS"])
        except AwsError as error:
            if error.denied:
                raise
            asking.notices.append(f"{error}")  # an old revision may be gone for good
            continue
        described[name] = kept_definition(answer)
        asking.answers["describe_task_definition"] = described


def _named_definitions(asking: _Asking, question: EcsQuestion, services: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if question.task_definition:
        yield _tail(question.task_definition)
    for service in services:
        holders = [service, *service.get("deployments", []), *service.get("taskSets", [])]
        yield from (_tail(holder["taskDefinition"]) for holder in holders if holder.get("taskDefinition"))
    for revision in asking.answers.get("describe_service_revisions", {}).get("serviceRevisions", []):
        yield _tail(revision.get("taskDefinition"))
    for task in asking.answers.get("describe_tasks", {}).get("tasks", []):
        yield _tail(task.get("taskDefinitionArn"))


def _newest_of(asking: _Asking, family: str) -> list[str]:
    answer = asking.ask("list_task_definitions", family, familyPrefix=family, sort="DESC", maxResults=NEWEST_REVISIONS)
    arns = [arn for arn in answer.get("taskDefinitionArns", []) if _tail(arn).rsplit(":", 1)[0] == family]
    _extend(asking, "list_task_definitions", "taskDefinitionArns", arns)
    return [_tail(arn) for arn in arns]


def kept_definition(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A DescribeTaskDefinition answer without anything that may be a secret."""
    definition = answer.get("taskDefinition", {})
    kept = {key: definition[key] for key in _DEFINITION_KEPT if key in definition}
    kept["containerDefinitions"] = [_kept_container(container) for container in definition.get("containerDefinitions", [])]
    tags = [tag for tag in answer.get("tags", []) if str(tag.get("key", "")).lower() in TAGS_KEPT]
    return {"taskDefinition": kept, "tags": tags}


def _kept_container(container: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: container[key] for key in _CONTAINER_KEPT if key in container}
    kept["environment"] = [
        {"name": entry["name"], "value": entry.get("value")} if entry["name"] in ENVIRONMENT_KEPT else {"name": entry["name"]}
        for entry in container.get("environment", [])
    ]
    kept["secrets"] = [{"name": entry["name"]} for entry in container.get("secrets", [])]
    for key in ("logConfiguration", "firelensConfiguration"):
        if container.get(key):
            kept[key] = _kept_logging(container[key])
    return kept


def _kept_logging(configuration: Mapping[str, Any]) -> dict[str, Any]:
    options = configuration.get("options") or {}
    kept = {key: configuration[key] for key in ("logDriver", "type") if key in configuration}
    return kept | {"options": {key: value for key, value in options.items() if key in LOG_OPTIONS_KEPT}}


# ---- tasks -------------------------------------------------------------------------------------------------------------------
def _tasks(asking: _Asking, question: EcsQuestion, services: Sequence[Mapping[str, Any]]) -> None:
    """All tasks ECS still knows, running and stopped: of the services and of their families (one-off migration tasks), else of the cluster."""
    families = dict.fromkeys(_tail(s["taskDefinition"]).rsplit(":", 1)[0] for s in services if s.get("taskDefinition"))
    if question.task_definition:
        families[_tail(question.task_definition).rsplit(":", 1)[0]] = None
    filters = [{"serviceName": service["serviceName"]} for service in services] + [{"family": family} for family in families]
    if question.service is None and question.task_definition is None:
        filters = [{}]  # the whole cluster: what schedules run belongs to no service
    listed: dict[str, dict[str, None]] = {"RUNNING": {}, "STOPPED": {}}
    asking.or_else(lambda: _list_tasks(asking, question.cluster, filters, listed))
    asking.answers["list_tasks"] = {status: {"taskArns": list(arns)} for status, arns in listed.items()}
    ids = dict.fromkeys(_tail(arn) for arns in listed.values() for arn in arns) | dict.fromkeys(question.task_ids)
    asking.or_else(lambda: _describe_tasks(asking, question.cluster, list(ids)))


def _list_tasks(asking: _Asking, cluster: str, filters: Iterable[Mapping[str, str]], listed: dict[str, dict[str, None]]) -> None:
    for one in filters:
        for status, arns in listed.items():
            chosen: dict[str, Any] = {"cluster": cluster, "desiredStatus": status, **one}
            found = asking.pages("list_tasks", "taskArns", next(iter(one.values()), cluster), **chosen)
            arns |= dict.fromkeys(found)


def _describe_tasks(asking: _Asking, cluster: str, ids: Sequence[str]) -> None:
    for some in _batches(ids, TASKS_A_CALL):
        answer = asking.ask("describe_tasks", cluster, cluster=cluster, tasks=list(some))
        _extend(asking, "describe_tasks", "tasks", [_kept_task(task) for task in answer.get("tasks", [])])
        _extend(asking, "describe_tasks", "failures", answer.get("failures", []))


def _kept_task(task: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in task.items() if key not in _TASK_DROPPED}


# ---- where the logs are --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlaces:
    """Where task definitions send their logs, and what cannot be followed."""

    scopes: tuple[Scope, ...]
    notices: tuple[str, ...]
    may_lose_lines: bool  # a container logs non-blocking, or by the account's default, which is


def log_places(answers: Mapping[str, Any], region: str) -> LogPlaces:
    """The scopes that hold the logs of the described task definitions: group, region and stream prefix of each container."""
    scopes: dict[Scope, None] = {}
    notices: dict[tuple[str, str], list[str]] = {}  # container and what is said of it -> its definitions
    loses = False
    for answer in answers.get("describe_task_definition", {}).values():
        definition = answer.get("taskDefinition", {})
        name = f"{definition.get('family')}:{definition.get('revision')}"
        for container in definition.get("containerDefinitions", []):
            logging = container.get("logConfiguration") or {}
            loses = loses or (bool(logging) and logging.get("options", {}).get("mode") != "blocking")
            scope, notice = _scope_of(container, logging, region)
            if scope is not None:
                scopes[scope] = None
            if notice:
                notices.setdefault((str(container.get("name")), notice), []).append(name)
    told = tuple(f"container {container} of {_and_others(names)} {notice}" for (container, notice), names in notices.items())
    return LogPlaces(scopes=tuple(_without_covered(scopes)), notices=told, may_lose_lines=loses)


def _and_others(names: Sequence[str]) -> str:
    """`api:50 and 4 more revisions`."""
    return names[0] if len(names) == 1 else f"{names[0]} and {counted(len(names) - 1, 'more revision')}"


def _scope_of(container: Mapping[str, Any], logging: Mapping[str, Any], region: str) -> tuple[Scope | None, str]:
    """(the container's scope, what is to be said of it)."""
    driver, options = logging.get("logDriver"), logging.get("options", {})
    if driver == "awslogs":
        prefix = options.get("awslogs-stream-prefix")
        notice = "" if prefix else "has no awslogs-stream-prefix: its streams can't be tied to tasks"
        selected = f"{prefix}/{container.get('name')}/" if prefix else ""
        return Scope(
            region=options.get("awslogs-region") or region, log_group=options.get("awslogs-group", ""), prefix=selected
        ), notice
    if driver == FIRELENS:
        return _firelens_scope(container, options, region)
    if driver:
        return None, f"logs through {driver}: not in CloudWatch Logs"
    return None, "has no log configuration"


def _firelens_scope(container: Mapping[str, Any], options: Mapping[str, Any], region: str) -> tuple[Scope | None, str]:
    group = str(options.get("log_group_name") or "")
    if str(options.get("Name", "")) not in ("cloudwatch", "cloudwatch_logs") or not group:
        return (
            None,
            f"logs through FireLens to {options.get('Name') or 'somewhere'}: not in CloudWatch Logs as far as ECS says",
        )
    if "$" in group:
        return None, f"logs through FireLens to a templated group ({group}): name it with --log-group"
    prefix = options.get("log_stream_prefix")
    selected = f"{prefix}{container.get('name')}-firelens-" if prefix is not None else ""
    return Scope(region=options.get("region") or region, log_group=group, prefix=selected), ""


def _without_covered(scopes: Iterable[Scope]) -> Iterator[Scope]:
    """A scope whose group is read with a shorter prefix anyway is not read twice."""
    every = [scope for scope in scopes if scope.log_group]
    for scope in every:
        wider = (
            other
            for other in every
            if other != scope
            and (other.region, other.log_group) == (scope.region, scope.log_group)
            and scope.prefix.startswith(other.prefix)
        )
        if next(wider, None) is None:
            yield scope


# ---- small parts -----------------------------------------------------------------------------------------------------------------
def without_metadata(value: Any) -> Any:
    """An answer as a scene keeps it: no ResponseMetadata, times as ISO strings."""
    if isinstance(value, Mapping):
        return {key: without_metadata(item) for key, item in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [without_metadata(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return value


def _extend(asking: _Asking, call: str, key: str, entries: Iterable[Any]) -> None:
    asking.answers.setdefault(call, {}).setdefault(key, []).extend(entries)


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _tail(arn: Any) -> str:
    return str(arn or "").rsplit("/", 1)[-1]


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _account_of(services: Iterable[Mapping[str, Any]]) -> str:
    return next((str(service["serviceArn"]).split(":")[4] for service in services), "")
