"""The same schedule at every level of the scenario, one below the other, with a line where they first differ."""

from __future__ import annotations

import streamlit as st

from simulator.figures.score.comparison import comparison_info, plot_comparison
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.components import kept
from simulator.ui.components.score_view import score_view
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import here
from simulator.ui.schedules import runs
from simulator.ui.schedules.pick import Pick
from simulator.verdict.run import RunResult


def show(pick: Pick, result: RunResult | None) -> None:
    """Run it at each other level, or show what was run; the transport steps through all of them at once."""
    results = runs.levels(pick, result)
    info = comparison_info(results)
    if info.first_difference is None:
        st.markdown(_("Every level does the same with this schedule."))
    else:
        row = info.rows[info.first_difference]
        st.markdown(
            _("The levels part at **{step}**: {cells}").format(
                step=row.step,
                cells=" · ".join(
                    f"{level.isolation.short} {plain(cell.text)}"
                    for level, cell in zip(info.levels, row.cells, strict=True)
                ),
            )
        )
    figure = kept.kept("levels figure", (kept.This(results), language()), lambda: plot_comparison(info))
    score_view(figure, info.marks, key=here("levels"), step=len(info.marks) - 1, notes=info.notes)
