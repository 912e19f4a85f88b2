"""The table of where the time went: a row a request and one of all, in the reader's language."""

from __future__ import annotations

import re

import pytest

from simulator.i18n import speaking
from simulator.traces.critical import critical_path, totals
from simulator.ui.sessions.path import table
from tests.unit.trace_samples import recorded


def rows(html: str) -> list[list[str]]:
    return [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in html.split("<tr>")[1:]]


def test_each_row_adds_up_and_the_last_one_is_all_of_them() -> None:
    trace = recorded("pool_time_out")
    head, *requests, every = rows(table(trace, trace.requests))
    assert head[:4] == ["Request", "Outcome", "Total", "Pool queue"]
    assert len(requests) == len(trace.requests)
    for row, request in zip(requests, trace.requests, strict=True):
        assert float(row[2]) == pytest.approx(sum(map(float, row[3:])), abs=0.5)
        assert float(row[3]) == pytest.approx(critical_path(request, trace.backends).queue_ms, abs=0.06)
    assert every[0] == "all"
    assert float(every[2]) == pytest.approx(totals(trace).parts.total_ms, abs=0.06)


def test_it_speaks_the_language_of_its_reader() -> None:
    trace = recorded("pool_time_out")
    with speaking("zh"):
        first = rows(table(trace, trace.requests))[1]
    assert first[0].startswith("请求 ")
