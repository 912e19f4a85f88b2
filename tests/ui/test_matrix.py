"""The matrix page: what it opens on, where its cells lead, and that it takes its time only when it is asked to."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from simulator.scenarios.loader import find
from simulator.ui.matrix import runs
from tests.ui.conftest import Opener

FEW = tuple(map(find, ("lost_update", "p4", "deadlock")))


@pytest.fixture(autouse=True)
def _few_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are run by the integration tests, and take half a minute."""
    monkeypatch.setattr(runs, "catalogue", lambda: FEW)


def tables(at: AppTest, kind: str) -> str:
    return "".join(block.value for block in at.get("html") if f'class="{kind}"' in block.value)


def test_it_opens_on_the_hermitage_table_whose_cells_lead_to_their_runs(open_page: Opener) -> None:
    at = open_page("matrix")
    table = tables(at, "tx-hermitage")
    assert re.findall(r"</span> ([a-z]+)", table) == ["occurs", "occurs", "prevented", "prevented"]
    assert 'href="./anomalies?scenario=p4&amp;variant=case&amp;level=RU"' in table
    assert "≠" not in table
    assert tables(at, "tx-fixes") == ""


def test_every_variant_at_every_level_is_run_when_it_is_asked_for(open_page: Opener) -> None:
    at = open_page("matrix")
    at.button(key="matrix_run_fixes").click().run()
    table = tables(at, "tx-fixes")
    assert table.count("data-outcome=") == sum(len(v.expectations) for each in FEW for v in each.variants)
    assert 'href="./locks?scenario=deadlock&amp;variant=one_order&amp;level=RC"' in table
    assert "balance 130" in table
    assert "balance 150" in table
    assert "every cell as expected" in " ".join(caption.value for caption in at.caption)
