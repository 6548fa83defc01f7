"""The stand-in for AWS behaves as AWS is known to: asked over real HTTP by a real boto3 that retries nothing.

Each test states one fact of the services that a fetcher must be able to rely on, or must survive.
"""

import contextlib
import json

import boto3
import botocore.config
import botocore.exceptions
import pytest

from dashboard.double import Double, Fault, FaultKind, Faults, SceneTruth
from dashboard.double.ecs import FORGETS_AFTER_MS, epoch_ms
from dashboard.shipped import shipped

REGION, GROUP = "us-east-1", "/ecs/api"
NOON_MS = 1_763_553_600_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
ONE, TWO, OTHER = "ecs/api/1", "ecs/api/2", "web/1"


@pytest.fixture(scope="module")
def session():
    return boto3.Session(aws_access_key_id="demo", aws_secret_access_key="demo")


@pytest.fixture
def serve(session):
    """serve(truth, faults..., **double) -> (the started double, service -> a client of it)."""
    started = []
    manners = botocore.config.Config(retries={"total_max_attempts": 1, "mode": "standard"})

    def start(truth, *faults, **rest):
        rest = {"now_ms": NOON_MS + HOUR_MS, "with_moto": False} | rest
        double = Double(truth, faults=Faults(faults), **rest).start()
        started.append(double)

        def client(service, region=truth.region):
            return session.client(service, region_name=region, endpoint_url=double.endpoint_url, config=manners)

        return double, client

    yield start
    for double in started:
        double.stop()


def row(after_ms, message="line", stream=ONE, *, ingested_ms=None, **more):
    at = NOON_MS + after_ms
    ingested = at + 1000 if ingested_ms is None else NOON_MS + ingested_ms
    return {"logGroup": GROUP, "logStreamName": stream, "timestamp": at, "ingestionTime": ingested, "message": message} | more


def made(*rows):
    truth = SceneTruth(region=REGION)
    truth.add_rows(rows)
    return truth


def filtered(client, **asked):
    """Every page of FilterLogEvents, to the page without a token."""
    pages = [client.filter_log_events(logGroupName=GROUP, **asked)]
    while pages[-1].get("nextToken"):
        pages.append(client.filter_log_events(logGroupName=GROUP, nextToken=pages[-1]["nextToken"], **asked))
        assert len(pages) < 1_000
    return pages


def got(client, stream=ONE, **asked):
    """Every page of GetLogEvents from the head, to the page that gives back the token it was asked with."""
    where = {"logGroupName": GROUP, "logStreamName": stream, "startFromHead": True} | asked
    pages = [client.get_log_events(**where)]
    while len(pages) < 2 or pages[-1]["nextForwardToken"] != pages[-2]["nextForwardToken"]:
        pages.append(client.get_log_events(**where, nextToken=pages[-1]["nextForwardToken"]))
    return pages


def messages(pages):
    return [event["message"] for page in pages for event in page["events"]]


