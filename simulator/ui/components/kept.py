"""What was made for this person: made when something new is picked, kept while the same is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from simulator.engines.base import Engine
from simulator.ui.app import tab
from simulator.ui.app.manager import manager
from simulator.ui.components import queue_view
from simulator.ui.kit.slots import Slot

T = TypeVar("T")


class This:
    """A thing that is wanted as this one, and not as one that is made of the same: nothing of it is compared."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, This) and other._thing is self._thing

    def __hash__(self) -> int:
        return id(self._thing)


def forget(*names: str) -> None:
    """What was kept as `run`, `levels`, `table` or under other names is run once more where it is shown.

    Not where it runs at this moment, and not at the second half of a double click.
    """
    for name in names or ("run", "levels", "table"):
        if again(name):
            _slot(name).pop()


def again(name: str) -> bool:
    """Whether this is to be made once more: not where it is being made, nor at the second half of a double click."""
    return manager().errands.again(tab.owner(), name)


def give_up(name: str) -> None:
    """What is being made under this name is of no interest any more."""
    manager().errands.drop(tab.owner(), name)


def drop(*names: str) -> None:
    """What was kept under these names is not needed any more: nobody carries along all that they ever saw."""
    for name in names:
        _slot(name).pop()


def known(name: str) -> object | None:
    """What is kept under this name, whatever it was made for; None for nothing."""
    found = _slot(name).get()
    return None if found is None else found[1]


def made(
    name: str,
    wanted: object,
    make: Callable[[Engine], T],
    *,
    doing: str = "",
    meanwhile: Callable[[], None] | None = None,
) -> T:
    """What `make` made of the engine for what is wanted, as long as the same is wanted under this name.

    `wanted` is small, such as the id of a run: it is compared in every script run. Made once, however many of these
    want it at once; `make` runs in another thread, without Streamlit, and a second time where the server left
    meanwhile. `doing` is shown while it takes long, `meanwhile` is called then, again and again. Raises what `make`
    raises, EngineError.
    """
    slot: Slot[tuple[object, T] | None] = _slot(name)
    found = slot.get()
    if found is not None and found[0] == wanted:
        return found[1]
    owner = tab.owner()
    errand = manager().errand(owner, name, wanted, make)
    result = queue_view.wait_for(errand, doing, meanwhile)
    slot.set((wanted, result))
    manager().errands.taken(owner, name, errand)
    return result


def kept(name: str, wanted: object, make: Callable[[], T]) -> T:
    """What `make` gave for what is wanted, as long as the same is wanted under this name."""
    slot: Slot[tuple[object, T] | None] = _slot(name)
    found = slot.get()
    if found is not None and found[0] == wanted:
        return found[1]
    made = make()
    slot.set((wanted, made))
    return made


def _slot(name: str) -> Slot[Any]:
    """A pair: what was wanted, and what it came to."""
    return Slot("kept", name, None)
