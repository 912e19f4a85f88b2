"""A link brings the load back: its mix, its numbers and every setting that differs from the lab's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulator.errors import ScenarioError
from simulator.labs.sessions.catalogue import KINDS, MIXES, Mix, alone
from simulator.labs.sessions.load import MAX_LLM_S, MAX_REQUESTS, Load
from simulator.labs.sessions.settings import Settings
from simulator.model import Isolation
from simulator.ui.kit.link import Link, Part

#: Connections that one run may hold.
MAX_POOL = 30
MAX_TIMEOUT_S = 30.0

#: What the page opens with: a small pool, so that somebody waits.
FIRST = Load(MIXES[0], settings=Settings(pool_size=3, max_overflow=1, pool_timeout=2.0))

#: The mixes, then each kind alone; of two that come to the same, the mix.
MIX_OF: Mapping[str, Mix] = {each.key: each for each in MIXES}
MIX_OF = {**MIX_OF, **{each.key: alone(each) for each in KINDS if each.key not in MIX_OF}}


@dataclass(frozen=True, slots=True)
class _Text:
    """How one value is read from a link and written to it; `read` raises ValueError or KeyError."""

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


def _number(least: float, most: float, kind: type[int] | type[float]) -> _Text:
    def read(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return _Text(read, lambda value: f"{value:g}")


def _level(text: str) -> Isolation | None:
    try:
        return None if text == "default" else Isolation.parse(text)
    except ScenarioError as error:
        raise ValueError(text) from error


_SWITCH = _Text({"0": False, "1": True}.__getitem__, lambda value: str(int(value)))
_STYLE = _Text({"rollback": "rollback", "commit": "commit", "none": None}.__getitem__, lambda value: value or "none")
_LEVEL = _Text(_level, lambda value: value.short if value else "default")

LOAD_PARTS: Mapping[str, _Text] = {
    "mix": _Text(MIX_OF.__getitem__, lambda mix: mix.key),
    "requests": _number(1, MAX_REQUESTS, int),
    "llm_s": _number(0, MAX_LLM_S, float),
    "spread_s": _number(0, MAX_LLM_S, float),
    "is_async": _SWITCH,
    "kill_half_way": _SWITCH,
}
SETTINGS_PARTS: Mapping[str, _Text] = {
    "pool_size": _number(1, MAX_POOL, int),
    "max_overflow": _number(0, MAX_POOL, int),
    "pool_timeout": _number(0.05, MAX_TIMEOUT_S, float),
    "pool_pre_ping": _SWITCH,
    "pool_recycle": _number(-1, 3600, int),
    "pool_use_lifo": _SWITCH,
    "reset_on_return": _STYLE,
    "isolation": _LEVEL,
    "expire_on_commit": _SWITCH,
    "autoflush": _SWITCH,
    "close_resets_only": _SWITCH,
}


def _of_load(name: str, text: _Text) -> Part[Load]:
    return Part(
        name, lambda load, said: replace(load, **{name: text.read(said)}), lambda load: text.write(getattr(load, name))
    )


def _of_settings(name: str, text: _Text) -> Part[Load]:
    return Part(
        name,
        lambda load, said: replace(load, settings=replace(load.settings, **{name: text.read(said)})),
        lambda load: text.write(getattr(load.settings, name)),
    )


LINK = Link(
    (
        *(_of_load(name, text) for name, text in LOAD_PARTS.items()),
        *(_of_settings(name, text) for name, text in SETTINGS_PARTS.items()),
    ),
    FIRST,
)


def query(load: Load) -> str:
    """The parameters as one text: the same for the same load."""
    return " ".join(f"{name}={value}" for name, value in sorted(LINK.write(load).items()))
