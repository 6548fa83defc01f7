"""ECS asked: the same facts as a scene's, nothing secret, and without what is denied."""

import json
from pathlib import Path

import pytest

from dashboard.double import Double, Fault, FaultKind, Faults, SceneTruth
from dashboard.fetchers.ecs import EcsQuestion, ask_ecs, kept_definition, log_places
from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.sightings import patterns_for, sighted_elsewhere
from dashboard.fetchers.slices import Scope, Window
from parsers import ecs_facts

SCENES = Path(__file__).resolve().parents[3] / "sample_logs"
STORY = EcsQuestion(cluster="mentalspace-ehr-prod", service="mentalspace-backend")


@pytest.fixture(scope="module")
def story():
    return SceneTruth.load(SCENES / "founding-story")


def question_of(truth):
    one = truth.ecs["describe_service_deployments"]["serviceDeployments"][0]
    return EcsQuestion(cluster=one["clusterArn"].rsplit("/", 1)[-1], service=one["serviceArn"].rsplit("/", 1)[-1])


@pytest.mark.parametrize("scene", sorted(path.name for path in SCENES.iterdir() if (path / "ecs.json").exists()))
def test_asking_gives_the_facts_of_the_scene(connect, scene):
    """Deployments and task definitions are those that the scene's own ecs.json tells."""
    ecs = json.loads((SCENES / scene / "ecs.json").read_text("utf-8"))
    truth = SceneTruth(ecs=ecs)
    with Double(truth) as double:
        asked = ecs_facts(ask_ecs(connect(double, region=truth.region), question_of(truth)))
    told = ecs_facts(ecs)
    assert asked.deployments == told.deployments
    assert sorted(asked.task_definitions, key=lambda one: one.revision) == sorted(
        told.task_definitions, key=lambda one: one.revision
    )


def test_forgotten_tasks_are_missing_and_others_are_there(connect, story):
    """ECS knows a stopped task for an hour: at the scene's end some are forgotten, an hour after the first stop they are not."""
    with Double(story) as double:
        now = ecs_facts(ask_ecs(connect(double), STORY))
    first_stop = min(s.stopped_ms for s in ecs_facts(story.ecs).sightings if s.stopped_ms)
    with Double(story, now_ms=first_stop + 60_000) as double:
        then = ecs_facts(ask_ecs(connect(double), STORY))
    remembered = {sighting.task_id for sighting in then.sightings}
    assert remembered - {sighting.task_id for sighting in now.sightings}


