"""A judgement -> the attempts that a report is written from; a repository -> the subjects of its commits."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable

from dashboard.judgement import Judgement
from dashboard.report import Attempt
from parsers import Deployment, Finding, InputError, MigrationRun, RequestCount

_SHA = re.compile(r"[0-9a-f]{7,64}")


def attempts_of(judgement: Judgement, target: Deployment) -> list[Attempt]:
    """The deployments of the target's service up to the target, oldest first, each with its share of what was found."""
    findings: defaultdict[str, list[Finding]] = defaultdict(list)
    runs: defaultdict[str, list[MigrationRun]] = defaultdict(list)
    counts: defaultdict[str, list[RequestCount]] = defaultdict(list)
    owner = {stream: a.deployment_id for stream, a in judgement.attributions.items() if a.deployment_id is not None}
    for finding in judgement.findings if judgement.evidence is None else judgement.evidence:
        findings[owner.get(finding.stream, "")].append(finding)
    for run in judgement.runs:
        runs[owner.get(run.stream, "")].append(run)
    for count in judgement.counts:
        counts[owner.get(count.stream, "")].append(count)
    place = judgement.deployments.index(target)
    same = [one for one in judgement.deployments[: place + 1] if (one.cluster, one.service) == (target.cluster, target.service)]
    return [
        Attempt(
            deployment=one, verdict=verdict, findings=tuple(findings[one.deployment_id]), runs=tuple(runs[one.deployment_id]),
            counts=tuple(counts[one.deployment_id]), definition=judgement.definitions.get(one.deployment_id),
        )
        for one in same
        if (verdict := judgement.verdict_of(one.deployment_id)) is not None
    ]  # fmt: skip


def commit_subjects(repository: str, commits: Iterable[str | None]) -> dict[str, str]:
    """commit -> first line of its message, for those that the repository knows. Raises InputError when it is no repository.

    Only hexadecimal ids are asked for, so nothing of a log becomes an argument of git.
    """
    wanted = [commit for commit in dict.fromkeys(commits) if commit and _SHA.fullmatch(commit)]
    if _git(repository, "rev-parse", "--git-dir") is None:
        raise InputError(f"--git {repository}: no git repository", hint="name the folder of the service's repository")
    found = {commit: _git(repository, "log", "-1", "--format=%s", commit, "--") for commit in wanted}
    return {commit: subject for commit, subject in found.items() if subject}


def _git(repository: str, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", repository, *arguments], capture_output=True, text=True, errors="replace", check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
