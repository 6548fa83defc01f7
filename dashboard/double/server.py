"""The double on a socket: real HTTP, so that a real boto3 with its real retries talks to it unchanged.

    AWS_ENDPOINT_URL=http://127.0.0.1:PORT AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo triage fetch --region us-east-1 …

The answer of every response carries the double's clock in its Date header, as AWS does.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import msgspec

from dashboard.double.answers import ApiError, Request
from dashboard.double.ecs import EcsDouble, on_the_wire
from dashboard.double.faults import FaultKind, Faults
from dashboard.double.logs import LogsDouble
from dashboard.double.quotas import Quotas
from dashboard.double.scene import SceneTruth

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_HTML_ERROR = b"<html><body><h1>500 Internal Server Error</h1></body></html>"
_JSON = "application/x-amz-json-1.1"
MOTO_MISSING = "moto is not installed: pip install 'ecs-log-triage[demo]'"


class Clock:
    """Milliseconds since the epoch: standing still, or running `speed` times as fast as the real clock."""

    def __init__(self, start_ms: int, speed: float = 0.0) -> None:
        self.start_ms = start_ms
        self.speed = speed
        self._began = time.monotonic()

    def __call__(self) -> int:
        """Now."""
        return self.start_ms + int((time.monotonic() - self._began) * 1000 * self.speed)

    def advance(self, milliseconds: int) -> None:
        """Jump forward."""
        self.start_ms += milliseconds


class Double:
    """A scene behind a loopback endpoint. Use as a context manager, or `start()` and `stop()`."""

    def __init__(
        self,
        truth: SceneTruth,
        *,
        faults: Faults | None = None,
        quotas: Mapping[str, float] | None = None,
        latency_s: float = 0.0,
        now_ms: int | None = None,
        speed: float = 0.0,
        max_events: int = 10_000,
        with_moto: bool = True,
    ) -> None:
        self.truth = truth
        self.logs = LogsDouble(truth, max_events=max_events)
        self.ecs = EcsDouble(truth)
        self.faults = faults or Faults()
        self.quotas = Quotas(quotas)
        self.latency_s = latency_s
        self.clock = Clock(truth.as_of_ms if now_ms is None else now_ms, speed)
        self.calls: Counter[tuple[str, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.on_call: Callable[[int], None] | None = None  # told the number of each call before it is answered
        self._moto = _Moto(truth) if with_moto and moto_installed() else None
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    # ---- life ----
    def start(self, port: int = 0) -> Double:
        """Listen on loopback; port 0 takes any free one."""
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        """Close the socket and wait for the listener to end."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Double:  # noqa: PYI034
        return self if self._server else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """What `--endpoint-url` or `AWS_ENDPOINT_URL` take.

        Raises:
            RuntimeError: not started.
        """
        if self._server is None:
            raise RuntimeError("the double is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]!s}"

    # ---- answers ----
    def answer(self, target: str, region: str, body: dict[str, Any]) -> bytes | None:
        """The JSON answer of a Logs or ECS call; None when the double does not know the call.

        Raises:
            ApiError: what the service would say.
        """
        service, _, api = target.partition(".")
        answers = self.logs.answers if service.startswith("Logs_") else self.ecs.answers if "Container" in service else {}
        known = answers.get(api)
        if known is None:
            return None
        if self.on_call:
            self.on_call(self.calls.total() + 1)
        request = Request(api=api, region=region, body=body, now_ms=self.clock(), faults=self.faults)
        self.quotas.take(api)
        self._meet_faults(request)
        return msgspec.json.encode(on_the_wire(known(request)) if answers is self.ecs.answers else known(request))

    def _meet_faults(self, request: Request) -> None:
        self.faults.count_call(request.api)
        if request.strikes(FaultKind.EXPIRED_CREDENTIALS):
            raise ApiError("ExpiredTokenException", "The security token included in the request is expired")
        if request.strikes(FaultKind.ACCESS_DENIED):
            raise ApiError("AccessDeniedException", _denied(request, self.truth.account))
        if request.strikes(FaultKind.THROTTLE):
            raise ApiError("ThrottlingException", "Rate exceeded")
        if request.strikes(FaultKind.UNAVAILABLE):
            raise ApiError("ServiceUnavailableException", "The service cannot complete the request.", 503)
        if request.strikes(FaultKind.SERVER_ERROR):
            raise ApiError("html", "", 500)
        if request.strikes(FaultKind.CUT_CONNECTION):
            raise ApiError("cut", "")

    def record(self, service: str, api: str, outcome: str) -> None:
        """Count a call and how it ended."""
        with self._lock:
            self.calls[(service, api)] += 1
            self.outcomes[outcome] += 1

    def pass_on(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer of moto to a call that is not ours; a clear error where moto is not installed."""
        if self._moto is None:
            message = {"__type": "UnknownOperationException", "message": MOTO_MISSING}
            return 400, [("Content-Type", _JSON)], json.dumps(message).encode()
        return self._moto.answer(environ)


def moto_installed() -> bool:
    """Whether moto and its server are there (`pip install 'ecs-log-triage[demo]'`)."""
    return find_spec("moto") is not None and find_spec("flask") is not None


def _group_of(datum: Any) -> str:
    """The log group a metric datum is about: moto's state outlives a double, and a scene may be served twice."""
    return next((dimension.value for dimension in datum.dimensions if dimension.name == "LogGroupName"), "")


def _denied(request: Request, account: str) -> str:
    service = "ecs" if request.api in EcsDouble(SceneTruth()).answers else "logs"
    who = f"arn:aws:sts::{account}:assumed-role/reader/session"
    return f"User: {who} is not authorized to perform: {service}:{request.api} because no identity-based policy allows it"


class _Moto:
    """moto's own dispatcher, made at the first call that needs it (its import takes a second or two)."""

    def __init__(self, truth: SceneTruth) -> None:
        self.truth = truth
        self._app: Callable[..., Any] | None = None
        self._lock = threading.Lock()

    def answer(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """Run the call through moto's WSGI application."""
        got: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
            got.update(status=int(status.split(maxsplit=1)[0]), headers=headers)

        with self._lock:
            self._app = self._app or self._make()
            body = b"".join(self._app(environ, start_response))
        return got["status"], got["headers"], body

    def _make(self) -> Callable[..., Any]:
        import os

        os.environ.setdefault("MOTO_ACCOUNT_ID", self.truth.account)
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._put_metrics()
        application: Callable[..., Any] = DomainDispatcherApplication(create_backend_app)
        return application

    def _put_metrics(self) -> None:
        """AWS/Logs IncomingBytes and IncomingLogEvents by minute of ingestion, which moto keeps but does not make."""
        from datetime import UTC, datetime

        from moto.cloudwatch.models import cloudwatch_backends

        for group in self.truth.groups.values():
            sums: Counter[tuple[str, int]] = Counter()
            for event in group.events:
                minute = event.ingestion // 60_000
                sums["IncomingBytes", minute] += event.size + 26
                sums["IncomingLogEvents", minute] += 1
            data = [
                {
                    "MetricName": name,
                    "Value": total,
                    "Timestamp": datetime.fromtimestamp(minute * 60, UTC).replace(tzinfo=None),
                    "Dimensions": [{"Name": "LogGroupName", "Value": group.name}],
                }
                for (name, minute), total in sums.items()
            ]
            backend = cloudwatch_backends[self.truth.account][group.region]
            backend.metric_data = [datum for datum in backend.metric_data if _group_of(datum) != group.name]
            backend.put_metric_data("AWS/Logs", data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away (a fetch that was killed) is no news."""


def _handler_for(double: Double) -> type[BaseHTTPRequestHandler]:  # noqa: C901
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            """Every AWS call of ours is a POST."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if double.latency_s:
                time.sleep(double.latency_s)
            target = self.headers.get("X-Amz-Target", "")
            scope = _SCOPE.search(self.headers.get("Authorization", ""))
            region, service = (scope.group(1), scope.group(2)) if scope else (double.truth.region, "")
            try:
                answer = double.answer(target, region, json.loads(body or b"{}")) if target else None
                if answer is not None:
                    double.record(service, target.partition(".")[2], "ok")
                    self._send(200, answer)
                else:
                    self._pass_on(service, target, body)
            except ApiError as error:
                double.record(service, target.partition(".")[2], error.code)
                self._fail(error)

        do_GET = do_POST  # noqa: N815
        do_PUT = do_POST  # noqa: N815

        def _pass_on(self, service: str, target: str, body: bytes) -> None:
            api = target.partition(".")[2] or self.path.rsplit("/operation/", 1)[-1]
            if not target and self.path == "/":
                api = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
            double.record(service, api, "moto")
            status, headers, answer = double.pass_on(self._environ(body))
            kept = [
                (name, value) for name, value in headers if name.lower() not in ("content-length", "date", "connection", "server")
            ]
            self._send(status, answer, kept)

        def _environ(self, body: bytes) -> dict[str, Any]:
            path, _, query = self.path.partition("?")
            environ: dict[str, Any] = {
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": double.endpoint_url.rsplit(":", 1)[-1],
                "SERVER_PROTOCOL": "HTTP/1.1",
                "wsgi.input": BytesIO(body),
                "wsgi.url_scheme": "http",
                "wsgi.version": (1, 0),
                "wsgi.multithread": True,
                "wsgi.multiprocess": False,
                "wsgi.run_once": False,
                "wsgi.errors": BytesIO(),
                "SCRIPT_NAME": "",
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
            }
            return environ | {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}

        def _fail(self, error: ApiError) -> None:
            if error.code == "cut":
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n{"events": [')
                self.close_connection = True
            elif error.code == "html":
                self._send(500, _HTML_ERROR, [("Content-Type", "text/html")])
            else:
                answer = json.dumps({"__type": error.code, "message": str(error)}).encode()
                self._send(error.status, answer)

        def _send(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
            lines = [f"HTTP/1.1 {status} {'OK' if status < 400 else 'Error'}", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in (headers or [("Content-Type", _JSON)])]
            lines += [f"Date: {formatdate(double.clock() / 1000, usegmt=True)}", "x-amzn-RequestId: 00000000-double"]
            self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    return Handler
