"""`triage fetch` from end to end over the double: the answers of the files, only reading calls, words for what is wrong."""

import json
import re
from pathlib import Path

import pytest

from dashboard.cli import main
from dashboard.double import Double, Fault, FaultKind, Faults, SceneTruth
from dashboard.fetchers import keeping
from dashboard.fetchers.board import Api
from dashboard.fetchers.permissions import NAMES
from dashboard.fetching import Fetcher, FetchRequest, connect, run_fetch
from dashboard.rows import Filters
from dashboard.settings import Settings
from dashboard.store import fetched
from dashboard.workspace import Workspace
from parsers import NotSeenError, rfc3339
from tests.dashboard.fetchers import small_fetch
from tests.dashboard.fetchers.small_group import CREDENTIALS, END_MS, GROUP, HOUR_MS, REGION, START_MS, UNHURRIED, rows

REPOSITORY = Path(__file__).resolve().parents[3]
SCENES = REPOSITORY / "sample_logs"
DAY_MS = 24 * HOUR_MS
QUIET = ("migrated-cleanly", "without-migrations", "cut-before-the-migration")  # scenes in which nothing may have failed
STORY = {"cluster": "mentalspace-ehr-prod", "service": "mentalspace-backend", "region": "us-east-1"}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)


def owner_of(truth):
    """Cluster and service of a scene."""
    one = truth.ecs["describe_service_deployments"]["serviceDeployments"][0]
    return {
        "cluster": one["clusterArn"].rsplit("/", 1)[-1],
        "service": one["serviceArn"].rsplit("/", 1)[-1],
        "region": truth.region,
    }


def workspace(tmp_path, name, **settings):
    return Workspace.open(Settings(store=tmp_path / f"{name}.db", redaction_key=tmp_path / "redaction.key", **settings))


def answers(one):
    """What a workspace says, without what depends on how it was read: who recognised a task, and when."""
    rows = [
        (r.deployment.revision, r.verdict.verdict, [(x.code, x.text) for x in r.verdict.reasons], r.requests, r.refused_400, r.failed_5xx,
         r.aborted, r.migration_outcome, r.migration_code, r.new_kinds)
        for r in one.deployments()
    ]  # fmt: skip
    failures = sorted((f.fingerprint, str(f.method), str(f.route), str(f.status), f.requests) for f in one.failures(Filters()))
    runs = sorted(
        (r.outcome, r.confidence, r.started_ms, r.ended_ms, str(r.error_code), len(r.transcript))
        for r in one.migration_runs(Filters())
    )
    findings = sorted(
        (f.stream.log_stream, f.timestamp_ms, f.fingerprint, f.category, f.layer, f.severity, str(f.code), f.fields, f.title, str(f.cause_link),
         [e.text for e in f.evidence])
        for f in one.findings(Filters(), 10_000)
    )  # fmt: skip
    requests = sorted(map(repr, one.requests(Filters())))
    return rows, failures, runs, findings, requests


@pytest.mark.parametrize("scene", sorted(path.name for path in SCENES.iterdir() if (path / "ecs.json").exists()))
def test_a_scene_over_the_double_gives_the_answers_of_its_files(tmp_path, scene):
    """Verdicts, reasons, failures, requests and migration runs are the same, whether read from files or fetched."""
    truth = SceneTruth.load(SCENES / scene)
    with workspace(tmp_path, "files", sources=(str(SCENES / scene),)) as one:
        one.collect()
        told = answers(one)
    with Double(truth) as double, workspace(tmp_path, "aws", endpoint_url=double.endpoint_url, **owner_of(truth)) as one:
        report = run_fetch(one.settings, FetchRequest(since_ms=2 * DAY_MS, quotas=UNHURRIED.overrides), one)
        assert report.complete
        fetched_answers = answers(one)
    assert fetched_answers == told
    assert told[3] or scene in QUIET


