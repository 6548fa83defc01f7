"""Real pages in a real browser: the on-call journey, links, keyboard, both themes, a phone, and hostile log text."""

import csv
import re
from urllib.parse import parse_qs, urlparse

import pytest

from dashboard import app
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
CLIPBOARD = ["clipboard-read", "clipboard-write"]
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")  # controls, bidi
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FOCUSED = """() => { const e = document.activeElement;
    return e.matches('a,button,summary,input,[data-testid=stCode]') ? (e.getAttribute('aria-label') || e.innerText).trim() : '' }"""
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


def press_in_row(page, row: int, column: str) -> None:
    """One interaction: the button of this column, one of the first two, in a row (from 0) of the first table."""
    canvas = page.locator('[data-testid="stDataFrame"] canvas').first
    canvas.locator("td").first.wait_for(state="attached")
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 33 + 76 * ["only", "without"].index(column) + 38, box["y"] + 35 * (row + 1) + 18)
    settle(page)


def focused(page) -> str:
    """The name of the control, or the text of the block of code, that has the focus; of a whole area nothing."""
    return page.evaluate(FOCUSED)


def tab_to(page, name: str) -> None:
    """Presses Tab until what is focused says `name`."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if name in focused(page):
            return
    raise AssertionError(f"Tab never comes to {name!r}")


def enter(page, name: str) -> None:
    tab_to(page, name)
    page.keyboard.press("Enter")


def copied(page, text: str) -> str:
    """Tabs to a block of code that says `text`, presses its copy button, and asks the clipboard."""
    tab_to(page, text)
    page.locator("[data-testid=stCode]:focus button").wait_for()  # it is drawn with the focus
    enter(page, "Copy to clipboard")
    page.get_by_role("button", name="Copied").first.wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def every_copy(page) -> list[str]:
    """What each copy button of the page puts on the clipboard."""
    buttons = page.locator("[data-testid=stCode] button").all()
    return [
        page.evaluate("async button => { button.click(); return navigator.clipboard.readText() }", b.element_handle())
        for b in buttons
    ]


def downloaded(page) -> list[str]:
    """Every cell of every CSV that the page offers."""
    cells = []
    for button in page.get_by_role("button", name="CSV").all():
        with page.expect_download() as download:
            button.evaluate("button => button.click()")
        with download.value.path().open(encoding="utf-8", newline="") as file:
            cells += [cell for row in csv.reader(file) for cell in row]
    return cells


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


DRAWN_AGAIN = """
window.drawnAgain = 0;
new MutationObserver(() => {
    for (const chart of document.querySelectorAll('.js-plotly-plot:not([data-seen])'))
        if (chart.on) { chart.dataset.seen = 1; chart.on('plotly_beforeplot', () => window.drawnAgain++); }
}).observe(document, {childList: true, subtree: true});
"""


def test_a_chart_is_drawn_once_and_again_when_its_values_change(served, look):
    """Streamlit hands Plotly each chart a second time; drawing it twice is what a reload waited for."""
    page = look(served)
    page.add_init_script(DRAWN_AGAIN)
    page.goto(f"{served}/?chart=over+time")
    page.locator(".js-plotly-plot[data-seen] .main-svg .xtick").first.wait_for()
    settle(page)
    assert page.evaluate("window.drawnAgain") == 0
    ticks = "[...document.querySelectorAll('.js-plotly-plot .xtick text')].map(tick => tick.textContent).join(' ')"
    in_utc = page.evaluate(ticks)
    page.get_by_text("local", exact=True).first.click()
    page.wait_for_function(f"before => {ticks} !== before", arg=in_utc)


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
    """`local` shows the browser's offset at once, stands in the address, and goes along to the next page. So does a window that
    one click chose, in absolute times, and it is said wherever it works."""
    page = look(served)
    page.get_by_text("local", exact=True).click()
    page.get_by_text("22:10:00-05:00").first.wait_for()
    page.wait_for_url("**tz=local*")
    follow(page, "Failures")

    page.wait_for_url("**/failures?*tz=local*")
    page.get_by_text("22:10:00-05:00").first.wait_for()
    page.get_by_role("button", name="View").click()
    page.get_by_text("last 6 h", exact=True).click()
    page.get_by_text("Shown: from 2025-11-18 16:10:00-05:00").wait_for()
    page.wait_for_url(re.compile(r"from=2025-11-18T21(%3A|:)10(%3A|:)00"))
    page.get_by_text("everything", exact=True).click()
    page.get_by_text("Shown: from").wait_for(state="detached")
    page.wait_for_function("!location.search.includes('from=')")


def test_filter_for_and_exclude_take_one_click(served, look):
    """From an event: without its kind, and back by taking the filter away. From the list as well."""
    page = look(f"{served}/events?finding=finding-50")
    follow(page, "Without this kind")
    page.get_by_role("link", name="without v1:50dddddddddd").wait_for()
    page.wait_for_url(re.compile(r"not=v1(%3A|:)50dddddddddd"))
    follow(page, "without v1:50dddddddddd")
    page.wait_for_function("!location.search.includes('not=')")

    press_in_row(page, 0, "without")
    page.wait_for_url(re.compile(r"not=v1(%3A|:)50dddddddddd"))
    press_in_row(page, 2, "only")  # two marks of deployments stand above
    page.wait_for_url(re.compile(r"fp=v1(%3A|:)48cccccccccc"))
    page.get_by_role("link", name="only v1:48cccccccccc").wait_for()


def test_the_journey_needs_no_mouse(served, look):
    """Tab and Enter alone reach deployment 50 from the landing page."""
    page = look(served)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").strip().endswith("Open deployment 50"):
            break
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="Deployment 50").wait_for()


def test_the_whole_journey_needs_no_mouse(served, look):
    """Tab, arrows, Enter and typing alone: remedy and its command copied, a failure opened by name, the records around it."""
    page = look(f"{served}/deployment?dep={ID[50]}", permissions=CLIPBOARD)
    enter(page, "What to do")
    page.get_by_text("npx prisma migrate deploy").wait_for()
    assert copied(page, "npx prisma migrate deploy") == "npx prisma migrate deploy"

    enter(page, "Failures")
    page.get_by_role("heading", name="Failures").wait_for()
    settle(page)
    tab_to(page, "Open a row")
    page.keyboard.type("appointmentId must not")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Refused by database").wait_for()
    settle(page)
    enter(page, "The records around it")
    page.get_by_text("marks the records that were folded").wait_for()
    settle(page)
    enter(page, "Share")
    page.get_by_text("Link to exactly this view").wait_for()
    assert copied(page, served) == f"{served}/events?finding=finding-50"


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
@pytest.mark.parametrize("path", [*PAGES, "?fake=empty"])
def test_no_serious_accessibility_violation_is_ours(served, look, path, scheme):
    """axe-core finds nothing serious or critical on any page, its drawers open, in either theme."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = look(f"{served}/{path}", color_scheme=scheme)
    for drawer in page.locator("[data-testid=stExpander] summary").all():
        drawer.click()
    settle(page)
    if page.get_by_role("button", name="Share").count():
        page.get_by_role("button", name="Share").click()
        page.get_by_text("Link to exactly this view").wait_for()
    found = axe.Axe().run(page).response["violations"]

    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_phone_scrolls_in_one_direction_only(served, look):
    """At 390 pixels nothing sticks out sideways, on any page."""
    page = look(served, viewport={"width": 390, "height": 844})
    for path in PAGES:
        page.goto(f"{served}/{path}")
        settle(page)
        page.wait_for_function("document.documentElement.scrollWidth <= 390")
        inside = page.evaluate(
            "(() => { const e = document.querySelector('[data-testid=stMain]'); return e.scrollWidth <= e.clientWidth })()"
        )
        assert (path, inside) == (path, True)


def test_nothing_from_a_hostile_log_becomes_an_element(served, look):
    """On every page: no image, script, link, formula or directive of a log line is in the document, its title, what is copied
    (the real clipboard) or what is downloaded; and the browser asks no other host for anything."""
    page = look(f"{served}/?fake=all", permissions=CLIPBOARD)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append("dialog"))
    for path in PAGES:
        separator = "&" if "?" in path else "?"
        page.goto(f"{served}/{path}{separator}fake=all")
        settle(page)
        if page.get_by_role("button", name="Share").count():
            page.get_by_role("button", name="Share").click()
            page.get_by_text("Link to exactly this view").wait_for()
            settle(page)
        planted = page.evaluate(PLANTED)
        assert (path, planted) == (path, [])
        assert [text for text in every_copy(page) if HIDDEN.search(text)] == []
        assert [cell for cell in downloaded(page) if HIDDEN.search(cell) or cell.startswith(FORMULA)] == []
        assert page.title() in {f"{view.TITLE} · triage" for view in (*app._SHOWN, *app._HIDDEN)}
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
