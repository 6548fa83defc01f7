"""What `triage report`, `triage lint` and the CI formats of `triage verify` print. Text out; where it goes is the command's."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboard.attempts import attempts_of, commit_subjects
from dashboard.judgement import Judgement
from dashboard.report import (
    Summary,
    lint_annotations,
    lint_document,
    report_document,
    step_summary,
    summarise,
    to_junit,
    to_markdown,
    to_sarif,
    verdict_annotations,
)
from parsers import LINT_RULES, Deployment, InputError, LintFinding, Verdict, counted, lint_files, show

LINTED_NAMES = (
    "*.sh", "*.bash", "*entrypoint*", "Dockerfile", "Dockerfile.*", "*.Dockerfile", "Containerfile", "package.json", "Procfile",
    "docker-compose*.y*ml", "compose*.y*ml",
)  # fmt: skip
_SKIPPED = frozenset(("node_modules", ".git", "vendor", ".venv", "venv", "dist", "build", "__pycache__"))
MAX_FILES = 2_000


def summary_of(judgement: Judgement, target: Deployment, repository: str | None = None) -> Summary:
    """The summary of one deployment of a judgement. Raises InputError when `repository` is none."""
    attempts = attempts_of(judgement, target)
    subjects = commit_subjects(repository, [one.deployment.commit for one in attempts]) if repository else None
    return summarise(attempts, subjects=subjects)


def report_text(summary: Summary, form: str, environment: Mapping[str, str] | None = None) -> str:
    """The report as `markdown`, `json`, `junit` or `github`.

    `github`: annotations are returned, and the Markdown is appended to the file that GITHUB_STEP_SUMMARY names (without it,
    it follows the annotations). Raises InputError when that file cannot be written.
    """
    if form == "json":
        return json.dumps(report_document(summary), ensure_ascii=False, separators=(",", ":")) + "\n"
    if form == "junit":
        return to_junit([(summary.deployment, summary.verdict)])
    if form == "github":
        return _github(summary, os.environ if environment is None else environment)
    return to_markdown(summary)


def _github(summary: Summary, environment: Mapping[str, str]) -> str:
    annotations = "\n".join(verdict_annotations(summary)) + "\n"
    markdown = step_summary(to_markdown(summary))
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return annotations + markdown
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as error:
        raise InputError(f"GITHUB_STEP_SUMMARY: {error}", hint="the runner sets it to a file that can be written") from error
    return annotations


def write_checks(path: str, deployment: Deployment, verdict: Verdict) -> None:
    """The checks as JUnit XML in a file. Raises InputError when it cannot be written."""
    _write(path, to_junit([(deployment, verdict)]))


def write_unseen(path: str, why: str) -> None:
    """That nothing could be judged, as an error in a JUnit file: a pipeline must not read silence as success."""
    _write(path, to_junit([], could_not_look=why))


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", hint="--junit takes a file that can be written") from error


# ---- lint ----
def start_scripts(paths: Sequence[str]) -> dict[str, str]:
    """path -> text of the files named, and of what looks like a start script in the folders named. Raises InputError."""
    found: dict[str, str] = {}
    for given in paths:
        path = Path(given)
        files = _in_folder(path) if path.is_dir() else [path]
        for file in files:
            try:
                found[file.as_posix()] = file.read_text("utf-8", errors="replace")
            except OSError as error:
                raise InputError(
                    f"{file}: {error.strerror}", hint="name a script, a Dockerfile, a package.json or a folder"
                ) from error
    return found


def _in_folder(folder: Path) -> list[Path]:
    files: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        here = Path(root)
        files += [here / name for name in sorted(names) if any((here / name).match(pattern) for pattern in LINTED_NAMES)]
        if len(files) > MAX_FILES:
            raise InputError(f"{folder}: more than {MAX_FILES} files look like start scripts", hint="name the files")
    return files


def lint(paths: Sequence[str]) -> list[LintFinding]:
    """The findings of files and folders. Raises InputError for what cannot be read."""
    return lint_files(start_scripts(paths))


def lint_text(findings: Sequence[LintFinding], form: str, *, version: str, files: int) -> str:
    """The findings as `text`, `json` (one object a line), `sarif` or `github`."""
    if form == "json":
        return "".join(json.dumps(lint_document(one), ensure_ascii=False, separators=(",", ":")) + "\n" for one in findings)
    if form == "sarif":
        return json.dumps(to_sarif(findings, version), indent=1, ensure_ascii=False) + "\n"
    if form == "github":
        return "".join(line + "\n" for line in lint_annotations(findings))
    return "\n".join([*(row for one in findings for row in _rows(one)), _closing(findings, files)]) + "\n"


def _rows(one: LintFinding) -> list[str]:
    where = f"{show(one.path)}:{one.line}" + (f" ({show(one.where)})" if one.where else "")
    rows = [f"{where}: {one.level}: {show(one.text)} [{one.rule}]"]
    rows += [f"    why:  {LINT_RULES[one.rule].why}", f"    mend: {one.mend}"]
    return rows


def _closing(findings: Sequence[LintFinding], files: int) -> str:
    if not findings:
        return f"{counted(files, 'file')} read: nothing hides a failed migration"
    hiding = sum(one.hides for one in findings)
    verb = "hides" if hiding == 1 else "hide"
    return f"{counted(files, 'file')} read: {counted(len(findings), 'finding')}, {hiding} of them {verb} a failed migration"


def lint_exit_code(findings: Sequence[LintFinding], *, strict: bool) -> int:
    """1 when something is an error (with `strict`: or a warning), else 0."""
    levels = {"error", "warning"} if strict else {"error"}
    return int(any(one.level in levels for one in findings))
