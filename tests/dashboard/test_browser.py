"""Real pages in a real browser: the on-call journey, links, keyboard, both themes, a phone, and hostile log text."""

import re
from urllib.parse import parse_qs, urlparse

import pytest

from tests.dashboard.conftest import settle
from tests.dashboard.fake_workspace import ID, TASK_50

pytestmark = pytest.mark.chromium

PAGES = [
    "", f"deployment?dep={ID[50]}", "migrations", "failures", "failure?fp=v1:50dddddddddd", "ladder", "requests", "fields",
    "events", "events?finding=finding-50", "sources",
]  # fmt: skip
# Elements that could only come from a hostile line.
PLANTED = """() => [
    ...[...document.querySelectorAll('a[href*="evil"],img[src*="evil"],img[src="x"],[onerror],.katex')].map(e => e.outerHTML),
    ...[...document.scripts].map(script => script.textContent).filter(text => text.includes('document.title=2')),
]"""
ROOT_CAUSE = ("P3005", "the application continued", "appointmentId", TASK_50, "FAIL")


def text_of(page) -> str:
    return page.locator('[data-testid="stMainBlockContainer"]').inner_text()


def follow(page, name: str) -> None:
    """One interaction: a link of this name."""
    page.get_by_role("link", name=name).first.click()
    page.wait_for_function("document.querySelectorAll('[data-testid=stApp][data-test-script-state=running]').length === 0")
    settle(page)


def first_row(page) -> None:
    """One interaction: the first row of the first table."""
    box = page.locator('[data-testid="stDataFrame"] canvas').first.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 35 + 18)


def test_from_the_landing_page_to_the_root_cause_in_two_interactions(served, look):
    """One click opens deployment 50, which says the whole cause; a second one has it as Markdown to paste."""
    page = look(served)
    follow(page, "Open deployment 50")
    page.get_by_text("Error: P3005").first.wait_for()

    said = text_of(page)
    assert [fact for fact in ROOT_CAUSE if fact not in said] == []
    assert "▶ 02:57:56Z  Error: P3005" in said

    page.get_by_role("button", name="Share").click()
    markdown = page.locator("code", has_text="**FAIL** deployment 50").inner_text()
    assert [fact for fact in ROOT_CAUSE if fact not in markdown] == []


def test_the_remedy_is_one_click_below_the_transcript(served, look):
    """What the next start does stands open; the card has the steps, the check and what not to do, each with its reason."""
    page = look(f"{served}/deployment?dep={ID[50]}")
    page.get_by_text("P3005 again, on every start").wait_for()
    page.get_by_text("What to do").click()
    page.get_by_text("npx prisma migrate deploy").wait_for()

    said = text_of(page)
    assert "all 34 migrations are unrecorded" in said
    assert said.index("Then, in this order") < said.index("How to check") < said.index("Do not")


def test_a_row_of_the_landing_table_opens_its_deployment(served, look):
    """The table leads to the page, the address names the deployment."""
    page = look(served)
    page.locator('[data-testid="stDataFrame"] canvas').first.wait_for()
    first_row(page)
    page.wait_for_url(f"**/deployment?*dep={ID[50]}*")

    page.get_by_role("heading", name="Deployment 50").wait_for()


def test_a_copied_link_opens_exactly_this_view(served, look):
    """Deployment, window and zone of a shared link are those of the page it was taken from, on another machine too."""
    page = look(f"{served}/deployment?dep={ID[49]}&from=2025-11-18T22:00:00Z&tz=local")
    page.get_by_role("button", name="Share").click()
    link = page.locator("code", has_text="/deployment?").first.inner_text()
    other = look(link)
    other.get_by_role("heading", name="Deployment 49").wait_for()

    assert parse_qs(urlparse(link).query) == {"dep": [ID[49]], "from": ["2025-11-18T22:00:00.000Z"], "tz": ["local"]}
    assert "2025-11-18 17:30:26-05:00" in text_of(other)
    assert other.get_by_role("link", name="47").count() == 0


