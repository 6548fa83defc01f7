"""The workspace: logs and ECS answers in, the same judgement out as without a store, and every question of the pages answered."""

import gzip
import json
import re
import shutil
import sqlite3
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.judgement import judge_paths
from dashboard.rows import Filters, Window
from dashboard.settings import Settings, redaction_key
from dashboard.shipped import shipped
from dashboard.state import ViewState, deployment_key, route_id
from dashboard.store import rollups, slices
from dashboard.views.frame import Frame
from dashboard.workspace import Workspace
from parsers import Category, InputError, Layer, Redactor, Severity, VerdictValue, remedy_for
from tests.dashboard.make_store import make_store

SCENES = shipped("sample_logs")
STORY = SCENES / "founding-story"
NOTES = "/api/v1/clinical-notes"


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """The founding story, collected once; nobody writes to it."""
    settings = Settings(store=tmp_path_factory.mktemp("story") / "store.db", sources=(str(STORY),))
    with Workspace.open(settings) as opened:
        opened.collect()
        yield opened


@pytest.fixture(scope="module")
def in_memory(story):
    """The same scene, read and judged without a store."""
    return judge_paths([str(STORY)], redactor=Redactor(redaction_key(story.settings)))


def raw_events():
    for path in sorted(STORY.glob("*.jsonl*")):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def failures_of(judged):
    """All but what merely tells of a start or a stop."""
    return [one for one in judged.findings if not (one.category is Category.STARTUP and one.severity is Severity.INFO)]


def scene(folder, name, **changes):
    """A small scene of ours: one task that starts and answers; `changes` replace its lines or its ECS answers."""
    folder = folder / name
    folder.mkdir(parents=True)
    shutil.copytree(SCENES / "without-migrations", folder, dirs_exist_ok=True)
    for file, text in changes.items():
        (folder / file.replace("__", ".")).write_text(text)
    return folder


# ---- the same as without a store


def test_the_store_changes_no_verdict(story, in_memory):
    """Verdict, checks and reasons of every deployment are those of the reading in memory."""
    kept = {one.deployment_id: one for one in story.verdicts()}

    assert len(kept) == 5
    for one in in_memory.verdicts:
        mine = kept[one.deployment_id]
        assert (mine.verdict, mine.checks) == (one.verdict, one.checks)
        assert [(r.code, r.run_id, r.numbers) for r in mine.reasons] == [(r.code, r.run_id, r.numbers) for r in one.reasons]


def test_what_records_tell_of_their_task_is_kept_and_contradicts_the_map(tmp_path):
    """FireLens metadata survives the store, and a map that says otherwise is told; a new map is used at the next reading."""
    record = {"log": "listening on 3000", "ecs_task_definition": "backend:7"}
    event = {"logStreamName": "app", "timestamp": 1_763_520_000_000, "message": json.dumps(record)}
    (tmp_path / "logs.jsonl").write_text(json.dumps(event) + "\n")
    said = []
    for tasks in ({}, {"app": "backend:8"}):
        settings = Settings(store=tmp_path / "store.db", sources=(str(tmp_path / "logs.jsonl"),), tasks=tasks)
        with Workspace.open(settings) as opened:
            opened.collect()
            (kept,) = rollups.streams(opened.database)
            assert kept.coverage.told == ("backend:7",)
            said.append(kept.attribution.contradiction)
    assert said == [None, "the records say backend:7, your map says backend:8"]


def test_every_task_keeps_its_own_outcome(story, in_memory):
    """Tasks, outcomes, codes, confidences: as judged without a store."""
    assert {r.deployment.deployment_id: r.deployment.tasks for r in story.deployments()} == {
        one.deployment_id: one.tasks for one in in_memory.deployments
    }


