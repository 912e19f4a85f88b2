"""The list of chapters, group by group."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.course.chapter import Chapter
from simulator.course.path import GROUPS
from simulator.course.reader import chapters
from simulator.i18n import gettext as _
from simulator.i18n import language, ngettext


def show() -> None:
    """A card a chapter."""
    every = chapters(language())
    for group in dict.fromkeys(chapter.group for chapter in every):
        cards = "".join(_card(chapter) for chapter in every if chapter.group == group)
        st.html(f'<section class="tx-learn-group"><h2>{escape(_(GROUPS[group]))}</h2><div>{cards}</div></section>')


def _card(chapter: Chapter) -> str:
    minutes = ngettext("{n} minute", "{n} minutes", chapter.minutes).format(n=chapter.minutes)
    return (
        f'<a class="tx-open tx-learn-card" href="./learn?chapter={chapter.key}"><small>{chapter.number}</small>'
        f"<b>{escape(chapter.title)}</b><span>{escape(chapter.summary)}</span><small>{escape(minutes)}</small></a>"
    )


def neighbours(chapter: Chapter) -> None:
    """The chapter before and the one after, and the way to all of them."""
    every = chapters(language())
    place = next(number for number, each in enumerate(every) if each.key == chapter.key)
    before, after = every[max(place - 1, 0)], every[min(place + 1, len(every) - 1)]
    links = (
        (before, f"← {before.title}") if before is not chapter else None,
        (None, _("All chapters")),
        (after, f"{after.title} →") if after is not chapter else None,
    )
    told = "".join(
        f'<a class="tx-open" href="./learn{f"?chapter={link[0].key}" if link[0] else ""}">{escape(link[1])}</a>'
        for link in links
        if link is not None
    )
    st.html(f'<nav class="tx-learn-next" aria-label="{escape(_("Chapters"))}">{told}</nav>')
