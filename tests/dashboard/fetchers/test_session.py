"""One door to AWS: answers are read fast and whole, refusals are heard, AWS's clock is AWS's."""

import threading

import botocore.session
import pytest

from dashboard.double import Fault, FaultKind
from dashboard.fetchers.failures import AwsError, FetchStopped
from dashboard.fetchers.session import Aws, AwsSettings, hook_is_honoured
from tests.dashboard.fetchers.small_group import CREDENTIALS, GROUP, REGION, UNHURRIED


def page_of(aws, **more):
    return aws.page("filter_log_events", region=REGION, logGroupName=GROUP, **more)


def test_the_fast_parser_reads_what_botocore_reads(serve, connect, truth):
    """With and without the parse hook a page has the same events and the same token."""
    double = serve(truth)
    fast, slow = connect(double), connect(double)
    slow._fast = False
    one, other = page_of(fast), page_of(slow)
    assert fast.fast_parsing
    assert one.events == other.events
    assert one.next_token == other.next_token
    assert (one.size > 0, other.size) == (True, 0)


def test_a_botocore_that_ignores_the_hook_is_noticed(monkeypatch):
    """The feature test fails on a botocore that does not merge what the hook puts aside."""
    import boto3

    session = boto3.Session(**CREDENTIALS, region_name=REGION)
    assert hook_is_honoured(session)
    monkeypatch.setattr("botocore.endpoint.first_non_none_response", lambda responses: responses[0][1] if responses else None)
    monkeypatch.setattr(botocore.session.Session, "get_component", lambda *_: None)
    assert not hook_is_honoured(session)


@pytest.mark.parametrize("fast", [True, False])
def test_an_answer_cut_on_its_way_is_asked_again(serve, connect, truth, fast):
    """botocore takes half a JSON for an empty answer; here it is an error, and tried again."""
    whole = len(page_of(connect(serve(truth))).events)
    aws = connect(serve(truth, Fault(kind=FaultKind.CUT_CONNECTION, times=3)))
    aws._fast = None if fast else False
    assert len(page_of(aws).events) == whole
    assert aws.calls["logs:FilterLogEvents"] >= 2


def test_a_cut_listing_is_no_empty_listing(serve, connect, truth):
    """The same for calls that are not pages of events."""
    aws = connect(serve(truth, Fault(kind=FaultKind.CUT_CONNECTION, times=3)))
    assert aws.call("logs", "describe_log_groups")["logGroups"]


def test_refusals_slow_the_bucket_down(serve, connect, truth):
    """A throttled attempt is heard even though botocore tries it again by itself."""
    aws = connect(serve(truth, Fault(kind=FaultKind.THROTTLE, times=2)))
    page_of(aws)
    assert aws.throttles == 2
    bucket = aws.buckets.of("FilterLogEvents", REGION)
    assert bucket.rate < bucket.full_rate


def test_throttled_out_is_told_with_what_to_do(serve, connect, truth):
    """After botocore's last attempt the refusal is an error with a hint, exit code 4."""
    aws = connect(serve(truth, Fault(kind=FaultKind.THROTTLE, times=99)))
    with pytest.raises(AwsError) as caught:
        page_of(aws)
    assert caught.value.exit_code == 4
    assert caught.value.transient
    assert "--quota-share" in caught.value.hint


def test_the_clock_is_awss(serve, connect, truth):
    """Windows are computed by the Date of AWS's answers, not by this machine's clock."""
    double = serve(truth, now_ms=1_600_000_000_000)
    aws = connect(double)
    aws.skew_ms = None
    page_of(aws)
    assert abs(aws.now_ms() - 1_600_000_000_000) < 5_000


def test_a_missing_profile_is_told_before_any_call():
    """A profile that does not exist names the command that lists those that do."""
    with pytest.raises(AwsError, match="no such profile") as caught:
        Aws(AwsSettings(profile="nobody", region=REGION))
    assert caught.value.hint == "aws configure list-profiles"


def test_no_region_is_told():
    """Without a region anywhere the message says how to give one."""
    aws = Aws(AwsSettings(), credentials=CREDENTIALS)
    with pytest.raises(AwsError, match="no usable region") as caught:
        aws.call("logs", "describe_log_groups")
    assert "--region" in caught.value.hint


def test_no_credentials_are_told(serve, truth):
    """Without credentials the message says how to sign in."""
    aws = Aws(AwsSettings(region=REGION, endpoint_url=serve(truth).endpoint_url))
    with pytest.raises(AwsError, match="no usable AWS credentials") as caught:
        aws.call("logs", "describe_log_groups")
    assert "aws sso login" in caught.value.hint


def test_expired_credentials_are_told(serve, connect, truth):
    """An expired token is no transient fault."""
    aws = connect(serve(truth, Fault(kind=FaultKind.EXPIRED_CREDENTIALS, times=99)))
    with pytest.raises(AwsError, match="expired") as caught:
        page_of(aws)
    assert caught.value.credentials
    assert not caught.value.transient


def test_expired_keys_of_the_environment_say_that_a_sign_in_would_not_help(serve, truth, monkeypatch):
    """They come before every profile: the command takes them away, and the program that has them is started again."""
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key.upper(), value)
    double = serve(truth, Fault(kind=FaultKind.EXPIRED_CREDENTIALS, times=99))
    aws = Aws(AwsSettings(region=REGION, endpoint_url=double.endpoint_url, pace=UNHURRIED))

    with pytest.raises(AwsError, match="expired") as caught:
        page_of(aws)

    assert caught.value.hint.startswith("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN   (")
    assert "start it again" in caught.value.hint
    assert caught.value.credentials


def test_nothing_listens_is_told():
    """An endpoint that is not there names the endpoint setting."""
    aws = Aws(AwsSettings(region=REGION, endpoint_url="http://127.0.0.1:9", pace=UNHURRIED), credentials=CREDENTIALS)
    with pytest.raises(AwsError, match="could not be reached") as caught:
        aws.call("logs", "describe_log_groups")
    assert "--endpoint-url" in caught.value.hint


def test_an_answer_of_something_else_is_told(serve, truth):
    """A proxy's page in place of AWS's answer is an error with a hint, no traceback."""
    double = serve(truth)
    double.pass_on = lambda environ: (400, [("Content-Type", "text/html")], b"<html>Blocked by the proxy <br></html>")
    aws = Aws(AwsSettings(region=REGION, endpoint_url=double.endpoint_url, pace=UNHURRIED), credentials=CREDENTIALS)
    with pytest.raises(AwsError, match="did not answer properly") as caught:
        aws.identity()
    assert caught.value.exit_code == 4


def test_a_stopped_session_makes_no_call(serve, connect, truth):
    """After Ctrl-C nothing is asked any more."""
    stop = threading.Event()
    double = serve(truth)
    aws = connect(double, stop=stop)
    stop.set()
    with pytest.raises(FetchStopped):
        page_of(aws)
    assert not double.calls