def test_requests_are_those_of_the_access_lines(story):
    """By deployment and status, health checks left out, counted here with one pattern of our own."""
    deployments = {task.log_stream: row.deployment for row in story.deployments() for task in row.deployment.tasks}
    expected = Counter()
    for event in raw_events():
        hit = re.search(r'"(?:GET|POST|PUT|PATCH|DELETE) (/\S*) HTTP/1\.1" (\d{3}|-) (?:\d+|-) ', event["message"])
        if hit and "/health" not in hit[1] and event["logStreamName"] in deployments:
            expected[deployments[event["logStreamName"]].revision, 0 if hit[2] == "-" else int(hit[2])] += 1

    found = Counter()
    for row in story.requests(Filters()):
        for status, n in row.by_status.items():
            found[row.revision, status] += n

    assert found == expected
    for row in story.deployments():
        mine = {status: n for (revision, status), n in expected.items() if revision == row.deployment.revision}
        assert row.requests == sum(mine.values())
        assert row.refused_400 == mine[400]
        assert row.refused_4xx == sum(n for status, n in mine.items() if 400 <= status < 500)
        assert row.failed_5xx == sum(n for status, n in mine.items() if status >= 500)
        assert row.low_400 < row.refused_400 / row.requests < row.high_400


def test_findings_are_counted_as_they_were_found(story, in_memory):
    """By fingerprint and deployment, first and last seen."""
    expected = Counter()
    times, by_deployment = {}, {}
    for one in failures_of(in_memory):
        deployment = in_memory.attributions[one.stream].deployment_id
        expected[one.fingerprint, deployment] += 1
        low, high = times.get(one.fingerprint, (one.timestamp_ms, one.timestamp_ms))
        times[one.fingerprint] = (min(low, one.timestamp_ms), max(high, one.timestamp_ms))
        low, high = by_deployment.get((one.fingerprint, deployment), (one.timestamp_ms, one.timestamp_ms))
        by_deployment[one.fingerprint, deployment] = (min(low, one.timestamp_ms), max(high, one.timestamp_ms))

    groups = story.failures(Filters())

    assert {(g.fingerprint, d): n for g in groups for d, n in g.by_deployment.items()} == dict(expected)
    assert {g.fingerprint: (g.first_ms, g.last_ms) for g in groups} == times
    assert {(g.fingerprint, d): span for g in groups for d, span in g.seen.items()} == by_deployment
    clients = {(one.fingerprint, one.client) for one in in_memory.findings if one.client}
    assert {g.fingerprint: g.clients for g in groups if g.clients} == Counter(fingerprint for fingerprint, _ in clients)


def test_a_group_of_its_own_has_its_newest_findings(story, in_memory):
    """At most twenty of each stream, the newest first, whole."""
    group = max(story.failures(Filters()), key=lambda one: one.requests)
    every = sorted((f for f in in_memory.findings if f.fingerprint == group.fingerprint), key=lambda f: (-f.timestamp_ms, f.id))

    found = story.failure(group.fingerprint)

    assert len(found.examples) == 20
    assert [(f.id, f.title, f.stream) for f in found.examples] == [(f.id, f.title, f.stream) for f in every[:20]]
    assert story.finding(found.examples[3].id) == found.examples[3]
    assert story.failure("v1:000000000000") is None


def test_runs_and_coverage_are_those_of_the_reading(story, in_memory):
    """Transcripts included; newest first."""
    runs = story.migration_runs(Filters())

    assert sorted(runs, key=lambda r: r.id) == sorted(in_memory.runs, key=lambda r: r.id)
    assert [run.started_ms for run in runs] == sorted((run.started_ms for run in runs), reverse=True)
    assert [row.coverage for row in story.sources()] == list(in_memory.reading.coverage)
    assert {row.stream: row.attribution for row in story.sources()} == in_memory.attributions


# ---- questions


def test_the_ladder_tells_who_refused(story):
    """Five deployments of one bug: each refused the notes mostly by another layer, and the cells are the groups' sums."""
    cells = [cell for cell in story.ladder(Filters()) if cell.route == NOTES and cell.method == "POST"]
    groups = [g for g in story.failures(Filters(method="POST", route=NOTES)) if g.layer is not None]

    assert sum(cell.requests for cell in cells) == sum(g.requests for g in groups)
    answered = {row.revision: row.requests for row in story.requests(Filters(method="POST", route=NOTES))}
    assert {cell.revision: cell.answered for cell in cells} == answered
    worst = {r: max((c for c in cells if c.revision == r), key=lambda c: c.requests).layer for r in answered}
    assert worst[46] is Layer.VALIDATION
    assert worst[47] is Layer.BUSINESS_RULE
    assert worst[50] is Layer.DATABASE


