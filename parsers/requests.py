"""Access lines -> request counts; several lines -> one failed request; which layer refused.

The access line decides that there was a failure. Causes (validation blocks, ORM errors, stacks, the logger's own error
lines) are gathered into groups, one per request, and tied to the refusal by the strongest key both carry: request id,
method and path, client, order within the stream. A group that fits nothing stands for itself.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from parsers.classify import severity_of
from parsers.masks import fingerprint, skeleton
from parsers.model import Access, Category, CauseLink, Evidence, Fact, Finding, Layer, Match, StreamKey

BEFORE_MS = 10_000  # a cause is printed before its access line, at most this long
AFTER_MS = 10_000  # ... or after it: aborted, streamed or timed out requests
SWAP_MS = 10  # two pipes: a line may stand this far from its place
AFTER_QUICK_MS = 100  # ... or at once after any: two pipes, two loggers
MERGE_MS = 1_000  # lines of one request without a key follow each other this closely
MAX_NEAR = 256  # refusals and causes that may belong together; a file without times has all its lines in one instant
MAX_FIELDS = 50
ANSWER_RULE = "http.answer"  # a refusal without a printed cause
_CAUSES = frozenset((Category.VALIDATION, Category.DATABASE, Category.CONNECTION, Category.MIGRATION, Category.STARTUP))
_ANSWERS = (Category.HTTP_4XX, Category.HTTP_5XX)
_REQUEST_CAUSES = (Category.VALIDATION, Category.DATABASE, Category.CONNECTION)
_LAYER_OF_STATUS = {
    401: Layer.AUTH, 403: Layer.AUTH, 405: Layer.ROUTING, 407: Layer.AUTH, 413: Layer.BODY_PARSER, 415: Layer.BODY_PARSER, 429: Layer.RATE_LIMIT,
}  # fmt: skip
_REASONS = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict",
    413: "Payload Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests", 499: "client closed the request",
    500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclass(slots=True)
class _Group:
    """What several records say about one request."""

    facts: list[Fact]
    matches: list[Match]
    first_ms: int
    last_ms: int
    method: str | None = None
    path: str | None = None
    request_id: str | None = None
    client: str | None = None
    status: int | None = None
    taken: bool = False
    rivals: bool = False  # more than one refusal could be its own
    _decided: tuple[int, Match | None] = (0, None)  # of so many matches the cause

    @property
    def keyed(self) -> bool:
        return bool(self.request_id or self.path)

    @property
    def cause(self) -> Match | None:
        """The deciding match: a real cause with the most said; None when every record only repeats the answer."""
        if self._decided[0] != len(self.matches):  # asked of many neighbours; matches only ever grow
            causes = [m for m in self.matches if not m.framework and m.category is not None]
            self._decided = len(self.matches), max(causes, key=_weight) if causes else None
        return self._decided[1]


def _weight(match: Match) -> tuple[bool, bool, bool, int]:
    return (
        match.category in _CAUSES,
        bool(match.fields),
        bool(match.code or match.db_code or match.implied_code),
        match.priority,
    )


@dataclass(slots=True)
class _Refusal:
    fact: Fact
    access: Access
    group: _Group | None = None
    link: CauseLink = CauseLink.NONE


@dataclass(slots=True)
class _Linker:
    """One pass over the facts of one stream, in order."""

    has_access_lines: bool
    waiting: deque[_Group] = field(default_factory=deque)  # groups without a refusal yet
    by_id: dict[str, _Group] = field(default_factory=dict)
    refusals: list[_Refusal] = field(default_factory=list)
    bare: deque[_Refusal] = field(default_factory=deque)  # refusals without a cause yet
    lone: list[_Group] = field(default_factory=list)
    answered_ids: dict[str, _Refusal] = field(default_factory=dict)

    def take(self, fact: Fact) -> None:
        self._expire(fact.timestamp_ms)
        if fact.access is not None and not fact.access.framework:
            self._refused(fact, fact.access)
        elif fact.matches or fact.access is not None:
            self._cause(fact)

    def _expire(self, now_ms: int) -> None:
        while self.waiting and (
            self.waiting[0].taken or now_ms - self.waiting[0].last_ms > BEFORE_MS or len(self.waiting) > MAX_NEAR
        ):
            group = self.waiting.popleft()
            if not group.taken:
                self.lone.append(group)
        while self.bare and (
            self.bare[0].group is not None or now_ms - self.bare[0].fact.timestamp_ms > AFTER_MS or len(self.bare) > MAX_NEAR
        ):
            self.bare.popleft()

    def _refused(self, fact: Fact, access: Access) -> None:
        refusal = _Refusal(fact=fact, access=access)
        self.refusals.append(refusal)
        if access.request_id:
            self.answered_ids[access.request_id] = refusal
        if fact.matches and any(not m.framework for m in fact.matches):
            refusal.group = _group_of(fact)
            refusal.link = CauseLink.SAME_LINE
        if not self.waiting and not access.request_id:  # most often nothing waits
            if refusal.group is None:
                self.bare.append(refusal)
            return
        found = self._group_for(refusal)
        if found is not None:
            group, link = found
            group.taken = True
            if refusal.group is None:
                refusal.group, refusal.link = group, link
        elif refusal.group is None:
            self.bare.append(refusal)

    def _group_for(self, refusal: _Refusal) -> tuple[_Group, CauseLink] | None:
        """The waiting group that speaks of the refused request, by the strongest key that both carry."""
        group = self.by_id.get(refusal.access.request_id or "")
        if group is not None and not group.taken:
            return group, CauseLink.REQUEST_ID
        groups = list(self._open_groups(refusal.access))
        for find, link in ((_by_route, CauseLink.ROUTE), (_by_client, CauseLink.CLIENT), (_by_order, CauseLink.ORDER)):
            group = find(groups, refusal)
            if group is not None:
                return group, link
        return None

    def _open_groups(self, access: Access) -> Iterator[_Group]:
        for group in self.waiting:
            if group.taken or not _status_fits(group, access):
                continue
            if group.request_id and access.request_id and group.request_id != access.request_id:
                continue
            yield group

    def _cause(self, fact: Fact) -> None:
        group = _group_of(fact)
        host = self._host(group)
        if host is not None:
            _merge(host, group)
            if host.request_id:
                self.by_id[host.request_id] = host
            if not host.taken:
                self._late(host)
            return
        if self._late(group) is not None:
            return
        self.waiting.append(group)
        if group.request_id:
            self.by_id[group.request_id] = group

    def _host(self, group: _Group) -> _Group | None:
        """The group of the same request that is still gathering."""
        if group.request_id:
            same = self.by_id.get(group.request_id)
            if same is not None:
                return same
        for other in reversed(self.waiting):
            if other.taken:
                continue
            if group.first_ms - other.last_ms > MERGE_MS:
                return None
            if _one_request(other, group):
                return other
        return None

    def _late(self, group: _Group) -> _Refusal | None:
        """A refusal that was written before its cause: at once (two pipes), or up to 10 s when it was aborted or timed out."""
        by_id = self.answered_ids.get(group.request_id or "")
        only_one = not group.keyed and by_id is None and self._only_one(group)
        if by_id is None and not group.path and not only_one:
            return None
        for refusal in [by_id] if by_id is not None else self.bare:
            if refusal.group is not None or not _status_fits(group, refusal.access):
                continue
            age = group.first_ms - refusal.fact.timestamp_ms
            slow = refusal.access.aborted or (refusal.access.status or 0) >= 500
            if age > (AFTER_MS if slow or by_id is not None else AFTER_QUICK_MS):
                continue
            same_route = bool(group.path) and group.path == refusal.access.path and group.method in (None, refusal.access.method)
            if by_id is not None or same_route or (only_one and age <= (AFTER_QUICK_MS if slow else SWAP_MS)):
                refusal.group = group
                refusal.link = CauseLink.REQUEST_ID if by_id is not None else CauseLink.ROUTE if same_route else CauseLink.ORDER
                group.taken = True
                if group.request_id:
                    self.by_id[group.request_id] = group
                return refusal
        return None

    def _only_one(self, group: _Group) -> bool:
        """Whether a single refusal of these milliseconds waits for such a cause."""
        some = (
            refusal
            for refusal in self.bare
            if refusal.group is None
            and group.first_ms - refusal.fact.timestamp_ms <= AFTER_QUICK_MS
            and _status_fits(group, refusal.access)
        )
        return next(some, None) is not None and next(some, None) is None

    def finish(self) -> None:
        self.lone.extend(group for group in self.waiting if not group.taken)
        self.waiting.clear()
        self.lone = [group for group in self.lone if group.keyed or not self._repeats(group)]

    def _repeats(self, group: _Group) -> bool:
        """A cause without a key that says what a refusal nearby already has: interleaved requests tore its lines from the keyed one."""
        cause = group.cause
        if cause is None:
            return False
        for refusal in _near(self.refusals, group):
            theirs = refusal.group.cause if refusal.group is not None else None
            if (
                refusal.group is not None
                and theirs is not None
                and theirs.system == cause.system
                and _same_said(refusal.group, group)
            ):
                refusal.group.facts.extend(group.facts)
                return True
        return False


def _by_route(groups: Sequence[_Group], refusal: _Refusal) -> _Group | None:
    """The oldest group of the same method and path: answers leave in the order the causes were printed."""
    method, path = refusal.access.method, refusal.access.path
    return next((group for group in groups if group.path and group.path == path and group.method in (None, method)), None)


def _by_client(groups: Sequence[_Group], refusal: _Refusal) -> _Group | None:
    client = refusal.access.client
    return next((group for group in groups if group.client == client and not group.path), None) if client else None


def _by_order(groups: Sequence[_Group], refusal: _Refusal) -> _Group | None:
    """The nearest cause without a key of its own, at most a second old."""
    recent = [group for group in groups if not group.keyed and refusal.fact.timestamp_ms - group.last_ms <= MERGE_MS]
    if len(recent) > 1:
        for group in recent:
            group.rivals = True
    return recent[-1] if recent else None


def _near(refusals: Sequence[_Refusal], group: _Group) -> Iterator[_Refusal]:
    """The refusals (in the stream's order) around a group: at most a second away, and MAX_NEAR of them on either side."""
    first = group.facts[0]
    at = bisect_left(refusals, (first.timestamp_ms, first.seq), key=lambda r: (r.fact.timestamp_ms, r.fact.seq))
    begin = bisect_left(refusals, group.first_ms - MERGE_MS, max(0, at - MAX_NEAR), at, key=_time_of)
    for number in range(begin, min(len(refusals), at + MAX_NEAR)):
        if refusals[number].fact.timestamp_ms > group.last_ms + MERGE_MS:
            return
        yield refusals[number]


def _time_of(refusal: _Refusal) -> int:
    return refusal.fact.timestamp_ms


def _group_of(fact: Fact) -> _Group:
    keyed = [m for m in fact.matches if m.path or m.request_id]
    first = keyed[0] if keyed else None
    access = fact.access
    statuses = [m.status for m in fact.matches if m.status]
    return _Group(
        facts=[fact],
        matches=list(fact.matches),
        first_ms=fact.timestamp_ms,
        last_ms=fact.last_ms,
        method=(first.method if first else None) or (access.method if access else None),
        path=(first.path if first else None) or (access.path if access else None),
        request_id=(first.request_id if first else None) or (access.request_id if access else None),
        client=next((m.client for m in fact.matches if m.client), None),
        status=(access.status if access else None) or (statuses[0] if statuses else None),
    )


def _merge(host: _Group, group: _Group) -> None:
    host.facts.extend(group.facts)
    host.matches.extend(group.matches)
    host.last_ms = max(host.last_ms, group.last_ms)
    host.method = host.method or group.method
    host.path = host.path or group.path
    host.request_id = host.request_id or group.request_id
    host.client = host.client or group.client
    host.status = host.status or group.status


def _one_request(older: _Group, newer: _Group) -> bool:
    """Whether two neighbouring groups speak of one request: keys that agree, or one without keys that says the same."""
    if older.request_id and newer.request_id:
        return older.request_id == newer.request_id
    if older.path and newer.path:
        if older.path != newer.path or older.method not in (None, newer.method) or older.request_id or newer.request_id:
            return False
        return not _rules(older) & _rules(newer) and _same_said(older, newer)  # one logger line twice: two requests
    return _same_said(older, newer) or _next_field(older, newer)


def _next_field(older: _Group, newer: _Group) -> bool:
    """One line a field, at once and by one rule: a validator that prints every field it refused, each with a code of its own."""
    a, b = older.cause, newer.cause
    if a is None or b is None or a.rule_id != b.rule_id or a.category is not Category.VALIDATION:
        return False
    at_once = newer.first_ms - older.last_ms <= SWAP_MS
    return at_once and not older.keyed and not newer.keyed and bool(a.fields and b.fields) and a.fields != b.fields


def _rules(group: _Group) -> set[str]:
    return {m.rule_id for m in group.matches if m.path and not m.framework}


def _same_said(older: _Group, newer: _Group) -> bool:
    a, b = older.cause, newer.cause
    if a is None or b is None:
        return True
    for mine, theirs in ((a.code, b.code), (a.db_code, b.db_code)):
        if mine and theirs and mine != theirs:
            return False
    return a.category == b.category or a.category in _ANSWERS or b.category in _ANSWERS or a.layer == b.layer


def _status_fits(group: _Group, access: Access) -> bool:
    return group.status is None or access.status is None or group.status == access.status


def fold_requests(stream: StreamKey, facts: Sequence[Fact], *, has_access_lines: bool) -> tuple[Finding, ...]:
    """One finding per refused request, and one per cause that no access line answers for. `facts` in order, without those of runs."""
    linker = _Linker(has_access_lines=has_access_lines)
    for fact in facts:
        linker.take(fact)
    linker.finish()
    return tuple(_findings(stream, linker))


def _findings(stream: StreamKey, linker: _Linker) -> Iterator[Finding]:
    for refusal in linker.refusals:
        group, access = refusal.group, refusal.access
        if access.aborted and (group is None or group.cause is None):
            continue  # the client gave up and nothing says why
        yield _refused_finding(stream, refusal)
    for group in linker.lone:
        finding = _lone_finding(stream, group, linker.has_access_lines)
        if finding is not None:
            yield finding


def _refused_finding(stream: StreamKey, refusal: _Refusal) -> Finding:
    access, group = refusal.access, refusal.group
    cause = group.cause if group is not None else None
    answer = Category.HTTP_5XX if (access.status or 0) >= 500 else Category.HTTP_4XX
    category = cause.category if cause is not None and cause.category in _REQUEST_CAUSES else answer
    layer = _layer(access, group, cause)
    facts = [*(group.facts if group is not None else ()), refusal.fact]
    return _finding(
        stream,
        facts,
        category=category,
        cause=cause,
        layer=layer,
        access=access,
        link=None if group is None else CauseLink.AMBIGUOUS if group.rivals else refusal.link,
        group=group,
        deciding=_deciding_fact(group, cause) or refusal.fact,
        at=refusal.fact,
    )


def _deciding_fact(group: _Group | None, cause: Match | None) -> Fact | None:
    if group is None or cause is None:
        return None
    return next((fact for fact in group.facts if cause in fact.matches), None)


def _layer(access: Access | None, group: _Group | None, cause: Match | None) -> Layer:
    if cause is not None and cause.layer is not None:
        return cause.layer
    said = next((m.layer for m in (group.matches if group is not None else ()) if m.layer is not None), None)
    by_status = _LAYER_OF_STATUS.get(access.status or 0) if access is not None else None
    if said is not None and cause is None:
        return said
    return by_status or said or Layer.UNKNOWN


def _lone_finding(stream: StreamKey, group: _Group, has_access_lines: bool) -> Finding | None:
    """A cause without a refusal: counted as such. A line that only repeats an answer counts where no access lines do."""
    cause = group.cause
    if cause is None:
        refused = group.status is not None and group.status >= 400
        if has_access_lines or not refused:
            return None
    category = cause.category if cause is not None else None
    if category in (None, Category.HTTP_4XX, Category.HTTP_5XX):
        category = (
            Category.HTTP_5XX if (group.status or (500 if category is Category.HTTP_5XX else 400)) >= 500 else Category.HTTP_4XX
        )
    assert category is not None
    fact = _deciding_fact(group, cause) or group.facts[0]
    return _finding(
        stream,
        group.facts,
        category=category,
        cause=cause,
        layer=_layer(None, group, cause) if cause is None or cause.layer is None else cause.layer,
        access=None,
        link=CauseLink.AMBIGUOUS if group.rivals else CauseLink.NONE,
        group=group,
        deciding=fact,
        at=fact,
    )


def _finding(
    stream: StreamKey,
    facts: Sequence[Fact],
    *,
    category: Category,
    cause: Match | None,
    layer: Layer,
    access: Access | None,
    link: CauseLink | None,
    group: _Group | None,
    deciding: Fact,
    at: Fact,
) -> Finding:
    status = (access.status if access is not None else None) or (group.status if group is not None else None)
    method = (access.method if access is not None else None) or (group.method if group is not None else None)
    path = (access.path if access is not None else None) or (group.path if group is not None else None)
    route = (access.route if access is not None else None) or (cause.route if cause is not None else None) or _group_route(group)
    ordered = [deciding]
    if len(facts) > 1 or facts[0] is not deciding:
        ordered += [fact for fact in sorted(facts, key=_position) if fact is not deciding]
    extra = _said_by_others(group, cause)
    code = (cause.code if cause is not None else None) or extra.code
    system = cause.system if cause is not None else None
    aborted = access.aborted if access is not None else False
    said = cause.title if cause is not None else ""
    return Finding(
        id=_id(stream, at),
        rule_id=cause.rule_id if cause is not None else _answer_rule(group),
        category=category,
        system=system,
        code=code,
        db_code=(cause.db_code if cause is not None else None) or extra.db_code,
        implied_code=cause.implied_code if cause is not None else None,
        severity=severity_of(category, layer, status, cause.severity if cause is not None and access is None else None),
        outcome=None,
        layer=layer,
        status=status,
        aborted=aborted,
        method=method,
        route=route,
        path=path,
        fields=_refused_fields(group, cause) or extra.fields,
        title=_title(method, route, status, said, aborted),
        evidence=_evidence(ordered),
        fingerprint=_fingerprint(method, route, status, said, category, layer, system, code),
        stream=stream,
        timestamp_ms=at.timestamp_ms,
        event_ids=tuple(dict.fromkeys([i for fact in ordered for i in fact.event_ids]))[:100],
        request_id=(access.request_id if access is not None else None) or (group.request_id if group is not None else None),
        client=(access.client if access is not None else None) or (group.client if group is not None else None),
        cause_link=link,
        events=sum([fact.events for fact in ordered]),
        table=(cause.table if cause is not None else None) or extra.table,
    )


def _group_route(group: _Group | None) -> str | None:
    return next((m.route for m in group.matches if m.route), None) if group is not None else None


def _answer_rule(group: _Group | None) -> str:
    return group.matches[0].rule_id if group is not None and group.matches else ANSWER_RULE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extra:
    code: str | None = None
    db_code: str | None = None
    fields: tuple[str, ...] = ()
    table: str | None = None


_NOTHING_MORE = _Extra()


def _said_by_others(group: _Group | None, cause: Match | None) -> _Extra:
    """What the other records of the same request add: the database's code, the fields, the table."""
    if group is None or len(group.matches) < 2:
        return _NOTHING_MORE
    others = [m for m in group.matches if m is not cause]
    return _Extra(
        code=next(
            (
                m.code
                for m in others
                if m.code and cause is not None and m.system == cause.system and m.category is cause.category
            ),
            None,
        ),
        db_code=next((m.db_code for m in others if m.db_code), None)
        or next(
            (
                m.code
                for m in others
                if m.category is Category.DATABASE and m.code and cause is not None and m.system != cause.system
            ),
            None,
        ),
        fields=next((m.fields for m in others if m.fields), ()),
        table=next((m.table for m in others if m.table), None),
    )


def _refused_fields(group: _Group | None, cause: Match | None) -> tuple[str, ...]:
    """The cause's fields, and those that the same rule read in further lines of the request: one line a field."""
    if cause is None or not cause.fields:
        return ()
    matches = group.matches if group is not None else ()
    again = [m.fields for m in matches if m is not cause and m.rule_id == cause.rule_id]
    return tuple(dict.fromkeys([*cause.fields, *(name for names in again for name in names)]))[:MAX_FIELDS]


@lru_cache(maxsize=4_096)
def _fingerprint(
    method: str | None,
    route: str | None,
    status: int | None,
    said: str,
    category: Category,
    layer: Layer,
    system: str | None,
    code: str | None,
) -> str:
    return fingerprint(
        category=category,
        system=system,
        code=code if category is not Category.VALIDATION else None,
        route=f"{method or ''} {route or ''}".strip() or None,
        words=skeleton(said),
        extra=[str(layer), str(status or "")],
    )


@lru_cache(maxsize=4_096)
def _title(method: str | None, route: str | None, status: int | None, said: str, aborted: bool) -> str:
    request = f"{method or ''} {route or ''}".strip()
    answer = "aborted by the client" if aborted else f"{status} {_REASONS.get(status, '')}".strip() if status else ""
    head = f"{request} {answer}".strip()
    return f"{head}: {said}" if head and said else head or said


def _evidence(facts: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple([e for fact in facts for e in fact.evidence])[:12]


def _position(fact: Fact) -> tuple[int, int]:
    return (fact.timestamp_ms, fact.seq)


def _id(stream: StreamKey, fact: Fact) -> str:
    where = fact.event_ids[0] if fact.event_ids else f"{fact.timestamp_ms}.{fact.seq}"
    return "f-" + hashlib.sha256(f"finding\0{stream.log_group}\0{stream.log_stream}\0{where}".encode()).hexdigest()[:16]


def resolve_openings(facts: Iterable[Fact]) -> list[Fact]:
    """Access lines that lack method and path get them from the opening line ("incoming request") of the same request id.

    Without an id (Rails), the latest opening of the stream that no answer has used answers for it.
    """
    by_id: dict[str, Access] = {}
    latest: deque[Access] = deque(maxlen=64)
    resolved: list[Fact] = []
    for fact in facts:
        access = fact.access
        if access is None:
            resolved.append(fact)
        elif access.opening:
            if access.request_id:
                by_id[access.request_id] = access
            else:
                latest.append(access)
        else:
            resolved.append(replace(fact, access=_opened(access, by_id, latest)))
    return resolved


def _opened(access: Access, by_id: dict[str, Access], latest: deque[Access]) -> Access:
    if access.method is not None and access.path is not None:
        return access
    opening = by_id.get(access.request_id) if access.request_id else (latest.pop() if latest and not access.framework else None)
    if opening is None:
        return access
    return replace(
        access,
        method=access.method or opening.method,
        path=access.path or opening.path,
        route=access.route or opening.route,
        client=access.client or opening.client,
        health_check=access.health_check or opening.health_check,
    )


def count_requests(facts: Iterable[Fact]) -> dict[tuple[int, str, str, int, bool, bool], int]:
    """(minute_ms, method, route, status, aborted, health_check) -> requests, from resolved access facts."""
    counts: dict[tuple[int, str, str, int, bool, bool], int] = defaultdict(int)
    for fact in facts:
        access = fact.access
        if access is not None and not access.opening and not access.framework:
            counts[count_key(fact.timestamp_ms, access)] += 1
    return counts


def count_key(timestamp_ms: int, access: Access) -> tuple[int, str, str, int, bool, bool]:
    minute = timestamp_ms - timestamp_ms % 60_000
    return (minute, access.method or "", access.route or "", access.status or 0, access.aborted, access.health_check)
