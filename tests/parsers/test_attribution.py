"""Whose stream it is: what records, ECS and the user's map tell, and what happens where they differ."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from parsers import Confidence, Coverage, Event, StreamKey, attribute, ecs_facts, load_packs, read
from parsers.attribution import EcsFacts, whole_hour_skew
from parsers.bulk import SMALL_BYTES
from parsers.model import Deployment, TaskDefinition, TaskSighting
from parsers.told import MOST_TOLD, definitions_told

HOUR_MS = 3_600_000
START_MS = 1_763_520_000_000
TASK = "0123456789abcdef0123456789abcdef"
RULES = load_packs()


def fluent(line: str, definition: str) -> str:
    """A record as FireLens (Fluent Bit) writes it with `enable-ecs-log-metadata`."""
    told = {"ecs_cluster": "prod", "ecs_task_arn": f"arn:aws:ecs:us-east-1:111122223333:task/prod/{TASK}"}
    return json.dumps({"log": line, "container_name": "app", "source": "stdout", **told, "ecs_task_definition": definition})


def deployment(revision: int, start_ms: int) -> Deployment:
    return Deployment(
        deployment_id=f"d{revision}", account="111122223333", region="us-east-1", cluster="prod", service="backend",
        task_definition=f"backend:{revision}", revision=revision, commit=None, image=None, image_digest=None,
        created_ms=start_ms, started_ms=start_ms, finished_ms=None, ecs_status="SUCCESSFUL",
    )  # fmt: skip


def stream(task: str, first_ms: int, *told: str) -> Coverage:
    key = StreamKey(log_group="/ecs/backend", log_stream=f"ecs/app/{task}")
    return Coverage(
        stream=key, first_event_ms=first_ms, last_event_ms=first_ms + 60_000, events=10, undecodable=0, unexplained=0, told=told
    )


def sighting(task: str, revision: int, created_ms: int) -> TaskSighting:
    return TaskSighting(
        task_id=task, task_definition=f"backend:{revision}", group="service:backend", created_ms=created_ms,
        source=Confidence.EXACT, rung="describe_tasks",
    )  # fmt: skip


DEPLOYED = (deployment(7, START_MS), deployment(8, START_MS + HOUR_MS))


# ---- what records tell ----


def test_a_record_of_firelens_names_its_task_definition():
    """Beside the line, never within it: a line that quotes such metadata tells nothing."""
    quoting = json.dumps({"level": "info", "msg": '{"ecs_task_definition": "backend:99"}'})
    texts = [fluent("listening", "backend:7"), "plain words of ecs_task_definition", quoting, fluent(quoting, "backend:7")]
    assert definitions_told(texts) == ("backend:7",)
    assert definitions_told([fluent("x", "arn:aws:ecs:us-east-1:111122223333:task-definition/backend:8")], ("backend:7",)) == (
        "backend:7",
        "backend:8",
    )
    assert len(definitions_told(fluent("x", f"backend:{n}") for n in range(1, 100))) == MOST_TOLD


def test_of_many_task_definitions_the_same_are_kept_however_a_stream_is_cut():
    """A stream of more tasks than are kept is nobody's; which of them are named does not depend on the cut."""
    key = StreamKey(log_group="/ecs/backend", log_stream="app-firelens-x")
    every = [Event(stream=key, timestamp_ms=START_MS + n, text=fluent("x", f"backend:{40 - n}")) for n in range(30)]
    whole, joined = read(every, rules=RULES), read(every[:7], rules=RULES) + read(every[7:], rules=RULES)
    assert [one.told for one in whole.coverage] == [one.told for one in joined.coverage]
    assert [len(one.told) for one in whole.coverage] == [MOST_TOLD]


def test_of_two_sightings_of_a_task_the_first_is_taken_everywhere():
    """What ECS told first is what `EcsFacts.sighting` says, too."""
    facts = EcsFacts(deployments=DEPLOYED, sightings=(sighting(TASK, 7, START_MS), sighting(TASK, 8, START_MS)))
    one = stream(TASK, START_MS + 20_000)
    assert attribute([one], facts)[one.stream].task_definition == facts.sighting(TASK).task_definition == "backend:7"


@pytest.mark.parametrize("small", [SMALL_BYTES, 0])  # line by line, and the fast path
def test_reading_keeps_what_records_tell(monkeypatch, small):
    """In one piece, or cut and joined."""
    monkeypatch.setattr("parsers.bulk.SMALL_BYTES", small)
    events = 40
    key = StreamKey(log_group="/ecs/backend", log_stream="app-firelens-x")
    texts = [fluent(f"request {n}", "backend:7") if 10 < n < 30 else f"plain {n}" for n in range(events)]  # not at the ends
    lines = [Event(stream=key, timestamp_ms=START_MS + n, text=text) for n, text in enumerate(texts)]
    whole = read(lines, rules=RULES)
    assert [one.told for one in whole.coverage] == [("backend:7",)]
    half = events // 2
    joined = read(lines[half:], rules=RULES) + read(lines[:half], rules=RULES)
    assert [one.told for one in joined.coverage] == [("backend:7",)]


