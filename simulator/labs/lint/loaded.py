"""The mapped objects of a snippet: which names stand for one or several, and which Session gave them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from astroid import nodes

from simulator.labs.lint.calls import READS, Calls, Use
from simulator.labs.lint.kinds import Key, ValueKind, assigned, constant, dotted
from simulator.labs.lint.models import Models
from simulator.labs.lint.sessions import handed
from simulator.labs.lint.tree import COMPREHENSIONS, Node, position, walk

_EAGER = frozenset(
    ["selectinload", "joinedload", "subqueryload", "immediateload", "contains_eager", "raiseload", "lazyload", "noload"]
)
_ONE = frozenset(
    [
        "first",
        "one",
        "one_or_none",
        "scalar_one",
        "scalar_one_or_none",
        "scalar",
        "get",
        "fetchone",
        "get_or_404",
        "first_or_404",
        "one_or_404",
    ]
)
_ENTITIES = frozenset(["scalars", "scalar", "scalar_one", "scalar_one_or_none", "unique"])
_LISTS = frozenset(("list", "tuple", "set", "sorted", "reversed", "iter"))
_ROWS = frozenset(("execute", "exec", "stream"))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a statement gives: objects of a mapped class, one or several; `name` is "" where it has none.

    `rows`: each is a Row, whose entities are `models`; otherwise `models` is one.
    """

    name: str
    key: Key
    kind: ValueKind
    at: Node
    scope: Node
    models: tuple[str, ...]
    many: bool
    eager: bool
    rows: bool = False

    @property
    def model(self) -> str:
        return self.models[0]


