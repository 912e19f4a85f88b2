"""Which consistency models a history rules out, by the anomalies that were found in it.

A model is ruled out by an anomaly that it forbids, and with a weaker one that it implies. None is ever shown to hold:
what was not ruled out remains possible.

- Adya, "Weak Consistency", PhD thesis, MIT 1999, and Adya, Liskov, O'Neil, ICDE 2000 (PL-1, PL-2, PL-2.99, PL-3, PL-SI)
- Bailis, Davidson, Fekete, Ghodsi, Hellerstein, Stoica, "Highly Available Transactions", VLDB 2013 (monotonic atomic
  view, and how the models imply each other)
- Cerone, Bernardi, Gotsman, CONCUR 2015 (internal consistency); Cerone, Gotsman, PODC 2016 (snapshot isolation)
- Elle's table of the same: https://github.com/jepsen-io/elle, `consistency_model`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulator.anomalies.operations.phenomena import NAMED
from simulator.i18n.text import N_


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the table."""

    #: for people
    title: str
    citation: str
    #: anomalies that cannot be where it holds, besides those of the models that it implies
    forbids: tuple[str, ...]
    #: titles of weaker models that hold where it does
    implies: tuple[str, ...] = ()
    #: whether it also is about time, of which a history of operations is not asked
    real_time: bool = False


#: the weaker ones first
MODELS: tuple[Model, ...] = (
    # Versions of an item have one order in all of Adya's histories: where they go in a circle, Elle rules out PL-1 too.
    Model(N_("read uncommitted"), "Adya 1999, PL-1; Elle, :PL-1", ("G0", "cyclic versions")),
    Model(N_("read committed"), "Adya 1999, PL-2", ("G1a", "G1b", "G1c"), ("read uncommitted",)),
    Model(N_("monotonic atomic view"), "Bailis et al. 2013, MAV", ("OTV",), ("read committed",)),
    Model(N_("repeatable read"), "Adya 1999, PL-2.99; Bailis et al. 2013", ("G2-item",), ("monotonic atomic view",)),
    Model(
        N_("snapshot isolation"),
        "Adya 1999, PL-SI; Cerone and Gotsman 2016",
        ("G-single", "G-nonadjacent", "internal"),
        ("monotonic atomic view",),
    ),
    Model(
        N_("serializable"),
        "Adya 1999, PL-3; Cerone et al. 2015",
        ("G2", "internal"),
        ("repeatable read", "snapshot isolation"),
    ),
    Model(N_("strict serializable"), "Adya 1999, PL-SS", (), ("serializable",), real_time=True),
)

#: Of lists and registers every conflict is on an item: none of these is only one on a predicate.
_ON_ITEMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    dict.fromkeys(("G-single", "long fork", "G-nonadjacent"), ("G2-item",))
)


def ruled_out(anomalies: Iterable[str]) -> tuple[Model, ...]:
    """Models in which these anomalies (of items) cannot be, in the table's order."""
    found = {wider for name in anomalies for wider in (name, *NAMED[name].kind_of, *_ON_ITEMS.get(name, ()))}
    out: dict[str, Model] = {}
    for model in MODELS:
        if found.intersection(model.forbids) or out.keys() & set(model.implies):
            out[model.title] = model
    return tuple(out.values())


def remaining(anomalies: Iterable[str]) -> tuple[Model, ...]:
    """Models that were not ruled out, of those that can be judged without the order in real time."""
    out = ruled_out(anomalies)
    return tuple(model for model in MODELS if model not in out and not model.real_time)
