"""`triage doctor`: can this identity see what it must, and if not, the one command that mends it.

    identity · region · clock · each permission, probed once · cluster and service · log groups and their class ·
    log driver mode (non-blocking may lose lines) · event capture and Container Insights · the store

Nothing is changed anywhere. A check that fails never stops the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from dashboard.fetchers.cloudwatch import LogGroup, find_log_group
from dashboard.fetchers.ecs import EcsQuestion, LogPlaces, ask_ecs, log_places
from dashboard.fetchers.failures import AwsError
from dashboard.fetchers.permissions import ACTIONS, iam_policy
from dashboard.fetchers.quotas import quota_of
from dashboard.fetchers.session import SKEW_WORTH_NAMING_MS, Aws
from dashboard.fetchers.sightings import CONTAINER_INSIGHTS, EVENT_CAPTURE
from dashboard.fetching import connect
from dashboard.settings import Settings
from parsers import NotSeenError, counted

PROBE_END_MS = 1  # probes ask for one millisecond in 1970: allowed or denied, and nothing read


class Sign(StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"  # works, and worth knowing
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUp:
    """One check: what was found, and the command that mends it."""

    name: str
    sign: Sign
    text: str
    mend: str = ""


@dataclass(slots=True)
class Doctor:
    """Runs the checks one after the other; later ones use what earlier ones found."""

    settings: Settings
    aws: Aws
    answers: dict[str, Any] = field(default_factory=dict)
    places: LogPlaces = field(default_factory=lambda: LogPlaces(scopes=(), notices=(), may_lose_lines=False))
    account: str = "*"
    _groups: dict[tuple[str, str], LogGroup | None] = field(default_factory=dict)
    _unseen: list[tuple[str, str]] = field(default_factory=list)  # groups that may not be described, and may be read

    def check_ups(self) -> Iterator[CheckUp]:
        """Every check, as it is done."""
        for check in (
            self._identity,
            self._region,
            self._clock,
            self._ecs,
            self._log_groups,
            self._permissions,
            self._log_mode,
            self._event_groups,
        ):
            try:
                yield from check()
            except AwsError as error:
                yield CheckUp(name=check.__name__.strip("_"), sign=Sign.FAILED, text=str(error), mend=error.hint)
                if error.credentials or error.code == "NoRegionError":
                    return

    def _identity(self) -> Iterator[CheckUp]:
        identity = self.aws.identity()
        self.account = str(identity["Account"])
        yield CheckUp(name="identity", sign=Sign.OK, text=f"{identity['Arn']} in account {self.account}")

    def _region(self) -> Iterator[CheckUp]:
        region = self.aws.region
        rates = ", ".join(f"{api} {quota_of(api, region):g}/s" for api in ("FilterLogEvents", "GetLogEvents"))
        yield CheckUp(name="region", sign=Sign.OK, text=f"{region} (quotas of the account: {rates}; a fetch takes half)")

    def _clock(self) -> Iterator[CheckUp]:
        skew = self.aws.skew_ms or 0
        if abs(skew) > SKEW_WORTH_NAMING_MS:
            text = f"this machine is {timedelta(seconds=abs(skew) // 1000)} {'behind' if skew > 0 else 'ahead of'} AWS; times are taken from AWS"
            yield CheckUp(
                name="clock", sign=Sign.NOTE, text=text, mend="date -u   (then set the clock, for example: sudo chronyc makestep)"
            )
        else:
            yield CheckUp(name="clock", sign=Sign.OK, text="within a minute of AWS's")

    def _ecs(self) -> Iterator[CheckUp]:
        if not self.settings.cluster:
            yield CheckUp(
                name="ecs",
                sign=Sign.NOTE,
                text="no cluster is set: no deployments, no verdicts",
                mend="add --cluster NAME --service NAME",
            )
            return
        self.answers = ask_ecs(self.aws, EcsQuestion(cluster=self.settings.cluster, service=self.settings.service))
        services = self.answers["describe_services"]["services"]
        deployments = self.answers.get("describe_service_deployments", {}).get("serviceDeployments", [])
        yield CheckUp(
            name="ecs",
            sign=Sign.OK,
            text=f"{counted(len(services), 'service')}, {counted(len(deployments), 'deployment')} of the last 90 days",
        )
        for notice in self.answers["_about"]["notices"]:
            yield CheckUp(name="ecs", sign=Sign.NOTE, text=notice)
        self.places = log_places(self.answers, self.aws.region)

    def _named_groups(self) -> list[tuple[str, str]]:
        named = [(self.aws.region, group) for group in self.settings.log_groups]
        return list(dict.fromkeys([*((scope.region, scope.log_group) for scope in self.places.scopes), *named]))

    def _log_groups(self) -> Iterator[CheckUp]:
        for notice in self.places.notices:
            yield CheckUp(name="logs", sign=Sign.NOTE, text=notice)
        for region, name in self._named_groups():
            yield self._log_group(region, name)
        if not self._named_groups():
            yield CheckUp(
                name="log group",
                sign=Sign.FAILED,
                text="no log group is known",
                mend="add --cluster and --service, or --log-group NAME",
            )

    def _log_group(self, region: str, name: str) -> CheckUp:
        try:
            group = self._groups[region, name] = find_log_group(self.aws, name, region)
        except AwsError as error:
            if not error.denied:
                raise
            self._unseen.append((region, name))
            return CheckUp(
                name="log group", sign=Sign.NOTE, text=f"{name} in {region}: its class is not known. {error}", mend=error.hint
            )
        if group is None:
            mend = f"aws logs describe-log-groups --region {region} --query 'logGroups[].logGroupName'"
            return CheckUp(name="log group", sign=Sign.FAILED, text=f"{name} does not exist in {region}", mend=mend)
        if not group.readable:
            return CheckUp(
                name="log group",
                sign=Sign.FAILED,
                text=group.why_not,
                mend=group.what_to_do,
            )
        kept = f"kept {group.retention_days} days" if group.retention_days else "kept for ever"
        return CheckUp(name="log group", sign=Sign.OK, text=f"{name} in {region}: {group.log_class}, {kept}")

    def _permissions(self) -> Iterator[CheckUp]:
        for action in ACTIONS:
            probe = self._probes().get(action.name)
            if probe is None:
                continue
            refused = _refusal(probe)
            if refused is not None:
                sign = Sign.NOTE if action.optional else Sign.FAILED
                yield CheckUp(name="permission", sign=sign, text=f"{action.name} is denied: {action.without}", mend=refused.hint)
            else:
                yield CheckUp(name="permission", sign=Sign.OK, text=f"{action.name}: {action.purpose}")

    def _probes(self) -> dict[str, Callable[[], object]]:
        """One small call for each action; ECS's were probed by asking ECS, unless it could not be asked."""
        probes: dict[str, Callable[[], object]] = {}
        groups = [(region, name) for (region, name), group in self._groups.items() if group is not None and group.readable]
        groups += self._unseen
        if groups:
            region, name = groups[0]
            where: dict[str, Any] = {"region": region, "about": name, "logGroupName": name}
            probes["logs:DescribeLogStreams"] = lambda: self.aws.call("logs", "describe_log_streams", limit=1, **where)
            probes["logs:FilterLogEvents"] = lambda: self.aws.call(
                "logs", "filter_log_events", startTime=0, endTime=PROBE_END_MS, limit=1, **where
            )
            probes["logs:GetLogEvents"] = lambda: self.aws.call(
                "logs", "get_log_events", logStreamName="triage-doctor", startTime=0, endTime=PROBE_END_MS, limit=1, **where
            )
        for denied in self.answers.get("_about", {}).get("denied", []):
            probes[denied] = _deny(denied, self.aws.region)
        return probes

    def _log_mode(self) -> Iterator[CheckUp]:
        if not self.places.scopes:
            return
        mode = "blocking"
        if self.places.may_lose_lines:
            try:
                mode = self._default_mode()
            except AwsError as error:
                yield CheckUp(
                    name="log driver", sign=Sign.NOTE, text=f"{error}: the mode counts as non-blocking", mend=error.hint
                )
                mode = ""
        if mode != "blocking":
            text = "containers log non-blocking (the default since 2025-06-25): lines are dropped when the buffer is full, and verdicts say so"
            yield CheckUp(
                name="log driver",
                sign=Sign.NOTE,
                text=text,
                mend='in the task definition: logConfiguration.options "mode": "blocking"',
            )
        else:
            yield CheckUp(name="log driver", sign=Sign.OK, text="blocking: the driver drops no lines")

    def _default_mode(self) -> str:
        """The account's default for containers that name no mode; empty where nothing is set."""
        answer = self.aws.call("ecs", "list_account_settings", name="defaultLogDriverMode", effectiveSettings=True)
        return next((str(setting.get("value")) for setting in answer.get("settings", [])), "")

    def _event_groups(self) -> Iterator[CheckUp]:
        if not self.settings.cluster:
            return
        mends = {
            EVENT_CAPTURE: "ECS console, the cluster, Configuration, ECS events: turn on capture",
            CONTAINER_INSIGHTS: f"aws ecs update-cluster-settings --cluster {self.settings.cluster} --settings name=containerInsights,value=enabled",
        }
        for template, name in ((EVENT_CAPTURE, "event capture"), (CONTAINER_INSIGHTS, "Container Insights")):
            try:
                group = find_log_group(self.aws, template.format(cluster=self.settings.cluster), self.aws.region)
            except AwsError as error:
                if not error.denied:
                    raise
                yield CheckUp(name=name, sign=Sign.NOTE, text=f"whether it is on is not known. {error}", mend=error.hint)
                continue
            if group is not None:
                yield CheckUp(name=name, sign=Sign.OK, text=f"{name} is on: tasks that ECS forgot are found there")
            else:
                text = f"{name} is off: after an hour ECS forgets a stopped task; fetch while it remembers"
                yield CheckUp(name=name, sign=Sign.NOTE, text=text, mend=mends[template])


