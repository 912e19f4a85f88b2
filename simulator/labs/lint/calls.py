"""What a snippet does with its Sessions: every call on one, where each is made, and which functions they run in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from astroid import nodes

from simulator.errors import SnippetError
from simulator.i18n.text import Text
from simulator.labs.lint.kinds import Binding, Key, ValueKind, assigned, constant, decorators
from simulator.labs.lint.names import Names
from simulator.labs.lint.sessions import CONTEXT, Sessions, depended, handed
from simulator.labs.lint.tree import WITHS, Def, Node, Tree, With, inside, position, walk

#: Calls on Sessions in one function; what is longer was not written by hand, and takes long to read.
LIMIT = 300
#: Methods that send a statement, and so need a connection.
STATEMENTS = frozenset(
    [
        "execute",
        "exec",
        "scalar",
        "scalars",
        "query",
        "get",
        "get_one",
        "refresh",
        "merge",
        "flush",
        "bulk_save_objects",
        "bulk_insert_mappings",
        "bulk_update_mappings",
        "stream",
        "stream_scalars",
        "exec_driver_sql",
    ]
)
READS = frozenset(
    ["execute", "exec", "scalar", "scalars", "query", "get", "get_one", "merge", "stream", "stream_scalars"]
)
ENDS = frozenset(("commit", "rollback", "close", "remove", "reset", "invalidate", "aclose"))
_ADDS = frozenset(["add", "add_all", "delete", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"])
_WRITES = re.compile(r"\s*(insert|update|delete|merge)\b", re.IGNORECASE)
_ROUTES = frozenset(["get", "post", "put", "delete", "patch", "head", "options", "api_route", "route", "websocket"])
#: How many functions deep the calls of one function are followed.
_DEPTH = 3
_FLASK_QUERY = frozenset(
    ["filter", "filter_by", "get", "all", "first", "order_by", "join", "limit", "get_or_404", "one", "count", "options"]
)


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a method on a Session or Connection; `at` is where the function that is looked at comes to it."""

    call: nodes.Call
    method: str
    key: Key
    kind: ValueKind
    scope: Node
    awaited: bool
    at: Node


