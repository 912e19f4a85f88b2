"""The story, and over everything else what this run came to."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.i18n import Text
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult
from simulator.ui.kit.plain import plain
from simulator.ui.mistakes import words

_SYMBOLS: Mapping[words.Kind, str] = MappingProxyType({"silent": "🔇", "raised": "✕", "costs": "⏱", "unseen": "="})


def story(mistake: Mistake) -> None:
    """What happened, told large."""
    st.html(f'<p class="tx-mistake-story">{words.html(_(mistake.story))}</p>')


def verdict(mistake: Mistake, pair: PairResult) -> None:
    """A strip that the last row reads; loudest where nobody is told that something is wrong."""
    found = words.verdict(mistake, pair)
    first, *more = map(escape, map(words.unbroken, found.sentences))
    st.html(
        f'<div class="tx-mistake-verdict tx-mistake-{found.kind}" data-verdict="{found.kind}">'
        f'<span aria-hidden="true">{_SYMBOLS[found.kind]}</span>'
        f"<div><strong>{escape(found.word)}</strong> {first} <b>{' '.join(more)}</b></div></div>"
    )
    _differences(_("The mistake"), pair.mistake.differences)
    _differences(_("The fix"), pair.fixed.differences)


def _differences(side: str, differences: tuple[Text, ...]) -> None:
    """What the lab expects of every run and this one did not do is said, and never hidden."""
    if differences:
        lines = "\n".join(f"- {plain(line)}" for line in differences)
        st.warning(f"{_('{side}: this run is not what is expected.').format(side=side)}\n\n{lines}", icon="⚠️")
