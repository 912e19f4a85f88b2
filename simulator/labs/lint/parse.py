"""From pasted text to a syntax tree; whatever cannot be read gets one plain sentence with its line."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from astroid import nodes
from astroid.builder import AstroidBuilder
from astroid.exceptions import AstroidSyntaxError
from astroid.manager import AstroidManager

from simulator.errors import SnippetError
from simulator.i18n.text import Text

#: Bytes; more than this is a project and not a snippet, and some rules look at each function from each other one.
LIMIT = 100_000
_PROMPT = re.compile(r"\s*(>>>|\.\.\.)( |$)")
#: What a function's inside is put under when it was pasted without its head.
_HEADER = "def pasted():"
_TOO_DEEP = Text.of("This is nested too deeply to be read. Paste a smaller part.")
_FENCE = re.compile(r"\s*```")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree of a text, and by how much the tree's lines and columns differ from those of the pasted text."""

    module: nodes.Module
    lines: tuple[str, ...]
    extra_lines: int
    indents: tuple[int, ...]


def parse(source: str) -> Parsed:
    """The syntax tree of a pasted text.

    Raises:
        SnippetError: too long, not text, not Python 3, or nested too deeply.
    """
    text = source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    _refuse_early(text)
    problem = SyntaxError("")
    for lines, extra in _readings(text.split("\n")):
        try:
            return _parsed(text.split("\n"), lines, extra)
        except SyntaxError as error:
            problem = problem if problem.msg else error
    line = _line(problem)
    raise SnippetError(_plain(problem, line, text), line)


def _parsed(pasted: list[str], lines: list[str], extra: int) -> Parsed:
    module = _tree("\n".join(lines) + "\n")
    if _is_body(module):
        return _parsed(pasted, [_HEADER, *(f"    {line}" for line in lines)], extra + 1)
    return Parsed(module, tuple(lines), extra, _indents(pasted, lines[extra:]))


def _refuse_early(text: str) -> None:
    if len(text.encode("utf-8", "replace")) > LIMIT:
        raise SnippetError(Text.of("This is longer than 100 kB. Paste the part with the Session and the endpoint."))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SnippetError(Text.of("Line {line}: there is a null byte; this is not a text file.", line=line), line)


class _Builder(AstroidBuilder):
    """Builds a tree of the text alone: what it imports is neither looked for nor read."""

    def delayed_assattr(self, node: nodes.AssignAttr) -> None:
        """Attributes would be given to classes by inference, which opens imported modules."""

    def add_from_names_to_locals(self, node: nodes.ImportFrom, global_name: Collection[str]) -> None:
        """`from x import *` would open x."""
        if ("*", None) not in node.names:
            super().add_from_names_to_locals(node, global_name)


def _tree(text: str) -> nodes.Module:
    manager = AstroidManager()
    try:
        return _Builder(manager, apply_transforms=False).string_build(text, "pasted")
    except RecursionError:
        raise SnippetError(_TOO_DEEP) from None
    except AstroidSyntaxError as error:
        cause = error.error
        if isinstance(cause, SyntaxError):
            raise cause from None
        if isinstance(cause, MemoryError):
            raise SnippetError(_TOO_DEEP) from None
    except UnicodeError:
        pass  # half a character: told as other characters that are none
    finally:
        manager.astroid_cache.pop("pasted", None)  # nothing of it is kept
    raise SnippetError(Text.of("There are characters in it that are not text. Copy it once more as plain text."))


def _readings(lines: list[str]) -> Iterator[tuple[list[str], int]]:
    """The text as it may have been meant, the likeliest first, each with the number of lines put before it."""
    lines = _without_prompts(_without_fences(lines))
    even = textwrap.dedent("\n".join(lines)).split("\n")
    yield even, 0
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    rest = textwrap.dedent("\n".join(lines[first + 1 :])).split("\n")
    yield [*lines[:first], lines[first].lstrip(), *rest], 0
    depth = _indent(even[first])
    outer = sorted({_indent(line) for line in even if line.strip()} - set(range(depth, 10_000)))
    if outer:
        heads = [*("if True:" for _level in outer[1:]), _HEADER]
        yield [*(" " * level + head for level, head in zip(outer, heads, strict=True)), *even], len(outer)


def _is_body(module: nodes.Module) -> bool:
    """Whether this is the inside of a function, pasted without its head: it returns or yields."""
    waiting = list(module.body)
    for node in waiting:
        if isinstance(node, nodes.Return | nodes.Yield | nodes.YieldFrom):
            return True
        if not isinstance(node, nodes.FunctionDef | nodes.ClassDef | nodes.Lambda):
            waiting.extend(node.get_children())
    return False


def _without_fences(lines: list[str]) -> list[str]:
    opening = next((line for line in lines if line.strip()), "")
    return ["" if _FENCE.match(line) else line for line in lines] if _FENCE.match(opening) else lines


def _without_prompts(lines: list[str]) -> list[str]:
    """A doctest or shell transcript without its prompts; the lines that were printed become empty."""
    opening = next((line for line in lines if line.strip()), "")
    if not re.match(r"\s*>>> ", opening):
        return lines
    return [line[match.end() :] if (match := _PROMPT.match(line)) else "" for line in lines]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _indents(pasted: list[str], read: list[str]) -> tuple[int, ...]:
    """How many characters each pasted line lost at its start."""
    return tuple(len(before) - len(after) for before, after in zip(pasted, read, strict=False))


def _line(error: SyntaxError) -> int:
    """The line to look at: of the head whose block is missing, not of the end of the text."""
    head = re.search(r"expected an indented block .*on line (\d+)", error.msg)
    return int(head[1]) if head else error.lineno or 1


def _plain(error: SyntaxError, line: int, text: str) -> Text:
    for pattern, sentence in _sentences():
        if re.search(pattern, error.msg):
            return sentence.given(line=line)
    if isinstance(error, IndentationError):
        return Text.of("Line {line}: its indentation does not fit the lines around it.", line=line)
    shown = text.split("\n")[line - 1 : line]
    return Text.of("Line {line} is not Python 3: {code}", line=line, code=shown[0].strip()[:60] if shown else "")


def _sentences() -> tuple[tuple[str, Text], ...]:
    """What Python says, and how it is told here; the first that fits."""
    return (
        (r"inconsistent use of tabs", Text.of("Line {line}: tabs and spaces are mixed in the indentation.")),
        (
            r"Missing parentheses in call to '(print|exec)'",
            Text.of("Line {line}: this is Python 2; Python 3 is read here."),
        ),
        (r"multiple exception types must be parenth", Text.of("Line {line}: this is Python 2; Python 3 is read here.")),
        (r"expected an indented block", Text.of("Line {line}: what belongs under it is missing; is the end cut off?")),
        (r"was never closed", Text.of("Line {line}: a bracket is opened and never closed; is the end cut off?")),
        (r"unterminated|EOF", Text.of("Line {line}: a string or an expression is not finished; is the end cut off?")),
        (
            r"invalid (non-printable )?character",
            Text.of("Line {line}: a character that Python does not know, such as a curly quote."),
        ),
        (r"too many (nested|statically|levels)", Text.of("Line {line}: this is nested too deeply to be read.")),
    )
