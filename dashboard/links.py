"""Ways to look at the same lines elsewhere: CloudWatch console links, and `aws logs` commands to copy. Pure.

The console's address format is not documented; it is kept in this one file, with addresses that the console itself made as
tests. Group, stream and filter are percent-encoded twice with `$` for `%`; an Insights query is JSURL (`*xx` for bytes).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from urllib.parse import quote

from parsers import StreamKey, rfc3339

AROUND_MS = 60_000  # shown before and after an instant
SEARCHED_MS = 12 * 3_600_000  # to each side of an instant, for all lines of a kind
_REGION = re.compile(r"^[a-z]{2}(-[a-z]+){1,3}-\d{1,2}$")
_CODE = re.compile(r"^[A-Za-z0-9][\w.:-]{2,63}$")
_KEPT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")


def console_domain(region: str) -> str:
    """The console's host for a region's partition."""
    if region.startswith("cn-"):
        return "console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return "console.amazonaws-us-gov.com"
    return "console.aws.amazon.com"


def _home(region: str) -> str:
    return f"https://{region}.{console_domain(region)}/cloudwatch/home?region={quote(region, safe='')}"


def _twice(text: str) -> str:
    """Percent-encoded twice, then `$` for `%`: `/` becomes `$252F`."""
    return quote(quote(text, safe=""), safe="").replace("%", "$")


def log_link(
    region: str,
    log_group: str,
    log_stream: str = "",
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    pattern: str = "",
) -> str:
    """A console link to a log stream (or, without one, a search of the whole group) over a stretch of time."""
    where = f"#logsV2:log-groups/log-group/{_twice(log_group)}/log-events"
    if log_stream:
        where += f"/{_twice(log_stream)}"
    chosen = [
        f"{name}$3D{value}"
        for name, value in (("start", start_ms), ("end", end_ms), ("filterPattern", _twice(pattern) if pattern else None))
        if value is not None
    ]
    return _home(region) + where + (f"$3F{'$26'.join(chosen)}" if chosen else "")


def instant_link(region: str, log_group: str, log_stream: str, at_ms: int) -> str:
    """A console link to a stream, a minute to each side of an instant."""
    return log_link(region, log_group, log_stream, start_ms=at_ms - AROUND_MS, end_ms=at_ms + AROUND_MS)


def insights_link(region: str, log_groups: Sequence[str], query: str, start_ms: int, end_ms: int) -> str:
    """A console link to a Logs Insights query over a stretch of time. Opening it runs nothing; running it costs by bytes scanned."""
    detail: dict[str, str | list[str]] = {
        "end": rfc3339(end_ms) or "",
        "start": rfc3339(start_ms) or "",
        "timeType": "ABSOLUTE",
        "tz": "UTC",
        "editorString": query,
        "source": list(log_groups),
        "lang": "CWLI",
    }
    return f"{_home(region)}#logsV2:logs-insights$3FqueryDetail$3D~{_jsurl(detail)}"


def _jsurl(value: str | list[str] | dict[str, str | list[str]]) -> str:
    if isinstance(value, dict):
        return "(" + "~".join(f"{key}~{_jsurl(item)}" for key, item in value.items()) + ")"
    if isinstance(value, list):
        return "(" + "".join(f"~{_jsurl(item)}" for item in value) + ")"
    return "'" + "".join(map(_jsurl_character, value))


def _jsurl_character(character: str) -> str:
    if character in _KEPT:
        return character
    return "".join(f"**{unit:04x}" if unit > 0xFF else f"*{unit:02x}" for unit in _utf16(character))


def _utf16(character: str) -> list[int]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def logs_command(region: str, log_group: str, log_stream: str, start_ms: int, end_ms: int, *, profile: str | None = None) -> str:
    """An `aws logs` command that prints the same events. `end_ms` is exclusive, as GetLogEvents has it."""
    words = [
        "aws",
        "logs",
        "get-log-events",
        "--log-group-name",
        log_group,
        "--log-stream-name",
        log_stream,
        "--start-time",
        str(start_ms),
        "--end-time",
        str(end_ms),
        "--start-from-head",
        "--region",
        region,
    ]
    return shlex.join([*words, *(["--profile", profile] if profile else []), "--output", "json"])


def search_command(
    region: str, log_group: str, start_ms: int, end_ms: int, *, pattern: str = "", profile: str | None = None
) -> str:
    """An `aws logs` command that searches a group. `end_ms` is exclusive; FilterLogEvents' own end is inclusive."""
    words = [
        "aws",
        "logs",
        "filter-log-events",
        "--log-group-name",
        log_group,
        "--start-time",
        str(start_ms),
        "--end-time",
        str(end_ms - 1),
        *(["--filter-pattern", pattern] if pattern else []),
        "--region",
        region,
    ]
    return shlex.join([*words, *(["--profile", profile] if profile else []), "--output", "json"])


def around(
    stream: StreamKey, region: str, start_ms: int, end_ms: int, *, profile: str | None = None
) -> tuple[str | None, str | None]:
    """(command, console link) for the lines of a stream around a stretch of time; None where they are not in CloudWatch.

    A region becomes part of a host name: what does not look like one leads nowhere.
    """
    if not (_REGION.match(region) and stream.log_group and stream.log_stream):
        return None, None
    start_ms, end_ms = start_ms - AROUND_MS, end_ms + AROUND_MS
    command = logs_command(region, stream.log_group, stream.log_stream, start_ms, end_ms, profile=profile)
    return command, log_link(region, stream.log_group, stream.log_stream, start_ms=start_ms, end_ms=end_ms)


def all_of_code(
    stream: StreamKey, region: str, code: str | None, at_ms: int, *, profile: str | None = None
) -> tuple[str | None, str | None]:
    """(command, Logs Insights link) for every line of the group with this code, half a day to each side.

    The code was printed by a program: what is no plain word becomes no query.
    """
    if not (code and _CODE.match(code) and _REGION.match(region) and stream.log_group):
        return None, None
    start_ms, end_ms = at_ms - SEARCHED_MS, at_ms + SEARCHED_MS
    query = f'fields @timestamp, @logStream, @message | filter @message like "{code}" | sort @timestamp desc | limit 1000'
    command = search_command(region, stream.log_group, start_ms, end_ms, pattern=f'"{code}"', profile=profile)
    return command, insights_link(region, [stream.log_group], query, start_ms, end_ms)
