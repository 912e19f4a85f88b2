"""Every order of what is picked, as a tab below its run."""

from __future__ import annotations

from simulator.i18n import N_
from simulator.ui.components.tabs import Tab
from simulator.ui.orders import grids
from simulator.ui.orders.subject import Subject
from simulator.ui.schedules.details import DetailTab

ORDERS: DetailTab = Tab("orders", N_("Every order"), lambda pick, _result: grids.show(Subject.of(pick)))


def among(tabs: tuple[DetailTab, ...]) -> tuple[DetailTab, ...]:
    """With that tab where others show the same schedule at other levels and with its fixes."""
    place = next((at for at, tab in enumerate(tabs) if tab.key == "code"), len(tabs))
    return (*tabs[:place], ORDERS, *tabs[place:])