def filters_of(story):
    deployment = story.deployments()[0].deployment
    start, end = deployment.started_ms, deployment.started_ms + 3_600_000
    return [
        Filters(service="mentalspace-backend"), Filters(revision=48), Filters(deployment_id=deployment.deployment_id),
        Filters(layer=Layer.VALIDATION), Filters(category=Category.DATABASE), Filters(status=400, method="POST"), Filters(route=NOTES),
        Filters(window=Window(start_ms=start, end_ms=end)), Filters(revision=50, window=Window(start_ms=start)),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(9))
def test_filters_choose_among_all(story, in_memory, number):
    """Every question under a filter counts exactly the findings that fit it, and charts add up to the same."""
    filters = filters_of(story)[number]
    of = {d.deployment_id: d for d in in_memory.deployments}

    def fits(one):
        mine = of.get(in_memory.attributions[one.stream].deployment_id)
        window = filters.window
        return (
            all(
                getattr(filters, name) in (None, getattr(one, name))
                for name in ("category", "layer", "method", "route", "status")
            )
            and filters.service in (None, mine and mine.service)
            and filters.revision in (None, mine and mine.revision)
            and filters.deployment_id in (None, mine and mine.deployment_id)
            and (window.start_ms is None or one.timestamp_ms >= window.start_ms // 60_000 * 60_000)
            and (window.end_ms is None or one.timestamp_ms < -(-window.end_ms // 60_000) * 60_000)
        )

    expected = Counter(one.fingerprint for one in failures_of(in_memory) if fits(one))

    assert {g.fingerprint: g.requests for g in story.failures(filters)} == expected
    assert sum(cell.requests for cell in story.failures_over_time(filters, 10_000)) == sum(expected.values())
    named = Counter(name for one in in_memory.findings if fits(one) for name in set(one.fields))
    assert {row.field for row in story.fields(filters)} == set(named)
    assert all(fits(one) for one in story.findings(filters, 50))


def test_no_filter_fits_what_is_not_there(story):
    """An unknown service or revision has no failures, requests or runs."""
    for filters in (Filters(service="nobody"), Filters(revision=1), Filters(deployment_id="x")):
        questions = (story.failures, story.ladder, story.requests, story.failures_over_time, story.fields, story.migration_runs)
        assert [question(filters) for question in questions] == [[]] * 6


def test_windows_cut_requests_without_remainder(story):
    """Halves of time add up to the whole, whether they are cut at hours or at minutes."""
    whole = sum(row.requests for row in story.requests(Filters()))
    for border in (1_763_493_600_000, 1_763_493_600_000 + 17 * 60_000):
        before = story.requests(Filters(window=Window(end_ms=border)))
        after = story.requests(Filters(window=Window(start_ms=border)))
        inside = story.requests(Filters(window=Window(start_ms=border - 600_000, end_ms=border + 4 * 3_600_000)))
        outside = [
            *story.requests(Filters(window=Window(end_ms=border - 600_000))),
            *story.requests(Filters(window=Window(start_ms=border + 4 * 3_600_000))),
        ]
        assert sum(row.requests for row in (*before, *after)) == whole
        assert sum(row.requests for row in (*inside, *outside)) == whole
        assert 0 < sum(row.requests for row in inside) < whole


def test_a_chart_has_at_most_sixty_steps(story):
    """However long the time, and whatever the window."""
    for window in (Window(), Window(start_ms=1_763_478_000_000, end_ms=1_763_479_000_000)):
        cells = story.failures_over_time(Filters(window=window), 60)
        assert 0 < len({cell.bucket_ms for cell in cells}) <= 60


def test_the_timeline_is_in_order(story):
    """From the registered task definition to the first failure, each step once it is known."""
    row = story.deployments()[0]

    steps = story.timeline(row.deployment.deployment_id)

    kinds = [step.kind for step in steps]
    assert [step.at_ms for step in steps] == sorted(step.at_ms for step in steps)
    assert {"registered", "created", "started", "migrate", "listening", "healthy", "first_failure", "finished"} <= set(kinds)
    assert kinds.index("migrate") < kinds.index("listening") < kinds.index("first_failure")
    assert "P3005" in next(step.text for step in steps if step.kind == "migrate")
    first = next(step for step in steps if step.kind == "first_failure")
    group = story.failure(first.fingerprint)
    assert (first.text, first.at_ms) == (group.title, group.seen[row.deployment.deployment_id][0])
    assert story.timeline("nobody") == []


def test_health_is_not_told_before_what_it_needs(tmp_path):
    """It is known to the minute; within that minute the rollout began first."""
    settings = Settings(store=tmp_path / "store.db", sources=(str(SCENES / "cut-before-the-migration"),))
    with Workspace.open(settings) as workspace:
        workspace.collect()
        row = next(row for row in workspace.deployments() if row.deployment.revision == 8)
        kinds = [step.kind for step in workspace.timeline(row.deployment.deployment_id)]

    assert kinds.index("created") < kinds.index("started") < kinds.index("healthy") < kinds.index("first_failure")


def test_each_service_has_its_own_freshness(tmp_path):
    """Logs of last year beside newer ones: what is complete for one service is not for the other."""
    sources = tuple(str(SCENES / name) for name in ("founding-story", "without-migrations"))
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=sources)) as workspace:
        workspace.collect()
        ends = workspace.freshness_by_service()
        frame = Frame(workspace=workspace, state=ViewState(), zone=UTC, dark=False, version=1, identity=str(tmp_path))
        told = replace(frame, state=ViewState(service="sessions")).freshness()

        assert list(ends) == ["mentalspace-backend", "sessions"]
        assert ends["sessions"] == max(ends.values()) == workspace.freshness() == told
        assert frame.stalest() == ("mentalspace-backend", ends["mentalspace-backend"])


def test_a_start_or_a_stop_is_no_failure(story, tmp_path):
    """ "Ready" and "told to stop" are events: neither a kind of failure, nor gone or new against the deployment before."""
    settings = Settings(store=tmp_path / "store.db", sources=(str(SCENES / "cut-before-the-migration"),))
    with Workspace.open(settings) as workspace:
        workspace.collect()
        change = workspace.comparison(workspace.deployments()[0].deployment.deployment_id)
        told = {group.rule_id for part in fields(change) for group in getattr(change, part.name)}
        listed = {group.rule_id for group in workspace.failures(Filters())}
        events = {one.rule_id for one in workspace.findings(Filters(), 500)}

    assert "start.ready" in events
    assert not any(rule.startswith("start.") for rule in told | listed)
    assert all(cell.category is not Category.STARTUP for cell in story.failures_over_time(Filters(), 60))


def test_a_comparison_splits_the_kinds(story):
    """New, worse, gone and same are the kinds of the two deployments, none twice, none left out."""
    rows = story.deployments()

    found = story.comparison(rows[0].deployment.deployment_id)

    now, then = ({g.fingerprint for g in story.failures(Filters(deployment_id=row.deployment.deployment_id))} for row in rows[:2])
    parts = {name.name: [g.fingerprint for g in getattr(found, name.name)] for name in fields(found)}
    assert set(parts["new"]) == now - then
    assert set(parts["gone"]) == then - now
    assert sorted([*parts["worse"], *parts["same"]]) == sorted(now & then)
    assert all(set(g.by_deployment) == {row.deployment.deployment_id for row in rows[:2]} for g in (*found.worse, *found.same))
    assert story.comparison(rows[-1].deployment.deployment_id) is None


def test_context_is_read_again_and_redacted(story):
    """Events before and after a finding from its own stream, the proof marked, nobody's address in it."""
    newest = story.deployments()[0].deployment.deployment_id
    one = story.findings(Filters(deployment_id=newest, route=NOTES, status=400), 1)[0]

    lines = story.context(one.id, lines=5)

    proof = [line for line in lines if line.is_evidence]
    assert {line.event_id for line in proof} >= {e.event_id for e in one.evidence if e.event_id}
    assert [line.timestamp_ms for line in lines] == sorted(line.timestamp_ms for line in lines)
    raw = {e["eventId"]: e["message"] for e in raw_events()}
    secrets = {hit for line in lines for hit in re.findall(r"\b(?:203\.0\.113|198\.51\.100)\.\d+\b", raw[line.event_id])}
    assert secrets
    assert not any(secret in line.text for line in lines for secret in secrets)
    assert story.context("nothing") == []


# ---- collecting


def test_what_has_not_changed_is_not_read_again(tmp_path):
    """A second collect is a look at the files; a changed file is read, a stream that is gone leaves the store."""
    folder = scene(tmp_path, "one")
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(folder),))) as workspace:
        first, version = workspace.collect(), workspace.version()
        again = workspace.collect()
        assert (first.unchanged, again.unchanged, workspace.version()) == (0, 1, version)
        streams = {row.stream for row in workspace.sources()}

        log = next(folder.glob("*.jsonl"))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        renamed = [line | {"logStreamName": line["logStreamName"][:-1] + "0"} for line in lines]
        log.write_text("".join(json.dumps(line) + "\n" for line in renamed))
        workspace.collect()

        assert workspace.version() > version
        assert {row.stream for row in workspace.sources()}.isdisjoint(streams)
        assert workspace.database.ask("SELECT sum(n) FROM request_totals") == workspace.database.ask(
            "SELECT sum(n) FROM request_cells"
        )