def refused(call, **asked):
    """(code, text) of the error that a call ends with."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**asked)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_one_api_includes_the_end_and_the_other_does_not(serve):
    """FilterLogEvents takes both ends, GetLogEvents takes the start only."""
    logs = serve(made(row(0, "start"), row(5, "between"), row(10, "end"), row(11, "after")))[1]("logs")
    window = {"startTime": NOON_MS, "endTime": NOON_MS + 10}
    assert messages(filtered(logs, **window)) == ["start", "between", "end"]
    assert messages(got(logs, **window)) == ["start", "between"]


def test_streams_are_chosen_by_name_or_by_prefix_and_never_both(serve):
    """Prefix and names select; together, and more than a hundred names, are refused."""
    logs = serve(made(row(0, "a", ONE), row(1, "b", TWO), row(2, "c", OTHER)))[1]("logs")
    assert messages(filtered(logs, logStreamNamePrefix="ecs/")) == ["a", "b"]
    assert messages(filtered(logs, logStreamNames=[TWO, OTHER])) == ["b", "c"]
    both = {"logGroupName": GROUP, "logStreamNames": [ONE], "logStreamNamePrefix": "ecs/"}
    assert refused(logs.filter_log_events, **both)[0] == "InvalidParameterException"
    many = [f"ecs/api/{number}" for number in range(101)]
    assert refused(logs.filter_log_events, logGroupName=GROUP, logStreamNames=many)[0] == "InvalidParameterException"


def test_the_streams_of_a_group_are_interleaved(serve):
    """Order is event time, then ingestion time; which stream it was does not matter, and no stream is told as searched."""
    rows = [row(3, "d", TWO), row(1, "b", TWO), row(2, "c", ONE), row(0, "a", ONE), row(3, "later", ONE, ingested_ms=9_000)]
    pages = filtered(serve(made(*rows))[1]("logs"))
    assert messages(pages) == ["a", "b", "c", "d", "later"]
    assert pages[0]["searchedLogStreams"] == []


def test_a_group_goes_by_its_arn_too(serve):
    """`logGroupIdentifier` takes a name or an ARN."""
    logs = serve(made(row(0)))[1]("logs")
    arn = logs.describe_log_groups()["logGroups"][0]["logGroupArn"]
    for name in (GROUP, arn):
        assert len(logs.filter_log_events(logGroupIdentifier=name)["events"]) == 1


def test_newest_first_is_asked_by_start_from_head(serve):
    """`startFromHead=False` begins at the far end, its token goes on towards the past, and it needs a start from 2024 on."""
    logs = serve(made(*(row(number, str(number)) for number in range(6))), max_events=2)[1]("logs")
    pages = filtered(logs, startTime=NOON_MS, startFromHead=False)
    assert [messages([page]) for page in pages] == [["4", "5"], ["2", "3"], ["0", "1"]]
    assert "2024" in refused(logs.filter_log_events, logGroupName=GROUP, startFromHead=False)[1]


def test_a_page_has_ten_thousand_events_or_one_megabyte(serve):
    """Whichever comes first; nothing is lost between pages."""
    short = serve(made(*(row(number) for number in range(10_001))))[1]("logs")
    assert [len(page["events"]) for page in filtered(short)] == [10_000, 1]
    long = serve(made(*(row(number, "x" * 400_000) for number in range(5))))[1]("logs")
    assert [len(page["events"]) for page in filtered(long)] == [2, 2, 1]
    assert [len(page["events"]) for page in got(long)] == [2, 2, 1, 0]
    newest = long.get_log_events(logGroupName=GROUP, logStreamName=ONE)
    assert [event["timestamp"] - NOON_MS for event in newest["events"]] == [3, 4]


def test_a_small_page_is_a_tenth(serve):
    """As a fault; the rest comes with the next tokens."""
    logs = serve(made(*(row(number) for number in range(30))), Fault(kind=FaultKind.SMALL_PAGE), max_events=20)[1]("logs")
    sizes = [len(page["events"]) for page in filtered(logs)]
    assert (sizes[0], sum(sizes)) == (2, 30)


def test_a_page_ends_where_its_scan_ended_not_where_it_is_full(serve):
    """A selective question brings short and empty pages with a token: an empty page is no end."""
    rows = [*(row(number, "noise", OTHER) for number in range(25)), row(30, "wanted")]
    pages = filtered(serve(made(*rows), max_events=10)[1]("logs"), logStreamNames=[ONE])
    assert [len(page["events"]) for page in pages] == [0, 0, 1]


def test_get_log_events_ends_with_the_token_that_was_sent(serve):
    """Tokens are never null; the last page gives back its own, and later events come with it."""
    double, client = serve(made(row(0, "a"), row(1, "b"), row(2, "c"), row(HOUR_MS + 60_000, "new")), max_events=2)
    logs = client("logs")
    pages = got(logs)
    assert [messages([page]) for page in pages] == [["a", "b"], ["c"], []]
    assert all(page["nextForwardToken"] and page["nextBackwardToken"] for page in pages)
    double.clock.advance(HOUR_MS)
    where = {"logGroupName": GROUP, "logStreamName": ONE, "startFromHead": True}
    assert messages([logs.get_log_events(**where, nextToken=pages[-1]["nextForwardToken"])]) == ["new"]


def test_get_log_events_begins_at_the_newest_unless_told_otherwise(serve):
    """`startFromHead` is false by default; a forward token needs it to be true; there are no event ids."""
    logs = serve(made(*(row(number, str(number)) for number in range(5))), max_events=2)[1]("logs")
    page = logs.get_log_events(logGroupName=GROUP, logStreamName=ONE)
    assert messages([page]) == ["3", "4"]
    assert "eventId" not in page["events"][0]
    before = logs.get_log_events(logGroupName=GROUP, logStreamName=ONE, nextToken=page["nextBackwardToken"])
    assert messages([before]) == ["1", "2"]
    forward = {"logGroupName": GROUP, "logStreamName": ONE, "nextToken": page["nextForwardToken"]}
    assert "startFromHead" in refused(logs.get_log_events, **forward)[1]


def test_event_ids_are_the_same_each_time_and_sort_as_the_api_does(serve):
    """Ids tell twins apart: equal lines of one millisecond have two."""
    logs = serve(made(row(5, "ping"), row(5, "ping"), row(1, "first")))[1]("logs")
    once, again = ([event["eventId"] for page in filtered(logs) for event in page["events"]] for _ in range(2))
    assert once == again == sorted(once, key=int)
    assert len(set(once)) == 3


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ERROR", ["ERROR P3005 refused", "ERROR P1001 refused"]),  # case matters, whole words
        ("ERROR -P3005", ["ERROR P1001 refused"]),  # all of these, and not that
        ('"P3005 refused"', ["ERROR P3005 refused"]),  # a phrase
        ("?P3005 ?warning", ["ERROR P3005 refused", "warning: slow"]),  # one of these
        ("?P3005 ERROR", ["ERROR P3005 refused", "ERROR P1001 refused"]),  # ? counts nothing beside another term
        ("%P[13]0+%", ["ERROR P3005 refused", "ERROR P1001 refused"]),  # a regular expression
        ('{ $.level = "error" && $.status >= 400 }', ['{"level":"error","status":500}']),
        ("rror", []),  # no part of a word
    ],
)
def test_filter_patterns(serve, pattern, found):
    """Terms, phrases, OR, exclusion, regular expressions and JSON selectors as the service reads them."""
    lines = [
        "ERROR P3005 refused",
        "ERROR P1001 refused",
        "warning: slow",
        '{"level":"error","status":500}',
        '{"level":"error","status":200}',
    ]
    logs = serve(made(*(row(number, line) for number, line in enumerate(lines))))[1]("logs")
    assert messages(filtered(logs, filterPattern=pattern)) == found


@pytest.mark.parametrize("pattern", ["x" * 1025, "%a% %b% %c%", "%(a)%"])
def test_patterns_that_the_service_refuses(serve, pattern):
    """More than 1,024 characters, more than two regular expressions, parentheses in one."""
    logs = serve(made(row(0)))[1]("logs")
    assert refused(logs.filter_log_events, logGroupName=GROUP, filterPattern=pattern)[0] == "InvalidParameterException"


# ---- listings ------------------------------------------------------------------------------------------------------------------
def test_groups_are_listed_by_prefix_or_pattern(serve):
    """Prefix XOR pattern, fifty a page; with a pattern nothing but name, ARN and creation comes back."""
    truth = made(row(0), *(row(0) | {"logGroup": f"/x/{number:02d}"} for number in reversed(range(55))))
    logs = serve(truth)[1]("logs")
    first = logs.describe_log_groups(logGroupNamePrefix="/x/")
    assert [one["logGroupName"] for one in first["logGroups"]] == [f"/x/{number:02d}" for number in range(50)]
    assert (len(first["logGroups"]), bool(first["nextToken"])) == (50, True)
    assert len(logs.describe_log_groups(logGroupNamePrefix="/x/", nextToken=first["nextToken"])["logGroups"]) == 5
    (one,) = logs.describe_log_groups(logGroupNamePattern="cs/ap")["logGroups"]
    assert one.keys() == {"logGroupName", "creationTime", "arn"}
    assert refused(logs.describe_log_groups, logGroupNamePrefix="a", logGroupNamePattern="b")[0] == "InvalidParameterException"
    assert logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"][0]["logGroupClass"] == "STANDARD"


def test_streams_are_listed_by_name_or_by_time(serve):
    """A prefix is refused with LastEventTime, more than fifty a page, too; `storedBytes` is always 0."""
    logs = serve(made(row(0, stream=TWO), row(9, stream=ONE), row(5, stream=OTHER)))[1]("logs")
    where = {"logGroupName": GROUP}
    by_name = logs.describe_log_streams(**where, logStreamNamePrefix="ecs/")["logStreams"]
    assert [(one["logStreamName"], one["storedBytes"]) for one in by_name] == [(ONE, 0), (TWO, 0)]
    newest = logs.describe_log_streams(**where, orderBy="LastEventTime", descending=True)["logStreams"]
    assert [one["logStreamName"] for one in newest] == [ONE, OTHER, TWO]
    both = where | {"orderBy": "LastEventTime", "logStreamNamePrefix": "ecs/"}
    assert refused(logs.describe_log_streams, **both)[0] == "InvalidParameterException"
    assert refused(logs.describe_log_streams, **where, limit=51)[0] == "InvalidParameterException"


def test_a_stream_tells_its_latest_ingestion(serve):
    """Of whatever event: the one with the latest time may have come first."""
    logs = serve(made(row(0, ingested_ms=9_000), row(5, ingested_ms=6_000)))[1]("logs")
    (stream,) = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    assert stream["lastIngestionTime"] == NOON_MS + 9_000


def test_the_last_event_time_lags(serve):
    """`lastEventTimestamp` is that of half an hour ago, and of six hours ago on a bad day; the events are there already."""
    rows = made(row(0), row(HOUR_MS - 1000, "just now"))
    for faults, told in (((), NOON_MS), ((Fault(kind=FaultKind.STALE_LAST_EVENT),), None)):
        logs = serve(rows, *faults)[1]("logs")
        (stream,) = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
        assert stream.get("lastEventTimestamp") == told
        assert "just now" in messages(filtered(logs))


@pytest.mark.parametrize("group_class", ["INFREQUENT_ACCESS", "DELIVERY"])
def test_groups_of_another_class_cannot_be_read(serve, group_class):
    """They are listed with their class, and both reading calls refuse them."""
    truth = made(row(0))
    truth.group(GROUP).log_class = group_class
    logs = serve(truth)[1]("logs")
    assert logs.describe_log_groups()["logGroups"][0]["logGroupClass"] == group_class
    assert refused(logs.filter_log_events, logGroupName=GROUP)[0] == "InvalidOperationException"
    assert refused(logs.get_log_events, logGroupName=GROUP, logStreamName=ONE)[0] == "InvalidOperationException"


def test_what_does_not_exist(serve):
    """No such group, no such stream, no such region."""
    client = serve(made(row(0)))[1]
    for call, asked in (
        (client("logs").filter_log_events, {"logGroupName": "/none"}),
        (client("logs").get_log_events, {"logGroupName": GROUP, "logStreamName": "none"}),
        (client("logs", region="eu-west-1").filter_log_events, {"logGroupName": GROUP}),
    ):
        assert refused(call, **asked)[0] == "ResourceNotFoundException"


# ---- time ----------------------------------------------------------------------------------------------------------------------
def test_events_are_seen_from_their_ingestion_on(serve):
    """Late and out-of-order events: not there before they arrived, in the place of their own time afterwards."""
    late = row(1, "late", ingested_ms=2 * HOUR_MS)
    double, client = serve(made(row(0, "a"), late, row(2, "c")))
    assert messages(filtered(client("logs"))) == ["a", "c"]
    double.clock.advance(2 * HOUR_MS)
    assert messages(filtered(client("logs"))) == messages(got(client("logs"))) == ["a", "late", "c"]


def test_late_events_as_a_fault(serve):
    """Some events become visible two minutes after their ingestion; which ones, the seed says."""
    rows = [row(number, str(number), ingested_ms=HOUR_MS - MINUTE_MS) for number in range(100)]
    double, client = serve(made(*rows), Fault(kind=FaultKind.LATE_EVENTS))
    assert 60 < len(messages(filtered(client("logs")))) < 100
    double.clock.advance(2 * MINUTE_MS)
    assert len(messages(filtered(client("logs")))) == 100


def test_answers_carry_the_doubles_clock(serve):
    """The Date header is what a client can correct its own clock by."""
    answer = serve(made(row(0)), now_ms=NOON_MS)[1]("logs").describe_log_groups()
    assert answer["ResponseMetadata"]["HTTPHeaders"]["date"] == "Wed, 19 Nov 2025 12:00:00 GMT"


# ---- bad days ------------------------------------------------------------------------------------------------------------------
def test_empty_pages_and_repeated_tokens_lose_nothing(serve):
    """An empty page comes with a token that goes on; a repeated token comes with nothing, and then with the page it hid."""
    rows = [row(number, str(number)) for number in range(30)]
    for kind in (FaultKind.EMPTY_PAGE, FaultKind.REPEATED_TOKEN):
        pages = filtered(serve(made(*rows), Fault(kind=kind, rate=0.6), max_events=5)[1]("logs"))
        assert messages(pages) == [str(number) for number in range(30)]
        assert any(not page["events"] and page.get("nextToken") for page in pages), kind
    tokens = [page.get("nextToken") for page in pages]
    assert len(set(tokens)) < len(tokens)


def test_botocores_paginator_breaks_at_a_repeated_token(serve):
    """Why pages are followed by hand."""
    logs = serve(made(*(row(number) for number in range(30))), Fault(kind=FaultKind.REPEATED_TOKEN), max_events=10)[1]("logs")
    with pytest.raises(botocore.exceptions.PaginationError):
        list(logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP))
    assert not logs.can_paginate("get_log_events")


@pytest.mark.parametrize(
    ("kind", "more"),
    [(FaultKind.OVERLAP, True), (FaultKind.REPEATED_PAGE, True), (FaultKind.TOO_MUCH, True), (FaultKind.SHORT_READ, False)],
)
def test_pages_with_more_or_less_than_was_asked(serve, kind, more):
    """Overlapping and repeated pages, events beyond the end, minutes that are left out of the first answer."""
    rows = [row(number * 1000, str(number)) for number in range(200)]
    logs = serve(made(*rows), Fault(kind=kind, rate=1.0 if more else 0.5), max_events=50)[1]("logs")
    until = NOON_MS + 149_000
    read = messages(filtered(logs, endTime=until))
    whole = [str(number) for number in range(150)]
    assert (len(read) > len(whole) and set(whole) <= set(read)) if more else set(read) < set(whole)


def test_a_shuffled_page_holds_the_same_events(serve):
    """In no order at all."""
    logs = serve(made(*(row(number, str(number)) for number in range(50))), Fault(kind=FaultKind.SHUFFLED_PAGE))[1]("logs")
    read = messages(filtered(logs))
    assert read != [str(number) for number in range(50)]
    assert sorted(read, key=int) == [str(number) for number in range(50)]


def test_a_quota_refuses_what_is_beyond_it(serve):
    """One second of calls at once, then ThrottlingException; each API has a quota of its own."""
    logs = serve(made(row(0)), quotas={"FilterLogEvents": 3, "GetLogEvents": 1e6})[1]("logs")
    codes = []
    for _ in range(30):
        try:
            logs.filter_log_events(logGroupName=GROUP)
        except botocore.exceptions.ClientError as error:
            codes.append(error.response["Error"]["Code"])
    assert codes
    assert set(codes) == {"ThrottlingException"}
    assert logs.get_log_events(logGroupName=GROUP, logStreamName=ONE)["events"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.THROTTLE, "ThrottlingException"), (FaultKind.UNAVAILABLE, "ServiceUnavailableException"),
        (FaultKind.EXPIRED_CREDENTIALS, "ExpiredTokenException"), (FaultKind.ACCESS_DENIED, "AccessDeniedException"),
    ],
)  # fmt: skip
def test_refusals_strike_the_api_they_are_meant_for(serve, kind, code):
    """One API refuses, as often as the script says, and the others answer; the refusal names the action."""
    logs = serve(made(row(0)), Fault(kind=kind, api="FilterLogEvents"))[1]("logs")
    told = refused(logs.filter_log_events, logGroupName=GROUP)
    assert told[0] == code
    assert "logs:FilterLogEvents" in told[1] or kind is not FaultKind.ACCESS_DENIED
    assert logs.get_log_events(logGroupName=GROUP, logStreamName=ONE)["events"]
    assert logs.filter_log_events(logGroupName=GROUP)["events"]


def test_answers_that_are_no_answers(serve):
    """HTTP 500 with HTML, and a connection that closes in the middle: botocore takes half a JSON for an empty answer."""
    logs = serve(made(row(0)), Fault(kind=FaultKind.SERVER_ERROR, api="FilterLogEvents"))[1]("logs")
    assert refused(logs.filter_log_events, logGroupName=GROUP)[0] == "500"
    cut = serve(made(row(0)), Fault(kind=FaultKind.CUT_CONNECTION, api="FilterLogEvents"))[1]("logs")
    with contextlib.suppress(botocore.exceptions.BotoCoreError):  # as good: it was noticed
        assert not cut.filter_log_events(logGroupName=GROUP).get("events")
    assert len(cut.filter_log_events(logGroupName=GROUP)["events"]) == 1


def test_a_page_token_dies(serve):
    """After a day, for another question, or on a bad day at once."""
    rows = made(*(row(number) for number in range(30)))
    double, client = serve(rows, max_events=10)
    logs = client("logs")
    token = logs.filter_log_events(logGroupName=GROUP)["nextToken"]
    other = {"logGroupName": GROUP, "nextToken": token, "logStreamNames": [ONE]}
    assert refused(logs.filter_log_events, **other)[0] == "InvalidParameterException"
    double.clock.advance(25 * HOUR_MS)
    assert refused(logs.filter_log_events, logGroupName=GROUP, nextToken=token)[0] == "InvalidParameterException"
    bad = serve(rows, Fault(kind=FaultKind.STALE_TOKEN), max_events=10)[1]("logs")
    token = bad.filter_log_events(logGroupName=GROUP)["nextToken"]
    assert refused(bad.filter_log_events, logGroupName=GROUP, nextToken=token)[0] == "InvalidParameterException"


# ---- ECS -----------------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def story():
    return SceneTruth.load(shipped("sample_logs") / "founding-story")


CLUSTER, SERVICE = "mentalspace-ehr-prod", "mentalspace-backend"


def test_service_deployments_newest_first_and_no_paginator(serve, story):
    """Filtered by creation and status; times are times; the target is in the brief, the source in the description."""
    ecs = serve(story, now_ms=story.as_of_ms)[1]("ecs")
    where = {"cluster": CLUSTER, "service": SERVICE}
    briefs = ecs.list_service_deployments(**where)["serviceDeployments"]
    created = [one["createdAt"] for one in briefs]
    assert len(briefs) == len(story.ecs["describe_service_deployments"]["serviceDeployments"])
    assert created == sorted(created, reverse=True)
    assert len(ecs.list_service_deployments(**where, createdAt={"after": created[1]})["serviceDeployments"]) == 2
    assert not ecs.list_service_deployments(**where, status=["STOPPED"])["serviceDeployments"]
    assert not ecs.can_paginate("list_service_deployments")
    arns = [one["serviceDeploymentArn"] for one in briefs]
    (whole,) = ecs.describe_service_deployments(serviceDeploymentArns=arns[:1])["serviceDeployments"]
    assert whole["targetServiceRevision"]["arn"] == briefs[0]["targetServiceRevisionArn"]
    paged = ecs.list_service_deployments(**where, maxResults=2)
    assert len(ecs.list_service_deployments(**where, nextToken=paged["nextToken"])["serviceDeployments"]) == len(briefs) - 2


def test_revisions_name_their_definition_and_digests(serve, story):
    """DescribeServiceRevisions; an unknown ARN is a failure and no error; more than twenty are refused."""
    ecs = serve(story, now_ms=story.as_of_ms)[1]("ecs")
    arn = story.ecs["describe_service_revisions"]["serviceRevisions"][0]["serviceRevisionArn"]
    answer = ecs.describe_service_revisions(serviceRevisionArns=[arn, f"{arn}0"])
    assert answer["serviceRevisions"][0]["taskDefinition"]
    assert answer["failures"][0]["reason"] == "MISSING"
    assert refused(ecs.describe_service_revisions, serviceRevisionArns=[arn] * 21)[0] == "InvalidParameterException"
    assert refused(ecs.describe_service_deployments, serviceDeploymentArns=[arn] * 21)[0] == "InvalidParameterException"


def test_a_deployment_that_is_not_over_yet(serve, story):
    """At the clock's time: one that has not begun is not told, one that has not ended is IN_PROGRESS without an end."""
    newest = max(story.ecs["describe_service_deployments"]["serviceDeployments"], key=lambda one: epoch_ms(one["createdAt"]))
    double, client = serve(story, now_ms=epoch_ms(newest["createdAt"]) - 1000)
    where = {"cluster": CLUSTER, "service": SERVICE}
    before = client("ecs").list_service_deployments(**where)["serviceDeployments"]
    double.clock.advance(2000)
    during = client("ecs").list_service_deployments(**where)["serviceDeployments"]
    assert len(during) == len(before) + 1
    assert (during[0]["status"], "finishedAt" in during[0]) == ("IN_PROGRESS", False)


