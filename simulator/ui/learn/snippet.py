"""A line that every course has: what it does on the libraries that are installed, beside the other way to write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.course.chapter import Chapter, Snippet
from simulator.course.facts import of_snippet
from simulator.i18n import N_, ngettext
from simulator.i18n import gettext as _
from simulator.labs.snippets import SNIPPETS, Seen, SnippetRun, Way, run_snippet
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment
from simulator.ui.components import kept, source_view
from simulator.ui.learn import place, seen

_VERDICTS: Mapping[str, str] = MappingProxyType(
    {"works": N_("works"), "changed": N_("changed since {version}"), "better": N_("better so")}
)


@fragment
def show(chapter: Chapter, snippet: Snippet) -> None:
    """The verdict, both ways, and what each of them came to when it was run just now."""
    name = f"{chapter.key}_{snippet.key}"
    with st.container(key=f"learn_snippet_{name}", gap="small"):
        verdict = _(_VERDICTS[snippet.verdict]).format(version=snippet.since)
        st.html(
            f'<p id="{snippet.key}" class="tx-learn-verdict tx-learn-verdict-{snippet.verdict}">{escape(verdict)}</p>'
        )
        st.markdown(snippet.text)
        with problems(f"learn_{name}"):
            run = None
            if seen.is_seen(name, height=60):
                run = kept.made(f"learn_{name}", None, partial(run_snippet, key=snippet.key))
            _ways(snippet, run)
            if run is not None:
                place.claims(snippet.shows, of_snippet(run))


def _ways(snippet: Snippet, run: SnippetRun | None) -> None:
    found = SNIPPETS[snippet.key]
    left, right = st.columns(2, gap="medium")
    with left:
        _way(_("As it is usually written"), found.usual, run.usual if run else None)
    if found.other is not None:
        with right:
            _way(_("The other way"), found.other, run.other if run else None)


def _way(title: str, way: Way, seen: Seen | None) -> None:
    st.html(f'<p class="tx-learn-kind">{escape(title)}</p>')
    source_view.show(way.code)
    if seen is not None:
        st.html(f'<ul class="tx-learn-seen">{"".join(f"<li>{line}</li>" for line in _told(way, seen))}</ul>')


def _told(way: Way, seen: Seen) -> Iterator[str]:
    """Each line is HTML."""
    if seen.raised:
        yield f'<b class="tx-red">✕ {escape(seen.raised)}</b> {escape(seen.message)}'
    for warning in seen.warnings:
        yield f"⚠ {escape(warning)}"
    if seen.clean:
        yield escape(_("It runs, without a warning."))
    if seen.told:
        yield f"<code>{escape(way.tells)}</code> → <code>{escape(seen.told)}</code>"
    if seen.sql:
        count = ngettext("{n} statement was sent", "{n} statements were sent", len(seen.sql)).format(n=len(seen.sql))
        yield f"{escape(count)}: <code>{escape(seen.sql[0][:160])}{'…' if len(seen.sql[0]) > 160 else ''}</code>"
