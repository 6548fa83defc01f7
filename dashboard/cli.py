"""The command `triage`: arguments in, exit code out. Data on stdout, talk on stderr.

Nothing heavy is imported before a command needs it: `triage classify` on ten lines starts at once.
Exit codes: 0 ok or PASS · 1 FAIL (verify, rules check, lint only) · 2 usage · 3 INCONCLUSIVE · 4 could not look · 5 store · 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.judgement import Judgement
    from dashboard.rows import ContextLine
    from dashboard.settings import Settings
    from parsers import Deployment, Finding, Redactor, RuleSet, StandaloneTasks, UsageError, VerdictValue

PROGRAM = "triage"
EXAMPLES = """\
examples:
  triage demo                                   the founding story in your browser
  triage classify app.log --format json         what a log file says, one JSON object a line
  triage deployments --from sample_logs/founding-story
  triage verify --from sample_logs/founding-story --task-definition :50
  triage explain 'Error: P3005'                 which rules take a line, and why
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code of DESIGN's contract."""
    if arguments is None:  # a process of our own: looking for garbage among its rules costs a tenth of a short command
        gc.set_threshold(100_000, 50, 50)
        atexit.register(gc.freeze)
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:
        _say(f"{PROGRAM}: interrupted")
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  told from a defect by its type, in there
        return _failed(error)


def _failed(error: Exception) -> int:
    """The exit code of an error raised on purpose, told with its hint; anything else is a defect and goes on."""
    from parsers import TriageError

    if not isinstance(error, TriageError):
        raise error
    _say(f"{PROGRAM}: {error}")
    if error.hint:
        _say(f"  {error.hint}")
    return error.exit_code


def _usage(message: str, *, hint: str) -> UsageError:
    from parsers import UsageError

    return UsageError(message, hint=hint)


def _say(text: str) -> None:
    from parsers import show

    sys.stderr.write("\n".join(show(line) for line in text.split("\n")) + "\n")


def _run(arguments: list[str]) -> int:
    parser = build_parser(arguments[0] if arguments else None)
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help(sys.stderr)
        return 2
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The whole command line; of the commands only `command` if there is one of this name, for the others' flags take time."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="For every deployment of an ECS service: did its migrations really run, which layer refuses requests, what changed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version, and exit")
    parser.add_argument("--config", metavar="FILE", help="a settings file (default: ./triage.toml if there is one)")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    adders: dict[str, Callable[[Commands], None]] = {
        "classify": _add_classify, "deployments": _add_deployments, "verify": _add_verify, "report": _add_report, "lint": _add_lint,
        "findings": _add_findings, "show": _add_show, "explain": _add_explain, "rules": _add_rules, "fetch": _add_fetch,
        "doctor": _add_doctor, "config": _add_config, "export": _add_export, "forget": _add_forget, "dashboard": _add_dashboard,
        "demo": _add_demo,
    }  # fmt: skip
    for add in [adders[command]] if command in adders else adders.values():
        add(commands)
    return parser