def test_nothing_secret_passes_the_door():
    """Environment values, secret places, labels, driver keys and overrides stay out; names that say a commit stay in."""
    answer = {
        "taskDefinition": {
            "family": "api", "revision": 3, "taskRoleArn": "arn:role-x",
            "containerDefinitions": [{
                "name": "api", "image": "repo/api:abc1234", "command": ["run"],
                "environment": [{"name": "GIT_SHA", "value": "abc1234"}, {"name": "DATABASE_URL", "value": "postgres://u:hunter2@db/x"}],
                "secrets": [{"name": "API_KEY", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/key"}],
                "dockerLabels": {"com.datadoghq.tags": "token-hunter2"},
                "repositoryCredentials": {"credentialsParameter": "arn:hunter2"},
                "logConfiguration": {
                    "logDriver": "awsfirelens", "options": {"Name": "datadog", "apikey": "hunter2", "region": "us-east-1"},
                    "secretOptions": [{"name": "apikey", "valueFrom": "arn:hunter2"}],
                },
                "healthCheck": {"command": ["CMD", "curl -H 'Authorization: hunter2'"]},
            }],
        },
        "tags": [{"key": "GitSha", "value": "abc1234"}, {"key": "owner", "value": "hunter2"}],
    }  # fmt: skip
    kept = json.dumps(kept_definition(answer))
    assert "hunter2" not in kept
    assert "secretsmanager" not in kept
    for name in ("abc1234", "DATABASE_URL", "API_KEY", "GIT_SHA"):
        assert name in kept


def test_environment_of_task_overrides_is_dropped(connect, story):
    """RunTask's overrides carry environment too: they don't pass."""
    task = story.ecs["describe_tasks"]["tasks"][0]
    ecs = json.loads(json.dumps(story.ecs))
    for one in ecs["describe_tasks"]["tasks"]:
        one["overrides"] = {"containerOverrides": [{"name": "x", "environment": [{"name": "PASSWORD", "value": "hunter2"}]}]}
    with Double(SceneTruth(ecs=ecs)) as double:
        answers = ask_ecs(connect(double), STORY)
    assert task["taskArn"] in {one["taskArn"] for one in answers["describe_tasks"]["tasks"]}
    assert "hunter2" not in json.dumps(answers)


@pytest.mark.parametrize(
    ("api", "left"),
    [
        ("ListServiceDeployments", "describe_tasks"), ("DescribeServiceDeployments", "list_service_deployments"),
        ("DescribeServiceRevisions", "describe_service_deployments"), ("DescribeTasks", "describe_service_revisions"),
        ("ListTasks", "describe_service_revisions"), ("ListTaskDefinitions", "describe_task_definition"),
        ("DescribeTaskDefinition", "describe_tasks"),
    ],
)  # fmt: skip
def test_a_denied_call_costs_its_rung_only(connect, story, api, left):
    """What is denied is named with its action, everything else is asked all the same."""
    with Double(story, faults=Faults((Fault(kind=FaultKind.ACCESS_DENIED, api=api, times=99),))) as double:
        answers = ask_ecs(connect(double), STORY)
    assert answers["_about"]["denied"] == [f"ecs:{api}"]
    assert any(f"ecs:{api}" in notice and "--iam-policy" in notice for notice in answers["_about"]["notices"])
    assert answers[left]
    assert answers["describe_services"]["services"]


def test_without_the_history_the_present_deployment_remains(connect, story):
    """ListServiceDeployments denied: DescribeServices still tells the deployment that runs."""
    with Double(story, faults=Faults((Fault(kind=FaultKind.ACCESS_DENIED, api="ListServiceDeployments", times=99),))) as double:
        facts = ecs_facts(ask_ecs(connect(double), STORY))
    assert [one.revision for one in facts.deployments] == [50]


@pytest.mark.parametrize(
    ("question", "said", "hint"),
    [
        (EcsQuestion(cluster="nowhere", service="x"), "no such ECS cluster", "aws ecs list-clusters"),
        (EcsQuestion(cluster="mentalspace-ehr-prod", service="nothing"), "no service nothing", "aws ecs list-services"),
    ],
)
def test_what_does_not_exist_is_told_with_the_command_that_lists(connect, story, question, said, hint):
    """No such cluster, no such service: exit code 4 and the command that shows those there are."""
    with Double(story) as double, pytest.raises(AwsError, match=said) as caught:
        ask_ecs(connect(double), question)
    assert caught.value.exit_code == 4
    assert hint in caught.value.hint


def test_a_wrong_region_has_no_such_cluster(connect, story):
    """In another region nothing of this is known, and the region is in the message."""
    with Double(story) as double, pytest.raises(AwsError, match="eu-west-1"):
        ask_ecs(connect(double, region="eu-west-1"), STORY)


@pytest.mark.parametrize("controller", ["CODE_DEPLOY", "EXTERNAL"])
def test_other_controllers_are_named(connect, story, controller):
    """Such services are listed, and it is said that they can't be judged."""
    ecs = json.loads(json.dumps(story.ecs))
    ecs["describe_services"]["services"][0]["deploymentController"] = {"type": controller}
    ecs["describe_services"]["services"][0]["schedulingStrategy"] = "DAEMON"
    with Double(SceneTruth(ecs=ecs)) as double:
        answers = ask_ecs(connect(double), STORY)
    said = " ".join(answers["_about"]["notices"])
    assert controller in said
    assert "INCONCLUSIVE" in said
    assert "nothing of it passes" in said
    assert "DAEMON" in said
    assert {one.controller for one in ecs_facts(answers).deployments} == {controller}


def test_every_service_of_a_cluster(connect, story):
    """Without a service all of them are asked about."""
    with Double(story) as double:
        answers = ask_ecs(connect(double), EcsQuestion(cluster="mentalspace-ehr-prod"))
    assert [one["serviceName"] for one in answers["describe_services"]["services"]] == ["mentalspace-backend"]


def test_what_schedules_run_is_found_in_a_whole_cluster(connect, story):
    """Asked about a cluster, the tasks of other families are listed, too; asked about a service, only its own family's."""
    one = next(task for shot in story.ecs["describe_tasks_snapshots"] for task in shot["response"]["tasks"])
    arn, running = one["taskArn"].rsplit("/", 1)[0], {"lastStatus": "RUNNING", "desiredStatus": "RUNNING", "stoppedAt": None}
    nightly = one | running | {
        "taskArn": f"{arn}/{7:032x}", "taskDefinitionArn": one["taskDefinitionArn"].rsplit("/", 1)[0] + "/nightly:3",
        "group": "family:nightly", "startedBy": "events-rule/nightly-report",
    }  # fmt: skip
    newest = story.ecs["describe_tasks_snapshots"][-1]
    last = newest | {"response": {"tasks": [*newest["response"]["tasks"], nightly]}}
    truth = SceneTruth(ecs=story.ecs | {"describe_tasks_snapshots": [*story.ecs["describe_tasks_snapshots"], last]})
    with Double(truth) as double:
        whole, mine = (
            {s.task_definition for s in ecs_facts(ask_ecs(connect(double, region=truth.region), question)).sightings}
            for question in (EcsQuestion(cluster="mentalspace-ehr-prod"), STORY)
        )
    assert whole - mine == {"nightly:3"}


# ---- where the logs are ----
def places(*containers):
    definition = {"family": "api", "revision": 1, "containerDefinitions": list(containers)}
    return log_places({"describe_task_definition": {"api:1": {"taskDefinition": definition}}}, "us-east-1")


def container(name="api", driver="awslogs", **options):
    return {"name": name, "logConfiguration": {"logDriver": driver, "options": options}}


def test_several_containers_groups_and_regions():
    """Each container has its own group, region and prefix."""
    found = places(
        container("api", **{"awslogs-group": "/ecs/a", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}),
        container("worker", **{"awslogs-group": "/ecs/b", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "jobs/night"}),
    )
    assert found.scopes == (
        Scope(region="us-east-1", log_group="/ecs/a", prefix="web/api/"),
        Scope(region="eu-west-1", log_group="/ecs/b", prefix="jobs/night/worker/"),
    )
    assert found.may_lose_lines


def test_blocking_containers_lose_no_lines():
    """Only where every container says blocking nothing can be lost; no word means non-blocking since 2025-06-25."""
    blocking = {"awslogs-group": "/ecs/a", "awslogs-stream-prefix": "web", "mode": "blocking"}
    assert not places(container(**blocking)).may_lose_lines
    assert places(container(**blocking), container("b", **blocking | {"mode": "non-blocking"})).may_lose_lines


def test_firelens_to_cloudwatch_is_followed():
    """FireLens' usual stream names, and a word where the group is a template or the logs go elsewhere."""
    found = places(
        container(
            "api",
            "awsfirelens",
            Name="cloudwatch_logs",
            region="us-east-1",
            log_group_name="/fire/api",
            log_stream_prefix="from-",
        ),
        container("b", "awsfirelens", Name="cloudwatch", log_group_name="/fire/$(ecs_cluster)"),
        container("c", "awsfirelens", Name="datadog"),
        container("d", "json-file"),
        {"name": "e"},
    )
    assert found.scopes == (Scope(region="us-east-1", log_group="/fire/api", prefix="from-api-firelens-"),)
    assert len(found.notices) == 4
    assert any("--log-group" in notice for notice in found.notices)


def test_what_is_said_of_a_container_is_said_once_for_all_its_revisions():
    """Five revisions with the same side container are no five lines."""
    side = container("side", "awsfirelens", Name="datadog")
    definitions = {
        f"api:{revision}": {"taskDefinition": {"family": "api", "revision": revision, "containerDefinitions": [side]}}
        for revision in (50, 49, 48)
    }
    found = log_places({"describe_task_definition": definitions}, "us-east-1")
    assert found.notices == (
        "container side of api:50 and 2 more revisions logs through FireLens to datadog: not in CloudWatch Logs as far as ECS says",
    )


def test_without_a_prefix_the_whole_group_is_read_once():
    """No stream prefix: the group is one scope that covers the narrower ones, and tasks can't be told from streams."""
    found = places(
        container("api", **{"awslogs-group": "/ecs/a", "awslogs-stream-prefix": "web"}),
        container("b", **{"awslogs-group": "/ecs/a"}),
    )
    assert found.scopes == (Scope(region="us-east-1", log_group="/ecs/a"),)
    assert "awslogs-stream-prefix" in found.notices[0]


# ---- tasks that ECS forgot ----
def told_by(group, record, at=1_763_520_000_000):
    truth = SceneTruth(region="us-east-1")
    truth.add_rows(
        [{"logGroup": group, "logStreamName": "s", "timestamp": at, "ingestionTime": at, "message": json.dumps(record)}]
    )
    return truth


TASK = "0123456789abcdef0123456789abcdef"
DAY = Window(start_ms=1_763_430_000_000, end_ms=1_763_530_000_000)


def test_event_capture_remembers_a_task(connect):
    """An ECS Task State Change in the cluster's event group is a sighting like DescribeTasks'."""
    detail = {
        "taskArn": f"arn:aws:ecs:us-east-1:123456789012:task/prod/{TASK}", "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/prod",
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/api:7", "group": "service:api", "startedBy": "ecs-svc/1",
        "stoppedAt": "2025-11-19T02:00:00Z", "containers": [{"name": "api", "exitCode": 1}], "overrides": {"x": "hunter2"},
    }  # fmt: skip
    truth = told_by(
        "/aws/events/ecs/containerinsights/prod/performance", {"detail-type": "ECS Task State Change", "detail": detail}
    )
    with Double(truth, now_ms=DAY.end_ms) as double:
        found, notices = sighted_elsewhere(connect(double), "prod", "us-east-1", "123456789012", [TASK, "f" * 32], DAY)
    sighting = ecs_facts(found).sighting(TASK)
    assert (sighting.task_definition, sighting.exit_code, sighting.started_by) == ("api:7", 1, "ecs-svc/1")
    assert "hunter2" not in json.dumps(found)
    assert not notices


def test_container_insights_remembers_a_task(connect):
    """A per-minute Task record names family and revision."""
    record = {"Type": "Task", "TaskId": TASK, "TaskDefinitionFamily": "api", "TaskDefinitionRevision": "7", "ServiceName": "api"}
    truth = told_by("/aws/ecs/containerinsights/prod/performance", record)
    with Double(truth, now_ms=DAY.end_ms) as double:
        found, _ = sighted_elsewhere(connect(double), "prod", "us-east-1", "123456789012", [TASK], DAY)
    assert ecs_facts(found).sighting(TASK).task_definition == "api:7"


def test_without_such_groups_nothing_is_searched(connect, story):
    """Both are opt-in: where they are missing, one listing each is all it costs."""
    with Double(story) as double:
        found, notices = sighted_elsewhere(connect(double), "mentalspace-ehr-prod", "us-east-1", "123456789012", [TASK], DAY)
        assert set(double.calls) == {("logs", "DescribeLogGroups")}
    assert found == {"describe_tasks_snapshots": []}
    assert not notices


def test_patterns_are_as_long_as_they_may_be():
    """Many task ids are asked for in patterns of at most 1,024 characters, none left out."""
    ids = [f"{number:032x}" for number in range(100)]
    patterns = list(patterns_for(ids))
    assert all(len(pattern) <= 1024 for pattern in patterns)
    assert [word for pattern in patterns for word in pattern.replace('?"', "").replace('"', "").split()] == ids
