"""Starting: the shipped settings reach Streamlit, and no door is open by accident."""

import argparse
import json
import re

import pytest
from streamlit import config as streamlit_config

from dashboard.cli import main
from dashboard.fetchers.permissions import iam_policy
from dashboard.launch import Exposure, check, exposure_of, flatten, has_sign_in, is_loopback, streamlit_options
from dashboard.running import may_enter
from parsers import errors

AUTH = {"auth": {"cookie_secret": "c", "redirect_uri": "r", "client_id": "i", "server_metadata_url": "u"}}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_this_machine_only_needs_no_sign_in(host):
    """Loopback, by number or by the one name that means it."""
    check(Exposure(host=host), signs_in=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "example.internal", "localhost.example.com", ""])
def test_an_address_that_others_reach_is_refused(host):
    """Without sign-in, proxy or consent nothing listens; the message says what to do."""
    assert not is_loopback(host)
    with pytest.raises(errors.UsageError) as refused:
        check(Exposure(host=host), signs_in=False)

    assert "--behind-proxy" in refused.value.hint
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("words", [{"behind_proxy": True}, {"open_to_anyone": True}])
def test_a_declared_proxy_or_consent_opens(words):
    """Said in so many words, another address is served."""
    check(Exposure(host="0.0.0.0", **words), signs_in=False)


def test_sign_in_needs_to_know_who_may_come_in():
    """Without an allow-list everybody with an account at the provider could enter: refused."""
    with pytest.raises(errors.UsageError):
        check(Exposure(host="0.0.0.0"), signs_in=True)

    check(Exposure(host="0.0.0.0", allow=("@example.com",)), signs_in=True)


@pytest.mark.parametrize(
    ("email", "enters"),
    [("you@example.com", True), ("YOU@EXAMPLE.COM", True), ("x@b.example.com", False), ("x@evil-example.com", False),
     ("a@example.com@evil.com", False), ("solo@other.org", True), (None, False), ("", False)],
)  # fmt: skip
def test_the_list_admits_addresses_and_domains(email, enters):
    """A whole domain or one address; look-alikes stay outside."""
    assert may_enter(email, ("@example.com", "solo@other.org")) is enters


def test_nobody_enters_by_an_empty_list():
    """No list, nobody."""
    assert not may_enter("you@example.com", ())


def test_half_a_provider_is_no_sign_in():
    """Each missing part of the [auth] section makes it none."""
    assert has_sign_in(AUTH)
    for part in AUTH["auth"]:
        assert not has_sign_in({"auth": {key: value for key, value in AUTH["auth"].items() if key != part}})
    assert not has_sign_in({})


def test_every_shipped_option_is_one_of_streamlits():
    """A misspelt or removed option would be ignored silently: all names are known to the installed Streamlit."""
    known = {option.key for option in streamlit_config.get_config_options().values()}

    assert set(streamlit_options(Exposure())) <= known


def test_nested_tables_and_lists_arrive_flat():
    """`[theme.dark]` becomes dotted names; a list stays one value."""
    assert flatten({"theme": {"dark": {"textColor": "#fff"}, "colors": ["a", "b"]}}) == {
        "theme.dark.textColor": "#fff",
        "theme.colors": ["a", "b"],
    }


def test_the_hosts_that_browsers_use_are_allowed():
    """A named host joins the list against DNS rebinding; loopback alone stays closed to other names."""
    named = streamlit_options(Exposure(host="0.0.0.0", public_hosts=("triage.example.com",), behind_proxy=True))

    assert "triage.example.com" in named["server.allowedHosts"]
    assert "*" not in streamlit_options(Exposure())["server.allowedHosts"]


def test_the_command_line_says_where_to_listen():
    """Address, port, hosts, list, proxy and browser arrive; what is not said is this machine only."""
    said = argparse.Namespace(address="0.0.0.0", port=9000, allow=["@example.com"], behind_proxy=True, no_browser=True)

    assert exposure_of(said) == Exposure(host="0.0.0.0", port=9000, allow=("@example.com",), behind_proxy=True)
    assert exposure_of(argparse.Namespace()) == Exposure()


def test_the_command_refuses_an_open_door_with_exit_code_two(capsys):
    """`triage dashboard --address 0.0.0.0` ends before it listens, and says three ways to go on."""
    assert main(["dashboard", "--address", "0.0.0.0"]) == 2

    said = capsys.readouterr()
    for way in ("auth", "--behind-proxy", "--open-to-anyone"):
        assert way in said.err
    assert said.out == ""


def started(monkeypatch, command):
    """The settings and the exposure that a command line would be served with."""
    seen = []
    monkeypatch.setattr("dashboard.launch.serve_settings", lambda settings, exposure: seen.append((settings, exposure)))
    assert main(command) == 0
    return seen[0]


def test_the_task_of_the_deployment_notes_starts(monkeypatch, repository):
    """Its command is one that the program takes: it reads its service from AWS, behind the balancer, under its name."""
    (container,) = json.loads((repository / "deploy" / "task-definition.json").read_text())["containerDefinitions"]
    settings, exposure = started(monkeypatch, container["command"])

    assert (settings.cluster, settings.service) == ("prod", "backend")
    assert (exposure.host, exposure.behind_proxy, exposure.public_hosts) == ("0.0.0.0", True, ("triage.example.com",))
    check(exposure, signs_in=False)


def test_the_image_of_the_deployment_notes_starts(monkeypatch, repository):
    """So is the Dockerfile's; it is run by a user without rights, and nothing of the build stays in it."""
    lines = (repository / "deploy" / "Dockerfile").read_text()
    _, exposure = started(monkeypatch, json.loads(re.findall(r"^CMD (\[.*\])$", lines, re.MULTILINE)[-1]))
    last_stage = lines.rsplit("\nFROM ", 1)[1]

    check(exposure, signs_in=False)
    assert re.search(r"^USER 10001:10001$", last_stage, re.MULTILINE)
    assert "pip" not in last_stage


def test_pages_may_read_from_aws(monkeypatch):
    """`--cluster`, a log group or another endpoint: what Refresh reads can be said on the command line, too."""
    settings, _ = started(
        monkeypatch, ["dashboard", "--log-group", "/ecs/a", "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:9"]
    )

    assert (settings.log_groups, settings.region, settings.endpoint_url) == (("/ecs/a",), "eu-west-1", "http://127.0.0.1:9")


def test_the_role_of_the_deployment_notes_is_the_one_that_the_program_asks_for(repository):
    """What `triage doctor --iam-policy` prints for that service: nothing missing, nothing more."""
    policy = json.loads((repository / "deploy" / "task-role-policy.json").read_text())

    assert policy == iam_policy(account="123456789012", region="us-east-1", cluster="prod", log_groups=["/ecs/backend"])


def test_nobody_outside_is_asked_for_our_address():
    """Streamlit would ask another host under which address it is seen; it is told."""
    named = streamlit_options(Exposure(host="0.0.0.0", behind_proxy=True, public_hosts=("triage.example.com",)))
    unnamed = streamlit_options(Exposure(host="0.0.0.0", open_to_anyone=True))

    assert (named["browser.serverAddress"], unnamed["browser.serverAddress"]) == ("triage.example.com", "0.0.0.0")