class _Version(argparse.Action):
    """Looked up only when it is asked for: reading package metadata takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"{PROGRAM} {_version()}\n")
        parser.exit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ecs-log-triage")
    except PackageNotFoundError:
        return "0 (not installed)"


Commands = Any  # argparse's sub-parsers action has no public name


def _command(commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def _add_format(parser: argparse.ArgumentParser, *more: str) -> None:
    parser.add_argument(
        "--format", choices=("text", "json", *more), default="text", help="text for people (default), json: one object a line"
    )
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def _add_source(parser: argparse.ArgumentParser, *, required: bool = False, at: bool = True) -> None:
    parser.add_argument(
        "--from",
        dest="sources",
        metavar="PATH",
        action="append",
        required=required,
        help="a scene folder or log files, in place of AWS (repeatable)",
    )
    parser.add_argument(
        "--packs", metavar="PATH", action="append", default=[], help="your own rule packs beside the shipped ones"
    )
    parser.add_argument(
        "--migrations", choices=("auto", "at_start", "own_task", "none"), help="how the service migrates (default auto)"
    )
    parser.add_argument("--store", metavar="FILE", help="the store to look at when there is no --from")
    if at:
        parser.add_argument("--at", metavar="TIME", help="judge as it could have been judged then (RFC 3339)")


def _settings(options: argparse.Namespace) -> Settings:
    """Flags over environment over triage.toml over defaults."""
    from dashboard.settings import load_settings

    given = vars(options)
    flags = {
        key: given.get(key)
        for key in (
            "cluster",
            "service",
            "region",
            "profile",
            "endpoint_url",
            "store",
            "packs",
            "migrations",
            "evidence",
            "log_groups",
        )
    }
    flags["from"] = given.get("sources")
    return load_settings({key: value for key, value in flags.items() if value}, config=given.get("config"))


def _rules(options: argparse.Namespace) -> RuleSet:
    from dashboard.pack_cache import cached_packs

    return cached_packs(_settings(options).packs)


def _redactor(settings: Settings) -> Redactor:
    """With this installation's key; without a place to keep one, with a key of this call alone."""
    from dashboard.settings import redaction_key
    from parsers import Redactor, SettingsError

    try:
        key = redaction_key(settings)
    except SettingsError as error:
        if settings.key_file.exists():
            raise
        _say(f"note: {error}; tokens differ from call to call")
        key = os.urandom(32)
    if settings.evidence != "strict":
        return Redactor(key)
    from dashboard.pack_cache import cached_packs

    return Redactor(key, strict=True, words=cached_packs(settings.packs).words)


def _judged(options: argparse.Namespace, paths: Sequence[str] = (), **judging: Any) -> Judgement:
    """The files or scenes named, else those of the settings, else what the store holds; judged."""
    from dataclasses import replace

    from dashboard.judgement import judge_paths, judge_store
    from dashboard.pack_cache import ScanCache, cached_packs
    from parsers import JudgeSettings

    settings = _settings(options)
    judge_as = replace(JudgeSettings(migrations=settings.migrations, min_requests=settings.min_requests), **judging)
    sources = list(paths) or list(settings.sources)
    if sources:
        return judge_paths(
            sources,
            rules=cached_packs(settings.packs),
            redactor=_redactor(settings),
            settings=judge_as,
            health_paths=settings.health_paths,
            at_ms=_time(getattr(options, "at", None)),
            cache=ScanCache(),
            tasks=settings.tasks,
        )
    if getattr(options, "at", None):
        raise _usage("--at needs --from: the store keeps counts, not every line", hint="name the scene or log files: --from PATH")
    if not settings.store.exists():
        raise _usage(
            "nothing to read",
            hint="name a scene or log files: --from PATH (try --from sample_logs/founding-story), or `triage fetch` first",
        )
    from dashboard.workspace import Workspace

    with Workspace.open(settings) as workspace:
        return judge_store(workspace, judge_as)


def _time(text: str | None) -> int | None:
    from parsers import epoch_ms

    if text is None:
        return None
    value = epoch_ms(text)
    if value is None:
        raise _usage(f"{text!r} is no time", hint="RFC 3339, for example 2025-11-19T03:00:00Z")
    return value


def _print_json(documents: Iterable[Mapping[str, Any]]) -> None:
    for document in documents:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


# classify


def _add_classify(commands: Commands) -> None:
    parser = _command(commands, "classify", _classify, "read log files, say what they mean")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or scene folders; - or nothing: standard input")
    parser.add_argument("--by-minute", action="store_true", help="request counts per minute (json)")
    parser.add_argument("--packs", metavar="PATH", action="append", default=[])
    _add_format(parser)


def _classify(options: argparse.Namespace) -> int:
    judgement = _judged(options, options.paths or ["-"])
    assert judgement.reading is not None
    if options.format == "json":
        from parsers import reading_documents

        _print_json(reading_documents(judgement.reading, by_minute=options.by_minute))
        for notice in judgement.notices:
            _say(f"note: {notice}")
        return 0
    from dashboard.terminal import Paper, classify_text

    classify_text(Paper.of(sys.stdout, options.color), judgement)
    return 0


# deployments, verify


def _add_deployments(commands: Commands) -> None:
    parser = _command(commands, "deployments", _deployments, "every deployment with its verdict and why")
    _add_source(parser)
    _add_format(parser)


