"""The syntax tree of a snippet with what `ast` leaves out: parents, scopes, and what can run after what."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeVar, overload

Def = ast.FunctionDef | ast.AsyncFunctionDef
DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)
WITHS = (ast.With, ast.AsyncWith)
_SCOPES = (*DEFS, ast.Lambda, ast.ClassDef)
_LEAVES = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)

N = TypeVar("N", bound=ast.AST)
M = TypeVar("M", bound=ast.AST)


class Tree:
    """A module's nodes with their parent and scope. A comprehension is no scope here: nothing needs it to be one."""

    def __init__(self, module: ast.Module) -> None:
        self.module = module
        self.parent: dict[ast.AST, ast.AST] = {}
        self.scope: dict[ast.AST, ast.AST] = {module: module}
        self._nodes: dict[type, list[ast.AST]] = defaultdict(list)
        self._own: dict[tuple[ast.AST, type], list[ast.AST]] = defaultdict(list)
        stack: list[ast.AST] = [module]
        while stack:
            node = stack.pop()
            self._nodes[type(node)].append(node)
            self._own[self.scope[node], type(node)].append(node)
            children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, _LEAVES)]
            for child in children:
                self.parent[child] = node
                self.scope[child] = self._scope_of_child(node, child)
            stack.extend(reversed(children))

    def _scope_of_child(self, node: ast.AST, child: ast.AST) -> ast.AST:
        if isinstance(node, ast.arguments):
            return self.scope[self.parent[node]]
        if not isinstance(node, _SCOPES):
            return self.scope[node]
        outside = getattr(node, "decorator_list", ()) or ()
        if child in outside or child is getattr(node, "returns", None):
            return self.scope[node]
        return node

    @overload
    def all(self, first: type[N], /) -> Iterator[N]: ...

    @overload
    def all(self, first: type[N], second: type[M], /) -> Iterator[N | M]: ...

    @overload
    def all(self, first: type[ast.AST], second: type[ast.AST], /, *more: type[ast.AST]) -> Iterator[Any]: ...

    def all(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """Every node of these kinds, in the order of the text within a kind."""
        for kind in kinds:
            yield from self._nodes[kind]

    @overload
    def own(self, scope: ast.AST, first: type[N], /) -> Iterator[N]: ...

    @overload
    def own(self, scope: ast.AST, first: type[N], second: type[M], /) -> Iterator[N | M]: ...

    def own(self, scope: ast.AST, *kinds: type[ast.AST]) -> Iterator[Any]:
        """The nodes of these kinds that run in this scope itself, not in a function or class inside it."""
        for kind in kinds:
            yield from self._own.get((scope, kind), ())

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around this one, the nearest first."""
        while node in self.parent:
            node = self.parent[node]
            yield node

    @overload
    def around(self, node: ast.AST, first: type[N], /) -> Iterator[N]: ...

    @overload
    def around(self, node: ast.AST, first: type[N], second: type[M], /) -> Iterator[N | M]: ...

    @overload
    def around(
        self, node: ast.AST, first: type[ast.AST], second: type[ast.AST], /, *more: type[ast.AST]
    ) -> Iterator[Any]: ...

    def around(self, node: ast.AST, *kinds: type[ast.AST]) -> Iterator[Any]:
        """The nodes of these kinds around this one, within the function that it runs in."""
        for outer in self.ancestors(node):
            if isinstance(outer, _SCOPES):
                return
            if isinstance(outer, kinds):
                yield outer

    def function(self, node: ast.AST) -> Def | None:
        """The function that this node runs in; None at module or class level and in a lambda."""
        scope = self.scope[node]
        return scope if isinstance(scope, DEFS) else None

    def functions(self) -> Iterator[Def]:
        """Every function and method, in the order of the text."""
        yield from sorted(self.all(*DEFS), key=position)

    def enclosing_class(self, node: ast.AST) -> ast.ClassDef | None:
        """The class in which this node's method stands."""
        return next((outer for outer in self.ancestors(node) if isinstance(outer, ast.ClassDef)), None)

    def awaited(self, call: ast.AST) -> bool:
        return isinstance(self.parent.get(call), ast.Await)

    def in_finally(self, node: ast.AST) -> ast.Try | None:
        """The `try` whose `finally` this node stands in."""
        inner = node
        for outer in self.ancestors(node):
            if isinstance(outer, _SCOPES):
                return None
            if isinstance(outer, ast.Try) and inner in outer.finalbody:
                return outer
            inner = outer
        return None

    def in_body(self, node: ast.AST, block: list[ast.stmt]) -> bool:
        """Whether this node is one of these statements or inside one."""
        return node in block or any(outer in block for outer in self.ancestors(node))

    def follows(self, first: ast.AST, then: ast.AST) -> bool:
        """Whether `then` stands later and can run after `first` in one pass: no other branch, no return between."""
        if position(first) >= position(then):
            return False
        above = [then, *self.ancestors(then)]
        inner = first
        for outer in self.ancestors(first):
            if outer in above:
                return _may_reach(outer, inner, above[above.index(outer) - 1])
            if _block_ends(outer, inner):
                return False
            inner = outer
        return True


def position(node: ast.AST) -> tuple[int, int]:
    """Where a node stands: line and column."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _block(outer: ast.AST, inner: ast.AST) -> str:
    return next((name for name, value in ast.iter_fields(outer) if value is inner or _holds(value, inner)), "")


def _holds(value: object, inner: ast.AST) -> bool:
    return isinstance(value, list) and inner in value


def _block_ends(outer: ast.AST, inner: ast.AST) -> bool:
    """Whether the block of statements around `inner` leaves for good at its end."""
    block = getattr(outer, _block(outer, inner) or "body", None)
    return isinstance(block, list) and bool(block) and isinstance(block[-1], _ENDS)


def _may_reach(outer: ast.AST, first: ast.AST, then: ast.AST) -> bool:
    left, right = _block(outer, first), _block(outer, then)
    if isinstance(outer, ast.If | ast.IfExp | ast.For | ast.AsyncFor | ast.While):
        return left == right or left not in ("body", "orelse")
    if isinstance(outer, ast.Try):
        if right == "finalbody" or (left == "body" and right == "orelse"):
            return True
        return left == right and left in ("body", "orelse", "finalbody")
    return not isinstance(outer, ast.Match) or left == "subject"
