"""What must hold between the parts of a scenario: names fit together, sessions end, values are saved before use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.model import Step
from simulator.scenarios import guard, order, saved, waits
from simulator.scenarios.positions import Location, path
from simulator.scenarios.schema import MAX_CONTROLS, ScenarioSpec, StepSpec, VariantSpec
from simulator.sql import bind, transactions, words


class Problem(NamedTuple):
    """A sentence about the value at `location`, beginning with its path."""

    location: Location
    sentence: Text
    #: something is not there; a misspelt key, where there is one, says better why
    missing: bool = False


#: First words of what can be asked without doing anything.
_QUERIES = frozenset(("SELECT", "WITH", "VALUES", "TABLE", "("))

#: A location and what is wrong there.
_Found = tuple[Location, Text]


def check(spec: ScenarioSpec) -> Iterator[Problem]:
    """Everything that is wrong with a scenario whose shape is right."""
    for location, sentence in _scenario(spec):
        yield Problem(location, Text("{path}: {sentence}", (("path", path(location)), ("sentence", sentence))))


def step(session: str, spec: StepSpec) -> Step:
    """The model's step."""
    return Step(spec.name, session, spec.sql.strip(), save=spec.save, when=spec.when, retry=spec.retry)


def _scenario(spec: ScenarioSpec) -> Iterator[_Found]:
    yield from _setup((), spec.setup)
    yield from _invariant(spec)
    yield from _levels_known(spec)
    yield from _twice(("variants",), [variant.key for variant in spec.variants], "key")
    if spec.telling and any(spec.telling not in variant.schedule for variant in spec.variants):
        yield (("telling",), Text.of("No step is called {step} in every variant.", step=spec.telling))
    if spec.answers and spec.telling is None:
        yield (("answers",), Text.of("Answers are those of a step: telling says of which."))
    for index, variant in enumerate(spec.variants):
        yield from _variant(("variants", index), variant)


def _setup(place: Location, sql: str) -> Iterator[_Found]:
    if any(each is not transactions.Control.ROLLBACK_TO for each in transactions.controls(sql)):
        yield ((*place, "setup"), Text.of("A setup is a transaction by itself: it holds no BEGIN, COMMIT or ROLLBACK."))
    if words.copies(sql):
        yield ((*place, "setup"), _no_copy())


def _invariant(spec: ScenarioSpec) -> Iterator[_Found]:
    if spec.invariant is None:
        return
    sql = spec.invariant.sql
    statements = words.statements(sql)
    if words.copies(sql):
        yield (("invariant", "sql"), _no_copy())
    elif not words.can_be_cut(sql):
        yield (("invariant", "sql"), Text.of("A quote or a comment is not closed."))
    elif len(statements) != 1 or statements[0].words[0] not in _QUERIES:
        yield (
            ("invariant", "sql"),
            Text.of("An invariant is one query, such as SELECT sum(balance) = 200 FROM account."),
        )


def _no_copy() -> Text:
    return Text.of(
        "COPY FROM STDIN and COPY TO STDOUT need a client that sends or takes the rows; use INSERT or SELECT."
    )


def _levels_known(spec: ScenarioSpec) -> Iterator[_Found]:
    known = ", ".join(level.short for level in spec.levels)
    sentence = Text.of("The scenario has no level {level}; its levels are {known}.")
    for index, level in enumerate(spec.occurs_at):
        if level not in spec.levels:
            yield (("occurs_at", index), sentence.given(level=level.short, known=known))
    for index, variant in enumerate(spec.variants):
        for level in variant.expect:
            if level not in spec.levels:
                yield (("variants", index, "expect"), sentence.given(level=level.short, known=known))


