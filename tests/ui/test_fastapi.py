"""The FastAPI page: the matrix is run, a cell opens, and what the page says of it is what client and database had."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import Opener
from tests.ui.texts import html_text


def numbers(at: AppTest) -> tuple[str, ...]:
    """What the client was told, what the database holds, what is still held; not how long, which is never the same."""
    html = "\n".join(block.value for block in at.get("html"))
    found = re.search(r'<div class="tx-boxes">.*', html)
    assert found is not None
    return tuple(value.strip("⚠💧 ") for value in re.findall(r"<b>(.*?)</b>", found[0]))[:3]


def cell(at: AppTest, dependency: str, ending: str) -> str:
    """The label of a cell's button."""
    return next(each.label for each in at.button if str(each.key).endswith(f"{dependency}_{ending}"))


def test_it_opens_on_a_silent_one(open_page: Opener) -> None:
    at = open_page("fastapi")
    assert numbers(at) == ("200", "0 rows", "0")
    text = html_text(at)
    assert "Silent: the client was told that it worked, and nothing is stored." in text
    order = " ".join(text.split())
    assert "endpoint → response → after yield → COMMIT failed" in order
    assert len([each for each in at.button if str(each.key).startswith("fastapi_cell_")]) == 35
    assert not at.warning


#: What FastAPI's documentation of dependencies with yield and the database's rows say, whatever the driver.
DOCUMENTED = (
    ("with_yield", "ok", "200 · 1 row"),
    ("no_finally", "error", "leak"),
    ("commit_in_finally", "not_found", "404 · 1 row"),
    ("function_scope", "commit_fails", "500 · 0 rows"),
    ("middleware", "not_found", "404 · 1 row"),
)


def test_how_long_the_connection_was_out_stands_beside_each_way(open_page: Opener) -> None:
    at = open_page("fastapi")
    said = [each.value for each in at.markdown if " of " in each.value and "response" in each.value]
    # In the order of the rows: the commit of an endpoint, of code behind the response, and before it.
    assert ["still out" in each for each in said[:7]] == [False, False, True, True, True, False, False]
    assert "still out at the response" in html_text(at)


@pytest.mark.parametrize("driver", ["0", "1"])
def test_cells_agree_with_what_is_documented(open_page: Opener, driver: str) -> None:
    at = open_page("fastapi", is_async=driver)
    for dependency, ending, label in DOCUMENTED:
        assert label in cell(at, dependency, ending)


def test_a_click_opens_a_cell(open_page: Opener) -> None:
    at = open_page("fastapi")
    button = next(each for each in at.button if str(each.key).endswith("commit_in_finally_error"))
    button.click().run()
    assert not at.exception
    assert numbers(at) == ("500", "1 row", "0")
    assert "its row is stored" in html_text(at)


def test_it_says_what_one_sees_and_what_a_client_that_has_gone_can_know(open_page: Opener) -> None:
    at = open_page("fastapi", ending="client_leaves", dependency="with_yield")
    text = html_text(at)
    assert text.index("Each cell is a request that was made over HTTP") < text.index("The client was told")
    assert numbers(at)[1] == "1 row"
    assert "if it tries again, a second row is stored" in text
    assert "not told" in cell(at, "with_yield", "client_leaves")


def test_a_link_brings_a_cell_back_and_what_there_is_not_is_said(open_page: Opener) -> None:
    at = open_page("fastapi", dependency="magic", ending="not_found")
    # As it is shown: a stranger's values are no Markdown.
    assert any("dependency = magic" in each.value.replace("\\", "") for each in at.warning)
    assert numbers(at)[0] == "404"


def test_the_order_of_teardown_is_observed(open_page: Opener) -> None:
    at = open_page("fastapi")
    at.button(key="fastapi_teardown").click().run()
    assert not at.exception
    text = " ".join(html_text(at).split())
    assert "endpoint → response → background tasks → after yield → COMMIT" in text
    assert "endpoint → after yield → COMMIT → response → background tasks" in text
