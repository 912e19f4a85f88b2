"""What the pages' scripts decide by themselves, asked in a Chromium without the application."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

UI = Path(__file__).parents[2] / "simulator" / "ui"
ASSETS = UI / "components" / "assets"
SIZES = [16, 12]


@pytest.fixture(scope="module")
def sheet(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 800, "height": 600})
    yield context.new_page()
    context.close()


@pytest.fixture
def blank(sheet: Page) -> Page:
    """An empty page of 800 × 600 on which nothing has run; scripts are added with `script`."""
    sheet.goto("about:blank")
    return sheet


def script(page: Page, *files: Path) -> None:
    """Run these files as one; the function that a file exports for Streamlit is `component`."""
    text = "\n".join(file.read_text("utf-8") for file in files)
    page.add_script_tag(content=text.replace("export default function", "function component"))


# --- texts in bars ------------------------------------------------------------------------------------------------


def fitted(page: Page, label: str, result: str, width: float, height: float) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(
        "([label, result, width, height, sizes]) => fitText(label, result, width, height, sizes, 'monospace')",
        [label, result, width, height, SIZES],
    )
    return found


def text_width(page: Page, text: str, size: int) -> float:
    return float(page.evaluate("([text, size]) => textWidth(text, size, 'monospace')", [text, size]))


@pytest.fixture
def fit(blank: Page) -> Page:
    script(blank, ASSETS / "score_fit.js")
    return blank


def test_what_fits_stands_whole_and_in_the_largest_size(fit: Page) -> None:
    assert fitted(fit, "read balance", "100", 400, 60) == {
        "text": "read balance<br><b>100</b>", "size": 16, "whole": True,
    }  # fmt: skip


def test_a_smaller_size_is_taken_before_anything_is_cut(fit: Page) -> None:
    width = text_width(fit, "statement", 12) + 0.7 * 12 + 1
    assert fitted(fit, "statement", "", width, 20) == {"text": "statement", "size": 12, "whole": True}


def test_words_are_wrapped_to_as_many_lines_as_there_are(fit: Page) -> None:
    width = text_width(fit, "one two", 16) + 0.7 * 16 + 1
    assert fitted(fit, "one two six ten", "", width, 60)["text"] == "one two<br>six ten"


def test_a_long_name_is_parted_where_its_words_end(fit: Page) -> None:
    width = text_width(fit, "pg_advisory_", 12) + 0.7 * 12 + 1
    found = fitted(fit, "pg_advisory_xact_lock()", "", width, 60)
    assert found == {"text": "pg_advisory_<br>xact_lock()", "size": 12, "whole": True}


def test_where_there_is_little_room_less_is_said_before_anything_is_cut(fit: Page) -> None:
    width = text_width(fit, "job: id LIMIT", 12) + 0.7 * 12 + 1
    found = fit.evaluate(
        "([width, sizes]) => fitText('job (state = queued): id', '→ 1, 2, 3, 4', width, 34, sizes, 'monospace', "
        "['job: id', '→ 4 rows'])",
        [width, SIZES],
    )
    assert found == {"text": "job: id<br><b>→ 1, 2, 3, 4</b>", "size": 12, "whole": True}


@pytest.mark.parametrize("width", [45, 60, 75, 90, 140])
def test_a_cut_text_is_no_wider_than_its_bar_and_says_that_it_is_cut(fit: Page, width: int) -> None:
    found = fitted(fit, "it is a long sentence", "", width, 20)
    assert not found["whole"]
    assert found["text"].endswith("…")
    assert len(found["text"]) > 4
    assert text_width(fit, found["text"], found["size"]) <= width - 0.7 * found["size"]


def test_where_not_even_the_first_word_has_room_nothing_stands(fit: Page) -> None:
    assert fitted(fit, "statement", "", 20, 20)["text"] == ""
    assert fitted(fit, "", "", 0, 0)["whole"]


def test_no_text_becomes_markup(fit: Page) -> None:
    assert fitted(fit, "<b>&", "<i>", 400, 60)["text"] == "&lt;b&gt;&amp;<br><b>&lt;i&gt;</b>"


# --- the order of a schedule ---------------------------------------------------------------------------------------

Steps = list[dict[str, str]]


def steps_of(sessions: str) -> Steps:
    return [{"session": name, "key": f"{name}{number}"} for number, name in enumerate(sessions)]


def own_orders(steps: Sequence[dict[str, str]]) -> dict[str, list[str]]:
    """Each session's steps in their order."""
    return {name: [step["key"] for step in steps if step["session"] == name] for name in {s["session"] for s in steps}}


