"""Log lines in the shapes of the captured logs, with a tally of their requests: the input of tests/benchmarks/run.py.

70 % access lines (4 % of them refused), 25 % info, 3 % lines of stack traces, 2 % failures; 20 log streams interleaved.
`plain` is what morgan, uvicorn, Prisma and Python print; `json` the same events as pino, winston and structlog print them.
Seeded: the same arguments give the same bytes.
"""

from __future__ import annotations

import json
import random
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

STREAMS = 20
START_MS = 1_763_478_000_000
STACK_SHARE, FAILURE_SHARE, INFO_SHARE = 0.03, 0.02, 0.25
REFUSED_SHARE = 0.04

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
)
CLIENTS = ("203.0.113.7", "203.0.113.44", "198.51.100.23", "2001:db8:85a3::8a2e:370:7334")
REFUSALS = (400, 401, 404, 422, 500)
# (method, path with {id} and {query}, route template, weight)
ROUTES = (
    ("GET", "/api/v1/health/live", "/api/v1/health/live", 20),
    ("GET", "/api/v1/clinical-notes?clientId={id}&limit=50", "/api/v1/clinical-notes", 20),
    ("GET", "/api/v1/clinical-notes/{id}", "/api/v1/clinical-notes/:id", 20),
    ("POST", "/api/v1/clinical-notes", "/api/v1/clinical-notes", 15),
    ("PUT", "/api/v1/clinical-notes/{id}", "/api/v1/clinical-notes/:id", 5),
    ("GET", "/api/v1/clients/{n}/appointments?search=400%20Bad%20Request", "/api/v1/clients/:id/appointments", 10),
    ("GET", "/api/v1/appointments", "/api/v1/appointments", 10),
)
PRISMA_BLOCK = """Error creating clinical note: PrismaClientKnownRequestError: 
Invalid `prisma.clinicalNote.create()` invocation:
Null constraint violation on the fields: (`sessionDate`)
    at di.handleRequestError (/app/packages/database/generated/client/runtime/client.js:85:7268)
    at di.handleAndLogRequestError (/app/packages/database/generated/client/runtime/client.js:85:6593)
    at di.request (/app/packages/database/generated/client/runtime/client.js:85:6300)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at async a (/app/packages/database/generated/client/runtime/client.js:94:9551)
    at async exports.create (/app/packages/backend/dist/controllers/clinicalNote.controller.js:9:18) {
  code: 'P2011',
  meta: {
    modelName: 'ClinicalNote',
    driverAdapterError: DriverAdapterError: NullConstraintViolation
        at PgTransaction.onError (/app/node_modules/@prisma/adapter-pg/dist/index.js:689:11)
        at PgTransaction.performIO (/app/node_modules/@prisma/adapter-pg/dist/index.js:684:12)
        at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
      cause: [Object]
    }
  },
  clientVersion: '6.19.3'
}""".split("\n")
PYTHON_BLOCK = """Traceback (most recent call last):
  File "/usr/local/lib/python3.11/site-packages/uvicorn/protocols/http/h11_impl.py", line 411, in run_asgi
    result = await app(  # type: ignore[func-returns-value]
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/local/lib/python3.11/site-packages/fastapi/applications.py", line 1224, in __call__
    await super().__call__(scope, receive, send)
  File "/usr/local/lib/python3.11/site-packages/starlette/middleware/errors.py", line 186, in __call__
    raise exc
  File "/app/main.py", line 43, in access
    return await call_next(request)
psycopg.errors.NotNullViolation: null value in column "ship_date" of relation "orders" violates not-null constraint""".split("\n")
PLAIN_FAILURES = (
    "Foreign key constraint violated on the constraint: `ClinicalNote_clientId_fkey`",
    'Unique constraint failed on the fields: (`"medicalRecordNumber"`)',
    "Raw query failed. Code: `57014`. Message: `canceling statement due to statement timeout`",
    "2026-11-22 19:42:28,751 - orders - WARNING - Validation error on POST /v1/orders: [{'type': 'missing', 'loc': ('body', 'customer_id'), "
    "'msg': 'Field required', 'input': {'items': [{'sku': 'ABC-123', 'quantity': 2}]}}]",
)
PLAIN_INFO = (
    "Clinical note saved: 8f2c1a44 PENDING_COSIGN (Intake Assessment)",
    "2026-11-22 19:42:28,938 - orders - INFO - order accepted: 4 items, 129 ms",
    "session refreshed for clinician, 12 open drafts",
    "cache: 84 hits, 3 misses in 60 s",
    "INFO:     connection open",
    "queue reminders: 17 sent, 0 waiting",
)


