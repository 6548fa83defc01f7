"""Makes the scenes of sample_logs/ out of captured logs. Run by hand: `python tests/lab/make_scenes.py LAB_FOLDER`.

No line is written here: lines are taken as captured. Only stream names, and in `crash-loop` the clock, are set, and the
ECS answers around the small scenes are made in AWS's form (the founding story brings its own).
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[2] / "sample_logs"
ACCOUNT, REGION, CLUSTER = "123456789012", "us-east-1", "example-prod"


def arn(kind: str, rest: str) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{rest}"


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def write(scene: str, name: str, events: list[dict[str, Any]]) -> None:
    folder = SAMPLES / scene
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(e, ensure_ascii=False, separators=(",", ":")) + "\n" for e in events)
    (folder / name).write_text(text, "utf-8")


def retold(events: list[dict[str, Any]], *, group: str, container: str, task: str, shift_ms: int = 0) -> list[dict[str, Any]]:
    """The same lines in another task's stream, moved by whole milliseconds; the event ids' order is kept."""
    moved = []
    for number, event in enumerate(events):
        moved.append(
            event
            | {
                "logGroup": group,
                "logStreamName": f"ecs/{container}/{task}",
                "timestamp": event["timestamp"] + shift_ms,
                "ingestionTime": event["ingestionTime"] + shift_ms,
                "eventId": str((event["timestamp"] + shift_ms) << 144 | int(task[:8], 16) << 24 | number),
            }
        )
    return moved


def ecs(service: str, deployments: list[dict[str, Any]], tasks: list[dict[str, Any]], as_of_ms: int) -> dict[str, Any]:
    """The answers ECS would give: `deployments` = {revision, commit, started, finished, status}, `tasks` = {id, revision, started, stopped, exit}."""
    service_arn = arn("service", f"{CLUSTER}/{service}")
    cluster_arn = arn("cluster", CLUSTER)

    def definition(revision: int) -> str:
        return arn("task-definition", f"{service}:{revision}")

    def revision_arn(revision: int) -> str:
        return arn("service-revision", f"{CLUSTER}/{service}/{4000000000000000000 + revision}")

    def deployment(one: dict[str, Any]) -> dict[str, Any]:
        return {
            "serviceDeploymentArn": arn("service-deployment", f"{CLUSTER}/{service}/{service}-{one['revision']}"),
            "serviceArn": service_arn,
            "clusterArn": cluster_arn,
            "createdAt": iso(one["started"] - 6_000),
            "startedAt": iso(one["started"]),
            **({"finishedAt": iso(one["finished"])} if one.get("finished") else {}),
            "targetServiceRevision": {
                "arn": revision_arn(one["revision"]),
                "requestedTaskCount": one.get("count", 1),
                "runningTaskCount": one.get("count", 1),
                "pendingTaskCount": 0,
            },
            "status": one["status"],
            "deploymentCircuitBreaker": {"status": "MONITORING", "failureCount": one.get("failed", 0), "threshold": 10},
        }

    def task(one: dict[str, Any]) -> dict[str, Any]:
        stopped = (
            {
                "stoppedAt": iso(one["stopped"]),
                "stopCode": one.get("stop_code", "EssentialContainerExited"),
                "stoppedReason": one["reason"],
            }
            if one.get("stopped")
            else {}
        )
        return {
            "taskArn": arn("task", f"{CLUSTER}/{one['id']}"),
            "taskDefinitionArn": definition(one["revision"]),
            "clusterArn": cluster_arn,
            "group": f"service:{service}",
            "startedBy": f"ecs-svc/{service}-{one['revision']}",
            "createdAt": iso(one["started"] - 9_000),
            "startedAt": iso(one["started"] - 1_000),
            "lastStatus": "STOPPED" if stopped else "RUNNING",
            "containers": [
                {
                    "name": service,
                    "lastStatus": "STOPPED" if stopped else "RUNNING",
                    **({"exitCode": one["exit"]} if stopped else {}),
                }
            ],
            **stopped,
        }

    commits = {d["revision"]: d["commit"] for d in deployments}
    return {
        "_about": {"as_of": iso(as_of_ms), "note": "made in AWS's form around captured logs"},
        "list_service_deployments": {"serviceDeployments": [deployment(d) for d in reversed(deployments)]},
        "describe_service_deployments": {"serviceDeployments": [deployment(d) for d in deployments]},
        "describe_service_revisions": {
            "serviceRevisions": [
                {
                    "serviceRevisionArn": revision_arn(d["revision"]),
                    "serviceArn": service_arn,
                    "clusterArn": cluster_arn,
                    "taskDefinition": definition(d["revision"]),
                    "containerImages": [
                        {"containerName": service, "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{service}:{d['commit']}"}
                    ],
                    "createdAt": iso(d["started"] - 8_000),
                }
                for d in deployments
            ]
        },
        "describe_task_definition": {
            str(revision): {
                "taskDefinition": {
                    "family": service,
                    "revision": revision,
                    "registeredAt": iso(min(d["started"] for d in deployments if d["revision"] == revision) - 60_000),
                    "containerDefinitions": [
                        {
                            "name": service,
                            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{service}:{commit}",
                            "essential": True,
                            "environment": [{"name": "GIT_SHA", "value": commit}],
                            "logConfiguration": {
                                "logDriver": "awslogs",
                                "options": {
                                    "awslogs-group": f"/ecs/{service}",
                                    "awslogs-region": REGION,
                                    "awslogs-stream-prefix": "ecs",
                                },
                            },
                        }
                    ],
                }
            }
            for revision, commit in commits.items()
        },
        "describe_tasks": {"tasks": [task(t) for t in tasks], "failures": []},
    }


def save_ecs(scene: str, answers: dict[str, Any]) -> None:
    (SAMPLES / scene / "ecs.json").write_text(json.dumps(answers, indent=1) + "\n", "utf-8")


def founding_story(lab: Path) -> None:
    folder = SAMPLES / "founding-story"
    folder.mkdir(parents=True, exist_ok=True)
    for revision in range(46, 51):
        raw = (lab / "seed-story" / f"td{revision}.jsonl").read_bytes()
        with (
            (folder / f"td{revision}.jsonl.gz").open("wb") as out,
            gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed,
        ):
            packed.write(raw)
    shutil.copyfile(lab / "seed-story" / "ecs.json", folder / "ecs.json")
    (folder / "ecs.json").chmod(0o644)


TASK_A, TASK_B, TASK_C = (
    "0f3c9a51d7e24b6892aa4d1c5be07f31",
    "5b81e6d09c7f4e12a3d84f60b2c97a15",
    "9d27f4c1b06a4f3e8e15c7a2d4903b68",
)


def migrated_cleanly(lab: Path) -> None:
    events = lines(lab / "fastapi" / "entrypoint_migration_applied_app_started.jsonl")
    start, end = events[0]["timestamp"], events[-1]["timestamp"]
    write("migrated-cleanly", "orders.jsonl", retold(events, group="/ecs/orders", container="orders", task=TASK_A))
    deployments = [{"revision": 7, "commit": "4be1f02", "started": start - 20_000, "finished": end, "status": "SUCCESSFUL"}]
    tasks = [
        {
            "id": TASK_A,
            "revision": 7,
            "started": start,
            "stopped": end,
            "exit": 0,
            "reason": "Scaling activity initiated by deployment",
            "stop_code": "ServiceSchedulerInitiated",
        }
    ]
    save_ecs("migrated-cleanly", ecs("orders", deployments, tasks, end + 900_000))


def cut_before_the_migration(lab: Path) -> None:
    """Revision 7 migrated in full view; revision 8 is the same captured run an hour later, everything up to "running" cut off."""
    events = lines(lab / "fastapi" / "entrypoint_migration_applied_app_started.jsonl")
    later = events
    first = next(n for n, e in enumerate(later) if "Uvicorn running" in e["message"]) + 1
    hour = 3_600_000
    write(
        "cut-before-the-migration",
        "fulfilment.jsonl",
        [
            *retold(events, group="/ecs/fulfilment", container="fulfilment", task=TASK_A),
            *retold(later[first:], group="/ecs/fulfilment", container="fulfilment", task=TASK_B, shift_ms=hour),
        ],
    )
    start, end = events[0]["timestamp"], events[-1]["timestamp"]
    second, last = later[first]["timestamp"] + hour, later[-1]["timestamp"] + hour
    deployments = [
        {"revision": 7, "commit": "4be1f02", "started": start - 20_000, "finished": end, "status": "SUCCESSFUL"},
        {"revision": 8, "commit": "a90c3d7", "started": second - 20_000, "finished": last, "status": "SUCCESSFUL"},
    ]
    tasks = [
        {
            "id": TASK_A,
            "revision": 7,
            "started": start,
            "stopped": end,
            "exit": 0,
            "reason": "Scaling activity initiated by deployment",
            "stop_code": "ServiceSchedulerInitiated",
        },
        {"id": TASK_B, "revision": 8, "started": second},
    ]
    save_ecs("cut-before-the-migration", ecs("fulfilment", deployments, tasks, last + 900_000))


def crash_loop(lab: Path) -> None:
    """One captured run of Knex that failed, told of three tasks a minute apart: each start fails alike."""
    events = lines(lab / "knex" / "failed_table_exists_unbaselined.jsonl")
    start, end = events[0]["timestamp"], events[-1]["timestamp"]
    told, tasks = [], []
    for number, task in enumerate((TASK_A, TASK_B, TASK_C)):
        shift = number * 60_000
        told += retold(events, group="/ecs/billing", container="billing", task=task, shift_ms=shift)
        tasks.append(
            {
                "id": task,
                "revision": 12,
                "started": start + shift,
                "stopped": end + shift + 2_000,
                "exit": 1,
                "reason": "Essential container in task exited",
            }
        )
    write("crash-loop", "billing.jsonl", told)
    deployments = [{"revision": 12, "commit": "77d0e4b", "started": start - 20_000, "status": "IN_PROGRESS", "failed": 3}]
    save_ecs("crash-loop", ecs("billing", deployments, tasks, end + 900_000))


def without_migrations(lab: Path) -> None:
    events = lines(lab / "fastify-ajv" / "requests_pino_json.jsonl")
    start, end = events[0]["timestamp"], events[-1]["timestamp"]
    write("without-migrations", "sessions.jsonl", retold(events, group="/ecs/sessions", container="sessions", task=TASK_C))
    deployments = [{"revision": 3, "commit": "e5510aa", "started": start - 20_000, "finished": end, "status": "SUCCESSFUL"}]
    tasks = [{"id": TASK_C, "revision": 3, "started": start}]
    save_ecs("without-migrations", ecs("sessions", deployments, tasks, end + 900_000))


def main() -> None:
    lab = Path(sys.argv[1])
    for make in (founding_story, migrated_cleanly, cut_before_the_migration, crash_loop, without_migrations):
        make(lab)


if __name__ == "__main__":
    main()