def test_only_the_calls_of_the_policy_are_made(tmp_path):
    """Everything a fetch and the doctor ask for is in the least-privilege policy, and nothing in it writes."""
    from dashboard import doctor

    truth = SceneTruth.load(SCENES / "crash-loop")
    with Double(truth) as double, workspace(tmp_path, "aws", endpoint_url=double.endpoint_url, **owner_of(truth)) as one:
        run_fetch(one.settings, FetchRequest(since_ms=DAY_MS, quotas=UNHURRIED.overrides), one)
        list(doctor.run(one.settings))
        asked = {f"{service.replace('monitoring', 'cloudwatch')}:{api}" for service, api in double.calls}
    assert asked <= NAMES
    assert len(asked) >= 12
    assert not {name for name in NAMES if not name.partition(":")[2].startswith(("Get", "List", "Describe", "Filter"))}


def test_no_other_call_is_written_anywhere():
    """Every boto3 method that the fetchers name is an action of the policy."""
    named = set()
    for path in [*(REPOSITORY / "dashboard" / "fetchers").glob("*.py"), REPOSITORY / "dashboard" / "doctor.py"]:
        text = path.read_text("utf-8")
        named |= set(
            re.findall(r"\"((?:get|list|describe|filter|start|stop|put|create|delete|update|run|register)_[a-z_]+)\"", text)
        )
    answers_of_ecs = {
        "list_service_deployments",
        "describe_service_deployments",
        "describe_service_revisions",
        "describe_tasks_snapshots",
    }
    actions = {"".join(word.capitalize() for word in name.split("_")) for name in named - answers_of_ecs}
    assert actions <= {name.partition(":")[2] for name in NAMES} | {"GetLogEvents"}


# ---- what is wrong, in words ----
def small(double, tmp_path, **more):
    one = small_fetch.keeper(tmp_path / "small.db")
    return run_fetch(small_fetch.settings(double.endpoint_url, **more.pop("settings", {})), small_fetch.request(**more), one)


@pytest.mark.parametrize(
    ("settings", "said", "hint"),
    [
        ({"log_groups": ("/ecs/none",)}, "there is no log group /ecs/none in us-east-1", "aws logs describe-log-groups"),
        ({"region": "eu-west-1"}, "no log group /ecs/api in eu-west-1", "--region eu-west-1"),
        ({"log_groups": (), "cluster": None}, "neither a cluster nor a log group", "--cluster"),
        ({"log_groups": (), "cluster": "nowhere", "service": "x"}, "no such ECS cluster", "aws ecs list-clusters"),
        ({"profile": "nobody"}, "no such profile", "aws configure list-profiles"),
        ({"region": None}, "no usable region", "--region"),
    ],
)
def test_what_does_not_exist_is_told(serve, truth, tmp_path, settings, said, hint):
    """Each with what happened, where, and the command that mends it; exit code 4."""
    with pytest.raises(NotSeenError, match=said) as caught:
        small(serve(truth), tmp_path, settings=settings)
    assert caught.value.exit_code == 4
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"start_ms": END_MS + 100 * HOUR_MS, "end_ms": None}, "in the future"),
        ({"start_ms": END_MS, "end_ms": START_MS}, "before it starts"),
    ],
)
def test_a_window_without_time_in_it(serve, truth, tmp_path, times, said):
    """A window in the future or turned round is told, with the time that it is."""
    with pytest.raises(NotSeenError, match=said):
        small(serve(truth), tmp_path, **times)


def test_a_group_of_another_class_is_named(serve, truth, tmp_path):
    """An INFREQUENT_ACCESS group ends the fetch with what can read it."""
    made = SceneTruth(region=REGION)
    made.add_rows(rows(streams=1))
    made.group(GROUP).log_class = "INFREQUENT_ACCESS"
    with pytest.raises(NotSeenError, match=r"INFREQUENT_ACCESS.*only Logs Insights can.*create-log-group --region us-east-1"):
        small(serve(made), tmp_path)


def test_no_permission_to_list_groups_is_no_end(serve, truth, tmp_path):
    """DescribeLogGroups denied: the named group is read all the same, and the action is named."""
    report = small(serve(truth, Fault(kind=FaultKind.ACCESS_DENIED, api="DescribeLogGroups", times=99)), tmp_path)
    assert report.complete
    assert any("logs:DescribeLogGroups" in notice for notice in report.notices)


