"""Files in the syntax of isolationtester: text in, a frozen `Spec` out, or one sentence that names file and line.

The grammar is that of PostgreSQL's `src/test/isolation` (README, specparse.y, specscanner.l): setups, a teardown,
sessions with steps, permutations whose steps may bear markers. Names are not case-folded, and a block of SQL holds no
closing brace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import NoReturn, TypeVar

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.scenarios.loader import read_text
from simulator.scenarios.order import count_interleavings
from simulator.scenarios.schema import CONTROL
from simulator.scenarios.spec import Blocker, BlockerKind, Permutation, PermutationStep, Spec, SpecSession, SpecStep

#: how the name of such a file ends
SPEC = ".spec"
#: Permutations take much more room than the steps that they name.
MAX_SPEC_BYTES = 262_144
MAX_SESSIONS = 20
MAX_STEPS = 500
#: Permutations of one file, written out or counted where none are.
MAX_PERMUTATIONS = 10_000

_T = TypeVar("_T")


def is_spec(text: str) -> bool:
    """Whether a text begins as such a file does, which no TOML does.

    >>> is_spec('# a comment\\nsetup { SELECT 1; }'), is_spec('setup = "SELECT 1"')
    (True, False)
    """
    return _BEGINNING.match(text) is not None


def load_spec(text: str, name: str, most: int = MAX_SPEC_BYTES) -> Spec:
    """Read one file; `name` is its file name, for messages too. Raises ScenarioError with the line."""
    if len(text.encode(errors="replace")) > most:
        sentence = Text.of("{name} is too large; a .spec file has at most {limit} KiB.")
        raise ScenarioError(sentence.given(name=name, limit=most // 1024))
    if control := CONTROL.search(text.translate(_SPACES)):
        line = text.count("\n", 0, control.start()) + 1
        raise _wrong(name, line, Text.of("a control character stands here, or what is no UTF-8 text"))
    spec = _Reader(text.removeprefix("\ufeff"), name).spec()
    _check(spec, name)
    return spec


def load_spec_file(path: str | Path) -> Spec:
    """Read one file of the disk. Raises ScenarioError, also where it cannot be opened."""
    path = Path(path)
    return load_spec(read_text(path, MAX_SPEC_BYTES), path.name)


_BEGINNING = re.compile(r"\ufeff?(?:\s|#[^\n\r]*)*+((setup|teardown)\s*\{|session\s+[\w\"])")


@dataclass(frozen=True, slots=True)
class _Token:
    #: a keyword, a sign, or one of `name`, `number`, `sql`, `end`
    kind: str
    value: str
    line: int


KEYWORDS = frozenset(("notices", "permutation", "session", "setup", "step", "teardown"))
#: Not `\s`: a line end is no space within a block of SQL.
_SPACE = " \t\r\f"
#: for the look at control characters
_SPACES = dict.fromkeys(map(ord, _SPACE), " ")
_TOKEN = re.compile(
    r"""
      (?P<blank> [ \t\r\f\n]+ | \#[^\n\r]* )
    | (?P<sql> \{ [^}]* \} )
    | (?P<quoted> " (?: [^"\n] | "" )* " )
    | (?P<word> [A-Za-z_\x80-\U0010ffff] [A-Za-z_\x80-\U0010ffff0-9$]* )
    | (?P<number> [0-9]+ )
    | (?P<sign> [,()*] )
    """,
    re.VERBOSE,
)


def _tokens(text: str, fail: Callable[[int, Text], NoReturn]) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            fail(line, _unreadable(text[place]))
        found = match.group()
        if token := _token(match, found, line):
            yield token
        place, line = match.end(), line + found.count("\n")
    yield _Token("end", "", line)


def _token(match: re.Match[str], found: str, line: int) -> _Token | None:
    match match.lastgroup:
        case "blank":
            return None
        case "sql":
            return _Token("sql", found[1:-1].strip(_SPACE), line)
        case "quoted":
            return _Token("name", found[1:-1].replace('""', '"'), line)
        case "word":
            return _Token(found if found in KEYWORDS else "name", found, line)
        case "number":
            return _Token("number", found, line)
    return _Token(found, found, line)


def _unreadable(sign: str) -> Text:
    if sign == "{":
        return Text.of("a block of SQL begins here and never ends: its closing brace is missing")
    if sign == '"':
        return Text.of("a quoted name does not end on its line")
    return Text.of("{sign!r} has no meaning here", sign=sign)


class _Reader:
    """Reads the grammar's rules one after another; one token is enough to tell them apart."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._head = takewhile(lambda line: line.startswith("#") or not line.strip(), text.splitlines())
        self._tokens = _tokens(text, self._fail)
        self._next = next(self._tokens)

    def spec(self) -> Spec:
        setups = tuple(self._blocks("setup"))
        teardown = self._block("teardown")
        sessions = tuple(self._each("session", self._session, MAX_SESSIONS))
        permutations = tuple(self._each("permutation", self._permutation, MAX_PERMUTATIONS, least=0))
        self._take("end")
        comment = "\n".join(line.lstrip("#").strip() for line in self._head)
        return Spec(self._name.removesuffix(SPEC), setups, sessions, teardown, permutations, comment.strip())

    def _session(self) -> SpecSession:
        name = self._take("name").value
        setup = self._block("setup")
        steps = tuple(self._each("step", self._step, MAX_STEPS))
        return SpecSession(name, steps, setup, self._block("teardown"))

    def _step(self) -> SpecStep:
        name = self._take("name")
        return SpecStep(name.value, self._take("sql").value, name.line)

    def _permutation(self) -> Permutation:
        steps = [self._permutation_step()]
        while self._next.kind == "name" and len(steps) < MAX_STEPS:
            steps.append(self._permutation_step())
        return Permutation(tuple(steps))

    def _permutation_step(self) -> PermutationStep:
        name = self._take("name")
        if not self._skip("("):
            return PermutationStep(name.value, line=name.line)
        blockers = [self._blocker()]
        while self._skip(","):
            blockers.append(self._blocker())
        self._take(")")
        return PermutationStep(name.value, tuple(blockers), name.line)

    def _blocker(self) -> Blocker:
        if self._skip("*"):
            return Blocker(BlockerKind.ONCE)
        step = self._take("name").value
        if self._skip("notices"):
            return Blocker(BlockerKind.NOTICES, step, int(self._take("number").value[:9]))
        return Blocker(BlockerKind.STEP, step)

    def _each(self, keyword: str, rule: Callable[[], _T], most: int, *, least: int = 1) -> Iterator[_T]:
        number = 0
        while self._next.kind == keyword or number < least:
            line = self._take(keyword).line
            number += 1
            if number > most:
                self._fail(line, Text.of("there are more than {most} of {keyword!r}", most=most, keyword=keyword))
            yield rule()

    def _blocks(self, keyword: str) -> Iterator[str]:
        while (block := self._block(keyword)) is not None:
            yield block

    def _block(self, keyword: str) -> str | None:
        return self._take("sql").value if self._skip(keyword) else None

    def _skip(self, kind: str) -> bool:
        found = self._next.kind == kind
        if found:
            self._take(kind)
        return found

    def _take(self, kind: str) -> _Token:
        token = self._next
        if token.kind != kind:
            self._fail(token.line, Text.of("{found} stands where {wanted} should be", found=_told(token), wanted=kind))
        if kind != "end":
            self._next = next(self._tokens)
        return token

    def _fail(self, line: int, problem: Text) -> NoReturn:
        raise _wrong(self._name, line, problem)


