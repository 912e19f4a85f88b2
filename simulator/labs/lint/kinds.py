"""What an expression can be, and small readers of syntax nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from astroid import nodes

from simulator.labs.lint.tree import Def, Node

#: Whose a name is: the scope that owns it, and the name with its dots ("db", "self.session", "request.state.db").
Key = tuple[Node, str]
What = Literal["session", "connection", "engine", "factory", "registry", "flask"]


@dataclass(frozen=True, slots=True)
class ValueKind:
    """What an expression is; None means that the snippet does not show it."""

    what: What
    asynchronous: bool | None = None
    #: expire_on_commit=False
    keeps: bool | None = None
    #: entered by `begin()`: commits at the end of its `with`
    begins: bool = False
    #: comes from a scoped_session
    registry: bool = False
    #: told by its name and what is called on it: who made it, and who ends it, is not shown
    by_use: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a name comes to stand for a Session or its like; `value` is what it is given there."""

    key: Key
    kind: ValueKind
    value: Node
    how: Literal["assigned", "with", "parameter", "loop"]
    scope: Node
    holder: Node


def dotted(node: Node | None) -> str | None:
    """`a.b.c` of a name or attribute, read or written; None for anything else."""
    steps: list[str] = []
    while isinstance(node, nodes.Attribute | nodes.AssignAttr):
        steps.append(node.attrname)
        node = node.expr
    return ".".join([node.name, *reversed(steps)]) if isinstance(node, nodes.Name | nodes.AssignName) else None


def keyword(call: nodes.Call, name: str) -> Node | None:
    """The value of a keyword argument."""
    return next((word.value for word in call.keywords if word.arg == name), None)


def constant(node: Node | None) -> object:
    """The value of a literal; None for anything else."""
    return node.value if isinstance(node, nodes.Const) else None


def arguments(call: nodes.Call) -> list[Node]:
    """All values that are passed, by place or by keyword, without their stars."""
    values = [*call.args, *(word.value for word in call.keywords)]
    return [value.value if isinstance(value, nodes.Starred) else value for value in values]


def parameters(function: Def) -> Iterable[tuple[nodes.AssignName, Node | None, Node | None]]:
    """Each parameter with its annotation and its default."""
    given = function.args
    placed = [*given.posonlyargs, *(given.args or [])]
    notes = [*given.posonlyargs_annotations, *given.annotations]
    values = given.defaults or []
    defaults: list[Node | None] = [*([None] * (len(placed) - len(values))), *values]
    yield from zip(placed, notes, defaults, strict=True)
    yield from zip(given.kwonlyargs, given.kwonlyargs_annotations, given.kw_defaults or [], strict=True)


def parts(value: nodes.Tuple | nodes.List | nodes.Set) -> list[Node]:
    """What stands in a tuple, list or set."""
    return [part for part in value.elts if isinstance(part, Node)]


def pairs(value: nodes.Dict) -> list[tuple[Node, Node]]:
    """The keys and values of a dictionary that is written out."""
    return [(key, item) for key, item in value.items if isinstance(key, Node) and isinstance(item, Node)]


def assigned(name: nodes.AssignName) -> Node:
    """The assignment, loop, with or parameters that give this name its value."""
    holder: Node = name.assign_type()  # type: ignore[no-untyped-call]
    return holder


def decorators(function: Def | nodes.ClassDef) -> list[Node]:
    return function.decorators.nodes if function.decorators else []


def targets(holder: Node) -> list[Node]:
    """What an assignment gives a value to."""
    if isinstance(holder, nodes.Assign):
        return list(holder.targets)
    return [holder.target] if isinstance(holder, nodes.AnnAssign | nodes.NamedExpr) else []
