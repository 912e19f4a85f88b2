"""SQL and SQLAlchemy code of a scenario's variants, the naive one beside a fix."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.model import Scenario, Variant
from simulator.ui.link import Pick
from simulator.ui.plain import plain

LANGUAGES = ("SQLAlchemy", "SQL")


def show(pick: Pick) -> None:
    """Two columns: what is picked, and what to compare it with."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        language = st.segmented_control(
            _("Code"),
            list(LANGUAGES),
            default=LANGUAGES[0],
            required=True,
            key="code_language",
            label_visibility="collapsed",
        )
    with right:
        other = _other(pick.scenario, pick.variant)
    left, right = st.columns(2)
    with left:
        _variant(pick.variant, str(language))
    with right:
        if other:
            _variant(other, str(language))


def sql_text(variant: Variant) -> str:
    """All statements of a variant, session by session, as they are sent."""
    parts = []
    for session in variant.sessions:
        level = f"  ({session.isolation})" if session.isolation else ""
        parts.append(
            "\n".join(
                [
                    f"-- {session.name}{level}",
                    "BEGIN;",
                    *(_statement(step.sql, step.save, step.when) for step in session.steps),
                ]
            )
        )
    return "\n\n".join(parts)


def _variant(variant: Variant, language: str) -> None:
    heading = _("**Fix:** {title}") if variant.is_fix else _("**Naive:** {title}")
    st.markdown(heading.format(title=plain(_(variant.title))))
    if language == LANGUAGES[0] and variant.sqlalchemy:
        st.code(variant.sqlalchemy, language="python", wrap_lines=True)
    else:
        st.code(sql_text(variant), language="sql", wrap_lines=True)
    if variant.note:
        st.caption(plain(_(variant.note)))


def _statement(sql: str, save: str | None, when: str | None) -> str:
    notes = [_("kept as :{name}").format(name=save)] if save else []
    notes += [_("only if {condition}").format(condition=when)] if when else []
    text = sql.strip().rstrip(";") + ";"
    return f"{text}  -- {'; '.join(notes)}" if notes else text


def _other(scenario: Scenario, variant: Variant) -> Variant | None:
    """Beside a fix stands the naive variant, beside the naive one the fix that the reader chooses."""
    others = [other for other in scenario.variants if other.is_fix is not variant.is_fix]
    if len(others) < 2:
        return others[0] if others else None
    key = st.selectbox(
        _("Compare with"),
        [other.key for other in others],
        key="code_other",
        label_visibility="collapsed",
        format_func=lambda key: _(scenario.variant(key).title),
    )
    return scenario.variant(str(key))