@dataclass(slots=True)
class Log:
    """What was generated: the file, and per line its time and stream; `requests` by (stream, minute, method, route, status)."""

    path: Path
    timestamps_ms: array[int] = field(default_factory=lambda: array("q"))
    streams: array[int] = field(default_factory=lambda: array("q"))
    requests: Counter[tuple[int, int, str, str, int]] = field(default_factory=Counter)


def generate(path: Path, *, kind: str, size_bytes: int, seed: int = 1) -> Log:
    """Writes about `size_bytes` of lines to `path`. `kind`: plain or json."""
    log = Log(path=path)
    written = 0
    with path.open("wb") as file:
        some: list[bytes] = []
        for line in _lines(log, random.Random(seed), kind):
            some.append(line)
            written += len(line) + 1
            if len(some) == 10_000 or written >= size_bytes:
                file.write(b"\n".join(some) + b"\n")
                some = []
            if written >= size_bytes:
                break
    return log


def _lines(log: Log, rng: random.Random, kind: str) -> Iterator[bytes]:
    writer = _Writer(rng, json_lines=kind == "json")
    waiting: list[list[str]] = [[] for _ in range(STREAMS)]
    stack_lines = 1.0 if kind == "json" else (len(PRISMA_BLOCK) + len(PYTHON_BLOCK)) / 2
    units = [(1 - STACK_SHARE - FAILURE_SHARE - INFO_SHARE), INFO_SHARE, STACK_SHARE / stack_lines, FAILURE_SHARE]
    bounds = [sum(units[: n + 1]) / sum(units) for n in range(3)]
    now = START_MS
    while True:
        stream = rng.randrange(STREAMS)
        if rng.random() < 0.4:
            now += rng.randrange(1, 12)
        if not waiting[stream]:
            choice = rng.random()
            if choice < bounds[0]:
                waiting[stream].append(_request(log, writer, stream, now))
            elif choice < bounds[1]:
                waiting[stream].append(writer.info(now))
            elif choice < bounds[2]:
                waiting[stream].extend(reversed(writer.stack(now)))
            else:
                waiting[stream].append(writer.failure(now))
        log.timestamps_ms.append(now)
        log.streams.append(stream)
        yield waiting[stream].pop().encode()


def _request(log: Log, writer: _Writer, stream: int, now: int) -> str:
    rng = writer.rng
    method, path, route, _ = rng.choices(ROUTES, [route[3] for route in ROUTES])[0]
    status = (201 if method == "POST" else 200) if rng.random() >= REFUSED_SHARE or "health" in path else rng.choice(REFUSALS)
    log.requests[stream, now - now % 60_000, method, route, status] += 1
    path = path.replace("{id}", writer.uuid()).replace("{n}", str(rng.randrange(100_000)))
    return writer.access(now, method, path, status)