def _deployments(options: argparse.Namespace) -> int:
    judgement = _judged(options)
    if options.format == "json":
        from parsers import deployment_document, verdict_document

        verdicts = {v.deployment_id: v for v in judgement.verdicts}
        _print_json(
            document
            for one in judgement.deployments
            for document in (deployment_document(one), verdict_document(verdicts[one.deployment_id]))
        )
        return 0
    from dashboard.terminal import Paper, deployments_text

    deployments_text(Paper.of(sys.stdout, options.color), judgement)
    return 0


def _add_target(parser: argparse.ArgumentParser) -> None:
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--task-definition", metavar="FAMILY:REV", help="the newest deployment of this revision (:50 will do)")
    target.add_argument("--deployment", metavar="ARN", help="this deployment (its ARN or the end of it)")
    target.add_argument("--commit", metavar="SHA", help="the newest deployment of this commit")


def _add_verify(commands: Commands) -> None:
    parser = _command(commands, "verify", _verify, "PASS, FAIL or INCONCLUSIVE for one deployment, with an exit code")
    _add_source(parser)
    _add_target(parser)
    parser.add_argument(
        "--fixes", metavar="v1:…", action="append", default=[], help="a fingerprint this deployment claims to have fixed"
    )
    parser.add_argument("--expect", metavar="'POST /route 201'", action="append", default=[], help="an answer that must come now")
    parser.add_argument(
        "--baseline", default="last-healthy", metavar="last-healthy|FAMILY:REV|ARN", help='what "worse" is measured against'
    )
    parser.add_argument(
        "--min-requests", type=_at_least_one, metavar="N", help="answered requests that a PASS needs (default 20)"
    )
    parser.add_argument("--dry-run", action="store_true", help="report, and exit 0 whatever the verdict")
    parser.add_argument("--inconclusive", choices=("fail", "pass"), help="exit as if INCONCLUSIVE were this")
    parser.add_argument("--wait", metavar="10m", help="fetch and look again, at most so long; a certain FAIL ends it at once")
    parser.add_argument(
        "--since", metavar="24h", help="with --wait: fetch from so long ago, to have a deployment to compare with (default 2h)"
    )
    parser.add_argument("--junit", metavar="FILE", help="also write the checks to this file as JUnit XML, whatever happens")
    parser.add_argument(
        "--probe-db", metavar="VARIABLE", help="ask the database too, read-only; names the variable that holds its URL"
    )
    _add_aws(parser)
    _add_format(parser, "junit", "github")


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _percent(text: str) -> int:
    number = _at_least_one(text)
    if number > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is more than the whole quota (100)")
    return number


def _verify(options: argparse.Namespace) -> int:
    from parsers import NothingToJudgeError, TriageError, VerdictValue

    try:
        return _verified(options)
    except TriageError as error:
        if options.junit:
            from dashboard.reporting import write_unseen

            write_unseen(options.junit, str(error))
        if not isinstance(error, NothingToJudgeError):
            raise
        _failed(error)
        return exit_code_of(VerdictValue.INCONCLUSIVE, dry_run=options.dry_run, inconclusive=options.inconclusive)


def _verified(options: argparse.Namespace) -> int:
    from parsers import parse_expectation

    for text in options.expect:
        try:
            parse_expectation(text)
        except ValueError as error:
            raise _usage(f"--expect: {error}", hint="for example: --expect 'POST /api/v1/clinical-notes 201'") from error
    more = {"min_requests": options.min_requests} if options.min_requests else {}
    claims = {"fixes": tuple(options.fixes), "expect": tuple(options.expect), "baseline": options.baseline, **more}
    judgement, deployment = _waited(options, claims) if options.wait else _looked(options, claims)
    if options.probe_db:
        from dashboard.verify_live import probed

        judgement = probed(judgement, deployment, options.probe_db, _say)
    verdict = judgement.verdict_of(deployment.deployment_id)
    assert verdict is not None
    if options.junit:
        from dashboard.reporting import write_checks

        write_checks(options.junit, deployment, verdict)
    if options.format in ("junit", "github"):
        from dashboard.reporting import report_text, summary_of

        sys.stdout.write(report_text(summary_of(judgement, deployment), options.format))
    elif options.format == "json":
        from parsers import verdict_document

        _print_json([verdict_document(verdict)])
    else:
        from dashboard.terminal import Paper, verdict_text

        source = "".join(f" --from {shlex.quote(path)}" for path in options.sources or ())
        verdict_text(Paper.of(sys.stdout, options.color), deployment, verdict, judgement, source)
    return exit_code_of(verdict.verdict, dry_run=options.dry_run, inconclusive=options.inconclusive)


