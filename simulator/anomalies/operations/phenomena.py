"""Anomalies of histories of operations that are no cycles and have no name in Adya's theory.

- Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020, and its checker,
  https://github.com/jepsen-io/elle (`list_append`, `rw_register`, `consistency_model`)
- Cerone, Bernardi, Gotsman, "A Framework for Transactional Consistency Models with Atomic Visibility", CONCUR 2015
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.anomalies.phenomena import BY_NAME, PHENOMENA, Cycle, Phenomenon
from simulator.i18n.text import N_


def _no_cycle(_: Cycle) -> bool:
    return False


OBSERVATIONS: tuple[Phenomenon, ...] = (
    Phenomenon(
        "duplicate element",
        N_("duplicate element"),
        N_("What was appended once is in a list twice."),
        "Kingsbury and Alvaro 2020, duplicate writes; Elle, duplicate-elements",
        _no_cycle,
        ("G0",),
    ),
    Phenomenon(
        "garbage read",
        N_("garbage read"),
        N_("A transaction read what nobody had written."),
        "Kingsbury and Alvaro 2020, garbage reads",
        _no_cycle,
        ("G1a", "G1"),
    ),
    Phenomenon(
        "dirty update",
        N_("dirty update"),
        N_("A committed write builds on one that was rolled back."),
        "Kingsbury and Alvaro 2020, dirty updates; Elle, dirty-update",
        _no_cycle,
        ("G1a", "G1"),
    ),
    Phenomenon(
        "lost element",
        N_("lost element"),
        N_("A list has what was appended later, and not what was there before it."),
        "Kingsbury and Alvaro 2020, inconsistent observations; Elle, incompatible-order",
        _no_cycle,
        ("incompatible order", "G1a", "G1"),
    ),
    Phenomenon(
        "incompatible order",
        N_("incompatible orders"),
        N_("Of two lists that were read of the same key neither is the beginning of the other."),
        "Kingsbury and Alvaro 2020, inconsistent observations; Elle, incompatible-order",
        _no_cycle,
        ("G1a", "G1"),
    ),
    Phenomenon(
        "future read",
        N_("future read"),
        N_("A transaction read what it wrote itself only afterwards."),
        "Elle, future-read",
        _no_cycle,
        ("G1c", "G1"),
    ),
    Phenomenon(
        "cyclic versions",
        N_("cyclic versions"),
        N_("Each value was written by who had read the one before, all around in a circle."),
        "Elle, cyclic-versions",
        _no_cycle,
        ("G1c", "G1"),
    ),
    Phenomenon(
        "internal",
        N_("internal inconsistency"),
        N_("A transaction read something else than what it had itself last read or written there."),
        "Cerone et al. 2015, axiom INT; Elle, internal",
        _no_cycle,
    ),
)

#: every anomaly that a check of operations can find
NAMED: Mapping[str, Phenomenon] = MappingProxyType({**BY_NAME, **{row.name: row for row in OBSERVATIONS}})

_OTHERS = [row.name for row in OBSERVATIONS]
_CYCLES = [row.name for row in PHENOMENA]
#: worst first: dirty writes, then whatever should not be there at all, then the table of cycles
SEVERITY: Mapping[str, int] = MappingProxyType(
    {name: place for place, name in enumerate((_CYCLES[0], *_OTHERS[:-1], *_CYCLES[1:], _OTHERS[-1]))}
)
