"""What a snippet does with its Sessions: every call on one, where each is made, every object that one loads."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from simulator.errors import SnippetError
from simulator.i18n import gettext as _
from simulator.labs.snippet.kinds import Binding, Key, Kind, dotted
from simulator.labs.snippet.names import Names, decorated, is_generator
from simulator.labs.snippet.tree import WITHS, Def, Tree, position

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
READS = frozenset(["execute", "exec", "scalar", "scalars", "query", "get", "get_one", "merge"])
ENDS = frozenset(("commit", "rollback", "close", "remove", "reset", "invalidate"))
_ADDS = frozenset(["add", "add_all", "delete", "bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"])
_WRITES = re.compile(r"\s*(insert|update|delete|merge)\b", re.IGNORECASE)
_ROUTES = frozenset(["get", "post", "put", "delete", "patch", "head", "options", "api_route", "route", "websocket"])
_EAGER = frozenset(
    ["selectinload", "joinedload", "subqueryload", "immediateload", "contains_eager", "raiseload", "lazyload", "noload"]
)
_LAZY_IS_SAFE = (
    "selectin",
    "joined",
    "subquery",
    "immediate",
    "raise",
    "raise_on_sql",
    "dynamic",
    "write_only",
    "noload",
)


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a method on a Session or Connection."""

    call: ast.Call
    method: str
    key: Key
    kind: Kind
    scope: ast.AST
    awaited: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """A name that stands for a mapped object, or for several, that a Session gave or was given."""

    name: str
    key: Key
    kind: Kind
    at: ast.AST
    scope: ast.AST
    model: str
    many: bool
    eager: bool


