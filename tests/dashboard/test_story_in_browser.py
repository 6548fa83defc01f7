"""The product itself on the captured story: from the landing page to the root cause of deployment 50, without typing."""

import re

import pytest

from tests.dashboard.conftest import settle

pytestmark = pytest.mark.chromium

TASK = "d64f0c1595369ba103960cfda122eb83"


@pytest.fixture
def landing(served_story, look):
    """The landing page once the logs are read; it fills by itself."""
    page = look(served_story)
    page.set_default_timeout(60_000)
    page.get_by_role("link", name="Open deployment 50").wait_for()
    settle(page)
    return page


def text_of(page) -> str:
    return page.locator('[data-testid="stMainBlockContainer"]').inner_text()


def test_the_root_cause_of_deployment_50_takes_one_click(landing):
    """FAIL, P3005, that the application continued, the task, and what refuses the save with its field and its count."""
    landing.get_by_role("link", name="Open deployment 50").click()
    landing.get_by_role("heading", name="Deployment 50").wait_for()
    landing.get_by_text("Error: P3005").first.wait_for()

    said = text_of(landing)
    for fact in (
        "FAIL",
        "P3005",
        "the application continued",
        "appointmentId",
        TASK,
        "/api/v1/clinical-notes",
        "▶ 02:57:56Z  Error: P3005",
    ):
        assert fact in said


def test_the_journey_goes_on_to_remedy_evidence_and_context(landing):
    """Deployment, remedy, the lines that prove the refusal, the records around them: four clicks, no typing."""
    landing.get_by_role("link", name="Open deployment 50").click()
    landing.get_by_text("What to do").first.click()
    landing.get_by_text("npx prisma migrate deploy").first.wait_for()
    landing.get_by_role("link", name="the lines that prove it").first.click()
    landing.get_by_role("heading", name="Refused by database").wait_for()
    landing.get_by_text("appointmentId").first.wait_for()

    landing.get_by_role("link", name="The records around it").click()
    landing.get_by_role("link", name="The records around it").wait_for(state="detached")  # the page before is gone
    landing.get_by_text("violates not-null constraint").first.wait_for()


def test_the_ladder_walks_down_from_the_schema_to_the_database(landing):
    """Five deployments of one bug: validation, business_rule, orm, orm, database."""
    landing.get_by_role("link", name="Layer ladder").click()
    story = landing.get_by_text("POST /api/v1/clinical-notes: 46").first
    story.wait_for()
    layers = [step.split()[1] for step in story.inner_text().split(": ", 1)[1].split(" → ")]

    assert layers == ["validation", "business_rule", "orm", "orm", "database"]


def test_a_page_asks_once_and_reads_its_code_while_it_waits(served_story, look):
    """What the page's head asks early is not asked again; a chart's code is there on a page without charts; the socket is its own."""
    page, asked = look(f"{served_story}/sources"), []
    page.on("request", lambda request: asked.append(re.sub(r"\.[^./]+\.js$", "", request.url).removeprefix(served_story)))
    page.reload()
    settle(page)
    once = ("/_stcore/health", "/_stcore/host-config", "/static/js/PlotlyChart")
    assert [asked.count(address) for address in once] == [1, 1, 1]
    assert "[native code]" in page.evaluate("WebSocket.prototype.send.toString()")
    page.get_by_role("link", name="Failures", exact=True).click()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert asked.count("/static/js/PlotlyChart") == 1


def test_verdict_and_picture_stand_side_by_side(landing):
    """And the box that chooses the picture still does, though it is drawn after it."""
    card = landing.get_by_role("heading", name="Deployment 50").bounding_box()
    picture = landing.locator(".js-plotly-plot").first
    assert picture.bounding_box()["x"] > card["x"] + card["width"]
    landing.get_by_role("radio", name="over time").click()
    landing.get_by_text("mentalspace-backend, the deployments as dotted lines").wait_for()
    assert "chart=over" in landing.url