def test_a_change_of_the_rules_reads_again(tmp_path):
    """A slice knows how it was read: with other packs or stricter evidence, the same files are news."""
    folder = scene(tmp_path, "one")
    settings = Settings(store=tmp_path / "store.db", sources=(str(folder),))
    with Workspace.open(settings) as workspace:
        workspace.collect()
        before = {row.packs_digest for row in workspace.sources()}
    with Workspace.open(Settings(store=settings.store, sources=settings.sources, evidence="strict")) as workspace:
        report = workspace.collect()
        assert report.unchanged == 0
        assert {row.packs_digest for row in workspace.sources()}.isdisjoint(before)


def test_a_folder_of_scenes_is_each_of_them(tmp_path):
    """Two services in one store: rows of both, each judged by its own clock; a service chooses."""
    scene(tmp_path / "scenes", "one")
    shutil.copytree(SCENES / "migrated-cleanly", tmp_path / "scenes" / "two")
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(tmp_path / "scenes"),))) as workspace:
        seen = []
        report = workspace.collect(lambda *news: seen.append(news))

        assert report.sources == 2
        assert [done for done, _, _ in seen] == [0, 1, 2]
        services = workspace.services()
        assert len(services) == 2
        for service in services:
            assert {row.deployment.service for row in workspace.deployments(service)} == {service}
            assert workspace.failures(Filters(service=service)) is not None
        assert workspace.freshness() is not None


