"""What must hold between the parts of a scenario: names fit together, sessions end, values are saved before use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.model import Step
from simulator.scenarios import guard, order, parameters, waits
from simulator.scenarios.positions import Location, path
from simulator.scenarios.schema import ScenarioSpec, StepSpec, VariantSpec


class Problem(NamedTuple):
    """A sentence about the value at `location`, beginning with its path."""

    location: Location
    sentence: str
    #: something is not there; a misspelt key, where there is one, says better why
    missing: bool = False


#: A location and what is wrong there.
_Found = tuple[Location, str]


def check(spec: ScenarioSpec) -> Iterator[Problem]:
    """Everything that is wrong with a scenario whose shape is right."""
    for location, sentence in _scenario(spec):
        yield Problem(location, f"{path(location)}: {sentence}")


def step(session: str, spec: StepSpec) -> Step:
    """The model's step."""
    return Step(spec.name, session, spec.sql.strip(), save=spec.save, when=spec.when, retry=spec.retry)


def _scenario(spec: ScenarioSpec) -> Iterator[_Found]:
    yield from _levels_known(spec)
    yield from _twice(("variants",), [variant.key for variant in spec.variants], "key")
    for index, variant in enumerate(spec.variants):
        yield from _variant(("variants", index), variant)


def _levels_known(spec: ScenarioSpec) -> Iterator[_Found]:
    known = ", ".join(level.short for level in spec.levels)
    sentence = _("The scenario has no level {level}; its levels are {known}.")
    for index, level in enumerate(spec.occurs_at):
        if level not in spec.levels:
            yield (("occurs_at", index), sentence.format(level=level.short, known=known))
    for index, variant in enumerate(spec.variants):
        for level in variant.expect:
            if level not in spec.levels:
                yield (("variants", index, "expect"), sentence.format(level=level.short, known=known))


def _variant(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    for name, specs in variant.sessions.items():
        where = (*place, "sessions", name)
        steps = [step(name, spec) for spec in specs]
        yield from _twice(where, [one.name for one in steps], "name")
        if name not in variant.autocommit:
            yield from _endings(where, steps)
        yield from _saved_values(where, steps)
        for index, one in enumerate(steps):
            yield from _step((*where, index), one)
    yield from _autocommit(place, variant)
    yield from _schedule(place, variant)
    yield from _waits(place, variant)


def _schedule(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    scripts = {name: [one.name for one in specs] for name, specs in variant.sessions.items()}
    if any(len(set(names)) < len(names) for names in scripts.values()):
        return  # a step name that stands twice is told where it stands
    problem = order.first_problem(scripts, variant.schedule)
    if problem:
        at, sentence = problem
        yield ((*place, "schedule") if at is None else (*place, "schedule", at), sentence)


def _autocommit(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    for index, name in enumerate(variant.autocommit):
        steps = variant.sessions.get(name)
        if steps is None:
            known = ", ".join(variant.sessions)
            sentence = _("There is no session {session!r}; the sessions are {known}.")
            yield ((*place, "autocommit", index), sentence.format(session=name, known=known))
        elif len(steps) > 1 or step(name, steps[0]).ends:
            sentence = _("{session} runs without BEGIN, so it has exactly one step: a statement, and no COMMIT.")
            yield ((*place, "autocommit", index), sentence.format(session=name))


def _waits(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    scripts = {name: [one.name for one in specs] for name, specs in variant.sessions.items()}
    for index, text in enumerate(variant.waits or ()):
        sentence = waits.problem(text, scripts)
        if sentence:
            yield ((*place, "waits", index), sentence)


def _twice(place: Location, names: Sequence[str], field: str) -> Iterator[_Found]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ((*place, index, field), _("{name} is there already; give it another name.").format(name=name))


def _endings(place: Location, steps: Sequence[Step]) -> Iterator[_Found]:
    for index, one in enumerate(steps[:-1]):
        if one.ends and not one.when:
            sentence = _("Steps after an unconditional {word} never run; make it the last step or give it a `when`.")
            yield ((*place, index), sentence.format(word=one.ends))
            return
    if not steps[-1].ends or steps[-1].when:
        sentence = _("The last step of a session must be COMMIT or ROLLBACK, without `when`.")
        yield ((*place, len(steps) - 1), sentence)


def _saved_values(place: Location, steps: Sequence[Step]) -> Iterator[_Found]:
    saved: list[str] = []
    for index, one in enumerate(steps):
        for field, names in (("sql", parameters.names(one.sql)), ("when", _names_of_guard(one.when))):
            for name in names:
                if name not in saved:
                    yield ((*place, index, field), _unsaved(name if field == "when" else f":{name}", saved))
        if one.save:
            saved.append(one.save)


def _names_of_guard(condition: str | None) -> tuple[str, ...]:
    try:
        return guard.names(condition) if condition else ()
    except ScenarioError:  # _step tells what is wrong with it
        return ()


def _unsaved(name: str, saved: Sequence[str]) -> str:
    if not saved:
        return _("{name} is used, but no earlier step of this session has a `save`.").format(name=name)
    return _("{name} is used, but earlier steps of this session save only {saved}.").format(
        name=name, saved=", ".join(saved)
    )


def _step(place: Location, one: Step) -> Iterator[_Found]:
    for field, rule in _RULES:
        sentence = rule(one)
        if sentence:
            yield ((*place, field), sentence)


def _guard_parses(one: Step) -> str | None:
    try:
        if one.when:
            guard.names(one.when)
    except ScenarioError as error:
        return str(error)
    return None


def _retry_on_rollback(one: Step) -> str | None:
    if one.retry and one.ends != "ROLLBACK":
        return _("Only a ROLLBACK step can have `retry`: it gives up the transaction and runs it again.")
    return None


def _nothing_to_save(one: Step) -> str | None:
    return _("{word} returns nothing that could be saved.").format(word=one.ends) if one.save and one.ends else None


def _one_statement(one: Step) -> str | None:
    if parameters.names(one.sql) and len(parameters.statements(one.sql)) > 1:
        return _("SQL with `:name` must be a single statement; make each statement a step.")
    return None


def _no_hidden_ending(one: Step) -> str | None:
    if one.ends is None and any(map(parameters.controls_transaction, parameters.statements(one.sql))):
        return _(
            "A session's first step begins its transaction, and a step that is only COMMIT or ROLLBACK ends it;"
            " no other statement may do so."
        )
    return None


#: Rules of a single step: the key that is wrong where the rule gives a sentence.
_RULES: tuple[tuple[str, Callable[[Step], str | None]], ...] = (
    ("when", _guard_parses),
    ("retry", _retry_on_rollback),
    ("save", _nothing_to_save),
    ("sql", _one_statement),
    ("sql", _no_hidden_ending),
)
