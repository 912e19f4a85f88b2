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
from simulator.i18n import gettext as _
from simulator.model import Invariant, Outcome, Scenario, Schedule, SessionScript, Variant
from simulator.scenarios import waits
from simulator.scenarios.checks import Problem, check, step
from simulator.scenarios.positions import Positions
from simulator.scenarios.schema import MAX_FILE_BYTES, ScenarioSpec, VariantSpec
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
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ScenarioError(
            _("{name} cannot be opened: {error}.").format(name=path.name, error=error.strerror)
        ) from None
    return load(_decode(data, path.name), path.name)


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
        _("There is no scenario {key!r}; did you mean {near}?").format(key=key[:80], near=", ".join(near))
        if near
        else _("There is no scenario {key!r}; there are {known}.").format(key=key[:80], known=", ".join(known))
    )


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScenarioError(
            _("{name}, line {line}: this is not UTF-8 text; save the file as UTF-8.").format(name=name, line=line)
        ) from None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        line = text[: error.start].count("\n") + 1
        raise ScenarioError(
            _("{name}, line {line}: this is not UTF-8 text; save the file as UTF-8.").format(name=name, line=line)
        ) from None
    if size > MAX_FILE_BYTES:
        raise ScenarioError(
            _("{name} is too large; a scenario file has at most {limit} KiB.").format(
                name=name, limit=MAX_FILE_BYTES // 1024
            )
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(text, name, str(error)) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets in thousands of brackets
        raise ScenarioError(_("{name}: a number or a nesting is beyond what TOML is for.").format(name=name)) from None


def _not_toml(text: str, name: str, message: str) -> ScenarioError:
    """The parser's message, with the place in front; where it says "end of document", that place."""
    match = _AT.fullmatch(message)
    lines = text.split("\n")
    what = match["what"] if match else message
    line = int(match["line"]) if match and match["line"] else len(lines)
    column = int(match["column"]) if match and match["column"] else len(lines[-1]) + 1
    return ScenarioError(
        _("{name}, line {line}, column {column}: this is not TOML: {what}.").format(
            name=name, line=line, column=column, what=what
        )
    )


def _first(problems: list[Problem], positions: Positions, name: str) -> ScenarioError:
    """The problem that stands first in the file."""
    problem = min(problems, key=lambda problem: (problem.missing, positions.line(problem.location)))
    line = positions.line(problem.location)
    sentence = problem.sentence if len(problem.sentence) <= MAX_SENTENCE else f"{problem.sentence[:MAX_SENTENCE]}…"
    return ScenarioError(_("{name}, line {line}: {problem}").format(name=name, line=line, problem=sentence))


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
        occurs_at=tuple(spec.occurs_at),
        source=spec.source,
        levels=tuple(spec.levels),
    )


def _variant(spec: VariantSpec) -> Variant:
    sessions = tuple(
        SessionScript(name, tuple(step(name, one) for one in steps), autocommit=name in spec.autocommit)
        for name, steps in spec.sessions.items()
    )
    return Variant(
        key=spec.key,
        title=spec.title,
        sessions=sessions,
        schedule=Schedule(tuple(spec.schedule)),
        is_fix=spec.is_fix,
        expectations={level: Outcome(word) for level, word in spec.expect.items()},
        setup=spec.setup.strip(),
        note=spec.note,
        sqlalchemy=spec.sqlalchemy.strip("\n"),
        waits=None if spec.waits is None else tuple(map(waits.parse, spec.waits)),
    )
