"""ECS as the double answers it, from a scene's `ecs.json`: what was known at the double's clock, and no more.

Tasks are forgotten an hour after they stopped (they come back as failures, reason MISSING); deployments and revisions that
do not exist yet are not told; a deployment that is not finished at the clock is IN_PROGRESS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from dashboard.double.answers import ApiError, Request
from dashboard.double.scene import SceneTruth

FORGETS_AFTER_MS = 3_600_000
_STOP_KEYS = ("stoppedAt", "stoppingAt", "executionStoppedAt", "stopCode", "stoppedReason")


class EcsDouble:
    """Answers of ECS over a scene."""

    def __init__(self, truth: SceneTruth) -> None:
        self.truth = truth
        ecs = truth.ecs
        self.deployments = list(ecs.get("describe_service_deployments", {}).get("serviceDeployments", []))
        self.services = list(ecs.get("describe_services", {}).get("services", [])) or _services_behind(self.deployments)
        self.revisions = list(ecs.get("describe_service_revisions", {}).get("serviceRevisions", []))
        prefix = f"arn:aws:ecs:{truth.region}:{truth.account}:task-definition/"
        self.definitions = [_with_arn(answer, prefix) for answer in ecs.get("describe_task_definition", {}).values()]
        self.tasks = _all_tasks(ecs)
        self.settings = list(ecs.get("list_account_settings", {}).get("settings", []))
        self.answers: dict[str, Callable[[Request], dict[str, Any]]] = {
            "ListClusters": self.list_clusters,
            "ListServices": self.list_services,
            "DescribeServices": self.describe_services,
            "ListServiceDeployments": self.list_service_deployments,
            "DescribeServiceDeployments": self.describe_service_deployments,
            "DescribeServiceRevisions": self.describe_service_revisions,
            "ListTaskDefinitions": self.list_task_definitions,
            "DescribeTaskDefinition": self.describe_task_definition,
            "ListTasks": self.list_tasks,
            "DescribeTasks": self.describe_tasks,
            "ListAccountSettings": self.list_account_settings,
        }

    # ---- clusters and services ----
    def list_clusters(self, request: Request) -> dict[str, Any]:
        """ARNs of the clusters that the scene's services and tasks live in."""
        return _page("clusterArns", sorted(self._clusters(request)), request)

    def _clusters(self, request: Request) -> set[str]:
        holders = [*self.services, *self.tasks]
        return {holder["clusterArn"] for holder in holders if f":{request.region}:" in holder["clusterArn"]}

    def _cluster(self, request: Request) -> str:
        wanted = request.body.get("cluster") or "default"
        for arn in self._clusters(request):
            if wanted in (arn, arn.rsplit("/", 1)[-1]):
                return arn
        raise ApiError("ClusterNotFoundException", "Cluster not found.")

    def list_services(self, request: Request) -> dict[str, Any]:
        """ARNs of a cluster's services."""
        cluster = self._cluster(request)
        return _page("serviceArns", [s["serviceArn"] for s in self.services if s["clusterArn"] == cluster], request, size=10)

    def describe_services(self, request: Request) -> dict[str, Any]:
        """At most ten; an unknown one is a failure, no error."""
        cluster = self._cluster(request)
        wanted = request.body.get("services") or []
        if len(wanted) > 10:
            raise ApiError("InvalidParameterException", "services has more than 10 members.")
        found = [s for s in self.services if s["clusterArn"] == cluster and _named(s, wanted, "serviceArn", "serviceName")]
        known = {name for service in found for name in (service["serviceArn"], service["serviceName"])}
        prefix = cluster.replace(":cluster/", ":service/")
        failures = [
            {"arn": name if name.startswith("arn:") else f"{prefix}/{name}", "reason": "MISSING"}
            for name in wanted
            if name not in known
        ]
        return {"services": [_service_at(service, request.now_ms) for service in found], "failures": failures}

    # ---- deployments ----
    def list_service_deployments(self, request: Request) -> dict[str, Any]:
        """Newest first, at most 100 a page, filtered by creation and status."""
        body = request.body
        cluster = self._cluster(request)
        services = [s for s in self.services if s["clusterArn"] == cluster]
        service = next((s for s in services if _named(s, [body.get("service")], "serviceArn", "serviceName")), None)
        if service is None:
            raise ApiError("ServiceNotFoundException", "Service not found.")
        if service.get("deploymentController", {}).get("type", "ECS") != "ECS":
            raise ApiError("UnsupportedFeatureException", "The service does not use the ECS deployment controller.")
        created = body.get("createdAt") or {}
        briefs = [
            _brief(deployment)
            for deployment in self._deployments_at(request.now_ms)
            if deployment["serviceArn"] == service["serviceArn"]
            and _within(deployment["createdAt"], created)
            and (not body.get("status") or deployment["status"] in body["status"])
        ]
        return _page("serviceDeployments", briefs, request)

    def _deployments_at(self, now_ms: int) -> list[dict[str, Any]]:
        told = [
            _deployment_at(deployment, now_ms) for deployment in self.deployments if epoch_ms(deployment["createdAt"]) <= now_ms
        ]
        return sorted(told, key=lambda deployment: epoch_ms(deployment["createdAt"]), reverse=True)

    def describe_service_deployments(self, request: Request) -> dict[str, Any]:
        """At most twenty by ARN."""
        known = {deployment["serviceDeploymentArn"]: deployment for deployment in self._deployments_at(request.now_ms)}
        return _described("serviceDeployments", known, request.body.get("serviceDeploymentArns") or [])

    def describe_service_revisions(self, request: Request) -> dict[str, Any]:
        """At most twenty by ARN."""
        known = {
            revision["serviceRevisionArn"]: revision
            for revision in self.revisions
            if epoch_ms(revision["createdAt"]) <= request.now_ms
        }
        return _described("serviceRevisions", known, request.body.get("serviceRevisionArns") or [])

    # ---- task definitions ----
    def list_task_definitions(self, request: Request) -> dict[str, Any]:
        """By family and revision, ascending unless asked otherwise."""
        family = request.body.get("familyPrefix")
        rows = [
            (definition["family"], definition["revision"], definition["taskDefinitionArn"])
            for definition in (answer["taskDefinition"] for answer in self.definitions)
            if family in (None, definition["family"])
            and f":{request.region}:" in definition["taskDefinitionArn"]
            and epoch_ms(definition.get("registeredAt", 0)) <= request.now_ms
            and definition.get("status", "ACTIVE") == (request.body.get("status") or "ACTIVE")
        ]
        rows.sort(reverse=request.body.get("sort") == "DESC")
        return _page("taskDefinitionArns", [arn for _, _, arn in rows], request)

    def describe_task_definition(self, request: Request) -> dict[str, Any]:
        """By family (the newest), family:revision or ARN; tags only when asked for."""
        wanted = (request.body.get("taskDefinition") or "").rsplit("/", 1)[-1]
        named = [
            answer
            for answer in self.definitions
            if wanted in (answer["taskDefinition"]["family"], _name(answer["taskDefinition"]))
            and f":{request.region}:" in answer["taskDefinition"]["taskDefinitionArn"]
        ]
        if not named:
            raise ApiError("ClientException", "Unable to describe task definition.")
        newest = max(named, key=lambda answer: answer["taskDefinition"]["revision"])
        keep_tags = "TAGS" in (request.body.get("include") or [])
        return {key: value for key, value in newest.items() if keep_tags or key != "tags"}

    # ---- tasks ----
    def list_tasks(self, request: Request) -> dict[str, Any]:
        """RUNNING unless STOPPED is asked for; the same horizon as DescribeTasks."""
        body = request.body
        cluster = self._cluster(request)
        service, family = body.get("serviceName"), body.get("family")
        status = body.get("desiredStatus") or "RUNNING"
        arns = [
            task["taskArn"]
            for task in self._tasks_at(request.now_ms)
            if task["clusterArn"] == cluster
            and task["desiredStatus"] == status
            and (not service or task.get("group") == f"service:{service.rsplit('/', 1)[-1]}")
            and (not family or task["taskDefinitionArn"].rsplit("/", 1)[-1].rsplit(":", 1)[0] == family)
        ]
        return _page("taskArns", arns, request)

    def describe_tasks(self, request: Request) -> dict[str, Any]:
        """At most a hundred; a forgotten or unknown one is a failure, reason MISSING."""
        cluster = self._cluster(request)
        wanted = request.body.get("tasks") or []
        if len(wanted) > 100:
            raise ApiError("InvalidParameterException", "tasks has more than 100 members.")
        known = {t["taskArn"].rsplit("/", 1)[-1]: t for t in self._tasks_at(request.now_ms) if t["clusterArn"] == cluster}
        ids = [name.rsplit("/", 1)[-1] for name in wanted]
        prefix = cluster.replace(":cluster/", ":task/")
        return {
            "tasks": [known[task_id] for task_id in ids if task_id in known],
            "failures": [{"arn": f"{prefix}/{task_id}", "reason": "MISSING"} for task_id in ids if task_id not in known],
        }

    def _tasks_at(self, now_ms: int) -> list[dict[str, Any]]:
        told = []
        for task in self.tasks:
            created = epoch_ms(task.get("createdAt", 0))
            stopped = epoch_ms(task["stoppedAt"]) if task.get("stoppedAt") else None
            if created <= now_ms and (stopped is None or now_ms < stopped + FORGETS_AFTER_MS):
                told.append(_task_at(task, now_ms, stopped))
        return told

    def list_account_settings(self, request: Request) -> dict[str, Any]:
        """The settings that the scene names; none otherwise."""
        name = request.body.get("name")
        return _page("settings", [setting for setting in self.settings if name in (None, setting["name"])], request)