def test_the_record_decides_and_a_contradiction_is_told():
    """Records, ECS and the user's map, in this order; where they differ each one's word is said."""
    facts = EcsFacts(deployments=DEPLOYED, sightings=(sighting(TASK, 8, START_MS + HOUR_MS),))
    one = stream(TASK, START_MS + HOUR_MS + 20_000, "backend:7")
    found = attribute([one], facts, given={TASK: "backend:8"})[one.stream]
    assert (found.task_definition, found.rung, found.confidence) == ("backend:7", "record", Confidence.EXACT)
    assert found.contradiction == "the records say backend:7, ECS says backend:8, your map says backend:8"

    agreed = attribute([replace(one, told=("backend:8",))], facts)[one.stream]
    assert (agreed.deployment_id, agreed.contradiction) == ("d8", None)


def test_a_stream_of_several_task_definitions_belongs_to_none():
    """A candidate set, and why."""
    one = stream(TASK, START_MS + 20_000, "backend:7", "backend:8")
    found = attribute([one], EcsFacts(deployments=DEPLOYED))[one.stream]
    assert (found.deployment_id, found.candidates, found.confidence) == (None, ("d7", "d8"), Confidence.WEAK)
    assert found.contradiction == "the records name several task definitions: backend:7, backend:8"


def test_the_users_map_tells_what_nobody_else_does():
    """By task id, or by the stream's name where it holds no task id."""
    by_task = stream(TASK, START_MS + HOUR_MS + 20_000)
    by_name = replace(by_task, stream=StreamKey(log_group="/ecs/backend", log_stream="backend.log"))
    found = attribute([by_task, by_name], EcsFacts(deployments=DEPLOYED), given={TASK: "backend:7", "backend.log": "backend:8"})
    assert [(one.rung, one.task_definition, one.confidence) for one in found.values()] == [
        ("given_map", "backend:7", Confidence.STRONG),
        ("given_map", "backend:8", Confidence.STRONG),
    ]


# ---- where a stream's name says that it comes from ----