class _Writer:
    def __init__(self, rng: random.Random, *, json_lines: bool) -> None:
        self.rng = rng
        self.access: Callable[[int, str, str, int], str] = self.json_access if json_lines else self.plain_access
        self.info = self.json_info if json_lines else self.plain_info
        self.stack = self.json_stack if json_lines else self.plain_stack
        self.failure = self.json_failure if json_lines else self.plain_failure

    def uuid(self) -> str:
        digits = f"{self.rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def plain_access(self, now: int, method: str, path: str, status: int) -> str:
        rng = self.rng
        if rng.random() < 0.25:
            return f'INFO:     127.0.0.1:{rng.randrange(30_000, 60_000)} - "{method} {path} HTTP/1.1" {status} {_REASON[status]}'
        probe = "health" in path
        client, agent = ("10.0.1.23", "ELB-HealthChecker/2.0") if probe else (rng.choice(CLIENTS), rng.choice(AGENTS))
        when = datetime.fromtimestamp(now / 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        referrer = "-" if probe else "https://app.example.com/"
        return f'{client} - - [{when}] "{method} {path} HTTP/1.1" {status} {rng.randrange(30, 20_000)} "{referrer}" "{agent}"'

    def plain_info(self, _now: int) -> str:
        return self.rng.choice(PLAIN_INFO)

    def plain_stack(self, _now: int) -> list[str]:
        return list(self.rng.choice((PRISMA_BLOCK, PYTHON_BLOCK)))

    def plain_failure(self, _now: int) -> str:
        return self.rng.choice(PLAIN_FAILURES)

    def json_access(self, now: int, method: str, path: str, status: int) -> str:
        rng = self.rng
        if rng.random() < 0.5:
            return json.dumps(
                {
                    "level": 30,
                    "time": now,
                    "pid": 13295,
                    "hostname": "ip-10-0-1-55.ec2.internal",
                    "req": {"id": rng.randrange(1 << 30), "method": method, "url": path, "remoteAddress": rng.choice(CLIENTS)},
                    "res": {"statusCode": status},
                    "responseTime": rng.randrange(1, 900),
                    "msg": "request completed",
                },
                separators=(",", ":"),
            )
        return json.dumps(
            {
                "method": method,
                "path": path.split("?", maxsplit=1)[0],
                "status_code": status,
                "duration_ms": rng.randrange(1, 90_000) / 100,
                "event": "http_request",
                "request_id": self.uuid(),
                "level": "info",
                "timestamp": _iso(now),
            }
        )

    def json_info(self, now: int) -> str:
        return self._winston(
            now, "info", "Clinical note saved", noteId=self.uuid(), noteType="Intake Assessment", status="PENDING_COSIGN"
        )

    def json_stack(self, now: int) -> list[str]:
        stack = "\n".join(self.rng.choice((PRISMA_BLOCK, PYTHON_BLOCK)))
        err = {"type": "DatabaseError", "message": stack.split("\n")[2].strip(), "stack": stack}
        return [
            json.dumps(
                {"level": 50, "time": now, "pid": 13295, "reqId": self.uuid(), "err": err, "msg": "request failed"},
                separators=(",", ":"),
            )
        ]

    def json_failure(self, now: int) -> str:
        if self.rng.random() < 0.5:
            issues = [{"code": "invalid_type", "message": "Required", "path": "sessionDate"}]
            return self._winston(
                now,
                "warn",
                "Zod validation error",
                errors=issues,
                method="POST",
                path="/api/v1/clinical-notes",
                requestId=self.uuid(),
            )
        errors = [{"loc": "body.customer_id", "msg": "Field required", "type": "missing"}]
        record = {
            "path": "/v1/orders",
            "method": "POST",
            "errors": errors,
            "event": "request_validation_failed",
            "request_id": self.uuid(),
        }
        return json.dumps({**record, "level": "warning", "timestamp": _iso(now)})

    def _winston(self, now: int, level: str, message: str, **more: object) -> str:
        record = {
            "environment": "production",
            "gitSha": "c3a7950",
            "level": level,
            "message": message,
            "service": "backend",
            "timestamp": _iso(now),
        }
        return json.dumps({**record, **more}, separators=(",", ":"))


def _iso(now: int) -> str:
    return f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{now % 1000:03d}Z"


_REASON = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
}
