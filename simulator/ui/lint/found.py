"""What is in a text: signs of mistakes, the mistake behind an error, or the page that takes such a file."""

from __future__ import annotations

import streamlit as st

from simulator.errors import SnippetError
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.labs.lint.brought import Brought, recognise
from simulator.labs.lint.rule import Sign
from simulator.labs.lint.signs import Reading, examine
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.ui.app import brought, links
from simulator.ui.components import source_view
from simulator.ui.kit.plain import plain
from simulator.ui.lint import deadlock
from simulator.ui.mistakes import words

#: Lines of a long text that are shown beside what was found in it.
_SHOWN = 2_000
_KEYS = frozenset(mistake.key for mistake in MISTAKES)


def show(text: str) -> None:
    """Below the text that was put in."""
    found = recognise(text)
    if found.what == "code":
        _code(found.text)
    elif found.what in ("error", "deadlock", "lock_wait"):
        _error(found)
    elif brought.page_of(found.what):
        brought.offer_way(found)
    else:
        st.info(brought.name_of(found.what), icon="🧭")


def _code(text: str) -> None:
    try:
        reading = examine(text)
    except SnippetError as error:
        st.warning(plain(str(error)), icon="📄")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _summary(reading)
        for number, sign in enumerate(reading.signs):
            _sign(sign, number)
    with right:
        if reading.signs:
            source_view.show(text, marked={sign.line for sign in reading.signs}, tone="sign")


def _summary(reading: Reading) -> None:
    if reading.signs:
        count = len(reading.signs)
        found = ngettext("{n} sign of a mistake", "{n} signs of mistakes", count).format(n=count)
        st.markdown(f"**{found}**")
    elif reading.saw_session:
        st.info(_("No sign of these mistakes was found, which is no proof that there is none."), icon="🔎")
    else:
        st.warning(
            _(
                "No Session, connection or engine was recognised in this text, so nothing was examined. Paste the part "
                "that makes or uses one too."
            ),
            icon="🔎",
        )


def _sign(sign: Sign, number: int) -> None:
    """The key of a rule is that of the mistake which shows what comes of it."""
    sure = _("certain") if sign.certain else _("depends on what is not shown")
    line = _("Line {line}").format(line=sign.line)
    _card(f"**{line}** · {sure}  \n{plain(sign.sentence)}", sign.mistake, number)


def _card(said: str, mistake: str, number: int) -> None:
    """What was found, with the demonstration that it leads to."""
    with st.container(border=True):
        title = f"  \n*{plain(words.label(find(mistake)))}*" if mistake in _KEYS else ""
        st.markdown(f"{said}{title}".removeprefix("  \n"))
        if mistake in _KEYS and st.button(_("Run it"), icon="▶️", key=f"lint_sign_{number}"):
            links.open_link(f"./mistakes?mistake={mistake}")


def _error(found: Brought) -> None:
    """What an error means, where it says so, and the mistakes that end in it."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{brought.name_of(found.what)}**")
        if found.error is not None:
            st.markdown(plain(_(found.error.means)))
        if found.frame:
            st.markdown(_("The last line of code of your own: {frame}").format(frame=f"`{found.frame}`"))
        if found.what in ("deadlock", "lock_wait"):
            deadlock.show(found.text)
        if found.error is not None and found.error.mistakes:
            st.markdown(_("It comes about in these ways:"))
            for number, mistake in enumerate(key for key in found.error.mistakes if key in _KEYS):
                _card("", mistake, number)
    with right:
        lines = found.text.split("\n")
        first = max((found.line or 1) - _SHOWN // 2, 0)
        shown = "\n".join(lines[first : first + _SHOWN])
        source_view.show(shown, marked={(found.line or 1) - first} if found.line else set(), tone="sign")
