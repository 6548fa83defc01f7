"""The workspace on AWS: what Refresh fetches is judged as if it had been read from files."""

import pytest

from dashboard import fetching
from dashboard.double import Double, SceneTruth
from dashboard.rows import Filters
from dashboard.settings import Settings
from dashboard.shipped import shipped
from dashboard.workspace import Workspace
from parsers import Severity

SCENE = shipped("sample_logs") / "founding-story"
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    """Made-up ones: the double takes any."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "demo")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "demo")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(workspace after one Refresh, what it was told on the way): the story behind a loopback endpoint, made-up credentials."""
    folder = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch, Double(SceneTruth.load(SCENE)) as double:
        patch.setenv("AWS_ACCESS_KEY_ID", "demo")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "demo")
        patch.setattr(fetching, "DEFAULT_SINCE_MS", 13 * HOUR_MS)
        settings = Settings(
            store=folder / "aws.db", redaction_key=folder / "key", cluster="mentalspace-ehr-prod", service="mentalspace-backend",
            region="us-east-1", endpoint_url=double.endpoint_url,
        )  # fmt: skip
        with Workspace.open(settings) as workspace:
            news = []
            report = workspace.collect(lambda *more: news.append(more))
            yield workspace, report, news


@pytest.fixture(scope="module")
def from_files(served):
    workspace = served[0]
    key = workspace.settings.redaction_key
    with Workspace.open(Settings(store=key.with_name("files.db"), redaction_key=key, sources=(str(SCENE),))) as opened:
        opened.collect()
        yield opened


def test_refresh_brings_what_the_files_hold(served, from_files):
    """Verdicts, requests, failures and runs are those of the scene read from its folder; progress is told."""
    workspace, report, news = served

    assert report.events == sum(row.coverage.events for row in from_files.sources())
    assert [row.verdict.verdict for row in workspace.deployments()] == [row.verdict.verdict for row in from_files.deployments()]
    assert workspace.requests(Filters()) == from_files.requests(Filters())
    runs = [{(run.id, run.outcome, run.error_code) for run in one.migration_runs(Filters())} for one in (workspace, from_files)]
    assert runs[0] == runs[1]
    groups = [
        {(g.fingerprint, g.requests, g.clients) for g in one.failures(Filters()) if g.severity is not Severity.INFO}
        for one in (workspace, from_files)
    ]
    assert groups[0] == groups[1]
    assert news


def test_a_second_refresh_changes_no_count(served):
    """What was settled is not asked again, and what is read again replaces itself."""
    workspace = served[0]
    before = workspace.requests(Filters())

    workspace.collect()

    assert workspace.requests(Filters()) == before
    assert before


def test_context_is_asked_of_aws_again(served):
    """The lines around a finding come from the log stream itself, the proof among them."""
    workspace = served[0]
    one = workspace.findings(Filters(severity=Severity.ERROR), 1)[0]

    lines = workspace.context(one.id, lines=3)

    assert any(line.is_evidence for line in lines)
    assert len(lines) > 3


def test_the_store_says_what_the_last_fetch_took(served, from_files):
    """Calls by API, the bytes of log pages and nothing refused; a store that was filled from files has no such account."""
    account = served[0].aws_account()

    assert account.calls["logs:FilterLogEvents"] >= 1
    assert account.calls["ecs:DescribeServices"] >= 1
    assert account.response_bytes > 100_000
    assert account.denied == ()
    assert from_files.aws_account() is None
