"""The verdict as JUnit XML: one case a check. FAIL -> failure, INCONCLUSIVE -> skipped, nothing could be looked at -> error.

Format: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from dashboard.report.escaping import xml_text
from parsers import Check, Deployment, Verdict, VerdictValue, rfc3339


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
        failure.text = xml_text("\n".join(reason.text for reason in verdict.reasons) or check.text)
    elif check.result is VerdictValue.INCONCLUSIVE:
        needed = "; ".join(verdict.needed)
        ET.SubElement(case, "skipped", message=xml_text(f"{check.text}{f' (needed: {needed})' if needed else ''}"))
    else:
        ET.SubElement(case, "system-out").text = text
