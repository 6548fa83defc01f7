"""Links open the console where the evidence is, byte for byte as the console writes its own addresses."""

import shlex

import pytest

from dashboard.links import all_of_code, around, insights_link, instant_link, log_link, logs_command, search_command
from parsers import StreamKey

HOME = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"


def test_a_stream_is_encoded_as_the_console_does():
    """Slashes, brackets and dollars of a Lambda stream, percent-encoded twice with a dollar for the percent sign."""
    link = log_link("us-east-1", "/aws/lambda/ProcessKinesisRecords", "2021/09/27/[$LATEST]66d8bd4d764744b29a7409c7b0381dec")
    assert link == (
        f"{HOME}#logsV2:log-groups/log-group/$252Faws$252Flambda$252FProcessKinesisRecords/"
        "log-events/2021$252F09$252F27$252F$255B$2524LATEST$255D66d8bd4d764744b29a7409c7b0381dec"
    )


def test_times_and_pattern_follow_as_the_console_writes_them():
    """Start, end and filter pattern stand behind $3F, joined by $26."""
    link = log_link("us-east-1", "/ecs/api", "2022/04/14/x", start_ms=1650006000000, end_ms=1650092399000, pattern="a=b")
    assert link.endswith("/2022$252F04$252F14$252Fx$3Fstart$3D1650006000000$26end$3D1650092399000$26filterPattern$3Da$253Db")


def test_a_group_without_a_stream_is_searched():
    """Without a stream the link is the group's search page."""
    link = log_link("eu-central-1", "activities", start_ms=1640041200000, end_ms=1640127599000, pattern="P3005")
    assert link == (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/activities/"
        "log-events$3Fstart$3D1640041200000$26end$3D1640127599000$26filterPattern$3DP3005"
    )


def test_an_ecs_stream_at_an_instant():
    """The minute before and the minute after."""
    link = instant_link("us-east-1", "/ecs/api", "ecs/api/0123", 1_763_521_059_926)
    assert link.endswith("/log-events/ecs$252Fapi$252F0123$3Fstart$3D1763520999926$26end$3D1763521119926")


def test_an_insights_query_is_written_as_the_console_does():
    """JSURL: strings behind an apostrophe, every other character as a star and two hex digits."""
    query = 'fields @timestamp, @message\n| filter @message like "backup complete"\n| sort @timestamp desc'
    link = insights_link("us-west-2", ["prod-backup-cluster"], query, 1675242522000, 1680164441000)
    assert link == (
        "https://us-west-2.console.aws.amazon.com/cloudwatch/home?region=us-west-2#logsV2:logs-insights$3FqueryDetail$3D~("
        "end~'2023-03-30T08*3a20*3a41.000Z~start~'2023-02-01T09*3a08*3a42.000Z~timeType~'ABSOLUTE~tz~'UTC~editorString~'"
        "fields*20*40timestamp*2c*20*40message*0a*7c*20filter*20*40message*20like*20*22backup*20complete*22*0a*7c*20sort*20"
        "*40timestamp*20desc~source~(~'prod-backup-cluster)~lang~'CWLI)"
    )


def test_characters_beyond_latin_and_apostrophes_are_escaped():
    """A quote in a query can't end the string; what lies beyond one byte takes two stars and four digits."""
    link = insights_link("us-east-1", ["g"], "'é√𝄞", 0, 1000)
    assert "editorString~'*27*e9**221a**d834**dd1e~" in link


@pytest.mark.parametrize(
    ("region", "domain"),
    [("cn-north-1", "cn-north-1.console.amazonaws.cn"), ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com")],
)
def test_other_partitions_have_their_own_console(region, domain):
    """China and GovCloud have consoles of their own."""
    assert log_link(region, "g").startswith(f"https://{domain}/")


def test_the_copied_command_survives_a_shell():
    """Names with spaces, quotes and dollars come back as they were when a shell reads the command."""
    words = shlex.split(logs_command("us-east-1", "/ecs/a b", "ecs/$x/'q'", 10, 20, profile="prod"))
    assert words[words.index("--log-stream-name") + 1] == "ecs/$x/'q'"
    assert words[words.index("--start-time") + 1 : words.index("--start-time") + 4] == ["10", "--end-time", "20"]
    assert words[words.index("--profile") + 1] == "prod"


def test_the_search_command_takes_the_inclusive_end():
    """FilterLogEvents' end belongs to the window: one millisecond less than ours."""
    words = shlex.split(search_command("us-east-1", "g", 10, 20, pattern='?"P3005"'))
    assert words[words.index("--end-time") + 1] == "19"
    assert words[words.index("--filter-pattern") + 1] == '?"P3005"'


STREAM = StreamKey(log_group="/ecs/api", log_stream="ecs/api/0123", account="123456789012", region="us-east-1")


def test_every_link_has_its_command_beside_it():
    """The stream around an instant, and every line with a code: a command and a link that look at the same."""
    command, link = around(STREAM, "us-east-1", 1_763_521_059_926, 1_763_521_059_926, profile="prod")
    assert link == instant_link("us-east-1", "/ecs/api", "ecs/api/0123", 1_763_521_059_926)
    assert "--start-time 1763520999926 --end-time 1763521119926" in command
    assert "--profile prod" in command
    search, insights = all_of_code(STREAM, "us-east-1", "P3005", 1_763_521_059_926)
    assert shlex.split(search)[shlex.split(search).index("--filter-pattern") + 1] == '"P3005"'
    assert "logs-insights" in insights
    assert "like*20*22P3005*22" in insights


@pytest.mark.parametrize("region", ["", "evil.example.org/", "us-east-1.evil", "US"])
def test_what_is_no_region_leads_nowhere(region):
    """A region is a part of a host name."""
    assert around(STREAM, region, 0, 1) == (None, None)
    assert all_of_code(STREAM, region, "P3005", 0) == (None, None)


@pytest.mark.parametrize("code", [None, "", 'x" | delete', "a b", "'; rm", "P" * 99])
def test_what_is_no_plain_code_becomes_no_query(code):
    """Codes are printed by programs: nothing of them may end a string of a query or a shell word."""
    assert all_of_code(STREAM, "us-east-1", code, 0) == (None, None)