class Objects:
    """Resolves expressions of one snippet to what was loaded."""

    def __init__(self, code: Calls) -> None:
        self.code = code
        self.models = Models(code.names)
        self._uses = {use.call: use for use in code.uses}
        self._known: dict[Node, Loaded | None] = {}

    @cached_property
    def loaded(self) -> tuple[Loaded, ...]:
        """Names of mapped objects, in the order of the text."""
        return tuple(sorted([*self._by_reading(), *self._by_adding()], key=lambda row: position(row.at)))

    def _by_reading(self) -> Iterator[Loaded]:
        for target in self.code.tree.all(nodes.AssignName):
            holder = assigned(target)
            if isinstance(holder, nodes.Assign | nodes.AnnAssign | nodes.NamedExpr) and holder.value is not None:
                row = self._unpacked(target, holder, self.of(holder.value))
                if row is not None and row.models:
                    yield replace(row, name=target.name, scope=self.code.tree.scope[target])

    def _unpacked(self, target: nodes.AssignName, holder: Node, row: Loaded | None) -> Loaded | None:
        """`user, order = row`, `[user] = rows`; the whole where nothing is unpacked."""
        places = target.parent
        if row is None or not isinstance(places, nodes.Tuple | nodes.List):
            return row
        index = places.elts.index(target)
        if row.many:
            return replace(row, many=False)
        return _entity(row, index)

    def element(self, target: Node) -> Loaded | None:
        """What the name of a loop or of a comprehension stands for."""
        if not isinstance(target, nodes.AssignName):
            return None
        holder = assigned(target)
        if not isinstance(holder, nodes.For | nodes.Comprehension):
            return None
        row = self.of(holder.iter)
        if row is None or not row.many:
            return None
        one = replace(row, many=False)
        if isinstance(target.parent, nodes.Tuple):
            return _entity(one, target.parent.elts.index(target))
        return one

    def of(self, node: Node | None, depth: int = 10) -> Loaded | None:
        """What an expression gives, where it is something that a Session loaded."""
        if node is None or depth == 0:
            return None
        if node not in self._known:
            self.code.tree.tick()
            self._known[node] = None  # a circle has no answer
            self._known[node] = self._resolve(node, depth - 1)
        return self._known[node]

    def _resolve(self, node: Node, depth: int) -> Loaded | None:
        if isinstance(node, nodes.Await | nodes.NamedExpr | nodes.Starred):
            return self.of(node.value, depth)
        if isinstance(node, nodes.IfExp):
            return self.of(node.body, depth) or self.of(node.orelse, depth)
        if isinstance(node, nodes.BoolOp):
            return next(filter(None, (self.of(value, depth) for value in node.values)), None)
        if isinstance(node, nodes.Name):
            return self._of_name(node, depth)
        if isinstance(node, nodes.Subscript):
            row = self.of(node.value, depth)
            return _indexed(row, node) if row else None
        if isinstance(node, nodes.Attribute):
            row = self.of(node.expr, depth)
            if row and row.rows and not row.many and node.attrname in row.models:
                return replace(row, models=(node.attrname,), rows=False)
            return None
        if isinstance(node, COMPREHENSIONS) and not isinstance(node, nodes.DictComp):
            return self._of_comprehension(node, depth)
        return self._of_call(node, depth) if isinstance(node, nodes.Call) else None

    def _of_comprehension(self, node: nodes.ListComp | nodes.SetComp | nodes.GeneratorExp, depth: int) -> Loaded | None:
        """`[row for row in rows if ...]`: the same objects."""
        row = self.of(node.elt, depth) if isinstance(node.elt, nodes.Name) else None
        return replace(row, many=True) if row else None

    def _of_name(self, node: nodes.Name, depth: int) -> Loaded | None:
        stmts = [stmt for stmt in self.code.names.look_up(node)[1] if isinstance(stmt, nodes.AssignName)]
        for stmt in reversed(stmts):
            holder = assigned(stmt)
            if isinstance(holder, nodes.For | nodes.Comprehension):
                return self.element(stmt)
            value = getattr(holder, "value", None)
            if isinstance(holder, nodes.Assign | nodes.AnnAssign | nodes.NamedExpr) and value is not None:
                row = self._unpacked(stmt, holder, self.of(value, depth))
                if row is not None:
                    return row
        return None

    def _of_call(self, call: nodes.Call, depth: int) -> Loaded | None:
        use = self._uses.get(call)
        if use is not None:
            return self._of_use(use)
        if isinstance(call.func, nodes.Attribute):
            base = self.of(call.func.expr, depth)
            if base is not None:
                return self._step(base, call.func.attrname, call)
        if self.code.names.last(call.func) in _LISTS and call.args:
            return self.of(call.args[0], depth)
        if self.code.names.last(call.func) == "next" and call.args:
            row = self.of(call.args[0], depth)
            return replace(row, many=False) if row else None
        return self._returned(call, depth)

    def _returned(self, call: nodes.Call, depth: int) -> Loaded | None:
        """What a function of the text loads with the Session that it is given."""
        function = self.code.sessions.callee(call)
        if function is None or self.code.names.is_generator(function):
            return None
        rows = handed(function, call)
        given: dict[Key, Key | None] = {(function, row.name): self.code.key(value) for row, value in rows}
        for node in self.code.tree.own(function, nodes.Return):
            row = self.of(node.value, depth)
            if row is None:
                continue
            key = given.get(row.key) if row.key[0] is function else row.key
            if key is not None and key[0] is not function:
                kind = self.code.sessions.bound.get(key, row.kind)
                return replace(row, key=key, kind=kind, at=call, scope=self.code.tree.scope[call])
        return None

    def _of_use(self, use: Use) -> Loaded | None:
        models = self._models(use) if use.method in READS else ()
        if not models:
            return None
        one = use.method in ("get", "get_one", "scalar", "merge")
        rows = use.method in _ROWS or len(models) > 1
        if use.method == "exec" and len(models) == 1:
            rows = False
        whole = self.code.chain(use.call)
        eager = any(dotted(part) and self.code.names.last(part) in _EAGER for part in self.code.parts(whole))
        if (
            not one
            and isinstance(use.call.func, nodes.Attribute)
            and use.call.func.attrname in _ONE
            and use.method == "query"
        ):
            one = True  # Model.query.get(1)
        return Loaded("", use.key, use.kind, whole, use.scope, models, not one, eager, rows)

    def _step(self, row: Loaded, method: str, call: nodes.Call) -> Loaded | None:
        """What a method of a result, of a query or of a list of objects gives."""
        if not row.many and not row.rows:
            return None
        if method in ("scalars", "scalar_one", "scalar_one_or_none", "scalar", "unique"):
            row = replace(
                row, rows=row.rows and method == "unique", models=row.models if method == "unique" else row.models[:1]
            )
        if method in ("count", "update", "delete", "exists", "keys", "close", "mappings", "append", "rowcount"):
            return None
        eager = row.eager or any(
            self.code.names.last(part) in _EAGER
            for part in walk(call)
            if isinstance(part, nodes.Name | nodes.Attribute)
        )
        return replace(row, many=row.many and method not in _ONE, eager=eager)

    def _models(self, use: Use) -> tuple[str, ...]:
        """The classes that a statement loads; () where it loads columns, numbers or something not shown."""
        func = use.call.func
        if use.method == "query" and isinstance(func, nodes.Attribute) and func.attrname != "query":
            base = func.expr.expr if isinstance(func.expr, nodes.Attribute) else func.expr
            return (class_name(base),) if class_name(base) else ()
        if use.method in ("get", "get_one", "query", "merge"):
            return _classes(use.call.args[:1] if use.method != "query" else use.call.args)
        for part in (part for argument in use.call.args[:1] for part in self.code.parts(argument)):
            if isinstance(part, nodes.Call) and self.code.names.last(part.func) == "select" and part.args:
                return _classes(part.args)
        return ()

    def _by_adding(self) -> Iterator[Loaded]:
        for use in self.code.uses:
            if use.method not in ("add", "merge") or not use.call.args or not isinstance(use.call.args[0], nodes.Name):
                continue
            name = use.call.args[0]
            for value in self.code.value_of(name):
                if isinstance(value, nodes.Call) and class_name(value.func):
                    models = (class_name(value.func),)
                    yield Loaded(name.name, use.key, use.kind, use.call, use.scope, models, False, False)

    def reads(self, row: Loaded) -> Iterator[nodes.Attribute]:
        """Where an attribute of a loaded object is read, after it was loaded, in the same function."""
        for node in self.code.tree.own(row.scope, nodes.Attribute):
            if isinstance(node.expr, nodes.Name) and node.expr.name == row.name:
                called = isinstance(node.parent, nodes.Call) and node.parent.func is node
                if not called and not node.attrname.startswith("__") and self.code.tree.follows(row.at, node):
                    yield node


def _entity(row: Loaded, index: int) -> Loaded | None:
    if not row.rows or index >= len(row.models) or not row.models[index]:
        return None
    return replace(row, models=(row.models[index],), rows=False)


def _indexed(row: Loaded, node: nodes.Subscript) -> Loaded | None:
    index = constant(node.slice)
    if row.many:
        return row if isinstance(node.slice, nodes.Slice) else replace(row, many=False)
    return _entity(row, index) if isinstance(index, int) and index >= 0 else None


def _classes(values: list[Node]) -> tuple[str, ...]:
    """The classes among what is selected, "" for columns; () where none is one."""
    found = tuple(class_name(value) for value in values)
    return found if found and found[0] else ()


def class_name(node: Node) -> str:
    """The name of what looks like a mapped class: `User`, `models.User`."""
    last = (dotted(node) or "").rpartition(".")[2]
    root = (dotted(node) or "").partition(".")[0]
    known = last[:1].isupper() and not last.isupper()
    return last if known and (root == last or root[:1].islower()) else ""
