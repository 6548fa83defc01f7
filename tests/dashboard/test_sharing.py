"""What is handed out as Markdown says the facts, and nothing from a log leaves its span or fence."""

import pytest

from dashboard import sharing
from dashboard.rows import Filters
from tests.dashboard.fake_workspace import FakeWorkspace

URL = "http://127.0.0.1:8501/deployment?dep=7022e8203d9f0e24e9c5c"


def test_a_deployment_as_markdown_says_the_root_cause():
    """Verdict, P3005, that the application continued, the field, the task and the guilty lines."""
    text = sharing.deployment(FakeWorkspace().deployments()[0], URL)

    for said in ("**FAIL** deployment 50", "P3005", "application continued", "appointmentId", "d64f0c1595369ba103960cfda122eb83",
                 "Error: P3005", URL):  # fmt: skip
        assert said in text


@pytest.mark.parametrize("hostile", ["```\n# out", "`` ` ``", "![x](http://a/b.png)", "<script>", "@everyone", "a\n````\nb"])
def test_log_text_cannot_leave_its_fence(hostile):
    """A fence is longer than any run of backticks inside it, and a span stands on one line."""
    fenced = sharing.fence(hostile)
    ticks = fenced.split("text\n", 1)[0]

    assert ticks not in hostile
    assert fenced.endswith("\n" + ticks)
    assert "\n" not in sharing.span(hostile)


def test_a_failure_as_markdown_counts_requests_not_lines():
    """109 requests of 7 clients, the layer, both codes, the deployments."""
    group = FakeWorkspace().failures(Filters())[1]
    text = sharing.failure(group, group.examples[0], {}, URL)

    assert "109 requests, 7 clients, layer database" in text
    assert "P2011 / 23502" in text
