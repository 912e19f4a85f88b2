"""Which levels and fixes no order tells apart: a table computed from the sweeps."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.experiments.orders import Sweep
from simulator.experiments.orders.classes import Class, Place, classes
from simulator.figures.palette import OUTCOMES, outcome_word, text_on
from simulator.i18n import gettext as _
from simulator.model import Outcome
from simulator.ui.orders.subject import Subject


def show(subject: Subject, sweeps: tuple[Sweep, ...]) -> None:
    """A row a class: what can come of it, of which variants at which levels, and what tells it from the next."""
    found = classes(sweeps)
    if not found:
        st.markdown(_("Nothing was run to its end yet."))
        return
    st.markdown(
        _(
            "In one row stands what cannot be told apart by what comes of any order that was run. The order on the "
            "right comes to what never comes of the row below."
        )
    )
    heads = "".join(f"<th>{escape(head)}</th>" for head in (_("what comes of it"), _("of"), _("told apart by")))
    rows = "".join(_row(subject, each) for each in found)
    st.html(f'<style>{_STYLE}</style><table class="tx-apart"><thead><tr>{heads}</tr></thead>{rows}</table>')


def _row(subject: Subject, found: Class) -> str:
    chips = "".join(_chip(outcome) for outcome in OUTCOMES if outcome in found.outcomes)
    variants = {variant.key: variant.title for variant in subject.scenario.variants}
    levels: dict[str, list[str]] = {}
    for place in found.places:
        levels.setdefault(place.variant, []).append(place.isolation.short)
    names = "".join(f"<p>{escape(_(variants[key]))}: <b>{', '.join(short)}</b></p>" for key, short in levels.items())
    finer = "".join(_finer(subject, *each) for each in found.differ)
    told = _told(subject, found)
    return f"<tr><td>{chips}</td><td>{names}{finer}</td><td>{told}</td></tr>"


def _chip(outcome: Outcome) -> str:
    style = OUTCOMES[outcome]
    colors = f"background:{style.color};color:{text_on(style.color)}"
    return f'<span style="{colors}">{style.symbol} {escape(outcome_word(outcome))}</span>'


def _told(subject: Subject, found: Class) -> str:
    if found.told_by is None:
        return ""
    place, cell = found.told_by
    return _link(subject, place, " → ".join(cell.order), cell.order) + f"<small>{escape(str(cell.told))}</small>"


def _finer(subject: Subject, one: Place, other: Place, order: tuple[str, ...]) -> str:
    text = _("{one} and {other} differ order by order, first at").format(
        one=one.isolation.short, other=other.isolation.short
    )
    return f"<small>{escape(text)} {_link(subject, other, ' → '.join(order), order)}</small>"


def _link(subject: Subject, place: Place, text: str, order: tuple[str, ...]) -> str:
    href = escape(subject.href(place.variant, place.isolation, order))
    return f'<a class="tx-open" href="{href}">{escape(text)}</a> '


_STYLE = """
.tx-apart { border-collapse: collapse; width: 100%; font-size: 1.1rem; line-height: 1.35 }
.tx-apart th, .tx-apart td { border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent);
  padding: .5rem .6rem; text-align: left; vertical-align: top }
.tx-apart p { margin: 0 }
.tx-apart small { display: block; opacity: .85 }
.tx-apart td > span { display: inline-block; margin: 0 .3rem .3rem 0; padding: .15rem .5rem; border-radius: .3rem;
  font-weight: 600; white-space: nowrap }
""".replace("\n", " ").strip()