def _looked(options: argparse.Namespace, claims: Mapping[str, Any]) -> tuple[Judgement, Deployment]:
    """One look at what is there."""
    judgement = _judged(options, **claims)
    _check_baseline(judgement, options.baseline)
    return judgement, _chosen(judgement, options)


def _waited(options: argparse.Namespace, claims: Mapping[str, Any]) -> tuple[Judgement, Deployment]:
    """Looks again and again, at AWS; a scene does not change, so `--wait` beside `--from` looks once."""
    from dataclasses import replace

    from dashboard.aws_commands import duration_ms

    wait_ms = duration_ms(options.wait)
    if wait_ms is None:
        raise _usage(f"--wait {options.wait!r} is no duration", hint="for example: --wait 10m")
    since_ms = duration_ms(options.since) if options.since else None
    if options.since and since_ms is None:
        raise _usage(f"--since {options.since!r} is no duration", hint="for example: --since 24h")
    settings = _settings(options)
    if settings.sources:
        return _looked(options, claims)
    from dashboard.verify_live import wait_for_verdict
    from parsers import JudgeSettings

    judge_as = replace(JudgeSettings(migrations=settings.migrations, min_requests=settings.min_requests), **claims)

    def choose(judgement: Judgement) -> Deployment:
        return _chosen(judgement, options)

    def check(judgement: Judgement) -> None:
        _check_baseline(judgement, options.baseline)

    return wait_for_verdict(settings, judge_as, choose, wait_ms=wait_ms, since_ms=since_ms, say=_say, check=check)


def _check_baseline(judgement: Judgement, name: str) -> None:
    """Raises UsageError for a baseline that nobody has seen: silence would compare with nothing."""
    from parsers import is_named

    if name != "last-healthy" and not any(is_named(one, name) for one in judgement.deployments):
        known = ", ".join(one.task_definition for one in judgement.deployments[-8:]) or "none"
        raise _usage(f"--baseline {name}: no such deployment", hint=f"last-healthy, or one of: {known}")


# report, lint


def _add_report(commands: Commands) -> None:
    parser = _command(commands, "report", _report, "the deployment summary, written from evidence")
    _add_source(parser)
    _add_target(parser)
    parser.add_argument("--git", metavar="PATH", help="the service's repository: subjects of the commits")
    parser.add_argument("--format", choices=("markdown", "json", "junit", "github"), default="markdown")


def _report(options: argparse.Namespace) -> int:
    from dashboard.reporting import report_text, summary_of

    judgement = _judged(options)
    deployment = _chosen(judgement, options)
    sys.stdout.write(report_text(summary_of(judgement, deployment, options.git), options.format))
    return 0


def _add_lint(commands: Commands) -> None:
    parser = _command(commands, "lint", _lint, "what in a start script hides a failed migration")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="scripts, Dockerfiles, package.json files, or folders of them")
    parser.add_argument("--strict", action="store_true", help="exit 1 for warnings too")
    parser.add_argument("--format", choices=("text", "json", "sarif", "github"), default="text")


def _lint(options: argparse.Namespace) -> int:
    from dashboard.reporting import lint_exit_code, lint_text, start_scripts
    from parsers import lint_files

    texts = start_scripts(options.paths)
    findings = lint_files(texts)
    sys.stdout.write(lint_text(findings, options.format, version=_version(), files=len(texts)))
    return lint_exit_code(findings, strict=options.strict)


def _chosen(judgement: Judgement, options: argparse.Namespace) -> Deployment:
    return chosen_deployment(
        judgement.deployments, options.task_definition, options.deployment, options.commit, judgement.standalone
    )


