"""Bytes in, judgement out: what ECS log streams say about deployments. Pure: no network, no clock, no disk but its own packs.

reading = read(events)                                  # findings, migration runs, request counts, coverage
verdicts = judge(deployments, reading.findings, ...)    # PASS, FAIL or INCONCLUSIVE, with reasons
explanation = explain("Error: P3005")                   # which rules were tried, what matched
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parsers.attribution import EcsFacts, attribute, ecs_facts, epoch_ms, with_tasks
from parsers.batch import Batch
from parsers.bulk import BulkReader, read
from parsers.classify import match_text
from parsers.errors import (
    InputError,
    NothingToJudgeError,
    NotSeenError,
    PackError,
    SettingsError,
    StoreError,
    TriageError,
    UsageError,
)
from parsers.formats import decode
from parsers.masks import Redactor, show
from parsers.model import (
    SCHEMA_VERSION,
    Access,
    Attribution,
    Category,
    CauseLink,
    Check,
    CheckId,
    Confidence,
    Coverage,
    Deployment,
    DeploymentTask,
    Event,
    Evidence,
    Fact,
    Finding,
    JudgeSettings,
    Layer,
    MarkKind,
    MigrationRun,
    Outcome,
    Reason,
    ReasonCode,
    RequestCount,
    Severity,
    StreamKey,
    TaskDefinition,
    TaskSighting,
    TranscriptLine,
    UnexplainedGroup,
    Verdict,
    VerdictValue,
    rfc3339,
)
from parsers.plural import counted
from parsers.reading import Reader, Reading, StreamReading, in_order, merge, read_stream, sealed
from parsers.rules import Cache, Pack, Rule, RuleSet, load_packs, packs_digest, rules_from_plain, rules_to_plain, shorten
from parsers.standalone import StandaloneTasks, standalone_tasks

if TYPE_CHECKING:
    from parsers.comparison import (
        LAYER_WORDS,
        Claim,
        KindChange,
        KindChanges,
        Refusal,
        Side,
        Symptom,
        compare_kinds,
        compare_routes,
        judge_expectation,
        judge_fix,
        not_effective_text,
        parse_expectation,
        symptoms,
    )
    from parsers.contract import deployment_document, finding_document, reading_documents, run_document, verdict_document
    from parsers.explanation import Explanation, explain
    from parsers.lint import LINT_RULES, LintFinding, LintRule, lint_files
    from parsers.remedies import Remedy, forecast, load_remedies, remedy_for
    from parsers.statistics import RateShift, bound_text, needed_text, requests_to_clear, share_text, upper_bound, wilson
    from parsers.verdict import DeploymentEvidence, FailingRoute, failing_routes, is_named, judge, split_by_deployment

__all__ = [
    "LAYER_WORDS",
    "LINT_RULES",
    "SCHEMA_VERSION",
    "Access",
    "Attribution",
    "Batch",
    "BulkReader",
    "Cache",
    "Category",
    "CauseLink",
    "Check",
    "CheckId",
    "Claim",
    "Confidence",
    "Coverage",
    "Deployment",
    "DeploymentEvidence",
    "DeploymentTask",
    "EcsFacts",
    "Event",
    "Evidence",
    "Explanation",
    "Fact",
    "FailingRoute",
    "Finding",
    "InputError",
    "JudgeSettings",
    "KindChange",
    "KindChanges",
    "Layer",
    "LintFinding",
    "LintRule",
    "MarkKind",
    "MigrationRun",
    "NotSeenError",
    "NothingToJudgeError",
    "Outcome",
    "Pack",
    "PackError",
    "RateShift",
    "Reader",
    "Reading",
    "Reason",
    "ReasonCode",
    "Redactor",
    "Refusal",
    "Remedy",
    "RequestCount",
    "Rule",
    "RuleSet",
    "SettingsError",
    "Severity",
    "Side",
    "StandaloneTasks",
    "StoreError",
    "StreamKey",
    "StreamReading",
    "Symptom",
    "TaskDefinition",
    "TaskSighting",
    "TranscriptLine",
    "TriageError",
    "UnexplainedGroup",
    "UsageError",
    "Verdict",
    "VerdictValue",
    "attribute",
    "bound_text",
    "compare_kinds",
    "compare_routes",
    "counted",
    "decode",
    "deployment_document",
    "ecs_facts",
    "epoch_ms",
    "explain",
    "failing_routes",
    "finding_document",
    "forecast",
    "in_order",
    "is_named",
    "judge",
    "judge_expectation",
    "judge_fix",
    "lint_files",
    "load_packs",
    "load_remedies",
    "match_text",
    "merge",
    "needed_text",
    "not_effective_text",
    "packs_digest",
    "parse_expectation",
    "read",
    "read_stream",
    "reading_documents",
    "remedy_for",
    "requests_to_clear",
    "rfc3339",
    "rules_from_plain",
    "rules_to_plain",
    "run_document",
    "sealed",
    "share_text",
    "shorten",
    "show",
    "split_by_deployment",
    "standalone_tasks",
    "symptoms",
    "upper_bound",
    "verdict_document",
    "wilson",
    "with_tasks",
]

_LATE = {
    "comparison": "LAYER_WORDS Claim KindChange KindChanges Refusal Side Symptom compare_kinds compare_routes judge_expectation judge_fix"
    " not_effective_text parse_expectation symptoms",
    "contract": "deployment_document finding_document reading_documents run_document verdict_document",
    "explanation": "Explanation explain",
    "lint": "LINT_RULES LintFinding LintRule lint_files",
    "remedies": "Remedy forecast load_remedies remedy_for",
    "statistics": "RateShift bound_text needed_text requests_to_clear share_text upper_bound wilson",
    "verdict": "DeploymentEvidence FailingRoute failing_routes is_named judge split_by_deployment",
}
_MODULE_OF = {name: f"parsers.{module}" for module, names in _LATE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """What judges is loaded when it is asked for, and nothing beside it: a look at ten lines does not need it."""
    if name not in _MODULE_OF:
        raise AttributeError(name)
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value