def test_expired_credentials_meanwhile_keep_what_was_read(serve, truth, tmp_path):
    """The error names what to do, and the next fetch goes on with what is missing."""
    expiring = serve(truth, Fault(kind=FaultKind.EXPIRED_CREDENTIALS, api="FilterLogEvents", times=10**6, after=8), max_events=60)
    with pytest.raises(NotSeenError, match="expired"):
        small(expiring, tmp_path, api=Api.FILTER)
    store = tmp_path / "small.db"
    kept = small_fetch.contents(store)["fetched"]
    assert 0 < len(kept) < 24
    assert small(serve(truth), tmp_path).complete
    assert len(small_fetch.contents(store)["fetched"]) == 24


def test_a_skewed_clock_is_named(serve, truth, tmp_path):
    """A machine that is hours off reads the right window, and is told."""
    report = small(serve(truth, now_ms=END_MS + 60_000), tmp_path)
    assert any("clock" in notice for notice in report.notices)
    assert report.window.end_ms == END_MS


# ---- gaps, states, again ----
def test_gaps_are_kept_and_closed(serve, truth, tmp_path, monkeypatch):
    """What could not be read stands in the store with its reason until it is read."""
    monkeypatch.setattr("dashboard.fetchers.session.Aws.wait", lambda self, seconds: None)
    store = tmp_path / "small.db"
    small(
        serve(truth, Fault(kind=FaultKind.UNAVAILABLE, api="FilterLogEvents", times=10**6, after=8), max_events=60),
        tmp_path,
        api=Api.FILTER,
    )
    first = small_fetch.contents(store)
    assert first["gaps"]
    named = {(row[3], row[4]) for row in first["gaps"]}
    assert len(first["fetched"]) + len(named) >= 24
    report = small(serve(truth), tmp_path)
    assert report.complete
    one = small_fetch.keeper(store)
    assert fetched.gaps_of(one.database, report.origin) == []
    assert len(small_fetch.contents(store)["fetched"]) == 24


def test_a_later_reading_with_less_does_not_undo_a_fuller_one(serve, truth, tmp_path):
    """AWS has been seen to answer less than it holds: the fuller reading stays."""
    store = tmp_path / "small.db"
    small(serve(truth), tmp_path)
    whole = small_fetch.contents(store)
    report = small(serve(truth, Fault(kind=FaultKind.SHORT_READ, rate=0.5)), tmp_path, again=True)
    assert any("fewer events" in notice for notice in report.notices)
    assert [row[:5] for row in small_fetch.contents(store)["slices"]] == [row[:5] for row in whole["slices"]]


def test_other_rules_read_again(serve, truth, tmp_path):
    """Cells that other rules have read are not finished for these."""
    small(serve(truth), tmp_path)
    double = serve(truth)
    one = small_fetch.keeper(tmp_path / "small.db")
    one.packs_digest = "others"
    report = run_fetch(small_fetch.settings(double.endpoint_url), small_fetch.request(), one)
    assert report.cells == 24


def test_a_record_that_crosses_the_edge_of_a_cell_is_whole(serve, tmp_path):
    """An error and its stack, printed around five o'clock sharp, are one finding of the cell they begin in."""
    made = SceneTruth(region=REGION)
    block = [
        "TypeError: Cannot read properties of undefined",
        "    at Object.<anonymous> (/app/x.js:10:5)",
        "    at Module._compile (node:x:1:1)",
    ]
    made.add_rows(
        {
            "logGroup": GROUP,
            "logStreamName": f"ecs/api/{1:032x}",
            "timestamp": START_MS + 5 * 60_000 + at,
            "ingestionTime": START_MS,
            "message": text,
        }
        for at, text in zip((-1, 0, 1), block, strict=True)
    )
    report = small(serve(made), tmp_path)
    contents = small_fetch.contents(tmp_path / "small.db")
    assert report.events == 3
    assert [row[3] for row in (*contents["findings"], *contents["unexplained"])] == [1]


