"""astroid's tree of a snippet with what it leaves out: nodes by kind, blocks, and what can run after what."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, TypeVar, overload

from astroid import nodes

from simulator.errors import SnippetError
from simulator.i18n.text import Text

Node = nodes.NodeNG
Def = nodes.FunctionDef
With = nodes.With
DEFS = (nodes.FunctionDef, nodes.AsyncFunctionDef)
LOOPS = (nodes.For, nodes.AsyncFor, nodes.While)
COMPREHENSIONS = (nodes.ListComp, nodes.SetComp, nodes.GeneratorExp, nodes.DictComp)
WITHS = (nodes.With, nodes.AsyncWith)
_FRAMES = (nodes.FunctionDef, nodes.Lambda, nodes.ClassDef)
#: To ask for the time is slower than most of what is timed.
_EVERY = 64
_ENDS = (nodes.Return, nodes.Raise, nodes.Continue, nodes.Break)

N = TypeVar("N", bound=Node)
M = TypeVar("M", bound=Node)


class Tree:
    """A module's nodes by kind and by the function, class or module that they run in.

    Raises:
        SnippetError: from any method, once this thread has worked for so many `seconds`.
    """

    def __init__(self, module: nodes.Module, seconds: float) -> None:
        self.module = module
        self._until = time.thread_time() + seconds
        self._ticks = 0
        self._nodes: dict[type, list[Node]] = defaultdict(list)
        self._own: dict[tuple[Node, type], list[Node]] = defaultdict(list)
        self.scope: dict[Node, Node] = {}
        stack: list[tuple[Node, Node]] = [(module, module)]
        while stack:
            node, scope = stack.pop()
            self.scope[node] = scope
            self._nodes[type(node)].append(node)
            self._own[scope, type(node)].append(node)
            outside = (getattr(node, "decorators", None), getattr(node, "returns", None))
            inner = node if isinstance(node, _FRAMES) else scope
            children = [(child, scope if child in outside else inner) for child in node.get_children()]
            stack.extend(reversed(children))

    def tick(self) -> None:
        """Called by whatever goes through many nodes."""
        self._ticks += 1
        if self._ticks % _EVERY == 0 and time.thread_time() > self._until:
            raise SnippetError(Text.of("Reading this takes too long. Paste the part with the Session."))

    @overload
    def all(self, first: type[N], /) -> Iterator[N]: ...

    @overload
    def all(self, first: type[N], second: type[M], /) -> Iterator[N | M]: ...

    @overload
    def all(self, first: type[Node], second: type[Node], /, *more: type[Node]) -> Iterator[Any]: ...

    def all(self, *kinds: type[Node]) -> Iterator[Any]:
        """Every node of these very kinds, in the order of the text within a kind."""
        for kind in kinds:
            self.tick()
            yield from self._nodes[kind]

    @overload
    def own(self, scope: Node, first: type[N], /) -> Iterator[N]: ...

    @overload
    def own(self, scope: Node, first: type[N], second: type[M], /) -> Iterator[N | M]: ...

    @overload
    def own(self, scope: Node, first: type[Node], second: type[Node], /, *more: type[Node]) -> Iterator[Any]: ...

    def own(self, scope: Node, *kinds: type[Node]) -> Iterator[Any]:
        """The nodes of these kinds that run in this scope itself, not in a function or class inside it."""
        self.tick()
        for kind in kinds:
            yield from self._own.get((scope, kind), ())

    def around(self, node: Node, *kinds: type[Node]) -> Iterator[Any]:
        """The nodes of these kinds around this one, within the function that it runs in."""
        for outer in node.node_ancestors():
            if isinstance(outer, _FRAMES):
                return
            if isinstance(outer, kinds):
                yield outer

    def function(self, node: Node) -> Def | None:
        """The function that this node runs in; None at module or class level and in a lambda."""
        scope = self.scope[node]
        return scope if isinstance(scope, nodes.FunctionDef) else None

    def functions(self) -> Iterator[Def]:
        """Every function and method, in the order of the text."""
        yield from sorted(self.all(*DEFS), key=position)

    def enclosing_class(self, node: Node) -> nodes.ClassDef | None:
        """The class in which this node's method stands."""
        return next((outer for outer in node.node_ancestors() if isinstance(outer, nodes.ClassDef)), None)

    def awaited(self, call: Node) -> bool:
        return isinstance(call.parent, nodes.Await)

    def in_finally(self, node: Node) -> nodes.Try | None:
        """The `try` whose `finally` this node stands in."""
        inner = node
        for outer in node.node_ancestors():
            if isinstance(outer, _FRAMES):
                return None
            if isinstance(outer, nodes.Try) and inner in outer.finalbody:
                return outer
            inner = outer
        return None

    def in_body(self, node: Node, block: list[Node]) -> bool:
        """Whether this node is one of these statements or inside one."""
        return node in block or any(outer in block for outer in node.node_ancestors())

    def follows(self, first: Node, then: Node) -> bool:
        """Whether `then` stands later and can run after `first` in one pass: no other branch, no return between."""
        if position(first) >= position(then):
            return False
        self.tick()
        above = [then, *then.node_ancestors()]
        inner = first
        for outer in first.node_ancestors():
            if outer in above:
                return _may_reach(outer, inner, above[above.index(outer) - 1])
            if _block_ends(outer, inner):
                return False
            inner = outer
        return True


def walk(node: Node) -> Iterator[Node]:
    """A node and all nodes inside it, in the order of the text."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(list(current.get_children())))


def inside(node: Node, outer: Node) -> bool:
    """Whether one node is another one or inside it."""
    return node is outer or outer.parent_of(node)


def position(node: Node) -> tuple[int, int]:
    """Where a node stands: line and column."""
    if isinstance(node, nodes.FunctionDef | nodes.ClassDef) and node.position is not None:
        return node.position.lineno, node.position.col_offset  # of its name, and not of its decorators
    return node.lineno or 0, node.col_offset or 0


def _block(outer: Node, inner: Node) -> str:
    for name in outer._astroid_fields:
        value = getattr(outer, name)
        if value is inner or (isinstance(value, list) and inner in value):
            return str(name)
    return ""


def _block_ends(outer: Node, inner: Node) -> bool:
    """Whether the block of statements around `inner` leaves for good at its end."""
    block = getattr(outer, _block(outer, inner) or "body", None)
    return isinstance(block, list) and bool(block) and isinstance(block[-1], _ENDS)


def _may_reach(outer: Node, first: Node, then: Node) -> bool:
    left, right = _block(outer, first), _block(outer, then)
    if isinstance(outer, nodes.If | nodes.IfExp | nodes.For | nodes.While):
        return left == right or left not in ("body", "orelse")
    if isinstance(outer, nodes.Try):
        if right == "finalbody" or (left == "body" and right == "orelse"):
            return True
        return left == right and left in ("body", "orelse", "finalbody")
    return not isinstance(outer, nodes.Match) or left == "subject"