BACKEND = TaskDefinition(
    family="backend", revision=7, log_driver="awslogs", log_groups=("/ecs/backend",), stream_prefixes=("ecs", "ecs/side"),
    containers=("app", "proxy"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("group", "name", "of_the_deployment"),
    [
        ("/ecs/backend", f"ecs/app/{TASK}", True),
        ("/ecs/backend", f"ecs/side/proxy/{TASK}", True),
        ("", f"ecs/app/{TASK}", True),  # a file that does not say its group
        ("/ecs/other", f"ecs/app/{TASK}", False),
        ("/ecs/backend", f"web/app/{TASK}", False),
        ("/ecs/backend", f"ecs/nightly/{TASK}", False),
        ("/fire/side", f"side-firelens-{TASK}", True),  # not named by the awslogs driver: nothing speaks against it
    ],
)
def test_a_stream_that_the_definition_cannot_have_written_is_not_inferred(group, name, of_the_deployment):
    """Another service's task or a schedule's, born in the deployment's time and forgotten by ECS, is not its failure."""
    one = replace(stream(TASK, START_MS + 20_000), stream=StreamKey(log_group=group, log_stream=name))
    facts = EcsFacts(deployments=DEPLOYED[:1], task_definitions=(BACKEND,))
    found = attribute([one], facts)[one.stream]
    assert (found.deployment_id, found.rung) == (("d7", "unique_interval") if of_the_deployment else (None, "unknown"))


@pytest.mark.parametrize("definition", [replace(BACKEND, revision=6), replace(BACKEND, log_driver="awsfirelens")])
def test_what_is_not_known_of_a_definition_speaks_against_no_stream(definition):
    """The revision's own definition was not described, or another driver names its streams."""
    one = replace(stream(TASK, START_MS + 20_000), stream=StreamKey(log_group="/ecs/x", log_stream=f"web/x/{TASK}"))
    found = attribute([one], EcsFacts(deployments=DEPLOYED[:1], task_definitions=(definition,)))[one.stream]
    assert found.deployment_id == "d7"


@pytest.mark.parametrize("known", [("backend", "worker"), ("worker",)])
def test_of_two_services_deployed_at_once_a_forgotten_tasks_stream_goes_to_its_own(known):
    """Born in both windows: its name tells which, though the other's definition may not be known."""
    worker = replace(DEPLOYED[0], deployment_id="w3", service="worker", task_definition="worker:3", revision=3)
    jobs = replace(BACKEND, family="worker", revision=3, log_groups=("/ecs/worker",), containers=("jobs",))
    one = replace(stream(TASK, START_MS + 20_000), stream=StreamKey(log_group="/ecs/worker", log_stream=f"ecs/jobs/{TASK}"))
    definitions = tuple(definition for definition in (BACKEND, jobs) if definition.family in known)
    facts = EcsFacts(deployments=(DEPLOYED[0], worker), task_definitions=definitions)
    assert attribute([one], facts)[one.stream].deployment_id == "w3"


def test_an_older_revision_that_nobody_described_keeps_its_services_streams():
    """Another revision's definition names the stream's place: the service is the same, and the interval tells which."""
    one = replace(
        stream(TASK, START_MS + HOUR_MS + 20_000), stream=StreamKey(log_group="/ecs/backend", log_stream=f"ecs/app/{TASK}")
    )
    ended = replace(DEPLOYED[0], finished_ms=START_MS + 60_000)
    found = attribute([one], EcsFacts(deployments=(ended, DEPLOYED[1]), task_definitions=(BACKEND,)))[one.stream]
    assert found.deployment_id == "d8"


# ---- clocks that lie whole hours apart ----


def skewed(hours: int, starts_min: list[int], late_s: int = 40) -> str | None:
    """What is said of tasks that ECS calls created at these minutes, and whose logs begin `late_s` after, `hours` away."""
    tasks = [f"{number:032x}" for number in range(len(starts_min))]
    created = [START_MS + minute * 60_000 for minute in starts_min]
    facts = EcsFacts(sightings=tuple(sighting(task, 7, at) for task, at in zip(tasks, created, strict=True)))
    logs = [stream(task, at + hours * HOUR_MS + late_s * 1000) for task, at in zip(tasks, created, strict=True)]
    return whole_hour_skew(logs, facts)


def test_a_constant_offset_of_whole_hours_is_named():
    """Which way, and what it may be."""
    assert skewed(5, [0, 17, 95]) == "ECS's times of 3 tasks lie 5 hours before the logs': a local time told as UTC?"
    assert skewed(-1, [0, 17]) == "ECS's times of 2 tasks lie 1 hour after the logs': a local time told as UTC?"


@pytest.mark.parametrize(
    ("hours", "starts_min", "late_s"),
    [
        (0, [0, 17, 95], 40),  # as it should be
        (5, [0, 17], 40),  # two tasks whose logs were fetched in part look like this, too
        (-5, [0, 0], 40),  # one moment is one witness
        (-5, [0], 40),
        (5, [0, 17, 95], 1_500),  # no whole hour
    ],
)
def test_without_enough_witnesses_nothing_is_said(hours, starts_min, late_s):
    """A log that was fetched in part begins later than its task, by anything."""
    assert skewed(hours, starts_min, late_s) is None


def test_deployments_bear_witness_where_no_task_was_seen():
    """All of them agree on one offset, and half of the logs begin right then; other logs prove nothing."""
    facts = EcsFacts(deployments=tuple(deployment(n, START_MS + n * 47 * 60_000) for n in range(1, 5)))
    away = [stream(f"{n:032x}", START_MS + n * 47 * 60_000 + 5 * HOUR_MS + 60_000) for n in range(1, 5)]
    assert whole_hour_skew(away, facts) == "ECS's times of 4 deployments lie 5 hours before the logs': a local time told as UTC?"
    others = [stream(f"{n:032x}", START_MS + n * 13 * 60_000 + 20 * HOUR_MS) for n in range(11, 20)]
    assert whole_hour_skew([*away, *others], facts) is None


def test_a_time_that_lies_hours_apart_ties_no_stream_to_a_deployment():
    """The story's own logs, with ECS's times told five hours off: the interval would name the wrong deployment."""
    scene = Path(__file__).resolve().parents[2] / "sample_logs" / "founding-story"
    facts = ecs_facts(json.loads((scene / "ecs.json").read_text("utf-8")))
    moved = replace(
        facts,
        sightings=(),
        deployments=tuple(
            replace(one, created_ms=(one.created_ms or 0) - 5 * HOUR_MS, started_ms=(one.started_ms or 0) - 5 * HOUR_MS)
            for one in facts.deployments
        ),
    )
    (group,) = facts.task_definitions[0].log_groups
    births = [
        replace(
            stream(TASK, (one.created_ms or 0) + 60_000),
            stream=StreamKey(log_group=group, log_stream=f"ecs/mentalspace-backend/{number:032x}"),
        )
        for number, one in enumerate(facts.deployments)
    ]
    found = attribute(births, moved).values()
    assert {one.deployment_id for one in found} == {None}
    assert all("5 hours before" in (one.contradiction or "") for one in found if one.candidates)
    assert any(one.candidates for one in found)