@pytest.mark.parametrize("page", [10_000, 1])
def test_what_decides_may_stand_behind_the_edge_of_a_cell(serve, tmp_path, page):
    """The exception that ends a traceback is printed after the full five minutes: the finding has its code, and lies where it began.

    However the pages are cut: a cell is not passed before what stands around it is there.
    """
    made = SceneTruth(region=REGION)
    block = [
        "Traceback (most recent call last):",
        '  File "/app/notes.py", line 12, in save',
        'sqlalchemy.exc.IntegrityError: (psycopg2.errors.NotNullViolation) null value in column "session_date" of relation "notes" '
        "violates not-null constraint",
    ]
    edge = START_MS + 5 * 60_000
    made.add_rows(
        {"logGroup": GROUP, "logStreamName": f"ecs/api/{1:032x}", "timestamp": edge + at, "ingestionTime": edge, "message": text}
        for at, text in zip((-2, -1, 0, 60_000), [*block, "a minute later"], strict=True)
    )
    small(serve(made, max_events=page), tmp_path)

    with workspace(tmp_path, "small") as one:
        (finding,) = one.findings(Filters(), 10)
    assert (finding.db_code or finding.implied_code or finding.code, finding.fields) == ("23502", ("session_date",))
    assert finding.timestamp_ms == edge - 2


def test_what_waits_to_be_read_is_bounded(serve, tmp_path, monkeypatch):
    """Cells under way are read in part when too much waits, however many there are; the store holds the same."""
    made = SceneTruth(region=REGION)
    made.add_rows(small_fetch.telling(rows(streams=8)))
    whole, bounded = tmp_path / "whole", tmp_path / "bounded"
    most = {whole: 0, bounded: 0}
    for folder in (whole, bounded):
        folder.mkdir()
        monkeypatch.setattr(keeping, "WAITING_BYTES", 10**9 if folder is whole else 8_000)

        def feed(sink, *fed, folder=folder, real=keeping.StoreSink.feed):
            real(sink, *fed)
            told = sum(stretch.waiting_bytes for cell in sink._fed.values() for stretch in cell.values())
            most[folder] = max(most[folder], told)
            assert sink._waiting_bytes == told

        with monkeypatch.context() as patch:
            patch.setattr(keeping.StoreSink, "feed", feed)
            assert small(serve(made), folder).complete
    assert most[bounded] <= 8_000 < most[whole]
    assert small_fetch.contents(bounded / "small.db") == small_fetch.contents(whole / "small.db")


# ---- following ----
def follow(double, tmp_path, polls, **more):
    one = small_fetch.keeper(tmp_path / "small.db")
    settings = small_fetch.settings(double.endpoint_url)
    request = small_fetch.request(end_ms=None, **more)
    fetcher = Fetcher(settings=settings, keeper=one, aws=connect(settings, request), request=request)
    fetcher.prepare()
    return fetcher.follow(sleep=lambda seconds: double.clock.advance(60_000), polls=polls)


def test_following_ends_with_what_one_look_gives(serve, tmp_path):
    """Polled through an hour in which events come late, the store holds what a later fetch finds, and nothing twice."""
    made = SceneTruth(region=REGION)
    made.add_rows(small_fetch.telling(rows(streams=3)))
    double = serve(made, Fault(kind=FaultKind.LATE_EVENTS), now_ms=START_MS + 30 * 60_000)
    follow(double, tmp_path, polls=45)
    double.clock.advance(HOUR_MS)
    small(double, tmp_path)
    whole = tmp_path / "whole"
    whole.mkdir()
    small(serve(made), whole)
    assert small_fetch.contents(tmp_path / "small.db")["findings"] == small_fetch.contents(whole / "small.db")["findings"]
    assert small_fetch.contents(tmp_path / "small.db")["requests"] == small_fetch.contents(whole / "small.db")["requests"]


def test_a_poll_that_fails_is_tried_again(serve, truth, tmp_path, monkeypatch):
    """A service that is away for a moment ends no follow."""
    monkeypatch.setattr("dashboard.fetchers.pull.MAX_ATTEMPTS", 1)
    double = serve(truth, now_ms=END_MS)
    calls = []

    def away(number):
        calls.append(number)

    double.on_call = away
    double.faults = Faults((Fault(kind=FaultKind.UNAVAILABLE, api="FilterLogEvents", rate=0.3),), 1)
    report = follow(double, tmp_path, polls=6)
    assert not report.interrupted
    assert calls