def test_cancelling_keeps_what_was_read(tmp_path):
    """The call-back may raise between two scenes; the first one stays."""
    scene(tmp_path / "scenes", "one")
    shutil.copytree(SCENES / "migrated-cleanly", tmp_path / "scenes" / "two")

    def cancel(done, total, step):
        if done == 1:
            raise KeyboardInterrupt

    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(tmp_path / "scenes"),))) as workspace:
        with pytest.raises(KeyboardInterrupt):
            workspace.collect(cancel)

        assert len(workspace.services()) == 1


def test_another_process_is_noticed(tmp_path):
    """What one workspace writes, another that has answered before answers anew."""
    folder = scene(tmp_path, "one")
    settings = Settings(store=tmp_path / "store.db", sources=(str(folder),))
    with Workspace.open(settings) as page, Workspace.open(settings) as fetch:
        assert page.deployments() == []
        version = page.version()
        fetch.collect()

        assert page.version() > version
        assert page.deployments()
        assert page.sources() == fetch.sources()


def test_a_missing_source_is_said(tmp_path):
    """Exit code 2 and the path; the store stays usable."""
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(tmp_path / "nowhere"),))) as workspace:
        with pytest.raises(InputError, match="nowhere"):
            workspace.collect()
        assert workspace.deployments() == []
        assert workspace.freshness() is None


def test_logs_without_ecs_have_failures_but_no_deployments(tmp_path):
    """Plain files are read and shown; nothing is made up about deployments."""
    log = tmp_path / "app.log"
    log.write_text("Error: P3005\nThe database schema is not empty.\n")
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(log),))) as workspace:
        workspace.collect()

        assert workspace.deployments() == []
        assert [group.code for group in workspace.failures(Filters())] == ["P3005"]
        assert workspace.sources()[0].attribution.rung == "unknown"