def chosen_deployment(
    deployments: Sequence[Deployment],
    definition: str | None,
    arn: str | None,
    commit: str | None,
    standalone: Sequence[StandaloneTasks] = (),
) -> Deployment:
    """The newest deployment that fits; raises UsageError naming what there is, NothingToJudgeError for what runs in no service."""
    from parsers import NothingToJudgeError, is_named

    def fits(one: Deployment) -> bool:
        if definition is not None:
            return is_named(one, definition)
        if arn is not None:
            return one.deployment_id.endswith(arn)
        return commit is None or same_commit(one.commit, commit)

    fitting = [one for one in deployments if fits(one)]
    if fitting:
        return fitting[-1]
    lone = next((one for one in standalone if one.task_definition == definition), None)
    if lone is not None:
        raise NothingToJudgeError(
            f"INCONCLUSIVE: {lone.task_definition} runs in no service ({lone.who}), so there is no deployment to judge",
            hint="triage deployments tells how its newest task ended; triage findings what its logs hold",
        )
    known = (
        ", ".join(one.task_definition for one in deployments[-8:])
        or "none: there is no ecs.json, and nothing was fetched with --cluster"
    )
    raise _usage("no such deployment", hint=f"deployments seen: {known}")


SHORTEST_COMMIT = 7


def same_commit(known: str | None, asked: str) -> bool:
    """Whether two ids name one commit: an image's tag holds the beginning of it, a pipeline knows the whole."""
    if not known or not asked:
        return False
    return known.startswith(asked) or (len(known) >= SHORTEST_COMMIT and asked.startswith(known))


def exit_code_of(verdict: VerdictValue, *, dry_run: bool = False, inconclusive: str | None = None) -> int:
    """0 PASS · 1 FAIL · 3 INCONCLUSIVE; `inconclusive`: what it counts as."""
    if dry_run:
        return 0
    codes = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": {"fail": 1, "pass": 0}.get(inconclusive or "", 3)}
    return codes[verdict]


# findings, show, explain, rules


def _add_findings(commands: Commands) -> None:
    parser = _command(commands, "findings", _findings, "what was found, newest last")
    _add_source(parser)
    parser.add_argument("--category", action="append", default=[])
    parser.add_argument("--layer", action="append", default=[])
    parser.add_argument(
        "--severity", choices=("critical", "error", "warning", "info"), default="warning", help="at least this (default warning)"
    )
    parser.add_argument("--revision", type=int)
    parser.add_argument("--fingerprint")
    parser.add_argument("--limit", type=int, default=100)
    _add_format(parser)


def _findings(options: argparse.Namespace) -> int:
    judgement = _judged(options)
    chosen = [one for one in judgement.findings if _wanted(one, options, judgement)]
    chosen = sorted(chosen, key=lambda f: f.timestamp_ms)[-options.limit :]
    if options.format == "json":
        from parsers import finding_document

        _print_json(map(finding_document, chosen))
        return 0
    from dashboard.terminal import Paper, findings_text

    revisions = {s: one.revision if (one := judgement.deployment_of(s)) is not None else None for s in {f.stream for f in chosen}}
    findings_text(Paper.of(sys.stdout, options.color), chosen, revisions)
    return 0


def _wanted(one: Finding, options: argparse.Namespace, judgement: Judgement) -> bool:
    order = ["critical", "error", "warning", "info"]
    if order.index(one.severity) > order.index(options.severity):
        return False
    if options.category and one.category not in options.category:
        return False
    if options.layer and one.layer not in options.layer:
        return False
    if options.fingerprint and one.fingerprint != options.fingerprint:
        return False
    if options.revision is not None:
        deployment = judgement.deployment_of(one.stream)
        return deployment is not None and deployment.revision == options.revision
    return True


def _add_show(commands: Commands) -> None:
    parser = _command(commands, "show", _show, "one finding or migration run with everything that proves it")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--context", type=_at_least_one, metavar="N", help="N lines before and after, read again from the stream")
    _add_source(parser)
    _add_format(parser)


