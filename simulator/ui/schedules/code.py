"""SQL and SQLAlchemy code of a scenario's variants, the naive one beside a fix."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from simulator.i18n import gettext as _
from simulator.model import Scenario, SessionScript, Variant
from simulator.sql.transactions import ends
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import here
from simulator.ui.schedules.pick import Pick

LANGUAGES = ("SQLAlchemy", "SQL")


def show(pick: Pick) -> None:
    """Two columns: what is picked, and what to compare it with."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        language = st.segmented_control(
            _("Code"),
            list(LANGUAGES),
            default=LANGUAGES[0],
            persist_state="session",
            required=True,
            key=here("code_language"),
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
        parts.append("\n".join([f"-- {session.name}{level}", *_statements(session)]))
    return "\n\n".join(parts)


def _statements(session: SessionScript) -> Iterator[str]:
    """With the BEGINs that the session sends by itself, and what is sent before and after its steps."""
    if session.setup:
        yield session.setup
    begins = not session.autocommit
    for step in session.steps:
        if begins:
            yield "BEGIN;"
        yield _statement(step.sql, step.save, step.when)
        begins = not session.autocommit and step.when is None and ends(step.sql)
    if session.teardown:
        yield session.teardown


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
        key=here("code_other"),
        label_visibility="collapsed",
        format_func=lambda key: _(scenario.variant(key).title),
    )
    return scenario.variant(str(key))
