"""A link brings the load back: its mix, its numbers and every setting that differs from the lab's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.labs.lifecycle.catalogue import KINDS, MIXES, Mix, alone
from simulator.labs.lifecycle.load import MAX_LLM_S, MAX_REQUESTS, Load
from simulator.labs.lifecycle.settings import Settings
from simulator.model import Isolation
from simulator.ui.link import MAX_QUOTED

#: Connections that one run may hold.
MAX_POOL = 30
MAX_TIMEOUT_S = 30.0

#: What the page opens with: a small pool, so that somebody waits.
FIRST = Load(MIXES[0], settings=Settings(pool_size=3, max_overflow=1, pool_timeout=2.0))

#: The mixes, then each kind alone; of two that come to the same, the mix.
MIX_OF: Mapping[str, Mix] = {each.key: each for each in MIXES}
MIX_OF = {**MIX_OF, **{each.key: alone(each) for each in KINDS if each.key not in MIX_OF}}


@dataclass(frozen=True, slots=True)
class _Part:
    """How one value is read from a link and written to it; `read` raises ValueError or KeyError."""

    read: Callable[[str], Any]
    write: Callable[[Any], str] = str


def _number(least: float, most: float, kind: type[int] | type[float]) -> _Part:
    def read(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return _Part(read, lambda value: f"{value:g}")


_SWITCH = _Part({"0": False, "1": True}.__getitem__, lambda value: str(int(value)))
_STYLE = _Part({"rollback": "rollback", "commit": "commit", "none": None}.__getitem__, lambda value: value or "none")
_LEVEL = _Part(
    lambda text: None if text == "default" else Isolation.parse(text), lambda value: value.short if value else "default"
)

LOAD_PARTS: Mapping[str, _Part] = {
    "mix": _Part(MIX_OF.__getitem__, lambda mix: mix.key),
    "requests": _number(1, MAX_REQUESTS, int),
    "llm_s": _number(0, MAX_LLM_S, float),
    "spread_s": _number(0, MAX_LLM_S, float),
    "is_async": _SWITCH,
    "kill_half_way": _SWITCH,
}
SETTINGS_PARTS: Mapping[str, _Part] = {
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


def read(parameters: Mapping[str, str]) -> tuple[Load, tuple[str, ...]]:
    """What the link asks for, and a sentence for each part of it that could not be followed."""
    complaints: list[str] = []
    load = _read(parameters, LOAD_PARTS, complaints)
    settings = _read(parameters, SETTINGS_PARTS, complaints)
    return replace(FIRST, **load, settings=replace(FIRST.settings, **settings)), tuple(complaints)


def parameters(load: Load) -> dict[str, str]:
    """What `read` takes, without what the page opens with."""
    return {**_written(load, FIRST, LOAD_PARTS), **_written(load.settings, FIRST.settings, SETTINGS_PARTS)}


def query(load: Load) -> str:
    """The parameters as one text: the same for the same load."""
    return " ".join(f"{name}={value}" for name, value in sorted(parameters(load).items()))


def _read(parameters: Mapping[str, str], parts: Mapping[str, _Part], complaints: list[str]) -> dict[str, Any]:
    found = {}
    for name in parts.keys() & parameters.keys():
        try:
            found[name] = parts[name].read(parameters[name])
        except (KeyError, ValueError, ScenarioError):
            complaints.append(
                _("The link asks for {name} = {value}, which there is not. The page shows its own choice.").format(
                    name=name, value=parameters[name][:MAX_QUOTED]
                )
            )
    return found


def _written(value: Any, first: Any, parts: Mapping[str, _Part]) -> dict[str, str]:
    names = [field.name for field in fields(value) if field.name in parts]
    return {
        name: parts[name].write(getattr(value, name)) for name in names if getattr(value, name) != getattr(first, name)
    }