def _show(options: argparse.Namespace) -> int:
    judgement = _judged(options)
    run = next((r for r in judgement.runs if r.id == options.id), None)
    finding = next((f for f in judgement.findings if options.id in (f.id, f.run_id)), None)
    if finding is None and run is None:
        raise _usage(f"no finding or run {options.id!r} in this input", hint="`triage findings` lists them")
    run = run or next((r for r in judgement.runs if finding is not None and r.id == finding.run_id), None)
    if options.format == "json":
        from parsers import finding_document, run_document

        _print_json([*([finding_document(finding)] if finding else []), *([run_document(run)] if run else [])])
        return 0
    from dashboard.terminal import Paper, context_text, elsewhere_text, finding_text, transcript_text

    paper = Paper.of(sys.stdout, options.color)
    if finding is not None:
        finding_text(paper, finding, run, judgement.rules.by_id.get(finding.rule_id))
    elif run is not None:
        transcript_text(paper, run)
    if finding is not None:
        elsewhere_text(paper, _elsewhere(finding, judgement, _settings(options).profile))
    if options.context and finding is not None:
        context_text(paper, _context(options, finding))
    return 0


def _elsewhere(finding: Finding, judgement: Judgement, profile: str | None) -> list[tuple[str, str | None]]:
    from dashboard.links import all_of_code, around

    deployment = judgement.deployment_of(finding.stream)
    region = finding.stream.region or (deployment.region if deployment else "")
    at_ms = finding.timestamp_ms
    command, link = around(finding.stream, region, at_ms, at_ms, profile=profile)
    search, insights = all_of_code(finding.stream, region, finding.code, at_ms, profile=profile)
    return [
        ("the stream at that minute, in the console:", link),
        ("the same lines:", command),
        (
            f"every line with {finding.code}, in Logs Insights (opening it runs nothing, running it costs by bytes scanned):",
            insights,
        ),
        ("the same search:", search),
    ]


def _context(options: argparse.Namespace, finding: Finding) -> list[ContextLine]:
    from dashboard.judgement import lines_around

    settings = _settings(options)
    if settings.sources:
        return lines_around(settings.sources, finding, _redactor(settings), options.context)
    from dashboard.workspace import Workspace

    with Workspace.open(settings) as workspace:
        return workspace.context(finding.id, options.context)


def _add_explain(commands: Commands) -> None:
    parser = _command(commands, "explain", _explain, "which rules were tried on a line, what matched, what missed and why")
    parser.add_argument("line", metavar="LINE", help="the line; - reads standard input")
    parser.add_argument("--packs", metavar="PATH", action="append", default=[])
    _add_format(parser)


def _explain(options: argparse.Namespace) -> int:
    from parsers import explain

    text = sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n") if options.line == "-" else options.line
    explanation = explain(text, rules=_rules(options), redactor=_redactor(_settings(options)))
    if options.format == "json":
        from dataclasses import asdict

        _print_json([asdict(explanation)])
        return 0
    from dashboard.terminal import Paper, explanation_text

    explanation_text(Paper.of(sys.stdout, options.color), explanation)
    return 0


def _add_rules(commands: Commands) -> None:
    parser = _command(
        commands, "rules", _rules_command, "the catalogue of rules; `rules ID` shows one; `rules check` tests them all"
    )
    parser.add_argument("what", nargs="?", metavar="ID | check")
    parser.add_argument("--packs", metavar="PATH", action="append", default=[])
    _add_format(parser)


def _rules_command(options: argparse.Namespace) -> int:
    from dashboard.terminal import Paper, rule_text, rules_text

    rules = _rules(options)
    paper = Paper.of(sys.stdout, options.color)
    if options.what == "check":
        return _rules_check(rules, paper)
    if options.what is None:
        if options.format == "json":
            _print_json(
                {"id": r.id, "pack": r.pack, "category": r.category, "mark": r.mark, "title": r.title} for r in rules.rules
            )
        else:
            rules_text(paper, sorted(rules.rules, key=lambda r: r.id))
        return 0
    rule = rules.by_id.get(options.what)
    if rule is None:
        from difflib import get_close_matches

        close = get_close_matches(options.what, list(rules.by_id), 3)
        raise _usage(
            f"no rule {options.what!r}", hint=f"did you mean {' or '.join(close)}?" if close else "`triage rules` lists them"
        )
    rule_text(paper, rule)
    return 0


def _rules_check(rules: RuleSet, paper: Any) -> int:
    from dashboard.rulecheck import check_rules
    from parsers import counted

    report = check_rules(rules)
    for problem in report.problems:
        paper.line(f"✖ {problem.rule_id}: {problem.text}")
    for overlap in report.overlaps:
        paper.line(f"· {overlap}")
    paper.line(f"slowest on a pumped line of 64 kB: {report.slowest_rule}, {report.slowest_ms:.1f} ms")
    paper.line(f"{report.rules} rules, {report.examples} examples, {counted(len(report.problems), 'problem')}")
    return 1 if report.problems else 0


