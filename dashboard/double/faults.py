"""Scripted faults: what the real service does on a bad day, decided by a seed and the request alone.

Whether a fault strikes depends on the seed, the request and how often this very request was asked, never on the order in
which threads arrive: a failing mixture can be repeated by its seed.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What can go wrong on the way to an event."""

    EMPTY_PAGE = "empty_page"  # a page without events, with a token that goes on
    SMALL_PAGE = "small_page"  # a page much shorter than the caps
    REPEATED_TOKEN = "repeated_token"  # FilterLogEvents answers nothing and the token it was asked with  # noqa: S105
    REPEATED_PAGE = "repeated_page"  # ... and the page is delivered again with it
    OVERLAP = "overlap"  # a page begins with the last events of the page before
    SHUFFLED_PAGE = "shuffled_page"  # events of a page in no order
    TOO_MUCH = "too_much"  # events outside the asked times or streams come too
    SHORT_READ = "short_read"  # minutes of a stream are left out of the first answer that should hold them
    THROTTLE = "throttle"  # ThrottlingException
    UNAVAILABLE = "unavailable"  # ServiceUnavailableException, HTTP 503
    SERVER_ERROR = "server_error"  # HTTP 500 with an HTML body
    CUT_CONNECTION = "cut_connection"  # the connection closes in the middle of the answer
    STALE_TOKEN = "stale_token"  # the page token has expired (they live 24 hours)  # noqa: S105
    EXPIRED_CREDENTIALS = "expired_credentials"
    ACCESS_DENIED = "access_denied"
    STALE_LAST_EVENT = "stale_last_event"  # lastEventTimestamp lags by hours
    LATE_EVENTS = "late_events"  # events become visible minutes after their ingestion time


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that strikes an API with a rate between 0 and 1; `times` bounds how often one same request meets it."""

    kind: FaultKind
    api: str = "*"
    rate: float = 1.0
    times: int = 1
    after: int = 0  # the first calls of this API go well

    def concerns(self, api: str) -> bool:
        """Whether this fault is meant for the API of this name."""
        return self.api in ("*", api)


class Faults:
    """A script of faults under one seed. Thread-safe."""

    def __init__(self, faults: tuple[Fault, ...] = (), seed: int = 0) -> None:
        self.faults = faults
        self.seed = seed
        self._struck: Counter[tuple[int, str, str]] = Counter()
        self._asked: Counter[tuple[int, str, str]] = Counter()
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count_call(self, api: str) -> None:
        """Note that one more call of this API arrived."""
        with self._lock:
            self._calls[api] += 1

    def strikes(self, kind: FaultKind, api: str, request: str) -> bool:
        """Whether the request meets this fault now. Asking counts: ask once a request."""
        return any(
            self._rolls(number, fault, api, request)
            for number, fault in enumerate(self.faults)
            if fault.kind is kind and fault.concerns(api)
        )

    def rate_of(self, kind: FaultKind, api: str) -> float:
        """The highest rate at which this fault strikes an API; 0 where it doesn't."""
        return max((fault.rate for fault in self.faults if fault.kind is kind and fault.concerns(api)), default=0.0)

    def first_time(self, key: str) -> bool:
        """Whether this was never asked before."""
        with self._lock:
            self._calls[key] += 1
            return self._calls[key] == 1

    def has(self, kind: FaultKind, api: str = "*") -> bool:
        """Whether the script holds this fault at all, for faults that are states and not strokes."""
        return any(fault.kind is kind and (api == "*" or fault.concerns(api)) for fault in self.faults)

    def _rolls(self, number: int, fault: Fault, api: str, request: str) -> bool:
        key = (number, api, request)
        with self._lock:
            self._asked[key] += 1
            if self._calls[api] <= fault.after or self._struck[key] >= fault.times:
                return False
            if roll(self.seed, number, api, request, self._asked[key]) >= fault.rate:
                return False
            self._struck[key] += 1
            return True


def roll(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