def test_another_controller_has_no_service_deployments(serve, story):
    """A CODE_DEPLOY service is described, and its history refused."""
    ecs = json.loads(json.dumps(story.ecs))
    ecs["describe_services"]["services"][0]["deploymentController"] = {"type": "CODE_DEPLOY"}
    client = serve(SceneTruth(ecs=ecs), now_ms=story.as_of_ms)[1]("ecs")
    assert refused(client.list_service_deployments, cluster=CLUSTER, service=SERVICE)[0] == "UnsupportedFeatureException"
    described = client.describe_services(cluster=CLUSTER, services=[SERVICE, "none"])
    assert described["services"][0]["deploymentController"] == {"type": "CODE_DEPLOY"}
    assert described["failures"][0]["reason"] == "MISSING"


def test_ecs_forgets_a_task_an_hour_after_it_stopped(serve, story):
    """Then it is missing from ListTasks and a failure of DescribeTasks; before, it is STOPPED with its exit code."""
    stopped = next(task for task in serve(story)[0].ecs.tasks if task.get("stoppedAt"))
    double, client = serve(story, now_ms=epoch_ms(stopped["stoppedAt"]) - 1)
    ecs, arn = client("ecs"), stopped["taskArn"]

    def seen():
        answer = ecs.describe_tasks(cluster=CLUSTER, tasks=[arn.rsplit("/", 1)[-1]])
        listed = {s for s in ("RUNNING", "STOPPED") if arn in ecs.list_tasks(cluster=CLUSTER, desiredStatus=s)["taskArns"]}
        return [task["lastStatus"] for task in answer["tasks"]], [failure["reason"] for failure in answer["failures"]], listed

    assert seen() == (["RUNNING"], [], {"RUNNING"})
    double.clock.advance(1)
    assert seen() == (["STOPPED"], [], {"STOPPED"})
    double.clock.advance(FORGETS_AFTER_MS)
    assert seen() == ([], ["MISSING"], set())
    assert refused(ecs.describe_tasks, cluster=CLUSTER, tasks=["x"] * 101)[0] == "InvalidParameterException"


