"""`python -m tests.lab.rollout`: three rolling deployments of one service under ordinary traffic, recorded as a scene.

Revision 20 is healthy. Revision 21's migration fails (somebody had added one of its columns by hand), its start script goes
on, and printing a label answers 500. Revision 22 mends both. Each runs as two tasks against a private PostgreSQL; the old
tasks drain while the new ones start. Everything is real but what the scene's README says.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from tests.lab.cluster import Cluster, free_port, private_cluster
from tests.lab.make_scenes import SAMPLES, ecs, save_ecs
from tests.lab.recording import Scrubber, attach
from tests.lab.tools import Step, alembic_project

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("TRIAGE_LAB", Path.home() / ".cache/triage-lab")) / "rollout"
PACKAGES = ("fastapi", "uvicorn", "alembic", "sqlalchemy", "psycopg[binary]")
SCENE, SERVICE = "mended-and-green", "shipments"
REVISIONS = {20: "8d1c0f4", 21: "b7e92aa", 22: "51f6d3c"}
REQUESTS = {20: 420, 21: 200, 22: 420}
APART_MS = 20 * 60_000  # what is idle between two deployments is shortened or lengthened to this

CREATE = Step(
    "create_shipments",
    "CREATE TABLE shipments (id uuid PRIMARY KEY, customer text NOT NULL, created timestamptz NOT NULL DEFAULT now())",
    "DROP TABLE shipments",
)
CARRIER = Step(
    "add_carrier",
    "ALTER TABLE shipments ADD COLUMN carrier text NOT NULL DEFAULT 'post'",
    "ALTER TABLE shipments DROP COLUMN carrier",
)
LABEL = Step("add_weight_and_label", "ALTER TABLE shipments ADD COLUMN weight int, ADD COLUMN label text", "SELECT 1")
LABEL_MENDED = Step(
    "add_weight_and_label",
    "ALTER TABLE shipments ADD COLUMN IF NOT EXISTS weight int, ADD COLUMN IF NOT EXISTS label text",
    "SELECT 1",
)
STEPS = {20: (CREATE, CARRIER), 21: (CREATE, CARRIER, LABEL), 22: (CREATE, CARRIER, LABEL_MENDED)}


@dataclass(slots=True, kw_only=True)
class Task:
    """One running container of the service: its process and the lines both of its pipes said."""

    id: str
    revision: int
    port: int
    process: subprocess.Popen[bytes]
    started_ms: int
    lines: list[tuple[int, str]] = field(default_factory=list)
    readers: list[Thread] = field(default_factory=list)
    stopped_ms: int | None = None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        for reader in self.readers:
            reader.join()
        self.stopped_ms = now_ms()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def start(revision: int, number: int, folder: Path, database: str) -> Task:
    port = free_port()
    environment = {
        **os.environ,
        "PATH": f"{CACHE / 'bin'}:{os.environ['PATH']}",
        "DATABASE_URL": database,
        "PORT": str(port),
        "REVISION": str(revision),
        "MASKED": "1" if revision == 21 else "",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        ["sh", "start.sh"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    name = hashlib.sha256(f"{SCENE}/{revision}/{number}".encode()).hexdigest()[:32]
    task = Task(id=name, revision=revision, port=port, process=process, started_ms=now_ms())
    task.readers = attach(process, task.lines)
    return task


def ask(task: Task, method: str, path: str, body: object = None, client: str | None = None) -> tuple[int, bytes]:
    """One request as a load balancer would forward it; status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", task.port, timeout=10)
    headers = {"Content-Type": "application/json"} | ({"X-Forwarded-For": client} if client else {})
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


def healthy(task: Task) -> bool:
    try:
        return ask(task, "GET", "/health")[0] == 200
    except OSError:
        return False


def wait_for(task: Task) -> None:
    for _ in range(300):
        if healthy(task):
            return
        time.sleep(0.1)
    raise TimeoutError(f"task {task.id} of revision {task.revision} does not listen")


@dataclass(slots=True)
class Clients:
    """Ordinary traffic: most of it reads, some writes, a few ask for what is not there or send what is not allowed."""

    dice: random.Random
    known: list[str] = field(default_factory=list)

    def send(self, task: Task) -> None:
        client, roll = f"203.0.113.{self.dice.randint(2, 120)}", self.dice.random()
        known = self.dice.choice(self.known) if self.known else None
        if roll < 0.25 or known is None:
            body = {"customer": f"C-{self.dice.randint(1000, 9999)}", "carrier": "courier", "weight": self.dice.randint(1, 40)}
            self.known.append(json.loads(ask(task, "POST", "/v1/shipments", body, client)[1])["id"])
        elif roll < 0.45:
            ask(task, "GET", f"/v1/shipments?limit={self.dice.choice((10, 20, 400))}", client=client)
        elif roll < 0.82:
            ask(task, "GET", f"/v1/shipments/{known}", client=client)
        elif roll < 0.96:
            label = f"DE-{self.dice.randint(100000, 999999)}"
            ask(task, "POST", f"/v1/shipments/{known}/labels", {"label": label}, client)
        elif roll < 0.985:
            ask(task, "GET", "/v1/shipments/00000000-0000-4000-8000-000000000000", client=client)
        else:
            ask(task, "POST", "/v1/shipments", {"customer": "", "weight": 0}, client)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    revision: int
    started_ms: int
    finished_ms: int
    tasks: Sequence[Task]