class Calls:
    """One snippet, ready for the rules."""

    def __init__(self, module: nodes.Module, seconds: float) -> None:
        self.tree = Tree(module, seconds)
        self.names = Names(self.tree)
        self.sessions = Sessions(self.names)
        self.uses = tuple(sorted(self._uses(), key=lambda use: position(use.call)))
        self._flows: dict[tuple[Node, int], list[Use]] = {}
        if any(len(uses) > LIMIT for uses in self._uses_by_scope.values()):
            raise SnippetError(
                Text.of("One function here has more than {n} calls on a Session: paste a part.", n=LIMIT)
            )
        self.bindings = tuple(sorted(self.sessions.bindings.values(), key=lambda row: position(row.value)))

    # --- what a name is ---------------------------------------------------------------------------------------------

    def key(self, node: Node | None) -> Key | None:
        """Whose name this is, or None where nothing of interest bears it."""
        return self.sessions.key(node)

    def kind_of(self, key: Key) -> ValueKind:
        """What a known name is."""
        return self.sessions.bound[key]

    def kind(self, node: Node | None) -> ValueKind | None:
        """What an expression is."""
        return self.sessions.kind(node)

    @cached_property
    def saw_session(self) -> bool:
        """Whether anything in the text is a Session, a Connection, an engine or a factory, to our eyes."""
        return bool(self.uses or self.sessions.bound)

    # --- calls on Sessions ------------------------------------------------------------------------------------------

    def _uses(self) -> Iterator[Use]:
        for call in self.tree.all(nodes.Call):
            if not isinstance(call.func, nodes.Attribute):
                continue
            base = call.func.expr
            kind = self.kind(base)
            scope = self.tree.scope[call]
            if kind and kind.what == "registry":
                kind = replace(kind, what="session")
            if kind and kind.what in ("session", "connection"):
                key = self.key(base) or self._attribute_key(base) or (call, "")
                yield Use(call, call.func.attrname, key, kind, scope, self.tree.awaited(call), call)
            elif self._is_flask_query(call.func):
                kind = ValueKind("session", False, False, registry=True, by_use=True)
                yield Use(call, "query", (self.tree.module, "db.session"), kind, scope, False, call)

    def _attribute_key(self, base: Node) -> Key | None:
        """`db.session` of Flask-SQLAlchemy's extension."""
        return (self.tree.module, base.as_string()) if isinstance(base, nodes.Attribute) else None

    def _is_flask_query(self, func: nodes.Attribute) -> bool:
        """`Task.query.filter_by(...)`, which asks the Session of Flask-SQLAlchemy."""
        base = func.expr
        if not isinstance(base, nodes.Attribute) or base.attrname != "query" or func.attrname not in _FLASK_QUERY:
            return False
        return isinstance(base.expr, nodes.Name) and base.expr.name[:1].isupper()

    @cached_property
    def _uses_by_key(self) -> dict[Key, list[Use]]:
        found: dict[Key, list[Use]] = defaultdict(list)
        for use in self.uses:
            found[use.key].append(use)
        return found

    @cached_property
    def _uses_by_scope(self) -> dict[Node, list[Use]]:
        found: dict[Node, list[Use]] = defaultdict(list)
        for use in self.uses:
            found[use.scope].append(use)
        return found

    def uses_in(self, scope: Node) -> list[Use]:
        """The calls on any Session in this function itself, in the order of the text."""
        return self._uses_by_scope.get(scope, [])

    def uses_of(self, key: Key, *methods: str) -> list[Use]:
        """The calls on this Session, in the order of the text; of these methods only, where any are named."""
        return [use for use in self._uses_by_key.get(key, []) if not methods or use.method in methods]

    def flow(self, scope: Node, depth: int = _DEPTH) -> list[Use]:
        """The calls in a function and in the functions of the text that it calls with its Sessions, in order."""
        if (scope, depth) not in self._flows:
            found = list(self.uses_in(scope))
            for call in self.tree.own(scope, nodes.Call) if depth else ():
                self.tree.tick()
                found.extend(self._through(call, depth))
            self._flows[scope, depth] = sorted(found, key=lambda use: position(use.at))
        return self._flows[scope, depth]

    def _through(self, call: nodes.Call, depth: int) -> Iterator[Use]:
        """The calls on the caller's Sessions that a called function makes."""
        function = self.sessions.callee(call)
        scope = self.tree.scope[call]
        if function is None or function is scope or self.names.is_generator(function):
            return
        given: dict[Key, Key | None] = {(function, row.name): self.key(value) for row, value in handed(function, call)}
        for use in self.flow(function, depth - 1):
            if use.key[0] is function:
                key = given.get(use.key)
                if key is not None:
                    yield replace(use, key=key, kind=self.kind_of(key), scope=scope, at=call)
            elif use.key[1]:
                yield replace(use, scope=scope, at=call)

    @cached_property
    def _loads(self) -> dict[Key, list[Node]]:
        found: dict[Key, list[Node]] = defaultdict(list)
        for node in self.tree.all(nodes.Name, nodes.Attribute):
            key = self.key(node)
            if key:
                found[key].append(node)
        return found

    def loads(self, key: Key) -> list[Node]:
        """Every place where this name is read."""
        return sorted(self._loads.get(key, []), key=position)

    def passed(self, key: Key) -> list[tuple[Node, nodes.Call]]:
        """Every place where this name is an argument, with the call."""
        rows = ((node, self.call_with(node)) for node in self.loads(key))
        return [(node, call) for node, call in rows if call is not None]

    def call_with(self, node: Node) -> nodes.Call | None:
        """The call that this expression is an argument of."""
        parent = node.parent
        if isinstance(parent, nodes.Keyword | nodes.Starred):
            parent = parent.parent
        return parent if isinstance(parent, nodes.Call) and parent.func is not node else None

    def closers(self, key: Key) -> list[nodes.Attribute]:
        """Where this Session is ended by `close`, whether called or handed on (`stack.callback(db.close)`)."""
        parents = (node.parent for node in self.loads(key))
        ends = ("close", "aclose", "remove")
        return [node for node in parents if isinstance(node, nodes.Attribute) and node.attrname in ends]

    def asynchronous(self, key: Key, kind: ValueKind) -> bool | None:
        """Whether a Session is an AsyncSession: by what made it, else by whether its calls are awaited."""
        if kind.asynchronous is not None:
            return kind.asynchronous
        return True if any(use.awaited for use in self.uses_of(key)) else None

    # --- functions --------------------------------------------------------------------------------------------------

    def is_test(self, function: Def) -> bool:
        """A test or a fixture: run by itself, torn down by the test runner."""
        return function.name.startswith("test_") or "fixture" in self.names.decorated(function)

    def is_endpoint(self, function: Def) -> bool:
        """Whether a decorator makes it a route."""
        return any(
            isinstance(item, nodes.Call)
            and isinstance(item.func, nodes.Attribute)
            and item.func.attrname in _ROUTES
            and self.kind(item.func.expr) is None
            for item in decorators(function)
        )

    def is_context(self, function: Def) -> bool:
        """Whether it is made for `with` by contextlib."""
        return bool(self.names.decorated(function) & CONTEXT)

    @property
    def given(self) -> dict[Def, ValueKind]:
        """The functions that return or yield a Session or Connection."""
        wanted = ("session", "connection")
        return {function: kind for function, kind in self.sessions.given.items() if kind.what in wanted}

    def dependencies(self) -> Iterator[Def]:
        """Generator functions that yield a Session or Connection and are not made for `with` or for tests."""
        for function in self.given:
            if self.names.is_generator(function) and not self.is_context(function) and not self.is_test(function):
                yield function

    def depends_on(self, name: str) -> list[nodes.Call]:
        """Every `Depends(name)`."""
        return self._dependents.get(name, [])

    @cached_property
    def _dependents(self) -> dict[str, list[nodes.Call]]:
        found: dict[str, list[nodes.Call]] = defaultdict(list)
        for call in self.tree.all(nodes.Call):
            target = depended(self.names, call)
            if target is not None:
                found[self.names.last(target)].append(call)
        return found

    @cached_property
    def serves(self) -> bool:
        """Whether the snippet is of a web application."""
        if any(self.is_endpoint(function) for function in self.tree.functions()):
            return True
        return bool(self.names.modules & {"fastapi", "starlette", "flask"})

    def block_of(self, key: Key) -> With | None:
        """The `with` that gives this name its Session."""
        rows = (row.holder for row in self.bindings if row.key == key and row.how == "with")
        return next((holder for holder in rows if isinstance(holder, nodes.With)), None)

    def bindings_of(self, key: Key) -> list[Binding]:
        return [row for row in self.bindings if row.key == key]

    def begun(self, key: Key) -> list[With]:
        """Every `with` that commits this Session at its end: `with factory.begin()`, `with db.begin()`."""
        blocks = [use.call for use in self.uses_of(key, "begin")]
        found = [outer for call in blocks for outer in self.tree.around(call, *WITHS) if enters(outer, call)]
        rows = [row.holder for row in self.bindings_of(key) if row.how == "with" and row.kind.begins]
        return [*found, *(row for row in rows if isinstance(row, nodes.With))]

    # --- statements -------------------------------------------------------------------------------------------------

    def value_of(self, name: nodes.Name) -> list[Node]:
        """What a plain name was last given before it is read here."""
        rows = [stmt for stmt in self.names.look_up(name)[1] if isinstance(stmt, nodes.AssignName)]
        holders = [assigned(stmt) for stmt in rows if position(stmt) < position(name)]
        values = [holder.value for holder in holders if isinstance(holder, nodes.Assign | nodes.AnnAssign)]
        return [value for value in values if value is not None][-1:]

    def parts(self, call: Node, depth: int = 3) -> Iterator[Node]:
        """All nodes of an expression, and of the values of its plain names (`stmt = select(...)`)."""
        self.tree.tick()
        for node in walk(call):
            yield node
            if isinstance(node, nodes.Name) and depth:
                for value in self.value_of(node):
                    if not isinstance(value, nodes.Await):
                        yield from self.parts(value, depth - 1)

    def chain(self, call: Node) -> Node:
        """The whole expression that a call begins: `db.query(A).filter(b).all()` of `db.query(A)`, its `await` too."""
        for outer in call.node_ancestors():
            called = isinstance(outer, nodes.Call) and outer.func is call
            if not isinstance(outer, nodes.Attribute | nodes.Await) and not called:
                return call
            call = outer
        return call

    def writes(self, use: Use) -> bool:
        """Whether a call asks for a change of rows."""
        if use.method in _ADDS and use.kind.what == "session":
            return True
        if use.method == "query":
            whole = [node.attrname for node in walk(self.chain(use.call)) if isinstance(node, nodes.Attribute)]
            return bool({"update", "delete"} & set(whole))
        if use.method not in ("execute", "scalar", "scalars", "exec", "exec_driver_sql"):
            return False
        first = [part for argument in use.call.args[:1] for part in self.parts(argument)]
        return any(self._is_change(part) for part in first)

    def _is_change(self, node: Node) -> bool:
        if isinstance(node, nodes.Const):
            return isinstance(node.value, str) and bool(_WRITES.match(node.value))
        if not isinstance(node, nodes.Call):
            return False
        return self.names.last(node.func) in ("insert", "update", "delete", "pg_insert", "sqlite_insert")

    def texts(self, use: Use) -> Iterator[nodes.Const]:
        """The string literals in a call's statement."""
        for argument in use.call.args[:1]:
            yield from (
                part
                for part in self.parts(argument)
                if isinstance(part, nodes.Const) and isinstance(constant(part), str)
            )


def enters(block: With, call: Node) -> bool:
    """Whether a `with` enters what this call makes."""
    return any(inside(call, value) for value, _target in block.items)
