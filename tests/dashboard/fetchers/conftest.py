"""A double on loopback that serves a small log group, and our session with it."""

import time
import types

import pytest

from dashboard.double import Double, Faults, SceneTruth
from dashboard.fetchers.board import Api
from dashboard.fetchers.pull import Pull, PullOptions
from dashboard.fetchers.session import Aws, AwsSettings
from dashboard.fetchers.slices import Scope, Window
from tests.dashboard.fetchers.small_group import CREDENTIALS, END_MS, GROUP, HOUR_MS, REGION, START_MS, UNHURRIED, rows


@pytest.fixture(autouse=True)
def _nobody_sleeps(monkeypatch):
    """botocore's own waiting between retries takes no time, and no machine's AWS settings matter."""
    monkeypatch.setattr("botocore.endpoint.time", types.SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def truth():
    made = SceneTruth(region=REGION)
    made.add_rows(rows())
    return made


@pytest.fixture
def serve():
    """serve(truth, faults..., **double) -> a started double; all are stopped at the end of the test."""
    started = []

    def start(truth, *faults, seed=0, max_events=150, now_ms=END_MS + 2 * HOUR_MS, **rest):
        double = Double(truth, faults=Faults(faults, seed), max_events=max_events, now_ms=now_ms, **rest).start()
        started.append(double)
        return double

    yield start
    for double in started:
        double.stop()


@pytest.fixture
def connect():
    """connect(double) -> our session with it, AWS's clock heard."""

    def make(double, *, region=REGION, pace=UNHURRIED, **rest):
        aws = Aws(AwsSettings(region=region, endpoint_url=double.endpoint_url, pace=pace), credentials=CREDENTIALS, **rest)
        aws.skew_ms = double.clock() - time.time_ns() // 1_000_000
        return aws

    return make


@pytest.fixture
def pull(connect):
    """pull(double, sink, **options) -> the report of pulling the test's window."""

    def run(double, sink, *, start_ms=START_MS, end_ms=END_MS, scope=None, aws=None, progress=None, **options):
        options["api"] = Api(options.get("api", "auto"))
        scope = scope or Scope(region=REGION, log_group=GROUP, prefix="ecs/")
        puller = Pull(aws or connect(double), sink, PullOptions(**options), progress=progress, pause=lambda seconds: None)
        return puller.run([scope], Window(start_ms=start_ms, end_ms=end_ms))

    return run
