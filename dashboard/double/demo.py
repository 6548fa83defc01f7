"""`triage demo --aws`: a scene behind a loopback endpoint, and the words to try it with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.double.quotas import US_EAST_1
from dashboard.double.scene import SceneTruth
from dashboard.double.server import MOTO_MISSING, Double, moto_installed
from parsers import UsageError

LATENCY_S = 0.05


def run(
    scene: Path, *, port: int = 0, speed: float = 0.0, say: Callable[[str], None] = print, stop: threading.Event | None = None
) -> None:
    """Serve a scene until Ctrl-C (or until `stop` is set).

    Args:
        scene: a folder with logs and `ecs.json`.
        speed: how many times as fast as real time the scene's clock runs on; 0: it stands still at the scene's end.

    Raises:
        UsageError: moto is not installed.
    """
    if not moto_installed():
        raise UsageError("`triage demo --aws` needs moto, which is not installed", hint=MOTO_MISSING.split(": ", 1)[1])
    truth = SceneTruth.load(scene)
    stop = stop or threading.Event()
    with Double(truth, quotas=US_EAST_1, latency_s=LATENCY_S, speed=speed).start(port) as double:
        for line in instructions(truth, double.endpoint_url):
            say(line)
        try:
            stop.wait()
        except KeyboardInterrupt:
            say("stopped")


def instructions(truth: SceneTruth, endpoint_url: str) -> list[str]:
    """What to type in another terminal."""
    service: dict[str, Any] = next(iter(truth.ecs.get("describe_services", {}).get("services", [])), {})
    cluster = str(service.get("clusterArn", "CLUSTER")).rsplit("/", 1)[-1]
    return [
        f"AWS, as far as this scene knows it: {endpoint_url}   (Ctrl-C ends it)",
        "In another terminal:",
        f"  export AWS_ENDPOINT_URL={endpoint_url} AWS_REGION={truth.region} AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo",
        f"  triage doctor --cluster {cluster} --service {service.get('serviceName', 'SERVICE')}",
        f"  triage fetch --cluster {cluster} --service {service.get('serviceName', 'SERVICE')} --since 24h",
    ]
