"""The lint's findings as SARIF 2.1.0: what code scanning reads.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from parsers import LINT_RULES, LintFinding, show

Document = dict[str, Any]
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_sarif(findings: Sequence[LintFinding], version: str) -> Document:
    """One run; every rule is listed, so that a clean file is seen to have been looked at."""
    names = list(LINT_RULES)
    rules = [
        {
            "id": rule.id, "name": _pascal(rule.id), "shortDescription": {"text": rule.title}, "fullDescription": {"text": rule.why},
            "help": {"text": rule.mend},
        }
        for rule in LINT_RULES.values()
    ]  # fmt: skip
    driver = {"name": "triage lint", "semanticVersion": _semantic(version), "rules": rules}
    results = [_result(one, names.index(one.rule)) for one in findings]
    return {
        "$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}],
    }  # fmt: skip


def _result(one: LintFinding, index: int) -> Document:
    place = {"artifactLocation": {"uri": quote(one.path.replace("\\", "/"), safe="/.-_~")}, "region": {"startLine": one.line}}
    return {
        "ruleId": one.rule, "ruleIndex": index, "level": str(one.level), "message": {"text": show(f"{one.text}. {one.mend}")},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"triageLint/v1": hashlib.sha256(f"{one.path}\0{one.rule}\0{one.command}\0{one.where}".encode()).hexdigest()[:32]},
    }  # fmt: skip


def _pascal(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def _semantic(version: str) -> str:
    match = re.match(r"\d+\.\d+\.\d+", version)
    return match[0] if match else "0.0.0"


def lint_document(one: LintFinding) -> Document:
    """`kind: lint`, one JSON object a finding (schema in `dashboard/schemas/lint.json`)."""
    return {
        "schema_version": 1, "kind": "lint", "path": one.path, "line": one.line, "rule": one.rule, "level": str(one.level), "text": one.text,
        "mend": one.mend, "command": one.command or None, "hides": one.hides, "where": one.where or None,
    }  # fmt: skip
