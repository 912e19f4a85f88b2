"""What an exercise is: parts to choose from, a run of what was chosen, and what was observed in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from simulator.engines.base import Engine
from simulator.history.schedule import History
from simulator.i18n.text import Text
from simulator.labs.mistakes.entry import Side
from simulator.labs.mistakes.run import SideResult, run_side
from simulator.verdict.run import RunResult

#: What was chosen: the key of a choice, by the key of its blank.
Choice = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Option:
    """One part. `label` is code, unless it is for gettext (`is_text`)."""

    key: str
    label: str
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Blank:
    """One place where a part is chosen; the title is for gettext."""

    key: str
    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a choice: whether it passes, and each reason as it was observed."""

    passed: bool
    reasons: tuple[Text, ...]
    #: the code that ran, with the numbers (from 1) of the lines that were chosen; "" where a scenario ran
    code: str = ""
    marked: tuple[int, ...] = ()
    #: what the figure is drawn from
    shown: RunResult | History | None = None


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise; its texts are the chapter's."""

    key: str
    blanks: tuple[Blank, ...]
    #: runs what was chosen and judges what was observed. Raises EngineBusy, EngineError, RunError
    attempt: Callable[[Engine, Choice], Tried]

    def choices(self) -> Iterator[Choice]:
        """Everything that can be chosen."""
        keys = [blank.key for blank in self.blanks]
        for picked in product(*(blank.options for blank in self.blanks)):
            yield dict(zip(keys, (option.key for option in picked), strict=True))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must be observed of a run's clients and of the database."""

    #: so many clients are told that all is well, and nobody an error
    ok: int
    #: rows of the side's look
    stored: tuple[tuple[object, ...], ...] | None = None
    #: what a client must be answered
    answers: Mapping[str, str] | None = None


def of_sides(
    key: str, title: str, wanted: Wanted, sides: Sequence[tuple[str, str, Side]], *, is_text: bool = False
) -> Exercise:
    """An exercise with one blank: (key, what is chosen, what runs then) for each part."""
    by_key = {name: side for name, _label, side in sides}
    blank = Blank("line", title, tuple(Option(name, label, is_text) for name, label, _side in sides))

    def attempt(engine: Engine, choice: Choice) -> Tried:
        side = by_key[choice["line"]]
        return judged(side, run_side(engine, side), wanted)

    return Exercise(key, (blank,), attempt)


def judged(side: Side, result: SideResult, wanted: Wanted) -> Tried:
    """What the run of a side came to, compared with what is wanted."""
    wrong = tuple(_wrong(side, result, wanted))
    return Tried(not wrong, wrong or (_right(result),), side.source, side.decisive_numbers, result.history)


def _wrong(side: Side, result: SideResult, wanted: Wanted) -> Iterator[Text]:
    errors = [told for told in result.told if told.status >= 500]
    if errors:
        names = ", ".join(dict.fromkeys(" ".join(filter(None, (it.error, it.sqlstate))) for it in errors))
        yield Text.many(
            "{n} client was told an error: {errors}.",
            "{n} clients were told an error: {errors}.",
            len(errors),
            errors=names,
        )
    elif result.ok < wanted.ok:
        yield Text.of("{ok} of {wanted} clients were told that all is well.", ok=result.ok, wanted=wanted.ok)
    if wanted.stored is not None and result.stored != wanted.stored:
        yield Text.of("Stored: {seen}. It should be {wanted}.", seen=_rows(result.stored), wanted=_rows(wanted.stored))
    yield from _answers(result, wanted.answers or {})
    if result.leaked.connections:
        yield Text.many(
            "{n} connection was not given back.",
            "{n} connections were not given back.",
            result.leaked.connections,
        )


def _answers(result: SideResult, wanted: Mapping[str, str]) -> Iterator[Text]:
    told = {it.client: it.answer for it in result.told if it.status < 500}
    for client, answer in wanted.items():
        if client in told and told[client] != answer:
            yield Text.of("{client} was answered “{answer}”.", client=client, answer=told[client])


def _right(result: SideResult) -> Text:
    if not result.stored:
        return Text.of("Every client was answered ({ok} of {ok}), and every connection came back.", ok=result.ok)
    return Text.of("Every client was answered ({ok} of {ok}); stored: {rows}.", ok=result.ok, rows=_rows(result.stored))


def _rows(rows: Sequence[Sequence[object]]) -> str:
    return " · ".join(str(value) for row in rows for value in row) or "–"
