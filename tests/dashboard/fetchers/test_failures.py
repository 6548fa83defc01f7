"""Every way in which AWS says no: what happened, on which API, in which region, and the command that mends it."""

import inspect

import boto3
import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from dashboard.fetchers.failures import ADVICE, AwsError, aws_error
from dashboard.fetchers.permissions import ACTIONS

SAMPLE = {
    "ClientError": lambda kind: kind({"Error": {"Code": "Strange", "Message": "m"}}, "GetLogEvents"),
    "EventStreamError": lambda kind: kind({"Error": {"Code": "Strange", "Message": "m"}}, "GetLogEvents"),
    "WaiterError": lambda kind: kind("n", "r", {}),
    "UndefinedModelAttributeError": lambda kind: kind("x"),
}


class Anything(dict):
    """Fills in whatever an exception's text asks for."""

    def __missing__(self, key):
        return "x"


def raised(kind):
    """One exception of a class, whatever its constructor wants."""
    if kind.__name__ in SAMPLE:
        return SAMPLE[kind.__name__](kind)
    words = [part.split("}")[0] for part in getattr(kind, "fmt", "").split("{")[1:]]
    extra = {name: "x" for name in inspect.signature(kind.__init__).parameters if name not in ("self", "kwargs", "args")}
    return kind(**dict.fromkeys(words, "x") | extra)


EXCEPTIONS = [
    kind
    for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
    if kind.__module__ == "botocore.exceptions" and issubclass(kind, Exception) and not issubclass(kind, Warning)
]


def assert_says_all(error):
    assert isinstance(error, AwsError)
    assert error.exit_code == 4
    assert "logs:GetLogEvents" in str(error)
    assert "eu-west-1" in str(error)
    assert error.hint.strip()
    assert "{" not in str(error) + error.hint, "a placeholder was left open"


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_every_code_we_know_is_told_in_full(code):
    """Each code of the table gives the API, the region and what to do."""
    error = ClientError({"Error": {"Code": code, "Message": "some words of AWS"}}, "GetLogEvents")
    told = aws_error(error, service="logs", api="GetLogEvents", region="eu-west-1", profile="prod")
    assert_says_all(told)
    assert told.code == code


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_botocore_is_told_in_full(kind):
    """Whatever botocore can raise becomes words, by its own name or by its nearest ancestor's."""
    assert_says_all(aws_error(raised(kind), service="logs", api="GetLogEvents", region="eu-west-1"))


def test_every_modeled_error_of_the_calls_we_make_is_in_the_table():
    """Each error that botocore's models name for our actions has advice of its own."""
    services = {"logs": "logs", "ecs": "ecs", "cloudwatch": "cloudwatch", "sts": "sts"}
    missing = set()
    for action in ACTIONS:
        service, _, api = action.name.partition(":")
        client = boto3.client(services[service], region_name="us-east-1")
        operation = client.meta.service_model.operation_model(api)
        missing |= {shape.metadata.get("error", {}).get("code", shape.name) for shape in operation.error_shapes} - set(ADVICE)
    # GetMetricData's own complaints about tokens and parameters fall under ClientError's advice: the plan does without.
    assert missing <= {"InvalidNextToken"}


def test_an_expired_sign_in_names_the_exact_command():
    """The profile in use is part of the command that opens the session again."""
    told = aws_error(
        botocore.exceptions.UnauthorizedSSOTokenError(),
        service="sts",
        api="GetCallerIdentity",
        region="us-east-1",
        profile="prod",
    )
    assert told.hint == "aws sso login --profile prod"
    assert told.credentials


def test_a_denied_call_names_the_action():
    """A denial says which IAM action is missing and where the policy is."""
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "FilterLogEvents")
    told = aws_error(error, service="logs", api="FilterLogEvents", region="us-east-1")
    assert told.denied
    assert told.action == "logs:FilterLogEvents"
    assert "triage doctor --iam-policy" in told.hint