def test_retention_is_not_for_files(tmp_path):
    """A scene of last year stays; streams of a live origin that ended too long ago go, deployments stay."""
    folder = scene(tmp_path, "one")
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(folder),), retention_days=1)) as workspace:
        workspace.collect()
        assert workspace.retire() == 0
        with workspace.database.write() as sql:
            sql.execute("UPDATE origins SET name = 'aws:x'")
            sql.execute("UPDATE streams SET last_event_ms = 1000")

        assert workspace.retire() == len(workspace.database.ask("SELECT DISTINCT task_id FROM sightings"))

        assert workspace.sources() == []
        assert [row.verdict.verdict for row in workspace.deployments()] == [VerdictValue.INCONCLUSIVE]


def test_a_late_sighting_moves_a_stream_and_its_counts(tmp_path):
    """ECS tells later which revision a task ran: the roll-ups follow at once, and nothing is counted twice."""
    folder = scene(tmp_path, "one")
    ecs = json.loads((folder / "ecs.json").read_text())
    (folder / "ecs.json").write_text(json.dumps({key: value for key, value in ecs.items() if key == "_about"}))
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(folder),))) as workspace:
        workspace.collect()
        assert workspace.requests(Filters()) == []
        total = workspace.database.ask("SELECT sum(n) FROM request_totals")

        (folder / "ecs.json").write_text(json.dumps(ecs))
        workspace.collect()

        assert workspace.deployments()[0].requests > 0
        assert workspace.database.ask("SELECT sum(n) FROM request_totals") == total
        assert workspace.database.ask("SELECT count(*) FROM request_totals WHERE owner = 0") == [(0,)]


def test_forgetting_a_service(tmp_path):
    """Its streams, deployments and sightings go; the other service's stay; collecting again brings it back."""
    scene(tmp_path / "scenes", "one")
    shutil.copytree(SCENES / "migrated-cleanly", tmp_path / "scenes" / "two")
    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(tmp_path / "scenes"),))) as workspace:
        workspace.collect()
        gone, kept = workspace.services()

        workspace.forget(service=gone)

        assert workspace.services() == [kept]
        assert {row.deployment.service for row in workspace.deployments()} == {kept}
        assert len(workspace.sources()) == 1
        workspace.collect()
        assert workspace.services() == [gone, kept]


def test_every_sighting_is_kept(story):
    """ECS forgets: each time a task was seen stays in the store, not only the last."""
    seen = story.database.ask("SELECT count(*), count(DISTINCT task_id) FROM sightings")[0]

    assert seen[0] >= seen[1] > 0
    assert rollups.owners(story.database)
    assert slices.slices_of(story.database, story.sources()[0].stream)


def test_a_run_knows_the_rule_that_its_remedy_card_is_found_by(tmp_path):
    """Knex prints no code: without the rule there would be no card for a lock that a dead migration left."""
    stream = "ecs/app/0f3c9a51d7e24b6892aa4d1c5be07f31"
    texts = ("Running database migrations...", "Migration table is already locked", "Migration command exited with code 1")
    events = [
        {
            "logGroup": "/ecs/app",
            "logStreamName": stream,
            "timestamp": 1_763_521_000_000 + 100 * n,
            "message": text,
            "eventId": str(n),
        }
        for n, text in enumerate(texts)
    ]
    (tmp_path / "app.jsonl").write_text("\n".join(map(json.dumps, events)), "utf-8")

    with Workspace.open(Settings(store=tmp_path / "store.db", sources=(str(tmp_path / "app.jsonl"),))) as workspace:
        workspace.collect()
        (run,) = workspace.migration_runs(Filters())

        assert workspace.rule_of(run) == "knex.locked"
        assert remedy_for(run) is None
        assert remedy_for(run, workspace.rule_of(run)) is not None