# fetch, doctor


def _add_aws(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cluster", metavar="NAME")
    parser.add_argument("--service", metavar="NAME")
    parser.add_argument(
        "--log-group", dest="log_groups", metavar="NAME", action="append", help="without ECS: the log groups (repeatable)"
    )
    parser.add_argument("--region", metavar="REGION")
    parser.add_argument("--profile", metavar="NAME")
    parser.add_argument(
        "--endpoint-url", dest="endpoint_url", metavar="URL", help="something that speaks like AWS (`triage demo --aws`)"
    )


def _add_fetch(commands: Commands) -> None:
    parser = _command(
        commands,
        "fetch",
        _fetch,
        "pull logs and ECS answers from AWS (or --from files) into the store; goes on where it was stopped",
    )
    _add_aws(parser)
    parser.add_argument(
        "--from", dest="sources", metavar="PATH", action="append", help="files or scenes in place of AWS (repeatable)"
    )
    parser.add_argument("--since", metavar="10m|2h|1d|TIME", help="from so long ago, or since a time (default 2h)")
    parser.add_argument("--start-time", metavar="TIME", help="RFC 3339")
    parser.add_argument("--end-time", metavar="TIME", help="RFC 3339")
    parser.add_argument(
        "--follow", action="store_true", help="go on until Ctrl-C, reading the newest stretch again for late lines"
    )
    parser.add_argument("--task-definition", metavar="FAMILY:REV", help="only this revision's places")
    parser.add_argument(
        "--quota-share", type=_percent, default=50, metavar="PERCENT", help="of the account's API quota (default 50)"
    )
    parser.add_argument("--again", action="store_true", help="read settled stretches anew")
    parser.add_argument("--store", metavar="FILE")
    parser.add_argument("--packs", metavar="PATH", action="append", default=[])


def _fetch(options: argparse.Namespace) -> int:
    from parsers import counted

    settings = _settings(options)
    if options.sources:
        from dashboard.workspace import Workspace

        with Workspace.open(settings) as workspace:
            report = workspace.collect()
        _say(
            f"{counted(report.events, 'event')} of {counted(report.streams, 'stream')} read, {counted(report.unchanged, 'source')} unchanged"
        )
        for notice in report.notices:
            _say(f"note: {notice}")
        return 0
    if not settings.cluster and not settings.log_groups:
        raise _usage(
            "nothing to fetch",
            hint="name a cluster and a service (--cluster C --service S), a --log-group, or files (--from PATH)",
        )
    from dashboard.aws_commands import fetch

    return fetch(settings, options)


def _add_doctor(commands: Commands) -> None:
    parser = _command(
        commands,
        "doctor",
        _doctor,
        "can we look? identity, region, log groups, each permission, the clock; what to type when not",
    )
    _add_aws(parser)
    parser.add_argument("--iam-policy", action="store_true", help="print the least-privilege, read-only policy")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")


def _doctor(options: argparse.Namespace) -> int:
    from dashboard.aws_commands import doctor

    return doctor(_settings(options), options)


# dashboard, demo


def _add_dashboard(commands: Commands) -> None:
    parser = _command(commands, "dashboard", _dashboard, "serve the dashboard on this machine")
    _add_source(parser, at=False)  # pages show what the store holds now
    _add_aws(parser)  # what Refresh reads
    _add_serving(parser, store=False)


def _add_serving(parser: argparse.ArgumentParser, *, store: bool = True) -> None:
    parser.add_argument(
        "--address", default="127.0.0.1", help="where to listen; other machines only with sign-in or a declared proxy"
    )
    parser.add_argument("--port", type=int, default=8501)
    if store:
        parser.add_argument("--store", metavar="FILE", help="the store (default: a demo store of its own)")
    parser.add_argument("--public-host", metavar="NAME", action="append", default=[], help="a host name browsers use to reach it")
    parser.add_argument("--allow", metavar="E-MAIL|@DOMAIN", action="append", default=[], help="who may sign in")
    parser.add_argument("--behind-proxy", action="store_true", help="an authenticating proxy stands in front")
    parser.add_argument(
        "--open-to-anyone", action="store_true", help="listen on a public address without sign-in: you accept the danger"
    )
    parser.add_argument("--no-browser", action="store_true")


def _dashboard(options: argparse.Namespace) -> int:
    from dashboard.launch import serve

    return serve(options)


def _add_demo(commands: Commands) -> None:
    parser = _command(commands, "demo", _demo, "the founding story in your browser: captured logs, no AWS account needed")
    parser.add_argument(
        "--aws", action="store_true", help="serve the story behind an endpoint that speaks like AWS, to try `triage fetch`"
    )
    _add_serving(parser)


def _demo(options: argparse.Namespace) -> int:
    from dashboard.launch import serve
    from dashboard.shipped import shipped

    if options.aws:
        from dashboard.double.demo import run

        run(shipped("sample_logs") / "founding-story", say=_say)
        return 0
    options.sources = [str(shipped("sample_logs"))]
    options.demo = True
    return serve(options)


# config, forget


def _add_config(commands: Commands) -> None:
    parser = _command(commands, "config", _config, "`config show`: every setting in force and where it came from")
    parser.add_argument("what", choices=("show",))
    parser.add_argument("--origin", action="store_true", help="where each value came from")


def _config(options: argparse.Namespace) -> int:
    from dashboard.settings import described

    for key, value, origin in described(_settings(options)):
        sys.stdout.write(f"{key:<16} {value or '-'}{f'   ({origin})' if options.origin else ''}\n")
    return 0


def _add_export(commands: Commands) -> None:
    parser = _command(
        commands,
        "export",
        _export,
        "what the store holds as Parquet or JSON lines by day, for DuckDB, Athena, Spark, Trino, pyarrow",
    )
    parser.add_argument("folder", metavar="FOLDER", help="where the tables go; a repeated export replaces its own files")
    parser.add_argument(
        "--from", dest="sources", metavar="PATH", action="append", help="a scene or log files in place of the store (repeatable)"
    )
    parser.add_argument("--store", metavar="FILE", help="the store to export; with --from it is filled first")
    parser.add_argument(
        "--packs", metavar="PATH", action="append", default=[], help="your own rule packs beside the shipped ones"
    )
    parser.add_argument(
        "--format", choices=("parquet", "json"), default="parquet", help="parquet (default), json: one object a line"
    )


def _export(options: argparse.Namespace) -> int:
    from dataclasses import replace
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from dashboard.exporting import export
    from dashboard.workspace import Workspace
    from parsers import counted

    settings = _settings(options)
    if not settings.sources and not settings.store.exists():
        raise _usage("nothing to export", hint="name a scene or log files: --from PATH, or `triage fetch` first")
    with TemporaryDirectory() as passing:
        if settings.sources and not options.store:
            settings = replace(settings, store=Path(passing) / "store.db")
        with Workspace.open(settings) as workspace:
            if settings.sources:
                workspace.collect()
            report = export(workspace, Path(options.folder), options.format)
    for table, rows in sorted(report.rows.items()):
        sys.stdout.write(
            f"{rows:>10,} rows in {report.files[table]:>6,} {'file ' if report.files[table] == 1 else 'files'}  {table}\n"
        )
    if report.removed:
        _say(f"{counted(report.removed, 'file')} of an earlier export removed: the store says otherwise now")
    return 0


def _add_forget(commands: Commands) -> None:
    parser = _command(commands, "forget", _forget, "remove what the store keeps: of one service, before a time, or everything")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--service", metavar="NAME")
    what.add_argument("--before", metavar="TIME", help="RFC 3339")
    what.add_argument("--everything", action="store_true")
    parser.add_argument("--store", metavar="FILE")


def _forget(options: argparse.Namespace) -> int:
    from dashboard.settings import load_settings
    from dashboard.workspace import Workspace
    from parsers import counted

    settings = load_settings({"store": options.store} if options.store else {}, config=options.config)
    with Workspace.open(settings) as workspace:
        gone = workspace.forget(service=options.service, before_ms=_time(options.before), everything=options.everything)
    _say(f"{counted(gone, 'stream')} forgotten")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
