"""The Session as a box: from a recorded run, step by step beside its lines, of which the reader may change one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.course.chapter import Box, Chapter
from simulator.course.facts import of_lines
from simulator.i18n import gettext as _
from simulator.labs.sessions.lines import LINES, LinesRun, Step, run_lines
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment
from simulator.ui.components import kept
from simulator.ui.components.score_view import run_name
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot
from simulator.ui.learn import place, seen

SCRIPT = Path(__file__).with_suffix(".js")
#: In the order in which an object may come to them.
STATES = ("transient", "pending", "persistent", "expired", "deleted", "detached")


@fragment
def show(chapter: Chapter, box: Box, *, start: bool = False) -> None:
    """The box with its transport; with the line that the reader chose it runs again."""
    name = f"{chapter.key}_{box.id}"
    with st.container(key=f"learn_box_{name}", gap="small"):
        st.html(f'<div id="{box.id}" class="tx-learn-anchor"></div>')
        with problems(f"learn_{name}"):
            if not seen.is_seen(name):
                return
            names = _lines(box, name)
            # A vocabulary of lines is small, and so is what they come to.
            run = kept.made(f"learn_{name}", names, partial(run_lines, names=names))
            figure(name, run, box.vary, start=start)
            if names == box.lines:
                place.claims(box.shows, of_lines(run))
            else:
                st.caption(_("You changed line {number}: this is what came of it.").format(number=box.vary))
        if box.caption:
            st.markdown(box.caption)
        st.button(_("Run again"), icon="🔁", key=f"learn_again_{name}", on_click=kept.forget, args=(f"learn_{name}",))


def _lines(box: Box, name: str) -> tuple[str, ...]:
    """As the chapter has them, or with the line that the reader chose."""
    if not box.vary:
        return box.lines
    own = box.lines[box.vary - 1]
    memory: Slot[str] = Slot(f"learn_{name}", "line", own)
    if not memory.is_set():
        memory.set(own)
    options = list(dict.fromkeys((own, *box.choices)))
    st.segmented_control(
        _("Line {number}").format(number=box.vary),
        options,
        key=memory.key,
        required=True,
        wrap=True,
        format_func=lambda line: plain(LINES[line].code),
        persist_state="session",
    )
    return (*box.lines[: box.vary - 1], memory.get(), *box.lines[box.vary :])


def figure(name: str, run: LinesRun, vary: int = 0, *, start: bool = False) -> None:
    """The figure, at its last step unless it is to begin with the first."""
    _component()(
        key=f"learn_box_figure_{name}",
        data={
            "run": run_name(run.history),
            "first": 0 if start else len(run.steps) - 1,
            "vary": vary,
            "states": list(STATES),
            "steps": _steps(run.steps),
            "labels": _labels(),
        },
    )


def _steps(steps: Sequence[Step]) -> list[dict[str, object]]:
    opened = [step.name.startswith("open") and not step.raised for step in steps]
    return [
        {
            "code": step.code,
            "opened": any(opened[: number + 1]),
            "message": step.held.message,
            "new": list(step.held.new),
            "identity_map": list(step.held.identity_map),
            "dirty": list(step.held.dirty),
            "deleted": list(step.held.deleted),
            "transaction": step.held.in_transaction,
            "connection": step.held.connected,
            "sql": list(step.sql),
            "told": step.told,
            "raised": f"{step.raised}: {step.message}" if step.raised else "",
        }
        for number, step in enumerate(steps)
    ]


def _labels() -> dict[str, str]:
    return {
        "absent": _("There is no Session yet"),
        "transaction": _("Transaction"),
        "open": _("open"),
        "none": _("none"),
        "connection": _("Connection"),
        "out": _("out of the pool"),
        "back": _("in the pool"),
        "sent": _("Sent to PostgreSQL"),
        "nothing": _("nothing"),
        "told": _("The prompt answers"),
        "raised": _("It raises"),
        "previous": _("The line before"),
        "next": _("The next line"),
    }


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    # Its style is the chapter's: learn.css.
    return st.components.v2.component("txscope_box", js=SCRIPT.read_text("utf-8"), isolate_styles=False)