@pytest.mark.parametrize("sessions", ["A", "AB", "AAB", "ABAB", "ABBA", "AABBC", "ABCABC"])
def test_a_bar_reaches_every_place_that_keeps_its_sessions_order_and_no_other(blank: Page, sessions: str) -> None:
    script(blank, ASSETS / "score_order.js")
    steps = steps_of(sessions)
    for start, end in itertools.product(range(len(steps)), repeat=2):
        low, high = blank.evaluate("([steps, start]) => reach(steps, start)", [steps, start])
        after = blank.evaluate("([steps, start, end]) => moved(steps, start, end)", [steps, start, end])
        at = blank.evaluate("([steps, start, end]) => obstacle(steps, start, end)", [steps, start, end])
        assert after[end] == steps[start]
        assert (low <= end <= high) == (own_orders(after) == own_orders(steps)) == (at is None), (start, end)
        assert at is None or at["session"] == steps[start]["session"]


#: A view of one score as its order sees it: what is asked of it is in `asked`, what it says in `said`.
ORDER = """sessions => {
  window.asked = []
  window.said = []
  const root = document.createElement("div")
  const view = {
    root, chart: root, step: 0, place() {}, showVerdict() {}, hint: text => said.push(text),
    reorder: keys => asked.push(keys.join(" ")),
    stand(step) { this.step = step; order.let() },
  }
  const steps = [...sessions].map((session, i) => ({ session, key: session + i }))
  const labels = { behind: "{step} behind {other}", before: "{step} before {other}", again: "again" }
  window.view = view
  window.order = new Order(view)
  window.answer = keys => order.take(keys.split(" ").map(key => ({ session: key[0], key })), labels)
  order.take(steps, labels)
  window.press = by => root.dispatchEvent(new CustomEvent("txs-move", { detail: by }))
}"""


@pytest.fixture
def order(blank: Page) -> Page:
    """Four steps, A0 B1 A2 B3, with the playhead at the first."""
    script(blank, ASSETS / "score_page.js", ASSETS / "score_order.js")
    blank.evaluate(ORDER, "ABAB")
    return blank


def test_keys_move_the_bar_at_the_playhead_and_then_the_same_one(order: Page) -> None:
    order.evaluate("() => { view.step = 2; press(-1) }")
    assert order.evaluate("asked") == ["A0 A2 B1 B3"]
    order.evaluate("() => { view.step = 3; answer('A0 A2 B1 B3') }")  # the new run is shown at its end
    order.evaluate("press(1)")
    assert order.evaluate("asked.at(-1)") == "A0 B1 A2 B3"
    order.evaluate("() => { answer('A0 B1 A2 B3'); view.stand(3); press(-1) }")
    assert order.evaluate("asked.at(-1)") == "A0 B1 B3 A2", "another step, another bar"


def test_a_bar_that_cannot_move_says_why(order: Page) -> None:
    order.evaluate("() => { view.step = 2; press(-1); answer('A0 A2 B1 B3'); press(-1) }")
    assert order.evaluate("[asked, said]") == [["A0 A2 B1 B3"], ["A2 behind A0"]]
    order.evaluate("() => { view.stand(4); press(-1) }")  # what a retry sent
    assert order.evaluate("said.at(-1)") == "again"
    assert order.evaluate("asked.length") == 1


