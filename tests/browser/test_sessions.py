"""What a person does on the Sessions page: opens requests, reads SQL, zooms in, sends fifty requests to five slots."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from simulator.ui.sessions.lanes import MAX_BARS
from tests.browser.conftest import SETTLED, at_rest, box_of, click_middle, seen

#: The middle of the widest bar of this kind, in the window; null where none is drawn.
BAR = """(chart, kind) => {
  const index = chart.data.findIndex(trace => trace.name === kind)
  const boxes = [...chart.querySelectorAll(".barlayer .trace.bars")]
    .filter(traces => traces.__data__[0].trace.index === index)
    .flatMap(traces => [...traces.querySelectorAll(".point path")])
    .map(path => path.getBoundingClientRect())
    .sort((one, other) => other.width - one.width)
  return boxes.length ? [boxes[0].x + boxes[0].width / 2, boxes[0].y + boxes[0].height / 2] : null
}"""
RANGE = "chart => chart._fullLayout.xaxis.range"


def open_sessions(page: Page, query: str) -> Locator:
    """The page after its first run; its swimlanes."""
    page.set_viewport_size({"width": 1280, "height": 1700})
    page.goto(f"/sessions?{query}")
    page.wait_for_selector(".st-key-sessions_lanes_chart .txc[data-drawn] .barlayer .point path")
    page.wait_for_selector(SETTLED)
    return page.locator(".st-key-sessions_lanes_chart .txc-chart")


def names(chart: Locator) -> Locator:
    return chart.locator(".yaxislayer-above .ytick text")


def click_name(page: Page, chart: Locator, starts: str) -> None:
    """Click into the name of the first lane that has this text."""
    click_middle(page, names(chart).filter(has_text=starts).first)


def click_bar(page: Page, chart: Locator, kind: str) -> Locator:
    """Click the widest bar of this kind; the box that tells of it."""
    page.mouse.click(*at_rest(page, lambda: chart.evaluate(BAR, kind)))
    return page.locator("[class*=st-key-tx_clicked]")


def zoom(page: Page, chart: Locator) -> object:
    """Drag over a part of the plot; the range of the time axis that is shown then."""
    plot = box_of(page, chart.locator(".nsewdrag").first)
    whole = chart.evaluate(RANGE)
    page.mouse.move(plot["x"] + 150, plot["y"] + 20)
    page.mouse.down()
    page.mouse.move(plot["x"] + 400, plot["y"] + 24, steps=5)
    page.mouse.up()
    zoomed = seen(page, lambda: chart.evaluate(RANGE), lambda shown: shown[0] > whole[0])
    assert zoomed[0] > whole[0]
    return at_rest(page, lambda: chart.evaluate(RANGE))


def test_a_request_is_opened_by_its_name_its_sql_is_read_and_the_zoom_is_kept(page: Page) -> None:
    chart = open_sessions(page, "mix=messages&requests=4&pool_size=2&max_overflow=0")
    page.get_by_role("button", name="Close all").click()
    expect(names(chart).filter(has_text="Session S")).to_have_count(0)
    click_name(page, chart, "request 2")
    expect(names(chart).filter(has_text="Session S")).to_have_count(1)
    told = click_bar(page, chart, "statement")
    expect(told).to_contain_text("INSERT INTO messages")
    expect(told).to_contain_text("conversation_id = ")
    expect(told).to_contain_text("1 written")
    expect(told).to_contain_text("kinds.py:")
    expect(told).to_contain_text(" ms, from ")
    told.get_by_role("button", name="Close this box").click()
    expect(told).to_have_count(0)
    click_name(page, chart, "request 2")
    expect(names(chart).filter(has_text="Session S")).to_have_count(0)
    zoomed = zoom(page, chart)
    lanes = page.locator(".st-key-sessions_lanes_chart .txc")
    drawn = int(at_rest(page, lambda: lanes.get_attribute("data-drawn")) or 0)
    click_name(page, chart, "request 2")
    expect(names(chart).filter(has_text="Session S")).to_have_count(1)
    assert at_rest(page, lambda: chart.evaluate(RANGE)) == zoomed
    expect(lanes).to_have_attribute("data-drawn", str(drawn + 1))


def test_the_bar_on_top_is_the_one_that_is_told(page: Page) -> None:
    chart = open_sessions(page, "mix=llm_inside&requests=6&pool_size=2&max_overflow=0&pool_timeout=0.4&llm_s=1")
    expect(click_bar(page, chart, "LLM, other work")).to_contain_text("LLM")
    # By its label: over the wait of whoever got a connection lies the opening of that connection.
    click_middle(page, chart.locator(".barlayer .point text").filter(has_text="time-out").first)
    told = page.locator("[class*=st-key-tx_clicked]")
    expect(told).to_contain_text("waited for the pool, in vain")
    expect(told).to_contain_text("QueuePool limit of size 2 overflow 0 reached")
    expect(page.locator("[data-number=answered] b")).to_contain_text("2 / 6")


def test_fifty_requests_on_a_pool_of_five_fold_into_bands_that_open(page: Page) -> None:
    chart = open_sessions(page, "mix=messages&requests=50&pool_size=5&max_overflow=0&pool_timeout=30")
    expect(names(chart).filter(has_text="slots 1 to 5")).to_have_count(1)
    expect(names(chart).filter(has_text="Save a message ×49")).to_have_count(1)
    assert 100 < at_rest(page, chart.locator(".barlayer .point path").count) <= MAX_BARS
    click_name(page, chart, "Save a message ×49")
    expect(names(chart).filter(has_text="request ")).to_have_count(50)
    expect(names(chart).filter(has_text="slot ")).to_have_count(5)


def test_thousands_of_statements_are_a_thousand_bars_and_the_page_says_so(page: Page) -> None:
    chart = open_sessions(page, "mix=append_history_commits&requests=4&pool_size=4&max_overflow=0")
    assert at_rest(page, chart.locator(".barlayer .point path").count) <= MAX_BARS
    expect(page.get_by_text(f"At most {MAX_BARS} bars are drawn")).to_be_visible()
    expect(click_bar(page, chart, "statement")).to_contain_text("of these in one bar")


def test_what_a_setting_does_stands_beside_the_run_before(page: Page) -> None:
    open_sessions(page, "mix=settings&requests=10&pool_size=2&max_overflow=0")
    page.get_by_role("tab", name="What the settings did").click()
    row = page.locator("[data-testid=stTable] tr", has_text="expire_on_commit")
    expect(row).to_contain_text("SELECTs after a commit in the same Session: 4.")
    page.get_by_text("Settings: create_engine and sessionmaker").click()
    page.locator(".st-key-sessions_expire_on_commit label").first.click()
    page.get_by_text("You have changed the controls").wait_for()
    page.get_by_role("button", name="Run", exact=False).first.click()
    expect(row).to_contain_text("SELECTs after a commit in the same Session: 0.")
    expect(row).to_contain_text("True: Objects that a commit expired")


def test_a_run_that_waits_for_its_model_is_stopped_and_what_ran_is_shown(page: Page) -> None:
    page.goto("/sessions?mix=llm_inside&requests=12&llm_s=5&pool_timeout=30")
    stop = page.get_by_role("button", name="Stop")
    expect(page.get_by_text("Waiting for the pool now")).to_be_visible()
    expect(stop).to_have_count(1)  # and not Streamlit's own, which would leave the page as it stands
    expect(page.locator(".st-key-sessions_stop_told [role=status]")).to_be_attached()
    # The answer is there when the click is over, whatever the server is busy with.
    status = "document.querySelector('.st-key-sessions_stop_told [role=status]').textContent"
    assert stop.evaluate(f"button => {{ button.click(); return {status} }}").startswith("Stopping")
    expect(page.get_by_text("You stopped this run")).to_be_visible()
    expect(page.locator(".tx-boxes")).to_contain_text("0 / 12")
    expect(stop).to_have_count(0)
