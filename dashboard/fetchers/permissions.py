"""The AWS actions this program calls, all of them reading, and the least-privilege policy that allows them.

A test records every call that is ever made and holds it against this list; another holds every method name in this folder
against it. Resources are named where the action knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One IAM action: what for, what is lost without it, and whether the fetch can do without."""

    name: str
    purpose: str
    without: str
    optional: bool = False


ACTIONS: tuple[Action, ...] = (
    Action(name="logs:DescribeLogGroups", purpose="find log groups and their class", without="a wrong group name is found out late", optional=True),
    Action(name="logs:DescribeLogStreams", purpose="list streams for GetLogEvents", without="FilterLogEvents reads alone, slower", optional=True),
    Action(name="logs:FilterLogEvents", purpose="read events of all streams", without="streams are read one by one"),
    Action(name="logs:GetLogEvents", purpose="read one stream, and lines around a finding", without="no lines around a finding; slower", optional=True),  # noqa: E501 -- one action a line
    Action(name="ecs:DescribeServices", purpose="the service and its present deployments", without="no deployments, no verdicts"),
    Action(name="ecs:ListServices", purpose="all services of a cluster", without="--service must be given", optional=True),
    Action(name="ecs:ListServiceDeployments", purpose="deployments of the last 90 days", without="only the present deployment is known", optional=True),  # noqa: E501 -- one action a line
    Action(name="ecs:DescribeServiceDeployments", purpose="how each deployment ended", without="rollbacks and failures are unknown", optional=True),
    Action(name="ecs:DescribeServiceRevisions", purpose="task definition and image of each deployment", without="deployments have no revision", optional=True),  # noqa: E501 -- one action a line
    Action(name="ecs:ListTaskDefinitions", purpose="the newest revisions of a family", without="only revisions named by deployments", optional=True),
    Action(name="ecs:DescribeTaskDefinition", purpose="log groups, log mode, commit", without="--log-group must be given", optional=True),
    Action(name="ecs:ListTasks", purpose="tasks running and just stopped", without="tasks are asked for by their streams only", optional=True),
    Action(name="ecs:DescribeTasks", purpose="which revision each task ran", without="streams are tied to deployments by time only", optional=True),
    Action(name="ecs:ListAccountSettings", purpose="the default log driver mode", without="the mode counts as non-blocking", optional=True),
    Action(name="cloudwatch:GetMetricData", purpose="the plan: bytes and events to come", without="no plan before a long fetch", optional=True),
    Action(name="sts:GetCallerIdentity", purpose="account and identity (needs no permission)", without="-", optional=True),
)  # fmt: skip
NAMES = frozenset(action.name for action in ACTIONS)
_ANYWHERE = (
    "logs:DescribeLogGroups",
    "ecs:ListAccountSettings",
    "ecs:ListTaskDefinitions",
    "ecs:DescribeTaskDefinition",
    "cloudwatch:GetMetricData",
)


def iam_policy(*, account: str, region: str, cluster: str | None = None, log_groups: Sequence[str] = ()) -> dict[str, object]:
    """The least-privilege policy for one cluster and its log groups, as the JSON document that IAM takes.

    Account, region or cluster may be `*`. The cluster's event capture and Container Insights groups are included: they
    are read only when they exist.
    """
    groups = list(log_groups) or ["*"]
    if cluster and cluster != "*" and groups != ["*"]:
        groups += [
            f"/aws/events/ecs/containerinsights/{cluster}/performance",
            f"/aws/ecs/containerinsights/{cluster}/performance",
        ]
    name = cluster or "*"
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Discover", "Effect": "Allow", "Action": [*_ANYWHERE, "sts:GetCallerIdentity"], "Resource": "*"},
            {
                "Sid": "ReadLogs", "Effect": "Allow", "Action": [n for n in _names("logs") if n not in _ANYWHERE],
                "Resource": [f"arn:{partition}:logs:{region}:{account}:log-group:{group}{end}" for group in groups for end in ("", ":*")],
            },
            {
                "Sid": "ReadEcs", "Effect": "Allow", "Action": [n for n in _names("ecs") if n not in _ANYWHERE],
                "Resource": [
                    f"arn:{partition}:ecs:{region}:{account}:{kind}"
                    for kind in (
                        f"cluster/{name}", f"service/{name}/*", f"task/{name}/*", f"service-deployment/{name}/*",
                        f"service-revision/{name}/*", f"container-instance/{name}/*",
                    )
                ],
            },
        ],
    }  # fmt: skip


def _names(service: str) -> list[str]:
    return [action.name for action in ACTIONS if action.name.startswith(f"{service}:")]
