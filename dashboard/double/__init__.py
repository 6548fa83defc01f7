"""A stand-in for AWS that serves one scene over real HTTP, so that the AWS path can be tried and tested without an account.

`Double(scene).start()` answers CloudWatch Logs and ECS from a scene folder (its log files and `ecs.json`) with the
semantics that matter to a fetcher: inclusive and exclusive ends, page caps, empty pages, tokens, quotas, events that arrive
late, tasks that ECS forgot. What a scene does not hold (identity, metrics, everything else) goes to moto when it is installed.
"""

from dashboard.double.faults import Fault, FaultKind, Faults
from dashboard.double.scene import SceneTruth, StoredEvent, event_id_of
from dashboard.double.server import Double

__all__ = ["Double", "Fault", "FaultKind", "Faults", "SceneTruth", "StoredEvent", "event_id_of"]