def test_sightings_are_kept_while_ecs_remembers(tmp_path):
    """Fetched at every deployment, tasks that ECS forgets later are still tied to theirs, exactly."""
    truth = SceneTruth.load(SCENES / "founding-story")
    ends = sorted(
        json.loads(json.dumps(truth.ecs))["describe_service_deployments"]["serviceDeployments"], key=lambda one: one["finishedAt"]
    )
    from dashboard.double.ecs import epoch_ms

    with Double(truth) as double, workspace(tmp_path, "aws", endpoint_url=double.endpoint_url, **STORY) as one:
        for deployment in ends:
            double.clock.start_ms = epoch_ms(deployment["finishedAt"]) + 60_000
            run_fetch(one.settings, FetchRequest(since_ms=HOUR_MS, quotas=UNHURRIED.overrides, verify=False), one)
        double.clock.start_ms = truth.as_of_ms
        report = run_fetch(one.settings, FetchRequest(since_ms=DAY_MS, quotas=UNHURRIED.overrides, verify=False), one)
        confidence = {source.attribution.confidence for source in one.sources()}
        sighted = {source.stream.task_id for source in one.sources() if source.attribution.rung == "describe_tasks"}
    assert report.complete
    assert confidence == {"exact"}
    assert len(sighted) == 8


def test_the_plan_comes_before_a_long_pull(serve, truth, tmp_path):
    """Bytes, events, pages, seconds and dollars, from the group's own metrics."""
    said = []
    one = small_fetch.keeper(tmp_path / "small.db")
    double = serve(truth)
    run_fetch(small_fetch.settings(double.endpoint_url), small_fetch.request(start_ms=END_MS - 4 * HOUR_MS), one, say=said.append)
    assert re.search(r"4\.0 h: about [\d.,]+ MB, [\d,]+ events, \d+ pages?, \d+ s, \$0\.\d\d", said[0])


def test_a_plan_that_may_not_be_asked_is_no_end(serve, truth, tmp_path, monkeypatch):
    """GetMetricData denied: the fetch goes on without a plan, and says why."""
    from dashboard.fetchers import plan
    from dashboard.fetchers.failures import AwsError

    def denied(*_):
        raise AwsError(
            "cloudwatch:GetMetricData is denied", hint="", code="AccessDeniedException", api="GetMetricData", region=REGION
        )

    monkeypatch.setattr(plan, "_incoming", denied)
    said = []
    one = small_fetch.keeper(tmp_path / "small.db")
    double = serve(truth)
    report = run_fetch(
        small_fetch.settings(double.endpoint_url), small_fetch.request(start_ms=END_MS - 4 * HOUR_MS), one, say=said.append
    )
    assert "GetMetricData is denied" in said[0]
    assert report.complete


def test_the_window_is_the_one_that_was_typed(serve, truth, tmp_path, capsys):
    """`--start-time` and `--end-time`, here whole five minutes: exactly the events from the one to before the other are there."""
    double, store = serve(truth), tmp_path / "typed.db"
    begin, end = START_MS + HOUR_MS, START_MS + HOUR_MS + HOUR_MS // 2
    asked = ["--start-time", rfc3339(begin), "--end-time", rfc3339(end), "--region", REGION, "--log-group", GROUP]

    assert main(["fetch", "--store", str(store), "--endpoint-url", double.endpoint_url, "--quota-share", "100", *asked]) == 0

    with Workspace.open(Settings(store=store)) as one:
        coverage = [row.coverage for row in one.sources()]
    between = [event for event in truth.groups[REGION, GROUP].events if begin <= event.timestamp < end]
    assert sum(row.events for row in coverage) == len(between)
    assert min(row.first_event_ms for row in coverage) == min(event.timestamp for event in between)
    assert max(row.last_event_ms for row in coverage) == max(event.timestamp for event in between)
    assert f"{rfc3339(begin)} to {rfc3339(end)}" in capsys.readouterr().err