def _variant(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    yield from _setup(place, variant.setup)
    for name, specs in variant.sessions.items():
        where = (*place, "sessions", name)
        steps = [step(name, spec) for spec in specs]
        yield from _twice(where, [one.name for one in steps], "name")
        for index, one in enumerate(steps):
            yield from _step((*where, index), one)
            if not commits_itself(variant, name) and _goes_on(one):
                yield ((*where, index, "sql"), _goes_on_sentence())
    yield from _session_options(place, variant)
    yield from _unknown_sessions((*place, "autocommit"), dict(enumerate(variant.autocommit)), variant)
    yield from _schedule(place, variant)
    yield from saved.problems(place, variant)
    yield from _waits(place, variant)


def commits_itself(variant: VariantSpec, name: str) -> bool:
    """Whether a session is as psql has it: it is said to be, or says BEGIN itself."""
    texts = [spec.sql for spec in variant.sessions[name]]
    if name in variant.session_options:
        texts.append(variant.session_options[name].setup)
    return name in variant.autocommit or any(map(transactions.begins, texts))


def _goes_on(one: Step) -> bool:
    """Whether statements stand behind the end of the transaction; they would be in none that the session began."""
    controls = [transactions.control(each) for each in words.statements(one.sql)]
    return any(each in transactions.ENDINGS for each in controls[:-1])


def _goes_on_sentence() -> Text:
    return Text.of("COMMIT or ROLLBACK is the last statement of its step; give what follows it a step of its own.")


def _session_options(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    where = (*place, "session_options")
    yield from _unknown_sessions(where, {name: name for name in variant.session_options}, variant)
    for name, options in variant.session_options.items():
        for field, sql in (("setup", options.setup), ("teardown", options.teardown)):
            if words.copies(sql):
                yield ((*where, name, field), _no_copy())


def _schedule(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    scripts = {name: [one.name for one in specs] for name, specs in variant.sessions.items()}
    if any(len(set(names)) < len(names) for names in scripts.values()):
        return  # a step name that stands twice is told where it stands
    problem = order.first_problem(scripts, variant.schedule)
    if problem:
        at, sentence = problem
        yield ((*place, "schedule") if at is None else (*place, "schedule", at), sentence)


def _unknown_sessions(place: Location, named: Mapping[str | int, str], variant: VariantSpec) -> Iterator[_Found]:
    known = ", ".join(variant.sessions)
    for key, name in named.items():
        if name not in variant.sessions:
            sentence = Text.of("There is no session {session!r}; the sessions are {known}.", session=name, known=known)
            yield ((*place, key), sentence)


def _waits(place: Location, variant: VariantSpec) -> Iterator[_Found]:
    scripts = {name: [one.name for one in specs] for name, specs in variant.sessions.items()}
    for index, text in enumerate(variant.waits or ()):
        sentence = waits.problem(text, scripts)
        if sentence:
            yield ((*place, "waits", index), sentence)


def _twice(place: Location, names: Sequence[str], field: str) -> Iterator[_Found]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ((*place, index, field), Text.of("{name} is there already; give it another name.", name=name))


def _step(place: Location, one: Step) -> Iterator[_Found]:
    for field, rule in _RULES:
        sentence = rule(one)
        if sentence:
            yield ((*place, field), sentence)


def _guard_parses(one: Step) -> Text | None:
    try:
        if one.when:
            guard.names(one.when)
    except ScenarioError as error:
        return error.text
    return None


def _retry_on_rollback(one: Step) -> Text | None:
    if one.retry and one.ends != "ROLLBACK":
        return Text.of("Only a ROLLBACK step can have `retry`: it gives up the transaction and runs it again.")
    return None


def _nothing_to_save(one: Step) -> Text | None:
    return Text.of("{word} returns nothing that could be saved.", word=one.ends) if one.save and one.ends else None


def _one_statement(one: Step) -> Text | None:
    if bind.names(one.sql) and len(words.statements(one.sql)) > 1:
        return Text.of("SQL with `:name` must be a single statement; make each statement a step.")
    return None


def _few_transactions(one: Step) -> Text | None:
    if len(transactions.controls(one.sql)) > MAX_CONTROLS:
        return Text.of("A step begins and ends transactions at most {limit} times.", limit=MAX_CONTROLS)
    return None


def _no_rows_by_copy(one: Step) -> Text | None:
    return _no_copy() if words.copies(one.sql) else None


#: Rules of a single step: the key that is wrong where the rule gives a sentence.
_RULES: tuple[tuple[str, Callable[[Step], Text | None]], ...] = (
    ("when", _guard_parses),
    ("retry", _retry_on_rollback),
    ("save", _nothing_to_save),
    ("sql", _one_statement),
    ("sql", _few_transactions),
    ("sql", _no_rows_by_copy),
)