def _deny(action: str, region: str) -> Callable[[], object]:
    def refuse() -> object:
        raise AwsError(
            f"{action} is denied",
            hint=f"triage doctor --iam-policy   (grant {action} to this identity)",
            code="AccessDeniedException",
            api=action.partition(":")[2],
            region=region,
            action=action,
        )

    return refuse


def _refusal(probe: Callable[[], object]) -> AwsError | None:
    """The refusal, when a probe was denied; a probe that finds nothing was allowed to look."""
    try:
        probe()
    except AwsError as error:
        if error.denied:
            return error
        if not (error.not_found or error.code == "InvalidParameterException"):
            raise
    return None


def run(settings: Settings, *, aws: Aws | None = None) -> Iterator[CheckUp]:
    """Every check-up, as it is done. Never raises for what AWS says: that is a check-up."""
    try:
        session = aws or connect(settings)
    except NotSeenError as error:
        yield CheckUp(name="session", sign=Sign.FAILED, text=str(error), mend=error.hint)
        return
    yield from Doctor(settings, session).check_ups()


def exit_code(done: list[CheckUp]) -> int:
    """0 when the fetch can work, 4 when it can't look."""
    return 4 if any(one.sign is Sign.FAILED for one in done) else 0


def policy_text(settings: Settings, *, aws: Aws | None = None) -> str:
    """`--iam-policy`: the document for these settings; account and log groups are looked up when that is possible."""
    account, groups = "*", list(settings.log_groups)
    region = settings.region or "*"
    if aws is not None:
        try:
            account, region = aws.account, aws.region
            if settings.cluster:
                answers = ask_ecs(aws, EcsQuestion(cluster=settings.cluster, service=settings.service))
                groups += [scope.log_group for scope in log_places(answers, region).scopes]
        except AwsError:
            pass  # the policy is asked for because something is denied: stars stand for what can't be looked up
    document = iam_policy(account=account, region=region, cluster=settings.cluster, log_groups=list(dict.fromkeys(groups)))
    return json.dumps(document, indent=2)
