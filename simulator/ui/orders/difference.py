"""What made the difference: a safe order and one that goes wrong, both run, with the exchange marked."""

from __future__ import annotations

import streamlit as st

from simulator.engines.base import Engine
from simulator.experiments.orders import Sweep
from simulator.experiments.orders.difference import Nearest, nearest
from simulator.figures.orders_pair import exchange_text, pair_info, pair_notes
from simulator.figures.score.comparison import plot_comparison
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.model import Schedule
from simulator.ui.components import kept
from simulator.ui.components.score_view import score_view
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot, here
from simulator.ui.orders.subject import Subject
from simulator.verdict.run import RunResult, run_scenario

_CHOSEN: Slot[str] = Slot("orders", "pair", "")


def show(subject: Subject, sweeps: tuple[Sweep, ...]) -> None:
    """The pair with the fewest exchanges; where several variants or levels have one, chosen above."""
    pairs = {_name(sweep): (sweep, found) for sweep in sweeps if (found := nearest(sweep)) is not None}
    if not pairs:
        st.markdown(_("No variant has, at one level, orders that go wrong and orders that do not."))
        return
    chosen = _choose(list(pairs)) if len(pairs) > 1 else next(iter(pairs))
    sweep, found = pairs[chosen]
    results = kept.made("orders_pair", (*subject.id, chosen, found.safe.order, found.wrong.order), _both(sweep, found))
    st.markdown(plain(exchange_text(found)))
    info = pair_info(results, found)
    figure = kept.kept("orders pair", (kept.This(results), language()), lambda: plot_comparison(info))
    last = len(info.marks) - 1
    score_view(figure, info.marks, key=here("orders_pair"), step=last, notes=pair_notes(info, found))
    st.html(
        " · ".join(
            f'<a class="tx-open" href="{subject.href(sweep.variant.key, sweep.isolation, cell.order)}">{text}</a>'
            for cell, text in ((found.safe, _("Open the safe order")), (found.wrong, _("Open the one that goes wrong")))
        )
    )


def _both(sweep: Sweep, found: Nearest):  # type: ignore[no-untyped-def]
    def run(engine: Engine) -> tuple[RunResult, ...]:
        return tuple(
            run_scenario(engine, sweep.scenario, sweep.variant, sweep.isolation, schedule=Schedule(cell.order))
            for cell in (found.safe, found.wrong)
        )

    return run


def _name(sweep: Sweep) -> str:
    return f"{_(sweep.variant.title)} · {sweep.isolation.value}"


def _choose(names: list[str]) -> str:
    known = _CHOSEN.get()
    chosen = st.selectbox(
        _("Variant and level"), names, index=names.index(known) if known in names else 0, key=here("orders_pair_of")
    )
    _CHOSEN.set(chosen)
    return chosen
