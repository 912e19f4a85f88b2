"""What an expression can be, and small readers of syntax nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from simulator.labs.snippet.tree import Def

#: Whose a name is: the scope that owns it, and the name with its dots ("db", "self.session", "request.state.db").
Key = tuple[ast.AST, str]
What = Literal["session", "connection", "engine", "factory", "registry"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What an expression is; None means that the snippet does not show it."""

    what: What
    asynchronous: bool | None = None
    #: expire_on_commit=False
    keeps: bool | None = None
    #: entered by `begin()`: commits at the end of its `with`
    begins: bool = False
    #: comes from a scoped_session
    registry: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a name comes to stand for a Session or its like."""

    key: Key
    kind: Kind
    value: ast.expr | ast.arg
    how: Literal["assigned", "with", "parameter", "loop"]
    scope: ast.AST
    holder: ast.AST


def dotted(node: ast.AST | None) -> str | None:
    """`a.b.c` of a Name or Attribute; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((word.value for word in call.keywords if word.arg == name), None)


def constant(node: ast.AST | None) -> object:
    """The value of a literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def arguments(call: ast.Call) -> list[ast.expr]:
    """All values that are passed, by place or by keyword, without their stars."""
    values = [*call.args, *(word.value for word in call.keywords)]
    return [value.value if isinstance(value, ast.Starred) else value for value in values]


def parameters(function: Def) -> Iterable[tuple[ast.arg, ast.expr | None]]:
    """Each parameter with its default."""
    given = function.args
    placed = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(placed) - len(given.defaults))
    yield from zip(placed, [*missing, *given.defaults], strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)
