"""Values that steps save: which step may use which, by the order of the variant's schedule.

A session's own value comes first. Else it is another session's, and no two others may save one of that name: whose
value is meant never depends on the order in which a run came to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.scenarios import guard
from simulator.scenarios.positions import Location
from simulator.scenarios.schema import VariantSpec
from simulator.sql import bind


def problems(place: Location, variant: VariantSpec) -> Iterator[tuple[Location, Text]]:
    """Every use of a value that nobody has saved by then."""
    # The first place of a step: one that the schedule leaves out is told where the schedule stands.
    order = {key: at for at, key in reversed([*enumerate(variant.schedule)])}
    for session, specs in variant.sessions.items():
        own: list[str] = []
        for index, spec in enumerate(specs):
            for field, names in (("sql", bind.names(spec.sql)), ("when", _names_of_guard(spec.when))):
                for name in names:
                    sentence = None if name in own else _problem(name, f"{session}.{spec.name}", own, order, variant)
                    if sentence:
                        shown = name if field == "when" else f":{name}"
                        yield ((*place, "sessions", session, index, field), sentence.given(name=shown))
            if spec.save:
                own.append(spec.save)


def _problem(name: str, user: str, own: Sequence[str], order: Mapping[str, int], variant: VariantSpec) -> Text | None:
    session = user.partition(".")[0]
    others = {
        other: [f"{other}.{spec.name}" for spec in specs if spec.save == name]
        for other, specs in variant.sessions.items()
        if other != session
    }
    savers = {other: keys for other, keys in others.items() if keys}
    if len(savers) > 1:
        return Text.of("{name} is saved by {sessions}; give each a name of its own.", sessions=", ".join(savers))
    for keys in savers.values():
        early = [key for key in keys if order.get(key, 0) < order.get(user, len(order))]
        return None if early else Text.of("{name} is used before {step} saves it.", step=keys[0])
    known = [*own, *_saved_before(user, order, variant)]
    if not known:
        return Text.of("{name} is used, but no earlier step has a `save`.")
    return Text.of("{name} is used, but earlier steps save only {saved}.", saved=", ".join(dict.fromkeys(known)))


def _saved_before(user: str, order: Mapping[str, int], variant: VariantSpec) -> Iterator[str]:
    for session, specs in variant.sessions.items():
        for spec in specs:
            if _is_early(f"{session}.{spec.name}", user, order) and spec.save:
                yield spec.save


def _is_early(key: str, user: str, order: Mapping[str, int]) -> bool:
    is_other = key.partition(".")[0] != user.partition(".")[0]
    return is_other and order.get(key, len(order)) < order.get(user, len(order))


def _names_of_guard(condition: str | None) -> tuple[str, ...]:
    try:
        return guard.names(condition) if condition else ()
    except ScenarioError:  # the check of the guard tells what is wrong with it
        return ()