def test_at_the_ends_nothing_is_asked(order: Page) -> None:
    order.evaluate("() => { press(-1); view.stand(3); press(1) }")
    assert order.evaluate("[asked, said]") == [[], []]


def test_presses_while_a_run_is_awaited_are_made_up_for_one_by_one(order: Page) -> None:
    order.evaluate("() => { answer('A0 B1 B2 B3'); view.step = 0; for (let i = 0; i < 3; i++) press(1) }")
    assert order.evaluate("asked") == ["B1 A0 B2 B3"]
    order.evaluate("answer('B1 A0 B2 B3')")
    order.evaluate("answer('B1 B2 A0 B3')")
    order.evaluate("answer('B1 B2 B3 A0')")
    assert order.evaluate("asked") == ["B1 A0 B2 B3", "B1 B2 A0 B3", "B1 B2 B3 A0"]


def test_a_click_on_a_handle_is_heard_though_the_focus_comes_with_it(order: Page) -> None:
    order.evaluate(
        """() => {
          document.body.append(view.root)
          view.root.append(order.box)
          const axis = { _offset: 0, _length: 800, d2p: at => 200 * at }
          const lanes = { d2p: at => 100 * at + 50 }
          const full = { xaxis: axis, yaxis: lanes, _size: { t: 0, h: 300 } }
          const named = [["A", "red"], ["B", "blue"]]
          view.place = () => order.draw({ full, steps: true, lanes: named, edge: 0.3, labelOf: () => "" })
          Object.assign(order.labels, { move: "{step}", earlier: "{step} earlier", later: "{step} later" })
          view.place()
        }"""
    )
    order.get_by_role("button", name="A2 later").click()
    assert order.evaluate("asked") == ["A0 B1 B3 A2"]


# --- what is told of a statement -----------------------------------------------------------------------------------


def test_whoever_points_at_a_statement_hears_nothing_that_only_a_later_step_brings(blank: Page) -> None:
    script(blank, ASSETS / "score_page.js", ASSETS / "score_future.js")
    told = blank.evaluate(
        """() => [-1, 0, 1, 2].map(step => {
          const traces = [{}, { customdata: [[0, "", "", "sent 0", "waits 0", 2], [1, "", "", "sent 1", "waits 1", 1],
                                             [2, "", "", "sent 2", "waits 2", null]], hovertext: [] }]
          tellUntil(traces, [undefined, ["all 0", "all 1", "all 2"]], step)
          return traces[1].hovertext
        })"""
    )
    assert told == [
        ["sent 0", "sent 1", "sent 2"],
        ["waits 0", "sent 1", "sent 2"],
        ["waits 0", "all 1", "sent 2"],
        ["all 0", "all 1", "waits 2"],
    ]


# --- the transport --------------------------------------------------------------------------------------------------

TRANSPORT = """
<div class="txs"><div class="txs-bar">
  <button data-act="first"></button><button data-act="previous"></button><button data-act="play"></button>
  <button data-act="next"></button><button data-act="last"></button><button data-act="reset"></button>
  <select class="txs-speed"><option>1</option></select><span class="txs-count"></span></div>
  <span class="txs-text"></span></div>
"""


@pytest.fixture
def transport(blank: Page) -> Page:
    """A transport of five steps that stands at the third; what Python hears is in `told`."""
    blank.set_content(TRANSPORT)
    script(blank, ASSETS / "score_page.js", ASSETS / "score_transport.js")
    blank.evaluate(
        """() => {
          window.told = []
          window.data = (asked, step) => ({
            asked, step, labels: {}, marks: [0, 1, 2, 3, 4].map(n => ({ session: "T1", text: `step ${n}`, note: "" })),
          })
          window.view = new Transport(document.querySelector(".txs"))
          view.show = () => view.caption()
          window.take = (asked, step) =>
            view.take({ data: data(asked, step), setStateValue: (name, value) => told.push(value) })
          take("a", 2)
        }"""
    )
    return blank


def press(page: Page, *acts: str) -> int:
    for act in acts:
        page.locator(f"[data-act={act}]").dispatch_event("click")
    return int(page.evaluate("view.step"))