def epoch_ms(value: str | float) -> int:
    """Epoch milliseconds of an ISO time or of epoch seconds."""
    if isinstance(value, str):
        return round(datetime.fromisoformat(value).timestamp() * 1000)
    return round(value * 1000)


def on_the_wire(value: Any) -> Any:
    """The same structure with ISO times under `…At` keys turned into epoch seconds, as JSON 1.1 carries them."""
    if isinstance(value, list):
        return [on_the_wire(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: epoch_ms(item) / 1000 if key.endswith("At") and isinstance(item, str) else on_the_wire(item)
        for key, item in value.items()
    }


def _all_tasks(ecs: dict[str, Any]) -> list[dict[str, Any]]:
    snapshots = [task for snapshot in ecs.get("describe_tasks_snapshots", []) for task in snapshot["response"]["tasks"]]
    by_arn = {task["taskArn"]: task for task in snapshots}
    by_arn |= {task["taskArn"]: task for task in ecs.get("describe_tasks", {}).get("tasks", [])}
    told = [{"desiredStatus": "STOPPED" if task.get("stoppedAt") else "RUNNING"} | task for task in by_arn.values()]
    return sorted(told, key=lambda task: str(task.get("createdAt", "")))


def _services_behind(deployments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A lean scene tells no services: they are those that its deployments name."""
    return [
        {
            "serviceArn": arn,
            "serviceName": arn.rsplit("/", 1)[-1],
            "clusterArn": cluster,
            "status": "ACTIVE",
            "deployments": [],
            "events": [],
        }
        for arn, cluster in dict.fromkeys((one["serviceArn"], one["clusterArn"]) for one in deployments)
    ]


def _with_arn(answer: dict[str, Any], prefix: str) -> dict[str, Any]:
    definition = answer["taskDefinition"]
    return answer | {"taskDefinition": {"taskDefinitionArn": prefix + _name(definition)} | definition}


def _named(item: dict[str, Any], wanted: Iterable[str | None], *keys: str) -> bool:
    return any(item[key] in wanted for key in keys)


def _name(definition: dict[str, Any]) -> str:
    return f"{definition['family']}:{definition['revision']}"


def _within(moment: str, bounds: dict[str, Any]) -> bool:
    created = epoch_ms(moment)
    after, before = bounds.get("after"), bounds.get("before")
    return (after is None or created >= epoch_ms(after)) and (before is None or created <= epoch_ms(before))


def _service_at(service: dict[str, Any], now_ms: int) -> dict[str, Any]:
    past = {
        key: [item for item in service.get(key, []) if epoch_ms(item["createdAt"]) <= now_ms] for key in ("deployments", "events")
    }
    return service | past


def _deployment_at(deployment: dict[str, Any], now_ms: int) -> dict[str, Any]:
    finished = deployment.get("finishedAt")
    if not finished or epoch_ms(finished) <= now_ms:
        return deployment
    kept = {key: value for key, value in deployment.items() if key not in ("finishedAt", "rollback")}
    return kept | {"status": "IN_PROGRESS"}


def _brief(deployment: dict[str, Any]) -> dict[str, Any]:
    keys = ("serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "finishedAt", "status", "statusReason")
    brief = {key: deployment[key] for key in keys if key in deployment}
    target = (deployment.get("targetServiceRevision") or {}).get("arn")
    return brief | ({"targetServiceRevisionArn": target} if target else {})


def _task_at(task: dict[str, Any], now_ms: int, stopped: int | None) -> dict[str, Any]:
    if stopped is None or stopped <= now_ms:
        return task
    alive = {key: value for key, value in task.items() if key not in _STOP_KEYS}
    containers = [
        {key: value for key, value in container.items() if key not in ("exitCode", "reason")} | {"lastStatus": "RUNNING"}
        for container in task.get("containers", [])
    ]
    return alive | {"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "containers": containers}


def _described(key: str, known: dict[str, dict[str, Any]], wanted: list[str]) -> dict[str, Any]:
    if len(wanted) > 20:
        raise ApiError("InvalidParameterException", "at most 20 ARNs in one call.")
    return {
        key: [known[arn] for arn in wanted if arn in known],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in known],
    }


def _page(key: str, entries: list[Any], request: Request, *, size: int = 100) -> dict[str, Any]:
    limit = min(int(request.body.get("maxResults") or size), 100)
    start = int(request.body.get("nextToken") or 0)
    answer: dict[str, Any] = {key: entries[start : start + limit]}
    return answer | ({"nextToken": str(start + limit)} if start + limit < len(entries) else {})