@pytest.mark.parametrize("filters", [Filters(service="service-1"), Filters(deployment_id="deployment-3")])
def test_findings_of_many_and_of_few_deployments_are_theirs_newest_first(tmp_path, filters):
    """They are looked up in two ways; both give what all findings hold of these deployments."""
    path = tmp_path / "made.db"
    make_store(path, deployments=10, streams=1, minutes=5, answers=2, findings=60, kinds=5).close()
    wanted = {3} if filters.deployment_id else {1, 3, 5, 7, 9}

    with Workspace.open(Settings(store=path)) as workspace:
        every, mine = workspace.findings(Filters(), 100), workspace.findings(filters, 100)

    assert mine == [one for one in every if int(str(one.stream.task_id), 16) // 1000 in wanted]
    assert 0 < len(mine) < len(every)


def test_each_side_of_a_comparison_is_what_the_judge_was_told_of_its_deployment(story):
    """Rates are of the deployment's own findings and requests: an empty side would call nothing worse."""
    findings, counts = story.evidence()
    for row in story.deployments():
        mine = {one.stream for one in story.sources() if one.attribution.deployment_id == row.deployment.deployment_id}
        side = story._side(row.deployment)
        assert mine
        assert side.findings == tuple(one for one in findings if one.stream in mine)
        assert side.counts == tuple(one for one in counts if one.stream in mine)
        assert side.findings
        assert side.counts


# ---- a link opens the same view on another machine


def _view_over_a_store(view: str, store: str) -> None:
    """One page as `dashboard.app` draws it, for a browser in New York."""
    from pathlib import Path
    from zoneinfo import ZoneInfo

    import streamlit as st

    from dashboard.settings import Settings
    from dashboard.state import read_state
    from dashboard.views import deployment, deployments, events, failure, failures, fields, ladder, migrations, requests, sources
    from dashboard.views.frame import Frame
    from dashboard.workspace import Workspace

    views = (deployment, deployments, events, failure, failures, fields, ladder, migrations, requests, sources)
    shown = {one.PATH: one for one in views}[view]
    state = read_state({key: st.query_params.get_all(key) for key in st.query_params}).only((*shown.PARTS, "pages"))
    zone = ZoneInfo("America/New_York" if state.zone == "local" else "UTC")
    with Workspace.open(Settings(store=Path(store))) as workspace:
        frame = Frame(workspace=workspace, state=state, zone=zone, dark=False, version=workspace.version(), identity=store)
        shown.page(frame)


def seen(view, store, query) -> list[str]:
    """Every word, cell and point of one page, in order."""
    app = AppTest.from_function(_view_over_a_store, default_timeout=60, kwargs={"view": view, "store": str(store)})
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    said = [
        f"{one.type}: {getattr(one, 'value', '')}" for one in app.main if hasattr(one, "value") and one.type != "arrow_data_frame"
    ]
    said += [table.value.to_csv() for table in app.dataframe]
    return said + [chart.proto.spec for chart in app.get("plotly_chart")]


def test_every_view_is_the_same_on_a_copy_of_the_store(story, tmp_path):
    """Each page with the filters it has, windows, pages, both zones: on another machine with the same store and its key all of
    it is the same."""
    rows = story.deployments()
    group = next(one for one in story.failures(Filters()) if one.route == NOTES)
    event, run = story.failure(group.fingerprint).examples[1].id, rows[1].runs[0].id
    window, local = {"from": "2025-11-18T22:00:00Z", "to": "2025-11-19T03:00:00Z"}, {"tz": "local"}
    route = {"route": route_id("POST", NOTES)}
    links = [
        ("deployments", window),
        ("deployments", {"chart": "over time"} | local),
        ("deployments", {"chart": "400s with interval"}),
        ("deployment", {"dep": deployment_key(rows[1].deployment.deployment_id)} | local),
        ("migrations", {"run": run}),
        ("failures", {"rev": "50", "sev": "error"} | local),
        ("failure", {"fp": group.fingerprint, "finding": event} | local),
        ("ladder", window),
        ("ladder", route),
        ("requests", window),
        ("requests", route),
        ("fields", {"layer": "orm"}),
        ("events", {"not": group.fingerprint} | window | local),
        ("events", {"page-events": "2"}),
        ("events", {"finding": event, "lines": "10"} | local),
        ("sources", local),
    ]
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    with sqlite3.connect(story.settings.store) as here, sqlite3.connect(copy) as there:
        here.backup(there)
    shutil.copy(story.settings.key_file, copy.with_suffix(".key"))

    for view, query in links:
        mine = seen(view, story.settings.store, query)
        assert (view, query, seen(view, copy, query)) == (view, query, mine)
        assert sum(map(len, mine)) > 200
        assert query.get("tz") != "local" or view == "sources" or "-05:00" in "".join(mine)
