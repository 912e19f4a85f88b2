"""Scenario files: TOML in, a frozen `Scenario` out, or one sentence that names file, line and key."""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.model import Invariant, Outcome, Scenario, Schedule, SessionScript, Variant
from simulator.scenarios import waits
from simulator.scenarios.checks import Problem, check, commits_itself, step
from simulator.scenarios.positions import Positions, nesting
from simulator.scenarios.schema import MAX_FILE_BYTES, ScenarioSpec, SessionOptionsSpec, VariantSpec
from simulator.scenarios.sentences import problem_of

#: Messages quote the file; a quotation may be as long as the file.
MAX_SENTENCE = 600

_AT = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


def load(text: str, name: str) -> Scenario:
    """Read one scenario; `name` stands for it in messages. Raises ScenarioError."""
    text = text.removeprefix("\ufeff")
    data = _parse(text, name)
    try:
        spec = ScenarioSpec.model_validate(data)
    except ValidationError as error:
        found = [problem_of(detail) for detail in error.errors(include_url=False)]
    else:
        found = list(check(spec))
        if not found:
            return _scenario(spec)
    raise _first(found, Positions(text), name)


def load_file(path: str | Path) -> Scenario:
    """Read one scenario file. Raises ScenarioError, also where it cannot be opened."""
    path = Path(path)
    return load(read_text(path, MAX_FILE_BYTES), path.name)


def read_text(path: Path, most: int) -> str:
    """A file's text, of one that is larger only the bytes that show it. Raises ScenarioError."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise ScenarioError(
            Text.of("{name} cannot be opened: {error}.", name=path.name, error=error.strerror)
        ) from None
    return _decode(data, path.name)


@lru_cache(maxsize=1)
def catalogue() -> tuple[Scenario, ...]:
    """All scenarios that come with Txscope, by family and order."""
    folder = resources.files(__package__) / "catalogue"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    scenarios = [load(file.read_text("utf-8"), file.name) for file in files]
    return tuple(sorted(scenarios, key=lambda scenario: (scenario.family, scenario.order, scenario.key)))


def find(key: str) -> Scenario:
    """The catalogue's scenario called `key`. Raises ScenarioError, naming keys that are spelled alike."""
    known = {scenario.key: scenario for scenario in catalogue()}
    if key in known:
        return known[key]
    near = difflib.get_close_matches(key[:80].lower(), known, n=3, cutoff=0.5)
    raise ScenarioError(
        Text.of("There is no scenario {key!r}; did you mean {near}?", key=key[:80], near=", ".join(near))
        if near
        else Text.of("There is no scenario {key!r}; there are {known}.", key=key[:80], known=", ".join(known))
    )


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScenarioError(
            Text.of("{name}, line {line}: this is not UTF-8 text; save the file as UTF-8.", name=name, line=line)
        ) from None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        line = text[: error.start].count("\n") + 1
        raise ScenarioError(
            Text.of("{name}, line {line}: this is not UTF-8 text; save the file as UTF-8.", name=name, line=line)
        ) from None
    if size > MAX_FILE_BYTES:
        raise ScenarioError(
            Text.of(
                "{name} is too large; a scenario file has at most {limit} KiB.", name=name, limit=MAX_FILE_BYTES // 1024
            )
        )
    deep = nesting(text)
    if deep is not None:
        raise ScenarioError(
            Text.of(
                "{name}, line {line}: brackets or dotted names are nested deeper than any scenario needs.",
                name=name,
                line=deep,
            )
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(text, name, str(error)) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets that are never closed
        raise ScenarioError(Text.of("{name}: a number or a nesting is beyond what TOML is for.", name=name)) from None


def _not_toml(text: str, name: str, message: str) -> ScenarioError:
    """The parser's message, with the place in front; where it says "end of document", that place."""
    match = _AT.fullmatch(message)
    lines = text.split("\n")
    what = _cut(match["what"] if match else message)
    line = int(match["line"]) if match and match["line"] else len(lines)
    column = int(match["column"]) if match and match["column"] else len(lines[-1]) + 1
    return ScenarioError(
        Text.of(
            "{name}, line {line}, column {column}: this is not TOML: {what}.",
            name=name,
            line=line,
            column=column,
            what=what,
        )
    )


def _first(problems: list[Problem], positions: Positions, name: str) -> ScenarioError:
    """The problem that stands first in the file."""
    problem = min(problems, key=lambda problem: (problem.missing, positions.line(problem.location)))
    line = positions.line(problem.location)
    return ScenarioError(
        Text.of("{name}, line {line}: {problem}", name=name, line=line, problem=problem.sentence.cut(MAX_SENTENCE))
    )


def _cut(sentence: str) -> str:
    return sentence if len(sentence) <= MAX_SENTENCE else f"{sentence[:MAX_SENTENCE]}…"


def _scenario(spec: ScenarioSpec) -> Scenario:
    invariant = Invariant(spec.invariant.title, spec.invariant.sql.strip()) if spec.invariant else None
    return Scenario(
        key=spec.key,
        title=spec.title,
        family=spec.family,
        order=spec.order,
        story=spec.story,
        setup=spec.setup.strip(),
        variants=tuple(map(_variant, spec.variants)),
        invariant=invariant,
        phenomenon=spec.phenomenon,
        telling=spec.telling,
        answers=tuple(spec.answers),
        occurs_at=tuple(spec.occurs_at),
        source=spec.source,
        levels=tuple(spec.levels),
    )


def _variant(spec: VariantSpec) -> Variant:
    return Variant(
        key=spec.key,
        title=spec.title,
        sessions=tuple(_session(spec, name) for name in spec.sessions),
        schedule=Schedule(tuple(spec.schedule)),
        is_fix=spec.is_fix,
        expectations={level: Outcome(word) for level, word in spec.expect.items()},
        setup=spec.setup.strip(),
        note=spec.note,
        sqlalchemy=spec.sqlalchemy.strip("\n"),
        waits=None if spec.waits is None else tuple(map(waits.parse, spec.waits)),
    )


def _session(variant: VariantSpec, name: str) -> SessionScript:
    options = variant.session_options.get(name, SessionOptionsSpec())
    return SessionScript(
        name,
        tuple(step(name, one) for one in variant.sessions[name]),
        isolation=options.isolation,
        read_only=options.read_only,
        deferrable=options.deferrable,
        autocommit=commits_itself(variant, name),
        setup=options.setup.strip(),
        teardown=options.teardown.strip(),
    )
