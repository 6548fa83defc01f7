"""The verdict as JUnit XML: one case a check. FAIL -> failure, INCONCLUSIVE -> skipped, nothing could be looked at -> error.

Format: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

from dashboard.report.escaping import xml_text
from parsers import Check, CheckId, Deployment, ReasonCode, Verdict, VerdictValue, rfc3339

_TOLD_UNDER: Mapping[CheckId, frozenset[ReasonCode]] = {
    CheckId.TARGET_RUNS: frozenset((
        ReasonCode.CRASH_LOOP, ReasonCode.ROLLED_BACK, ReasonCode.WRONG_REVISION, ReasonCode.IN_PROGRESS, ReasonCode.CONTROLLER_NOT_JUDGED,
    )),
    CheckId.START_UP: frozenset((
        ReasonCode.MIGRATION_FAILED_CONTINUED, ReasonCode.MIGRATION_FAILED, ReasonCode.NEVER_RAN, ReasonCode.STARTUP_FAILED,
        ReasonCode.MIGRATION_STUCK, ReasonCode.MIGRATION_PENDING, ReasonCode.MIGRATION_SUSPECT, ReasonCode.CONTRADICTION,
    )),
    CheckId.NEW_OR_WORSE: frozenset((
        ReasonCode.FIX_NOT_EFFECTIVE, ReasonCode.STILL_FAILING, ReasonCode.NEW_FAILURE, ReasonCode.WORSE_RATE,
    )),
    CheckId.FIX_EFFECTIVE: frozenset((ReasonCode.FIX_NOT_EFFECTIVE,)),
}  # fmt: skip
"""Which reasons a failed case tells: its own, not its neighbour's."""


def to_junit(pairs: Iterable[tuple[Deployment, Verdict]], *, could_not_look: str | None = None) -> str:
    """The document, with XML declaration. `could_not_look`: why there is no verdict at all; becomes an error."""
    root = ET.Element("testsuites", name="triage")
    cases = [_suite(root, deployment, verdict) for deployment, verdict in pairs]
    if could_not_look is not None:
        suite = ET.SubElement(root, "testsuite", name="triage", tests="1", errors="1", failures="0", skipped="0")
        case = ET.SubElement(suite, "testcase", classname="triage", name="look")
        ET.SubElement(case, "error", message=xml_text(could_not_look)).text = xml_text(could_not_look)
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in cases) + (could_not_look is not None and name == "tests")))
    root.set("errors", str(int(could_not_look is not None)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, deployment: Deployment, verdict: Verdict) -> ET.Element:
    name = xml_text(f"{deployment.service} {deployment.task_definition}")
    suite = ET.SubElement(root, "testsuite", name=name, timestamp=(rfc3339(verdict.decided_at_ms) or "")[:19])
    for check in verdict.checks:
        _case(suite, deployment, verdict, check)
    results = [check.result for check in verdict.checks]
    counts = {
        "tests": len(results),
        "failures": results.count(VerdictValue.FAIL),
        "skipped": results.count(VerdictValue.INCONCLUSIVE),
    }
    for key, count in counts.items():
        suite.set(key, str(count))
    suite.set("errors", "0")
    return suite


def _case(suite: ET.Element, deployment: Deployment, verdict: Verdict, check: Check) -> None:
    classname = xml_text(f"triage.{deployment.service or 'service'}.{deployment.revision}")
    case = ET.SubElement(suite, "testcase", classname=classname, name=check.id.value)
    text = xml_text(check.text)
    if check.result is VerdictValue.FAIL:
        failure = ET.SubElement(case, "failure", message=text, type="FAIL")
        told = [reason.text for reason in verdict.reasons if reason.code in _TOLD_UNDER.get(check.id, frozenset())]
        failure.text = xml_text("\n".join(told) or check.text)
    elif check.result is VerdictValue.INCONCLUSIVE:
        needed = "; ".join(verdict.needed)
        ET.SubElement(case, "skipped", message=xml_text(f"{check.text}{f' (needed: {needed})' if needed else ''}"))
    else:
        ET.SubElement(case, "system-out").text = text
