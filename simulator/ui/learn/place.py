"""A run where the chapter wants it: begun when its place is seen, with its claims and the way into the lab."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import streamlit as st

from simulator.course.chapter import Chapter, Run
from simulator.course.check import ids
from simulator.course.shows import Facts, read_claim, unmet, written
from simulator.i18n import gettext as _
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment
from simulator.ui.components import kept
from simulator.ui.kit.plain import plain
from simulator.ui.learn import figures, runs, seen


@fragment
def show(chapter: Chapter, run: Run, *, start: bool = False) -> None:
    """Its figure; what is run is kept while the chapter is read."""
    name = f"{chapter.key}_{run.id}"
    with st.container(key=f"learn_run_{name}", gap="small"):
        st.html(f'<div id="{run.id}" class="tx-learn-anchor"></div>')
        with problems(f"learn_{name}"):
            if not seen.is_seen(name):
                return
            plan = runs.of(run)
            result = kept.made(f"learn_{name}", run.query, plan.run, doing=_("It runs on a real server"))
            figures.show(name, plan, result, start=start)
            claims(run.shows, plan.facts(result))
        if run.caption:
            st.markdown(run.caption)
        foot(chapter, run.id, runs.of(run).link, name)


def forget(chapter: Chapter) -> None:
    """The chapter is left: its runs are not needed any more, and begin again where somebody comes back to them."""
    for each in ids(chapter):
        name = f"{chapter.key}_{each}"
        kept.drop(f"learn_{name}", f"learn_score_{name}", f"learn_traces_{name}")
        kept.drop(f"learn_try_{each}", f"learn_score_learn_try_{each}")
        seen.forget(name)


def foot(chapter: Chapter, at: str, link: str, name: str) -> None:
    """Run again, and the way into the lab, which comes back to this place."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"learn_foot_{name}"):
        st.button(_("Run again"), icon="🔁", key=f"learn_again_{name}", on_click=kept.forget, args=(f"learn_{name}",))
        back = escape(with_way_back(link, chapter.key, at))
        st.html(f'<a class="tx-open" href="{back}">{escape(_("Open in the lab"))} →</a>')


def with_way_back(link: str, chapter: str, at: str) -> str:
    """The link, with where its reader comes from."""
    return f"{link}{'&' if '?' in link else '?'}from={quote(f'{chapter}#{at}', safe='')}"


def claims(shows: Sequence[str], facts: Facts) -> None:
    """Each claim with what this run has seen of it; one that it has not is said, and never hidden."""
    failed = unmet(shows, facts)
    wrong = {text.partition(" (seen")[0] for text in failed}
    items = "".join(f"<li>{'✗' if claim in wrong else '✓'} <code>{escape(claim)}</code></li>" for claim in shows)
    if items:
        title = escape(_("Checked against this run"))
        st.html(f'<div class="tx-learn-claims"><span>{title}</span><ul>{items}</ul></div>')
    if failed:
        lines = [f"{claim} — {written(facts.get(read_claim(claim).fact))}" for claim in wrong]
        st.warning(_("This run does not show what the chapter claims: {what}").format(what=plain("; ".join(lines))))
