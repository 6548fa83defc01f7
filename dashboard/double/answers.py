"""What every answering part of the double needs: the error of the service, one request, and the script of faults."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dashboard.double.faults import FaultKind, Faults


class ApiError(Exception):
    """An error answer of the service: its code, its text and the HTTP status it comes with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call as it arrived. `now_ms` is the double's clock."""

    api: str
    region: str
    body: dict[str, Any]
    now_ms: int
    faults: Faults = field(default_factory=Faults)

    @property
    def key(self) -> str:
        """The same text for the same request."""
        return json.dumps([self.region, self.body], sort_keys=True)

    def strikes(self, kind: FaultKind) -> bool:
        """Whether this request meets a fault of this kind."""
        return self.faults.strikes(kind, self.api, self.key)
