"""The doctor: what is missing is named, with the one command that mends it; a check that fails stops no other."""

import copy
import hashlib
import json

import pytest

from dashboard import doctor
from dashboard.doctor import Sign, exit_code
from dashboard.double import Double, Fault, FaultKind, Faults, SceneTruth
from dashboard.fetchers.permissions import ACTIONS
from dashboard.settings import Settings
from dashboard.shipped import shipped

ALWAYS = 10**6
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::123456789012:assumed-role/reader/session</Arn><UserId>A:session</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
STORY = SceneTruth.load(shipped("sample_logs") / "founding-story")


@pytest.fixture
def examined(monkeypatch):
    """examined(faults..., truth=, **settings) -> (check-ups, exit code) against the story, with made-up credentials."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "demo")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "demo")

    def examine(*faults, truth=STORY, now_ms=None, **settings):
        with Double(truth, faults=Faults(faults), now_ms=now_ms) as double:
            double.pass_on = lambda environ: (200, [("Content-Type", "text/xml")], IDENTITY)
            plain = {"region": "us-east-1", "cluster": "mentalspace-ehr-prod", "service": "mentalspace-backend"}
            done = list(doctor.run(Settings(**(plain | {"endpoint_url": double.endpoint_url} | settings))))
        return done, exit_code(done)

    return examine


def one_of(done, name, sign):
    return [one for one in done if one.name == name and one.sign is sign]


PROBED = [action for action in ACTIONS if action.name.split(":")[0] in ("logs", "ecs") and action.name != "ecs:ListServices"]


@pytest.mark.parametrize("action", PROBED, ids=lambda action: action.name)
def test_each_permission_that_is_missing_is_named(examined, action):
    """Denied alone: the action is named with what is lost and how to grant it, and the other checks go on."""
    done, code = examined(Fault(kind=FaultKind.ACCESS_DENIED, api=action.name.split(":")[1], times=ALWAYS))
    told = [one for one in done if action.name in one.text and one.sign is not Sign.OK]
    assert any("--iam-policy" in one.mend for one in told), [one for one in done if one.sign is not Sign.OK]
    assert {one.name for one in done} >= {"identity", "region", "clock"}
    # Without the definitions nobody knows where the logs are: --log-group must be given, and here it is not.
    assert code == (0 if action.optional and action.name != "ecs:DescribeTaskDefinition" else 4)


def test_everything_allowed_is_said(examined):
    """Nothing denied: no failure, and the exit code says that a fetch can work."""
    done, code = examined()
    assert code == 0
    assert not [one for one in done if one.sign is Sign.FAILED]
    assert len(one_of(done, "permission", Sign.OK)) >= 3


def test_an_expired_sign_on_names_the_command(monkeypatch, tmp_path):
    """SSO expired: the exact `aws sso login`, and nothing else is asked."""
    config = tmp_path / "config"
    config.write_text(
        "[profile on-call]\nsso_session=corp\nsso_account_id=111122223333\nsso_role_name=Reader\n"
        "[sso-session corp]\nsso_start_url=https://corp.example/start\nsso_region=us-east-1\nsso_registration_scopes=sso:account:access\n"
    )
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {
        "startUrl": "https://corp.example/start",
        "region": "us-east-1",
        "accessToken": "x",
        "expiresAt": "2020-01-01T00:00:00Z",
    }
    (cache / (hashlib.sha1(b"corp").hexdigest() + ".json")).write_text(json.dumps(token))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setattr("botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR", str(cache))
    monkeypatch.setenv("HOME", str(tmp_path))
    done = list(doctor.run(Settings(region="us-east-1", profile="on-call", endpoint_url="http://127.0.0.1:9")))
    assert [(one.sign, one.mend) for one in done] == [(Sign.FAILED, "aws sso login --profile on-call")]


@pytest.mark.parametrize(("mode", "sign"), [("non-blocking", Sign.NOTE), ("blocking", Sign.OK), (None, Sign.NOTE)])
def test_the_log_driver_mode(examined, mode, sign):
    """Non-blocking, named or by AWS's default, may lose lines; blocking does not."""
    truth = copy.copy(STORY)
    truth.ecs = copy.deepcopy(STORY.ecs)
    for answer in truth.ecs["describe_task_definition"].values():
        for container in answer["taskDefinition"]["containerDefinitions"]:
            options = container["logConfiguration"]["options"]
            options.pop("mode", None)
            if mode:
                options["mode"] = mode
    done, code = examined(truth=truth)
    assert one_of(done, "log driver", sign)
    assert code == 0


def test_a_clock_that_is_wrong(examined):
    """Hours beside AWS's clock: named, with the command, and no failure; times are AWS's."""
    done, code = examined(now_ms=STORY.as_of_ms)
    assert [one.mend for one in one_of(done, "clock", Sign.NOTE)] == [
        "date -u   (then set the clock, for example: sudo chronyc makestep)"
    ]
    assert code == 0


def test_a_group_of_another_class(examined):
    """What can't be read is a failure, with what to do about it."""
    truth = copy.copy(STORY)
    truth.groups = copy.deepcopy(STORY.groups)
    for group in truth.groups.values():
        group.log_class = "INFREQUENT_ACCESS"
    done, code = examined(truth=truth)
    assert any("aws logs create-log-group" in one.mend for one in one_of(done, "log group", Sign.FAILED))
    assert code == 4


def test_event_capture_and_insights(examined):
    """Off: a note with what turns it on. On: said."""
    done, _ = examined()
    assert one_of(done, "event capture", Sign.NOTE)
    truth = copy.copy(STORY)
    truth.groups = dict(STORY.groups)
    truth.group("/aws/events/ecs/containerinsights/mentalspace-ehr-prod/performance", "us-east-1")
    done, _ = examined(truth=truth)
    assert one_of(done, "event capture", Sign.OK)
