"""Below the timeline, a tab each; a tab works only while it is open."""

from __future__ import annotations

from simulator.i18n import N_
from simulator.labs.sessions.load import Load
from simulator.ui.app.language import fragment
from simulator.ui.components.tabs import Tab, row
from simulator.ui.sessions import acid, code, effects, holds, objects, pair, path, save
from simulator.ui.sessions.runs import Shown

TABS: tuple[Tab[Shown, Load], ...] = (
    Tab("holds", N_("Who held the pool"), lambda shown, _load: holds.show(shown)),
    Tab("pair", N_("Two runs"), lambda shown, _load: pair.show(shown)),
    Tab("path", N_("Where the time went"), lambda shown, _load: path.show(shown)),
    Tab("objects", N_("Object states"), lambda shown, _load: objects.show(shown)),
    Tab("effects", N_("What the settings did"), lambda shown, _load: effects.show(shown)),
    Tab("code", N_("Code"), lambda shown, load: code.show(shown.result.load if shown.result else load)),
    Tab("acid", N_("ACID"), lambda _shown, _load: acid.show()),
    Tab("save", N_("Save"), lambda shown, _load: save.show(shown)),
)


@fragment
def show(shown: Shown, load: Load) -> None:
    """A row of tabs; the first is open."""
    row("sessions_tabs", TABS, shown, load)


def before(shown: Shown, load: Load) -> None:
    """What may be seen before the guess: the code."""
    code.show(shown.result.load if shown.result else load)
