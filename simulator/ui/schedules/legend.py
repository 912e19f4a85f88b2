"""The legend of a score: the signs that are drawn, and the terms that occur in this run."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from simulator.figures.score.info import ScoreInfo
from simulator.figures.terms import SIGNS, Term, pieces
from simulator.i18n import gettext as _
from simulator.verdict.run import RunResult


def show(result: RunResult, info: ScoreInfo) -> None:
    """Two lists, each line a sign or a term and what it means."""
    signs = "".join(f"<dt>{escape(sign.symbol)}</dt><dd>{escape(_(sign.meaning))}</dd>" for sign in SIGNS)
    terms = "".join(
        f"<dt>{escape(words)}</dt><dd>{escape(str(term.sentence))}</dd>" for words, term in told(result, info)
    )
    st.html(f'<dl class="tx-legend">{signs}{terms}</dl>')


def told(result: RunResult, info: ScoreInfo) -> Iterable[tuple[str, Term]]:
    """The terms that this run's figure and tabs use, each once, in the order in which they come."""
    kinds = dict.fromkeys(edge.kind.value for edge in result.graph.dependencies)
    words = [
        *(anomaly.name for anomaly in result.confirmed.anomalies),
        *(mark.transaction for mark in info.marks),
        *(mark.sqlstate or "" for mark in info.marks),
        *(wait.lock for wait in info.waits),
        *kinds,
    ]
    found = {piece.words: piece.term for text in words for piece in pieces(text) if piece.term is not None}
    return found.items()
