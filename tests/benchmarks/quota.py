"""How much of what AWS permits a fetch uses, beside `aws logs filter-log-events` and `awslogs` on the same double in one run.

    python tests/benchmarks/quota.py [--shape small|large] [--seconds 30] [--others DIR/bin] [--pull-alone]

The double runs as a process of its own, with the quotas of most regions (25 GetLogEvents and 10 FilterLogEvents a second),
0.2 s of latency and AWS's page caps. Its pages are baked: what is measured is the client. `--others` names a folder with the
commands `aws` and `awslogs` (`python -m venv others && others/bin/pip install awscli awslogs`); without it they are left out.
tests/benchmarks/quota.md has the figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from dashboard.double import Double, SceneTruth  # noqa: E402 -- run as a script: the repository must be on the path first
from dashboard.double.answers import Request  # noqa: E402
from dashboard.double.logs import LogsDouble  # noqa: E402

REGION, GROUP = "us-east-2", "/ecs/busy"
QUOTAS = {"GetLogEvents": 25.0, "FilterLogEvents": 10.0, "DescribeLogStreams": 25.0, "DescribeLogGroups": 10.0}
PERMITTED = QUOTAS["GetLogEvents"] + QUOTAS["FilterLogEvents"]
LATENCY_S = 0.2
STEP_MS = 4
STREAMS = 20
A_SECOND = 250  # events, one every 4 ms: a busy service's night is some ten million
START_S = 1_763_510_400  # on the grid of cells
SHAPES = {"small": 104, "large": 262}  # bytes of a message: pages full by number (10,000 events), pages full by size (1 MB)
OTHERS_PAGES = 12  # one chain each: enough to know its pace
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo", "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_DEFAULT_REGION": REGION,
}  # fmt: skip


# ---- the double, with baked pages ----------------------------------------------------------------------------------------------
class Baked(LogsDouble):
    """Pages made of one second's events, baked once; only the ten leading digits of their times change."""

    def __init__(self, truth: SceneTruth, size: int) -> None:
        super().__init__(truth)
        self.page_seconds = min(10_000, 1_048_576 // size) // A_SECOND
        self.of_all = _second(range(0, 1_000, STEP_MS), size, whole=True)
        self.of_stream, self.of_one = (
            [_second(range(number * STEP_MS, 1_000, STREAMS * STEP_MS), size, whole=whole) for number in range(STREAMS)]
            for whole in (False, True)
        )
        self.answers |= {"FilterLogEvents": self.filter_page, "GetLogEvents": self.get_page}
        self.first_s = self.last_s = 0.0

    def filter_page(self, request: Request) -> Any:
        """The next seconds of all streams, or the next minutes of one."""
        body = request.body
        names = body.get("logStreamNames")
        second, length = (
            (self.of_all, self.page_seconds) if not names else (self.of_one[int(names[0][-2:])], self.page_seconds * STREAMS)
        )
        end = (int(body["endTime"]) + 1) // 1_000
        at = int(body.get("nextToken") or int(body["startTime"]) // 1_000)
        after = min(at + length, end)
        token = f',"nextToken":"{after}"' if after < end else ""
        return self._answer(second, at, after, f'"searchedLogStreams":[]{token}')

    def get_page(self, request: Request) -> Any:
        """The next minutes of one stream; at the end, the token that was sent."""
        body = request.body
        end = int(body.get("endTime") or 0) // 1_000  # without one it is a probe: no events
        at = int(body["nextToken"].split("/")[1]) if "nextToken" in body else int(body.get("startTime") or 0) // 1_000
        after = max(at, min(at + self.page_seconds * STREAMS, end))
        tokens = f'"nextForwardToken":"f/{after}/s","nextBackwardToken":"b/{at}/s"'
        return self._answer(self.of_stream[int(body["logStreamName"][-2:])], at, after, tokens)

    def _answer(self, second: bytes, at: int, after: int, rest: str) -> msgspec.Raw:
        self.last_s = time.monotonic()
        self.first_s = self.first_s or self.last_s
        events = b",".join(second.replace(b"@", b"%d" % number) for number in range(at, after))
        return msgspec.Raw(b'{"events":[' + events + b"]," + rest.encode() + b"}")


def _second(milliseconds: range, size: int, *, whole: bool) -> bytes:
    """Events of one second as JSON, `@` for its epoch second; `whole` as FilterLogEvents gives them, with id and stream."""
    events = []
    for ms in milliseconds:
        one: dict[str, Any] = {"timestamp": 0, "ingestionTime": 0, "message": _message(ms, size)}
        if whole:
            one |= {"eventId": f"{0:030d}@{ms:016d}", "logStreamName": _stream(ms // STEP_MS % STREAMS)}
        text = json.dumps(one, separators=(",", ":")).replace('"timestamp":0', f'"timestamp":@{ms:03d}')
        events.append(text.replace('"ingestionTime":0', f'"ingestionTime":@{ms:03d}'))
    return ",".join(events).encode()


def _message(ms: int, size: int) -> str:
    """Mostly what a busy service prints: access lines, two in 250 refused (as seconds repeat, both of one stream)."""
    status = 400 if ms // STEP_MS % 100 == 99 else 200
    line = f'::ffff:10.0.0.7 - - [19/Nov/2025:02:57:56 +0000] "GET /clients/{ms} HTTP/1.1" {status} {ms} "-" "'
    return line.ljust(size - 1, "x") + '"'


def _stream(number: int) -> str:
    return f"ecs/api/{number:032d}"


def serve(size: int, seconds: int) -> None:
    """Serve until stdin ends; a line in, a line of counts out."""
    truth = SceneTruth(region=REGION)
    truth.add_rows(
        {"logGroup": GROUP, "logStreamName": _stream(number), "timestamp": at * 1_000, "message": ""}
        for number in range(STREAMS)
        for at in (START_S, START_S + seconds)
    )
    now_ms = (START_S + seconds + 7_200) * 1_000
    with Double(truth, quotas=QUOTAS, latency_s=LATENCY_S, now_ms=now_ms, with_moto=False) as double:
        double.logs = baked = Baked(truth, size)
        print(double.endpoint_url, flush=True)
        for _ in sys.stdin:
            calls = {api: number for (_, api), number in double.calls.items()}
            told = {"calls": calls, "outcomes": double.outcomes, "seconds": baked.last_s - baked.first_s + LATENCY_S}
            print(json.dumps(told), flush=True)
            baked.first_s = baked.last_s = 0.0


# ---- the clients ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one client did: pages that went well, refusals, seconds from its first page to its last, all seconds, CPU, memory."""

    name: str
    pages: int
    throttles: int
    reading_s: float
    wall_s: float
    cpu_s: float
    rss_mb: float

    def row(self) -> str:
        """A line of the table."""
        pace = self.pages / self.reading_s
        return (
            f"| {self.name} | {self.pages} | {self.wall_s:.1f} | {self.reading_s:.1f} | {pace:.1f} | {pace / PERMITTED:.0%} | {self.throttles} | "
            f"{self.cpu_s / self.wall_s:.2f} | {1_000 * self.cpu_s / max(self.pages, 1):.0f} | {self.rss_mb:.0f} |"
        )


class Server:
    """The double's process."""

    def __init__(self, size: int, seconds: int) -> None:
        command = [sys.executable, __file__, "--serve", str(size), "--window", str(seconds)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint_url = self._read()

    def _read(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def counts(self) -> tuple[int, int, float]:
        """(pages answered so far, calls throttled so far, seconds between the first and the last page since the last time)."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        told = json.loads(self._read())
        calls, throttled = Counter(told["calls"]), told["outcomes"].get("ThrottlingException", 0)
        return calls["FilterLogEvents"] + calls["GetLogEvents"] - throttled, throttled, told["seconds"]

    def measure(self, name: str, command: list[str]) -> Taken:
        """Run a client and count what it took."""
        time.sleep(1.5)  # the buckets fill up, for everybody
        pages, throttles, _ = self.counts()
        began = time.monotonic()
        environment = {**os.environ, **ENVIRONMENT, "AWS_ENDPOINT_URL": self.endpoint_url}
        with tempfile.TemporaryFile() as errors:
            ran = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
            _, status, used = os.wait4(ran.pid, 0)
            ran.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            if ran.returncode:
                print(f"{name} ended with {ran.returncode}: {errors.read()[-2_000:].decode()}", file=sys.stderr)
        now = self.counts()
        return Taken(
            name=name, pages=now[0] - pages, throttles=now[1] - throttles, reading_s=now[2], wall_s=time.monotonic() - began,
            cpu_s=used.ru_utime + used.ru_stime, rss_mb=used.ru_maxrss / 1_024,
        )  # fmt: skip

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)


def pull_only(endpoint_url: str, seconds: int) -> None:
    """The fetch without reading and keeping: every page parsed, checked, put in order, cut into cells and counted."""
    from dashboard.fetchers.pull import Pull
    from dashboard.fetchers.quotas import Pace
    from dashboard.fetchers.session import Aws, AwsSettings
    from dashboard.fetchers.slices import Scope, Window

    class Nothing:
        def finished(self, *_: object) -> tuple[int, ...]:
            return ()

        feed = discard = commit = confirm = gap = lambda self, *_: None

    aws = Aws(AwsSettings(region=REGION, endpoint_url=endpoint_url, pace=Pace(share=1.0)))
    window = Window(start_ms=START_S * 1_000, end_ms=(START_S + seconds) * 1_000)
    report = Pull(aws, Nothing()).run([Scope(region=REGION, log_group=GROUP)], window)
    print(f"{report.events:,} events of {seconds * A_SECOND:,}; {report.tally}", file=sys.stderr)
    if report.events != seconds * A_SECOND or not report.complete:
        raise SystemExit("not complete")


def clients(folder: Path, others: Path | None, endpoint_url: str, seconds: int, page_s: int) -> Iterator[tuple[str, list[str]]]:
    """(name, command) of everything that is measured."""
    start, end, short = (_rfc3339(START_S + more) for more in (0, seconds, OTHERS_PAGES * page_s))
    window = ["--start-time", start, "--end-time", end]
    yield "triage, pull alone", [sys.executable, __file__, "--pull", endpoint_url, "--window", str(seconds)]
    yield (
        "triage fetch (read, redacted, stored)",
        [sys.executable, "-m", "dashboard", "fetch", "--store", str(folder / "store.db"), "--region", REGION, "--log-group", GROUP,
         "--endpoint-url", endpoint_url, "--quota-share", "100", *window],
    )  # fmt: skip
    if others:
        until = str((START_S + OTHERS_PAGES * page_s) * 1_000 - 1)
        yield (
            "aws logs filter-log-events",
            [str(others / "aws"), "logs", "filter-log-events", "--log-group-name", GROUP, "--start-time", str(START_S * 1_000),
             "--end-time", until, "--endpoint-url", endpoint_url],
        )  # fmt: skip
        yield (
            "awslogs get",
            [str(others / "awslogs"), "get", GROUP, "ALL", "--start", start, "--end", short, "--aws-endpoint-url", endpoint_url,
             "--aws-region", REGION],
        )  # fmt: skip


def _rfc3339(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def compare(shape: str, length_s: int, others: Path | None, *, pull_alone: bool) -> bool:
    """Print the table of one shape; whether the pull alone reached nine tenths."""
    size = SHAPES[shape]
    page_s = min(10_000, 1_048_576 // size) // A_SECOND
    seconds = -(-int(PERMITTED * length_s * page_s) // 300) * 300
    server = Server(size, seconds)
    print(f"\n{shape}: {size} B a message, {page_s * A_SECOND:,} events a page; load before: {os.getloadavg()[0]:.1f}\n")
    print(
        "| client | pages | s in all | s reading | pages/s | of permitted | throttled | cores | CPU ms/page | peak MB |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            taken = []
            every = clients(Path(folder), others, server.endpoint_url, seconds, page_s)
            for name, command in itertools.islice(every, 1 if pull_alone else None):
                taken.append(server.measure(name, command))
                print(taken[-1].row(), flush=True)
    finally:
        server.stop()
    return taken[0].pages / taken[0].reading_s >= 0.9 * PERMITTED


def main() -> int:
    """0 when nine tenths of what is permitted was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--seconds", type=int, default=30, help="how long a fetch at the full quota takes")
    parser.add_argument("--others", type=Path)
    parser.add_argument("--pull-alone", action="store_true", help="no reading and keeping, and nothing beside it")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--pull", help=argparse.SUPPRESS)
    parser.add_argument("--window", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.window)
    elif options.pull:
        pull_only(options.pull, options.window)
    else:
        reached = [
            compare(shape, options.seconds, options.others, pull_alone=options.pull_alone) for shape in options.shape or SHAPES
        ]
        return 0 if all(reached) else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