def _told(token: _Token) -> str:
    """A token as a message quotes it: a block of SQL may be as long as the file."""
    return token.kind if token.kind in ("end", "sql") else token.value[:80]


def _wrong(name: str, line: int, problem: Text) -> ScenarioError:
    return ScenarioError(Text.of("{name}, line {line}: {problem}.", name=name, line=line, problem=problem))


def _check(spec: Spec, name: str) -> None:
    """What the grammar cannot say. Raises ScenarioError."""
    _check_names(spec, name)
    sessions = {step.name: session.name for session in spec.sessions for step in session.steps}
    for permutation in spec.permutations:
        present = {step.name for step in permutation.steps}
        for step in permutation.steps:
            if step.name not in sessions:
                raise _wrong(name, step.line, Text.of("there is no step {step!r}", step=step.name))
            for blocker in step.blockers:
                if problem := _marker_problem(step, blocker, present, sessions):
                    raise _wrong(name, step.line, problem)
    number = count_interleavings(len(session.steps) for session in spec.sessions)
    if not spec.permutations and number > MAX_PERMUTATIONS:
        raise ScenarioError(
            Text.of(
                "{name}: without a permutation all interleavings are run, and these steps have {number}; "
                "at most {most} are run. Write the ones that matter as permutations.",
                name=name,
                number=f"{number:,}",
                most=f"{MAX_PERMUTATIONS:,}",
            )
        )


def _check_names(spec: Spec, name: str) -> None:
    sessions: set[str] = set()
    steps: set[str] = set()
    for session in spec.sessions:
        if session.name in sessions:
            problem = Text.of("there are two sessions {session!r}", session=session.name)
            raise _wrong(name, session.steps[0].line, problem)
        sessions.add(session.name)
        for step in session.steps:
            if step.name in steps:
                raise _wrong(name, step.line, Text.of("there are two steps {step!r}", step=step.name))
            steps.add(step.name)


def _marker_problem(
    step: PermutationStep, blocker: Blocker, present: set[str], sessions: dict[str, str]
) -> Text | None:
    if blocker.kind is BlockerKind.ONCE:
        return None
    if blocker.step not in present:
        sentence = Text.of("the marker of {step!r} names {other!r}, which is no step of this permutation")
        return sentence.given(step=step.name, other=blocker.step)
    if sessions[blocker.step] == sessions[step.name]:
        return Text.of("the marker of {step!r} names a step of its own session", step=step.name)
    return None
