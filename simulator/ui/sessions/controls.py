"""The page's controls: which requests, how many, and the settings of engine and Session."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.sessions.load import MAX_LLM_S, MAX_REQUESTS, Load
from simulator.labs.sessions.settings import Settings
from simulator.model import Isolation
from simulator.ui.app import arrival
from simulator.ui.kit.slots import Slot
from simulator.ui.sessions import link

#: The next script run runs what the controls stand at.
_RUN: Slot[bool] = Slot("sessions", "run_now", False)


def run_with(load: Load) -> None:
    """Set every control, and run it in the next script run."""
    _stand_at(load)
    _RUN.set(True)


def load() -> tuple[Load, bool]:
    """Show the controls; what they stand at, and whether "Run" was clicked."""
    _follow_link()
    with st.container(key="sessions_controls"):
        clicked = _requests()
    with st.expander(_("Settings: create_engine and sessionmaker"), key="sessions_settings"):
        _settings()
    link.LINK.complain()
    run_now = _RUN.pop()
    return _current(), clicked or run_now


def _requests() -> bool:
    """Which requests, how many, on which driver; whether "Run" was clicked."""
    which, number, llm, how, run = st.columns([4, 3, 3, 2.4, 2.2], vertical_alignment="bottom")
    with which:
        st.selectbox(_("Requests"), list(link.MIX_OF), key=_key("mix"), format_func=_mix_title, persist_state="session")
    with number:
        st.slider(_("How many at once"), 1, MAX_REQUESTS, key=_key("requests"), persist_state="session")
    with llm:
        st.slider(_("LLM answers after (s)"), 0.0, MAX_LLM_S, step=0.05, key=_key("llm_s"), persist_state="session")
    with how:
        st.segmented_control(
            _("Driver"),
            [False, True],
            key=_key("is_async"),
            required=True,
            persist_state="session",
            format_func=lambda is_async: "async" if is_async else "sync",
            help=_("sync: psycopg2, a thread a request. async: psycopg 3, AsyncSession, a task a request."),
            wrap=True,
        )
    with run:
        return st.button(_("Run"), icon="▶️", type="primary", key="sessions_run", width="stretch")


def _settings() -> None:
    """Controls on the left, the code that they stand for on the right."""
    pool, connection, session, code = st.columns([3, 4, 3, 5], gap="small")
    with pool:
        _pool()
    with connection:
        _connection()
    with session:
        _session()
    with code:
        now = _current()
        st.code(now.settings.code(is_async=now.is_async), language="python", wrap_lines=True)


def _pool() -> None:
    """How many connections, and how long somebody waits for one."""
    st.number_input("pool_size", 1, link.MAX_POOL, key=_key("pool_size"), persist_state="session")
    st.number_input("max_overflow", 0, link.MAX_POOL, key=_key("max_overflow"), persist_state="session")
    st.number_input(
        "pool_timeout (s)", 0.05, link.MAX_TIMEOUT_S, step=0.5, key=_key("pool_timeout"), persist_state="session"
    )
    st.slider(_("Arriving over (s)"), 0.0, MAX_LLM_S, step=0.1, key=_key("spread_s"), persist_state="session")


def _connection() -> None:
    """What becomes of a connection between two uses."""
    st.segmented_control(
        "reset_on_return",
        ["rollback", "commit", None],
        key=_key("reset_on_return"),
        required=True,
        persist_state="session",
        format_func=str,
        wrap=True,
    )
    st.number_input("pool_recycle (s)", -1, 3600, key=_key("pool_recycle"), persist_state="session")
    st.toggle("pool_pre_ping", key=_key("pool_pre_ping"), persist_state="session")
    st.toggle(
        "pool_use_lifo",
        key=_key("pool_use_lifo"),
        persist_state="session",
        help=_("Shows where connections lie idle: let the requests arrive over a second, and look at the slots."),
    )
    st.toggle(
        _("Kill the connections half-way"),
        key=_key("kill_half_way"),
        persist_state="session",
        help=_(
            "When half of the requests have ended, the server ends every connection. The other half finds them "
            "dead in the pool: pool_pre_ping decides who notices."
        ),
    )


def _session() -> None:
    """What the Session does by itself."""
    st.selectbox(
        "isolation_level",
        [None, *(level.short for level in Isolation)],
        key=_key("isolation"),
        persist_state="session",
        format_func=lambda short: Isolation.parse(short).value if short else _("the server's default"),
        placeholder=_("the server's default"),
    )
    st.toggle("expire_on_commit", key=_key("expire_on_commit"), persist_state="session")
    st.toggle("autoflush", key=_key("autoflush"), persist_state="session")
    st.toggle("close_resets_only", key=_key("close_resets_only"), persist_state="session")


def _control(name: str) -> Slot[Any]:
    """What the control of this part stands at."""
    return Slot("sessions", name, None)


def _key(name: str) -> str:
    return _control(name).key


def _mix_title(key: str) -> str:
    mix = link.MIX_OF[key]
    return _(mix.title) if len(mix.weights) > 1 else _("Only: {kind}").format(kind=_(mix.title))


def _follow_link() -> None:
    """Once, on arrival: what the link asks for; a page that was left and comes back stands as it was left."""
    if arrival.just_now():
        link.LINK.follow(_stand_at, anew=not _control("mix").is_set())


def _stand_at(load: Load) -> None:
    """Set every control."""
    values: dict[str, Any] = {name: getattr(load, name) for name in link.LOAD_PARTS}
    values |= {field.name: getattr(load.settings, field.name) for field in fields(load.settings)}
    values["mix"] = load.mix.key
    values["isolation"] = load.settings.isolation.short if load.settings.isolation else None
    for name, value in values.items():
        _control(name).set(value)


def _current() -> Load:
    """What the controls stand at."""
    now = {name: _control(name).get() for name in (*link.LOAD_PARTS, *link.SETTINGS_PARTS)}
    now["mix"] = link.MIX_OF[now["mix"]]
    now["isolation"] = Isolation.parse(now["isolation"]) if now["isolation"] else None
    settings = Settings(**{name: now[name] for name in link.SETTINGS_PARTS})
    return Load(**{name: now[name] for name in link.LOAD_PARTS}, settings=settings)


def remark(differs: bool) -> None:
    """Under moved controls stands an older run: say so."""
    if differs:
        st.info(_("You have changed the controls since this run. Click Run to see their effect."), icon="👆")