def test_task_definitions_tags_only_when_asked_for(serve, story):
    """By family (its newest), family:revision or ARN; listed in either order."""
    ecs = serve(story, now_ms=story.as_of_ms)[1]("ecs")
    listed = ecs.list_task_definitions(familyPrefix="mentalspace-backend-prod", sort="DESC")["taskDefinitionArns"]
    assert listed[0].endswith(":50")
    assert listed[::-1] == ecs.list_task_definitions(familyPrefix="mentalspace-backend-prod")["taskDefinitionArns"]
    newest = ecs.describe_task_definition(taskDefinition="mentalspace-backend-prod")
    assert (newest["taskDefinition"]["taskDefinitionArn"], "tags" in newest) == (listed[0], False)
    assert refused(ecs.describe_task_definition, taskDefinition="none:1")[0] == "ClientException"


def test_a_cluster_of_another_region_is_not_there(serve, story):
    """Each region has its own clusters and groups."""
    client = serve(story, now_ms=story.as_of_ms)[1]
    assert client("ecs").list_clusters()["clusterArns"]
    assert not client("ecs", region="eu-west-1").list_clusters()["clusterArns"]
    assert refused(client("ecs", region="eu-west-1").list_services, cluster=CLUSTER)[0] == "ClusterNotFoundException"


def test_everything_else_goes_to_moto(serve, story):
    """Identity and the groups' metrics are moto's; where it is not installed, the answer says so."""
    client = serve(story, now_ms=story.as_of_ms, with_moto=True)[1]
    assert client("sts").get_caller_identity()["Account"] == story.account
    without = serve(story)[1]
    assert "moto" in refused(without("logs").list_tags_for_resource, resourceArn="arn:aws:logs:us-east-1:1:log-group:x")[1]