class Code:
    """One snippet, ready for the rules."""

    def __init__(self, module: ast.Module) -> None:
        self.tree = Tree(module)
        self.names = Names(self.tree)
        self.uses = tuple(sorted(self._uses(), key=lambda use: position(use.call)))
        if any(len(uses) > LIMIT for uses in self._uses_by_scope.values()):
            raise SnippetError(
                _("One function here has more than {n} calls on a Session: paste a part.").format(n=LIMIT)
            )
        self.bindings = tuple(sorted(self.names.bindings.values(), key=lambda row: position(row.value)))

    def _uses(self) -> Iterator[Use]:
        for call in self.tree.all(ast.Call):
            if not isinstance(call.func, ast.Attribute):
                continue
            base = call.func.value
            kind = self.names.kind(base)
            if kind and kind.what in ("session", "connection"):
                key = self.names.key(base) or (call, "")
                scope = self.tree.scope[call]
                yield Use(call, call.func.attr, key, kind, scope, self.tree.awaited(call))

    @cached_property
    def _uses_by_key(self) -> dict[Key, list[Use]]:
        found: dict[Key, list[Use]] = defaultdict(list)
        for use in self.uses:
            found[use.key].append(use)
        return found

    @cached_property
    def _uses_by_scope(self) -> dict[ast.AST, list[Use]]:
        found: dict[ast.AST, list[Use]] = defaultdict(list)
        for use in self.uses:
            found[use.scope].append(use)
        return found

    def uses_in(self, scope: ast.AST) -> list[Use]:
        """The calls on any Session in this function itself, in the order of the text."""
        return self._uses_by_scope.get(scope, [])

    def uses_of(self, key: Key, *methods: str) -> list[Use]:
        """The calls on this Session, in the order of the text; of these methods only, where any are named."""
        return [use for use in self._uses_by_key.get(key, []) if not methods or use.method in methods]

    @cached_property
    def _loads(self) -> dict[Key, list[ast.AST]]:
        found: dict[Key, list[ast.AST]] = defaultdict(list)
        for node in self.tree.all(ast.Name, ast.Attribute):
            if isinstance(node.ctx, ast.Load):
                key = self.names.key(node)
                if key:
                    found[key].append(node)
        return found

    def loads(self, key: Key) -> list[ast.AST]:
        """Every place where this name is read."""
        return sorted(self._loads.get(key, []), key=position)

    def passed(self, key: Key) -> list[tuple[ast.AST, ast.Call]]:
        """Every place where this name is an argument, with the call."""
        rows = ((node, self.call_with(node)) for node in self.loads(key))
        return [(node, call) for node, call in rows if call is not None]

    def call_with(self, node: ast.AST) -> ast.Call | None:
        """The call that this expression is an argument of."""
        parent = self.tree.parent.get(node)
        if isinstance(parent, ast.keyword | ast.Starred):
            parent = self.tree.parent.get(parent)
        return parent if isinstance(parent, ast.Call) and parent.func is not node else None

    def closers(self, key: Key) -> list[ast.Attribute]:
        """Where this Session is ended by `close`, whether called or handed on (`stack.callback(db.close)`)."""
        parents = (self.tree.parent[node] for node in self.loads(key))
        return [
            node for node in parents if isinstance(node, ast.Attribute) and node.attr in ("close", "aclose", "remove")
        ]

    def asynchronous(self, key: Key, kind: Kind) -> bool | None:
        """Whether a Session is an AsyncSession: by what made it, else by whether its calls are awaited."""
        if kind.asynchronous is not None:
            return kind.asynchronous
        return True if any(use.awaited for use in self.uses_of(key)) else None

    # --- functions --------------------------------------------------------------------------------------------------

    def is_test(self, function: Def) -> bool:
        """A test or a fixture: run by itself, torn down by the test runner."""
        return function.name.startswith("test_") or "fixture" in decorated(self.names, function)

    def is_endpoint(self, function: Def) -> bool:
        """Whether a decorator makes it a route."""
        return any(
            isinstance(item, ast.Call)
            and isinstance(item.func, ast.Attribute)
            and item.func.attr in _ROUTES
            and self.names.kind(item.func.value) is None
            for item in function.decorator_list
        )

    def is_context(self, function: Def) -> bool:
        """Whether it is made for `with` by contextlib."""
        return bool(decorated(self.names, function) & {"contextmanager", "asynccontextmanager"})

    def dependencies(self) -> Iterator[Def]:
        """Generator functions that yield a Session or Connection and are not made for `with` or for tests."""
        for function in self.names.given:
            if is_generator(self.tree, function) and not self.is_context(function) and not self.is_test(function):
                yield function

    def depends_on(self, name: str) -> list[ast.Call]:
        """Every `Depends(name)`."""
        calls = (call for call in self.tree.all(ast.Call) if self.names.last(call.func) in ("Depends", "Security"))
        return [call for call in calls if call.args and self.names.last(call.args[0]) == name]

    @cached_property
    def serves(self) -> bool:
        """Whether the snippet is of a web application."""
        if any(self.is_endpoint(function) for function in self.tree.functions()):
            return True
        roots = {full.partition(".")[0] for full in self.names.aliases.values()}
        return bool(roots & {"fastapi", "starlette", "flask"})

    def block_of(self, key: Key) -> ast.With | ast.AsyncWith | None:
        """The `with` that gives this name its Session."""
        rows = (row.holder for row in self.bindings if row.key == key and row.how == "with")
        return next((holder for holder in rows if isinstance(holder, WITHS)), None)

    def bindings_of(self, key: Key) -> list[Binding]:
        return [row for row in self.bindings if row.key == key]

    def begun(self, key: Key) -> list[ast.With | ast.AsyncWith]:
        """Every `with` that commits this Session at its end: `with factory.begin()`, `with db.begin()`."""
        blocks = [use.call for use in self.uses_of(key, "begin")]
        found = [outer for call in blocks for outer in self.tree.around(call, *WITHS) if self._enters(outer, call)]
        rows = [row.holder for row in self.bindings_of(key) if row.how == "with" and row.kind.begins]
        return [*found, *(row for row in rows if isinstance(row, WITHS))]

    def _enters(self, block: ast.With | ast.AsyncWith, call: ast.AST) -> bool:
        inside = [call, *self.tree.ancestors(call)]
        return any(item.context_expr in inside for item in block.items)

    # --- statements and objects -------------------------------------------------------------------------------------

    @cached_property
    def _values(self) -> dict[tuple[ast.AST, str], list[ast.expr]]:
        found: dict[tuple[ast.AST, str], list[ast.expr]] = defaultdict(list)
        for node in self.tree.all(ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found[self.tree.scope[node], target.id].append(node.value)
        return found

    def _value(self, name: ast.Name) -> list[ast.expr]:
        """What a plain name was last given before it is read here."""
        values = self._values.get((self.tree.scope[name], name.id), [])
        return [value for value in values if position(value) < position(name)][-1:]

    def parts(self, call: ast.AST) -> Iterator[ast.AST]:
        """All nodes of an expression, and of the values of its plain names (`stmt = select(...)`) one step on."""
        for node in ast.walk(call):
            yield node
            if isinstance(node, ast.Name):
                for value in self._value(node):
                    if not isinstance(value, ast.Await):
                        yield from ast.walk(value)

    def chain(self, call: ast.AST) -> ast.AST:
        """The whole expression that a call begins: `db.query(A).filter(b).all()` of `db.query(A)`, its `await` too."""
        for outer in self.tree.ancestors(call):
            if not isinstance(outer, ast.Attribute | ast.Await) and not (
                isinstance(outer, ast.Call) and outer.func is call
            ):
                return call
            call = outer
        return call

    def writes(self, use: Use) -> bool:
        """Whether a call asks for a change of rows."""
        if use.method in _ADDS and use.kind.what == "session":
            return True
        if use.method == "query":
            whole = [node.attr for node in ast.walk(self.chain(use.call)) if isinstance(node, ast.Attribute)]
            return bool({"update", "delete"} & set(whole))
        if use.method not in ("execute", "scalar", "scalars", "exec", "exec_driver_sql"):
            return False
        first = [part for argument in use.call.args[:1] for part in self.parts(argument)]
        return any(self._is_change(part) for part in first)

    def _is_change(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and bool(_WRITES.match(node.value))
        if not isinstance(node, ast.Call):
            return False
        return self.names.last(node.func) in ("insert", "update", "delete", "pg_insert", "sqlite_insert")

    def texts(self, use: Use) -> Iterator[ast.Constant]:
        """The string literals in a call's statement."""
        for argument in use.call.args[:1]:
            yield from (
                part for part in self.parts(argument) if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )

    @cached_property
    def relationships(self) -> dict[str, bool]:
        """Relationship attributes whose class is in the snippet -> whether reading one may send a statement."""
        found: dict[str, bool] = {}
        for call in self.tree.all(ast.Call):
            holder = self.tree.parent[call]
            if self.names.last(call.func) not in ("relationship", "Relationship") or not isinstance(
                holder, ast.Assign | ast.AnnAssign
            ):
                continue
            lazy = next((word.value for word in call.keywords if word.arg == "lazy"), None)
            target = holder.targets[0] if isinstance(holder, ast.Assign) else holder.target
            safe = isinstance(lazy, ast.Constant) and lazy.value in _LAZY_IS_SAFE
            found[dotted(target) or ""] = not safe
        return found

    @cached_property
    def loaded(self) -> tuple[Loaded, ...]:
        """Names of mapped objects, in the order of the text."""
        rows = [*self._loaded_by_reading(), *self._loaded_by_adding()]
        return tuple(sorted(rows, key=lambda row: position(row.at)))

    def _loaded_by_reading(self) -> Iterator[Loaded]:
        for use in self.uses:
            if use.method not in READS:
                continue
            whole = self.chain(use.call)
            holder = self.tree.parent.get(whole)
            target = holder.targets[0] if isinstance(holder, ast.Assign) else getattr(holder, "target", None)
            model = self._model(use)
            if (
                model
                and isinstance(target, ast.Name)
                and isinstance(holder, ast.Assign | ast.AnnAssign | ast.NamedExpr)
            ):
                yield self._row(use, whole, target.id, model)

    def result_of(self, use: Use, node: ast.AST) -> Loaded | None:
        """What a statement loads that stands in the head of a loop; None where this is not that statement."""
        model = self._model(use) if use.method in READS and node in [use.call, *self.tree.ancestors(use.call)] else ""
        return self._row(use, node, "", model) if model else None

    def _row(self, use: Use, whole: ast.AST, name: str, model: str) -> Loaded:
        steps = {node.attr for node in ast.walk(whole) if isinstance(node, ast.Attribute)}
        one = use.method in ("get", "get_one", "scalar", "merge") or steps & _ONE
        eager = any(dotted(part) and self.names.last(part) in _EAGER for part in self.parts(whole))
        return Loaded(name, use.key, use.kind, whole, use.scope, model, not one, eager)

    def _model(self, use: Use) -> str:
        """The class that a statement loads; "" where it loads columns, numbers or something not shown."""
        if use.method in ("get", "get_one", "query"):
            return _class_name(use.call.args[0]) if use.call.args else ""
        for part in (part for argument in use.call.args[:1] for part in self.parts(argument)):
            if isinstance(part, ast.Call) and self.names.last(part.func) == "select" and part.args:
                return _class_name(part.args[0])
        return ""

    def _loaded_by_adding(self) -> Iterator[Loaded]:
        for use in self.uses:
            if use.method != "add" or not use.call.args or not isinstance(use.call.args[0], ast.Name):
                continue
            name = use.call.args[0].id
            for value in self._value(use.call.args[0]):
                if isinstance(value, ast.Call) and _class_name(value.func):
                    yield Loaded(name, use.key, use.kind, use.call, use.scope, _class_name(value.func), False, False)

    def reads(self, row: Loaded) -> Iterator[ast.Attribute]:
        """Where an attribute of a loaded object is read, after it was loaded, in the same function."""
        for node in self.tree.own(row.scope, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == row.name and isinstance(node.ctx, ast.Load):
                called = isinstance(parent := self.tree.parent[node], ast.Call) and parent.func is node
                if not called and not node.attr.startswith("__") and self.tree.follows(row.at, node):
                    yield node


_ONE = frozenset(["first", "one", "one_or_none", "scalar_one", "scalar_one_or_none", "scalar", "get"])


def _class_name(node: ast.AST) -> str:
    """The name of what looks like a mapped class: `User`, `models.User`."""
    last = (dotted(node) or "").rpartition(".")[2]
    root = (dotted(node) or "").partition(".")[0]
    return last if last[:1].isupper() and (root == last or root[:1].islower()) else ""