def roll_out(revision: int, old: Sequence[Task], work: Path, database: str) -> Deployment:
    """Start the new tasks beside the old ones, hand over when they are healthy, stop the old ones."""
    folder = work / f"td{revision}"
    alembic_project(folder, STEPS[revision])
    for name in ("app.py", "start.sh"):
        shutil.copyfile(HERE / name, folder / name)
    began = now_ms()
    tasks = []
    for number in (1, 2):
        tasks.append(start(revision, number, folder, database))
        wait_for(tasks[-1])
    for task in old:
        task.stop()
    return Deployment(revision=revision, started_ms=began, finished_ms=now_ms(), tasks=tasks)


def run_all(cluster: Cluster, work: Path) -> list[Deployment]:
    cluster.fresh("shipments")
    clients, deployments, old = Clients(random.Random(7)), [], ()
    for revision, requests in REQUESTS.items():
        if revision == 21:  # the hotfix that nobody wrote a migration for
            cluster.sql("shipments", "ALTER TABLE shipments ADD COLUMN weight int")
        deployment = roll_out(revision, old, work, cluster.url("shipments"))
        for number in range(requests):
            clients.send(deployment.tasks[number % 2])
            if number % 40 == 0:
                for task in deployment.tasks:
                    healthy(task)
            time.sleep(0.12)
        deployments.append(deployment)
        old = deployment.tasks
        print(f"revision {revision}: {[len(task.lines) for task in deployment.tasks]} lines")
    return deployments


def write_scene(deployments: Sequence[Deployment], scrubber: Scrubber) -> None:
    """The tasks still run: the scene is what they said up to now."""
    end = now_ms()
    starts = [one.started_ms for one in deployments]

    def moved(ms: int) -> int:
        number = max((n for n, begun in enumerate(starts) if begun <= ms), default=0)
        return starts[0] + number * APART_MS + ms - starts[number]

    folder = SAMPLES / SCENE
    folder.mkdir(parents=True, exist_ok=True)
    for one in deployments:
        text = "".join(_events(task, scrubber, moved, end) for task in one.tasks)
        with (
            (folder / f"td{one.revision}.jsonl.gz").open("wb") as out,
            gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed,
        ):
            packed.write(text.encode())
    save_ecs(
        SCENE,
        ecs(
            SERVICE,
            [
                {
                    "revision": one.revision,
                    "commit": REVISIONS[one.revision],
                    "started": moved(one.started_ms),
                    "finished": moved(one.finished_ms),
                    "status": "SUCCESSFUL",
                    "count": len(one.tasks),
                }
                for one in deployments
            ],
            [_told(task, moved) for one in deployments for task in one.tasks],
            moved(end) + 900_000,
        ),
    )


def _events(task: Task, scrubber: Scrubber, moved: Callable[[int], int], end: int) -> str:
    said = []
    for number, (ms, line) in enumerate([one for one in task.lines if one[0] <= end]):
        at = moved(ms)
        event = {
            "logGroup": f"/ecs/{SERVICE}",
            "logStreamName": f"ecs/{SERVICE}/{task.id}",
            "timestamp": at,
            "ingestionTime": at + 700 + number % 900,
            "message": scrubber.text(line).replace(f":{task.port} ", ":8000 "),
            "eventId": str(at << 144 | int(task.id[:8], 16) << 24 | number),
        }
        said.append(json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n")
    return "".join(said)


def _told(task: Task, moved: Callable[[int], int]) -> dict[str, object]:
    told: dict[str, object] = {"id": task.id, "revision": task.revision, "started": moved(task.started_ms)}
    if task.stopped_ms is not None:
        told |= {
            "stopped": moved(task.stopped_ms),
            "exit": 128 - code if (code := task.process.returncode) < 0 else code,  # a signal, as a container tells it
            "reason": "Scaling activity initiated by deployment",
            "stop_code": "ServiceSchedulerInitiated",
        }
    return told


def main() -> int:
    if not (CACHE / "bin/uvicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(CACHE)], check=True)
        subprocess.run([str(CACHE / "bin/pip"), "install", "--quiet", *PACKAGES], check=True)
    work = Path(tempfile.mkdtemp(prefix="triage-lab-"))
    deployments: list[Deployment] = []
    try:
        with private_cluster() as cluster:
            scrubber = Scrubber(replacements=((str(CACHE), "/opt/venv"), *((f"{work}/td{r}", "/app") for r in STEPS)))
            deployments = run_all(cluster, work)
            write_scene(deployments, scrubber)
            for task in deployments[-1].tasks:
                task.stop()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
