"""The deployment summary, written from evidence, and the formats that a pipeline reads. Pure: nouns in, text out."""

from dashboard.report.documents import report_document
from dashboard.report.github import lint_annotations, step_summary, verdict_annotations
from dashboard.report.junit import to_junit
from dashboard.report.markdown import to_markdown
from dashboard.report.sarif import lint_document, to_sarif
from dashboard.report.summary import Attempt, Summary, refused_routes, summarise, tail_command, traffic_text

__all__ = [
    "Attempt", "Summary", "lint_annotations", "lint_document", "refused_routes", "report_document", "step_summary", "summarise", "tail_command",
    "to_junit", "to_markdown", "to_sarif", "traffic_text", "verdict_annotations",
]  # fmt: skip