def test_no_button_steps_past_an_end(transport: Page) -> None:
    assert press(transport, "next") == 3
    assert press(transport, "last", "next", "next") == 4
    assert press(transport, "first", "previous", "previous") == 0
    assert transport.locator("[data-act=previous]").is_disabled()
    assert transport.locator("[data-act=next]").is_enabled()
    assert transport.locator(".txs-count").text_content() == "1 / 5"


def test_the_page_moves_the_step_only_when_it_asks_for_another(transport: Page) -> None:
    press(transport, "last")
    transport.evaluate("take('a', 2)")
    assert transport.evaluate("view.step") == 4
    transport.evaluate("take('b', 1)")
    assert transport.evaluate("view.step") == 1
    transport.evaluate("take('c', 99)")
    assert transport.evaluate("view.step") == 4


def test_of_a_quick_succession_python_hears_the_first_and_the_last(transport: Page) -> None:
    transport.evaluate("['first', 'next', 'next', 'last'].forEach(act => view.act(act))")
    transport.wait_for_function("told.length >= 2")
    assert transport.evaluate("told.map(each => each.step)") == [0, 4]


def test_a_marks_text_is_no_markup(transport: Page) -> None:
    transport.evaluate("view.marks[2].text = '<img src=x>'; view.caption()")
    assert transport.locator(".txs-text").text_content() == "T1 <img src=x>"
    assert transport.locator(".txs-text img").count() == 0


# --- sizes and the address --------------------------------------------------------------------------------------------


def test_a_figure_grows_with_the_pages_font(blank: Page) -> None:
    script(blank, ASSETS / "score_page.js")
    layout = blank.evaluate(
        """() => themed(
          { font: { size: 14 }, height: 100, margin: { l: 10, r: 10, t: 10, b: 10 }, xaxis: {}, yaxis2: {},
            annotations: [{ text: "a", xshift: 4, font: { size: 10 } }, { text: "b" }] },
          { text: "#123456", raised: "#fff", line: "#eee", family: "serif", scale: 2 }, 500)"""
    )
    assert (layout["font"]["size"], layout["height"], layout["width"]) == (28, 200, 500)
    assert set(layout["margin"].values()) == {20}
    assert [note["font"]["size"] for note in layout["annotations"]] == [20, 28]
    assert layout["annotations"][0]["xshift"] == 8
    assert layout["yaxis2"]["showticklabels"] is False
    assert layout["xaxis"]["color"] == "#123456"


def test_the_address_follows_without_an_entry_in_the_browsers_history(blank: Page) -> None:
    blank.route("http://page.test/*", lambda route: route.fulfill(body="<p>here</p>", content_type="text/html"))
    blank.goto("http://page.test/anomalies?step=1#part")
    script(blank, UI / "app" / "address.js")
    before = blank.evaluate("history.length")
    for query in ("step=2", "step=3", "step=3"):
        blank.evaluate("query => component({ data: { query } })", query)
    assert blank.url == "http://page.test/anomalies?step=3#part"
    assert blank.evaluate("history.length") == before


def test_no_button_is_there_before_it_has_a_name(blank: Page) -> None:
    blank.set_content((ASSETS / "score_view.html").read_text("utf-8"))
    blank.add_style_tag(content=(ASSETS / "score_view.css").read_text("utf-8"))
    bar, controls = blank.locator(".txs-bar"), blank.locator(".txs-bar :is(button, select):visible")
    assert not bar.is_visible()
    script(blank, ASSETS / "score_page.js", ASSETS / "score_transport.js")
    blank.evaluate(
        """() => new Transport(document.querySelector(".txs")).take({ data: { asked: 1, step: 0, marks: [], labels:
          { transport: "Transport", first: "A", previous: "B", play: "C", next: "D", last: "E", speed: "F" } } })"""
    )
    assert bar.is_visible()
    assert controls.evaluate_all("all => all.map(each => each.ariaLabel).join('')") == "ABCDEF"