def test_a_link_from_a_page_to_itself_keeps_the_address_true(served, look):
    """Deployment 50 -> 49 and back: the address bar always names what is shown."""
    page = look(f"{served}/deployment?dep={ID[50]}")
    page.get_by_role("link", name="49").first.click()
    page.get_by_role("heading", name="Deployment 49").wait_for()
    page.wait_for_url(f"**dep={ID[49]}*")

    page.go_back()
    page.get_by_role("heading", name="Deployment 50").wait_for()


def test_zone_and_filters_survive_a_change_of_page(served, look):
    """`local` shows the browser's offset at once, stands in the address, and goes along to the next page."""
    page = look(served)
    page.get_by_text("local", exact=True).click()
    page.get_by_text("22:10:00-05:00").first.wait_for()
    page.wait_for_url("**tz=local*")
    follow(page, "Failures")

    page.wait_for_url("**/failures?*tz=local*")
    page.get_by_text("22:10:00-05:00").first.wait_for()


def test_filter_for_and_exclude_take_one_click(served, look):
    """From an event: without its kind, and back by taking the filter away."""
    page = look(f"{served}/events?finding=finding-50")
    follow(page, "Without this kind")
    page.get_by_role("link", name="without v1:50dddddddddd").wait_for()
    page.wait_for_url(re.compile(r"not=v1(%3A|:)50dddddddddd"))
    follow(page, "without v1:50dddddddddd")

    page.wait_for_function("!location.search.includes('not=')")


def test_the_journey_needs_no_mouse(served, look):
    """Tab and Enter alone reach deployment 50 from the landing page."""
    page = look(served)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").strip().endswith("Open deployment 50"):
            break
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Deployment 50").wait_for()


def test_a_refresh_shows_news_but_not_under_somebodys_eyes(served, look):
    """What one session reads another sees within ten seconds; a page with an open row offers the news in place of jumping."""
    reader = look(f"{served}/failure?fp=v1:50dddddddddd")
    look(served).get_by_role("button", name="Refresh").click()
    reader.get_by_role("button", name="New logs were read: show them").click()

    reader.get_by_role("button", name="New logs were read: show them").wait_for(state="detached")
    assert "Refused by database" in text_of(reader)


def test_a_newcomer_sees_three_ways_to_begin(served, look):
    """An empty store says what to type: sample, files, AWS."""
    page = look(f"{served}/?fake=empty")

    for command in ("triage demo", "triage fetch --from", "triage fetch --cluster"):
        page.locator("code", has_text=command).first.wait_for()  # Streamlit draws code a moment after the rest


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_no_serious_accessibility_violation_is_ours(served, look, path, scheme):
    """axe-core finds nothing serious or critical on any page, in either theme."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = look(f"{served}/{path}", color_scheme=scheme)
    found = axe.Axe().run(page).response["violations"]

    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize("path", ["", f"deployment?dep={ID[50]}", "failure?fp=v1:50dddddddddd", "ladder"])
def test_a_phone_scrolls_in_one_direction_only(served, look, path):
    """At 390 pixels nothing sticks out sideways."""
    page = look(f"{served}/{path}", viewport={"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    inside = page.evaluate(
        "(() => { const e = document.querySelector('[data-testid=stMain]'); return e.scrollWidth <= e.clientWidth })()"
    )

    assert inside


def test_nothing_from_a_hostile_log_becomes_an_element(served, look):
    """On every page: no image, script, link, formula or directive of a log line is in the document, nor in its title."""
    page = look(f"{served}/?fake=all")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append("dialog"))
    for path in PAGES:
        separator = "&" if "?" in path else "?"
        page.goto(f"{served}/{path}{separator}fake=all")
        settle(page)
        planted = page.evaluate(PLANTED)
        assert (path, planted) == (path, [])
        assert page.title() == "triage"
    assert [url for url in asked if "evil" in url or url == "dialog"] == []
