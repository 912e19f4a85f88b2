"""From pasted text to a syntax tree; whatever cannot be read gets one plain sentence with its line."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.errors import SnippetError
from simulator.i18n import gettext as _

#: Bytes; more than this is a project and not a snippet.
LIMIT = 200_000
_PROMPT = re.compile(r"\s*(>>>|\.\.\.)( |$)")
#: What a function's inside is put under when it was pasted without its head.
_HEADER = "def pasted():"
_FENCE = re.compile(r"\s*```")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree of a text, and by how much the tree's lines and columns differ from those of the pasted text."""

    module: ast.Module
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
        raise SnippetError(_("This is longer than 200 kB. Paste the part with the Session and the endpoint."))
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SnippetError(_("Line {line}: there is a null byte; this is not a text file.").format(line=line), line)


def _tree(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (RecursionError, MemoryError):
        raise SnippetError(_("This is nested too deeply to be read. Paste a smaller part.")) from None
    except SyntaxError:
        raise
    except ValueError:
        raise SnippetError(
            _("There are characters in it that are not text. Copy it once more as plain text.")
        ) from None


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


def _is_body(module: ast.Module) -> bool:
    """Whether this is the inside of a function, pasted without its head: it returns or yields."""
    nodes: list[ast.AST] = list(module.body)
    for node in nodes:
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            nodes.extend(ast.iter_child_nodes(node))
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


def _plain(error: SyntaxError, line: int, text: str) -> str:
    for pattern, sentence in _sentences():
        if re.search(pattern, error.msg):
            return sentence.format(line=line)
    if isinstance(error, IndentationError):
        return _("Line {line}: its indentation does not fit the lines around it.").format(line=line)
    shown = text.split("\n")[line - 1 : line]
    return _("Line {line} is not Python 3: {code}").format(line=line, code=shown[0].strip()[:60] if shown else "")


def _sentences() -> tuple[tuple[str, str], ...]:
    """What Python says, and how it is told here; the first that fits."""
    return (
        (r"inconsistent use of tabs", _("Line {line}: tabs and spaces are mixed in the indentation.")),
        (r"Missing parentheses in call to '(print|exec)'", _("Line {line}: this is Python 2; Python 3 is read here.")),
        (r"multiple exception types must be parenth", _("Line {line}: this is Python 2; Python 3 is read here.")),
        (r"expected an indented block", _("Line {line}: what belongs under it is missing; is the end cut off?")),
        (r"was never closed", _("Line {line}: a bracket is opened and never closed; is the end cut off?")),
        (r"unterminated|EOF", _("Line {line}: a string or an expression is not finished; is the end cut off?")),
        (
            r"invalid (non-printable )?character",
            _("Line {line}: a character that Python does not know, such as a curly quote."),
        ),
        (r"too many (nested|statically|levels)", _("Line {line}: this is nested too deeply to be read.")),
    )
