"""What a snippet's names stand for: Session, Connection, engine, factory, registry.

By import and assignment; through annotations, dependencies, the calls of a function and what it returns; and where
none of these shows it, by the name and by what is called on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from astroid import nodes

from simulator.labs.lint import habits
from simulator.labs.lint.kinds import Binding, Key, ValueKind, assigned, constant, dotted, keyword, parameters, parts
from simulator.labs.lint.names import Names
from simulator.labs.lint.tree import Def, Node, position

SESSIONS = {"Session": False, "AsyncSession": True}
_CONNECTIONS = {"Connection": False, "AsyncConnection": True}
_ENGINES = {"create_engine": False, "create_async_engine": True, "engine_from_config": False}
_FACTORIES = {"sessionmaker": None, "async_sessionmaker": True}
_REGISTRIES = {"scoped_session": False, "async_scoped_session": True}
_DRIVERS = {"psycopg2.connect", "psycopg.connect", "pymysql.connect", "MySQLdb.connect"}
_ENTERS = ("closing", "aclosing", "next", "anext", "enter_context", "enter_async_context")
CONTEXT = frozenset(("contextmanager", "asynccontextmanager"))


class Sessions:
    """The kinds of a snippet's names and expressions."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.tree = names.tree
        self.bound: dict[Key, ValueKind] = {}
        self.bindings: dict[Node, Binding] = {}
        self.given: dict[Def, ValueKind] = {}
        self.same: dict[Key, Key] = {}
        self.evidence = habits.Evidence(names)
        self._binders = sorted(self._assignments(), key=lambda row: (not _is_global(row[3]), position(row[1])))
        self._bind()
        self._bind_by_use()
        self._bind()

    # --- what is it -------------------------------------------------------------------------------------------------

    def key(self, node: Node | None) -> Key | None:
        """Whose name this is, or None where nothing of interest bears it; of two names for one Session, the first."""
        key = self.names.key_of(node)
        if key is None or key not in self.bound:
            return None
        return self.same.get(key, key)

    def kind(self, node: Node | None, depth: int = 8) -> ValueKind | None:
        """What an expression is."""
        if depth == 0 or node is None:
            return None
        if isinstance(node, nodes.Await | nodes.NamedExpr):
            return self.kind(node.value, depth - 1)
        if isinstance(node, nodes.Call):
            return self._kind_of_call(node, depth - 1)
        if isinstance(node, nodes.IfExp):
            return self.kind(node.body, depth - 1) or self.kind(node.orelse, depth - 1)
        if isinstance(node, nodes.BoolOp):
            return next(filter(None, (self.kind(value, depth - 1) for value in node.values)), None)
        if not isinstance(node, nodes.Name | nodes.Attribute):
            return None
        key = self.key(node)
        return self.bound[key] if key else self._kind_of_name(node, depth)

    def _kind_of_name(self, node: nodes.Name | nodes.Attribute, depth: int) -> ValueKind | None:
        if isinstance(node, nodes.Attribute) and node.attrname == "session":
            base = self.kind(node.expr, depth - 1)
            if base and base.what == "flask":
                return ValueKind("session", False, False, registry=True)
        return self._kind_by_habit(node)

    def _kind_by_habit(self, node: Node) -> ValueKind | None:
        name = self.names.canonical(node)
        root, _, _ = name.partition(".")
        last = name.rpartition(".")[2]
        if root in habits.FOREIGN or last in self.names.classes or self.names.function(node):
            return None
        if last in ("engine", "async_engine"):
            return ValueKind("engine", True if last.startswith("async") else None)
        plain = last.replace("_", "").lower()
        if habits.FACTORY.fullmatch(plain) and last not in (*_FACTORIES, *SESSIONS):
            if plain == "dbsession" and not last[:1].isupper():
                return None
            asynchronous = True if "async" in plain else None
            return ValueKind("factory", asynchronous, by_use=self._is_of_elsewhere(node))
        return None

    def _is_of_elsewhere(self, node: Node) -> bool:
        """Whether a factory is given its value out of sight: what it makes may commit by itself."""
        named_as_class = (dotted(node) or "").rpartition(".")[2][:1].isupper()
        return not named_as_class and (isinstance(node, nodes.Attribute) or self._is_given_a_value(node))

    def _kind_of_call(self, call: nodes.Call, depth: int) -> ValueKind | None:
        name, last = self.names.canonical(call.func), self.names.last(call.func)
        if self.key(call.func):
            return self._kind_of_product(call, depth)
        if self.ours(name) and not self._is_given_a_value(call.func):
            made = _made(call, last)
            if made:
                return made
            if last in _REGISTRIES:
                inner = self.kind(call.args[0], depth) if call.args else None
                return ValueKind("registry", _REGISTRIES[last], inner.keeps if inner else None, registry=True)
        if name in _DRIVERS:
            return ValueKind("connection", False)
        if name.endswith("flask_sqlalchemy.SQLAlchemy"):
            return ValueKind("flask")
        if last in _ENTERS and call.args:
            return self.given_by(call.args[0]) or self.kind(call.args[0], depth)
        if last == "partial" and call.args and self.names.last(call.args[0]) in SESSIONS:
            return ValueKind("factory", SESSIONS[self.names.last(call.args[0])], _keeps(call))
        return self._kind_of_method(call, depth) or self._kind_of_product(call, depth)

    def _is_given_a_value(self, func: Node) -> bool:
        """Whether a name is a parameter or a variable, whatever it is called."""
        stmts = self.names.look_up(func)[1] if isinstance(func, nodes.Name) else []
        return any(isinstance(stmt, nodes.AssignName) for stmt in stmts)

    def _kind_of_method(self, call: nodes.Call, depth: int) -> ValueKind | None:
        if not isinstance(call.func, nodes.Attribute):
            return None
        base, method = self.kind(call.func.expr, depth), call.func.attrname
        if base is None and method == "begin" and self.ours(habit := self.names.canonical(call.func.expr)):
            base = ValueKind("factory", True if habit == "AsyncSession" else None) if habit in SESSIONS else None
        if base is None:
            return None
        if base.what == "factory" and method == "begin":
            return ValueKind("session", base.asynchronous, base.keeps, begins=True)
        if base.what == "engine" and method in ("connect", "begin", "raw_connection"):
            return ValueKind("connection", base.asynchronous, begins=method == "begin")
        return base if base.what in ("connection", "engine") and method == "execution_options" else None

    def _kind_of_product(self, call: nodes.Call, depth: int) -> ValueKind | None:
        maker = self.kind(call.func, depth) if isinstance(call.func, nodes.Name | nodes.Attribute) else None
        if maker and maker.what in ("factory", "registry"):
            own = any(word.arg == "expire_on_commit" for word in call.keywords)
            return replace(maker, what="session", keeps=_keeps(call) if own else maker.keeps)
        given = self.callee(call)
        if given is None or given not in self.given:
            return None
        plain = not self.names.is_generator(given) or self.names.decorated(given) & CONTEXT
        return self.given[given] if plain else None

    def given_by(self, call: Node) -> ValueKind | None:
        """What a generator function of the snippet, or one named like a dependency, yields."""
        if not isinstance(call, nodes.Call):
            return None
        known = self.callee(call)
        if known is not None:
            return self.given.get(known)
        name = self.names.last(call.func)
        return (
            ValueKind("session") if habits.is_dependency(name) and self.ours(self.names.canonical(call.func)) else None
        )

    def callee(self, call: nodes.Call) -> Def | None:
        """The function or method of the text that a call runs; of a class, its `__init__`."""
        func = call.func
        if isinstance(func, nodes.Name):
            return self.names.function(func) or self.names.method(self.names.class_of(func), "__init__")
        if not isinstance(func, nodes.Attribute):
            return None
        return self.names.method(self.class_behind(func.expr), func.attrname)

    def class_behind(self, node: Node, depth: int = 4) -> nodes.ClassDef | None:
        """The class of the text whose object an expression is: `self`, `Repo(db)`, `repo` after `repo = Repo(db)`."""
        if depth == 0:
            return None
        if isinstance(node, nodes.Call):
            if self.names.last(node.func) == "super":
                owner = self.tree.enclosing_class(node)
                return next(iter(self.names.bases(owner)), None) if owner else None
            return self.names.class_of(node.func)
        if dotted(node) in ("self", "cls"):
            return self.tree.enclosing_class(node)
        return self._class_of_name(node, depth) if isinstance(node, nodes.Name) else None

    def _class_of_name(self, node: nodes.Name, depth: int) -> nodes.ClassDef | None:
        if self.names.class_of(node):
            return self.names.class_of(node)
        for stmt in self.names.look_up(node)[1]:
            if not isinstance(stmt, nodes.AssignName):
                continue
            holder = assigned(stmt)
            if isinstance(holder, nodes.Arguments):
                return self._annotated_class(stmt)
            value = getattr(holder, "value", None)
            if isinstance(value, nodes.Call | nodes.Await):
                return self.class_behind(value.value if isinstance(value, nodes.Await) else value, depth - 1)
        return None

    def _annotated_class(self, parameter: nodes.AssignName) -> nodes.ClassDef | None:
        function = parameter.scope()
        rows = parameters(function) if isinstance(function, nodes.FunctionDef) else ()
        note = next((note for row, note, _default in rows if row is parameter), None)
        return self.names.class_of(note)

    def ours(self, name: str) -> bool:
        """Whether a canonical name may be SQLAlchemy's: imported from it or an own module, or not imported at all."""
        root, dot, _rest = name.partition(".")
        if root in ("sqlalchemy", "sqlmodel"):
            return True
        if root in habits.FOREIGN or (not dot and root in self.names.classes):
            return False
        return not dot or root in ("orm", "sa", "so", "sqla", "db") or root == "" or root in self.names.modules

    # --- annotations and dependencies -------------------------------------------------------------------------------

    def annotated(self, note: Node | None, depth: int = 5) -> ValueKind | None:
        """What an annotation says, through Annotated, Optional, `| None`, strings and aliases of the snippet."""
        if note is None or depth == 0:
            return None
        if isinstance(note, nodes.BinOp):
            return self.annotated(note.left, depth - 1) or self.annotated(note.right, depth - 1)
        if isinstance(note, nodes.Subscript):
            return self._annotated_generic(note, depth)
        if isinstance(note, nodes.Const) and isinstance(note.value, str):
            return _by_class(note.value.rpartition(".")[2])
        name = self.names.canonical(note)
        alias = self.names.alias(name)
        if alias is not None and alias is not note:
            return self.annotated(alias, depth - 1)
        return _by_class(name.rpartition(".")[2]) if self.ours(name) else None

    def _annotated_generic(self, note: nodes.Subscript, depth: int) -> ValueKind | None:
        inner = parts(note.slice) if isinstance(note.slice, nodes.Tuple) else [note.slice]
        last = self.names.last(note.value)
        if last in ("scoped_session", "async_scoped_session"):
            return ValueKind("registry", _REGISTRIES[last], registry=True)
        if last in ("sessionmaker", "async_sessionmaker"):
            return ValueKind("factory", _FACTORIES[last] or "Async" in inner[0].as_string())
        if last not in ("Annotated", "Optional", "Union", "FromDishka", "Injected") or not inner:
            return None
        found = self.annotated(inner[0], depth - 1)
        depends = next((self.dependency(value) for value in inner[1:]), None)
        return replace(depends[1], asynchronous=found.asynchronous) if found and depends else found

    def dependency(self, value: Node | None) -> tuple[str, ValueKind] | None:
        """The dependency's name and what it gives, of `Depends(get_db)`."""
        target = depended(self.names, value)
        if target is None:
            return None
        name, known = self.names.last(target), self.names.function(target)
        own = self.given.get(known) if known else None
        habit = ValueKind("session") if known is None and habits.is_dependency(name) else None
        found = own or habit
        return (name, replace(found, begins=False)) if found else None

    # --- binding ----------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        for _ in range(3):
            before = len(self.bound), len(self.given)
            for target, value, how, scope, holder in self._binders:
                self._bind_one(target, value, how, scope, holder)
            for function in self.tree.functions():
                kind = self._gives(function)
                if kind:
                    self.given.setdefault(function, kind)
            self._bind_parameters()
            self._bind_from_calls()
            if (len(self.bound), len(self.given)) == before:
                return

    def _assignments(self) -> Iterator[tuple[Node, Node, str, Node, Node]]:
        scope = self.tree.scope
        for node in self.tree.all(nodes.Assign):
            for target in node.targets:
                pairs: list[tuple[Node, Node]] = [(target, node.value)]
                if isinstance(target, nodes.Tuple) and isinstance(node.value, nodes.Tuple):
                    pairs = list(zip(parts(target), parts(node.value), strict=False))
                yield from ((one, value, "assigned", scope[node], node) for one, value in pairs)
        for single in self.tree.all(nodes.AnnAssign, nodes.NamedExpr):
            given: Node | None = single.value
            if given is not None:
                yield single.target, given, "assigned", scope[single], single
        for block in self.tree.all(nodes.With, nodes.AsyncWith):
            for value, name in block.items:
                if name is not None:
                    yield name, value, "with", scope[block], block
        for loop in self.tree.all(nodes.For, nodes.AsyncFor):
            yield loop.target, loop.iter, "loop", scope[loop], loop

    def _bind_one(self, target: Node, value: Node, how: str, scope: Node, holder: Node) -> None:
        self.tree.tick()
        kind = self.given_by(value) if how == "loop" else self.kind(value)
        if how == "with" and kind is None:
            kind = self.given_by(value)
        key = self.names.key_of(target)
        if kind is None or key is None or (kind.what == "session" and self._is_another(key, value)):
            return
        if how == "with" and kind.asynchronous is None:
            kind = replace(kind, asynchronous=isinstance(holder, nodes.AsyncWith))
        if key not in self.bound or self.bound[key].by_use:
            self.bound[key] = kind
        if isinstance(scope, nodes.ClassDef) and "." not in key[1]:
            self.bound.setdefault((scope, f"self.{key[1]}"), kind)
        other = self.key(value) if isinstance(value, nodes.Name | nodes.Attribute) and how == "assigned" else None
        if other is not None and other != key and self._is_written_once(target):
            self.same.setdefault(key, other)
        self.bindings.setdefault(target, Binding(key, kind, value, how, scope, holder))  # type: ignore[arg-type]

    def _is_another(self, key: Key, value: Node) -> bool:
        """A class of the same name, as what is called on it shows."""
        call = value.value if isinstance(value, nodes.Await) else value
        made = isinstance(call, nodes.Call) and self.names.last(call.func) in SESSIONS
        root = self.names.canonical(call.func).partition(".")[0] if isinstance(call, nodes.Call) else ""
        return made and root not in ("sqlalchemy", "sqlmodel") and self.evidence.is_foreign(key)

    def _is_written_once(self, target: Node) -> bool:
        if isinstance(target, nodes.AssignName):
            return len(target.scope().locals.get(target.name, ())) == 1
        return False

    def _bind_parameters(self) -> None:
        for function in self.tree.functions():
            for parameter, note, default in parameters(function):
                kind = self.annotated(note)
                depends = self.dependency(default)
                if kind and depends:
                    kind = replace(depends[1], asynchronous=kind.asynchronous)
                found = kind or (depends[1] if depends else None)
                if found:
                    self._bind_parameter(function, parameter, found, default)

    def _bind_parameter(self, function: Def, parameter: nodes.AssignName, kind: ValueKind, value: Node | None) -> None:
        key = (function, parameter.name)
        if key not in self.bound or self.bound[key].by_use:
            self.bound[key] = kind
        row = Binding(key, kind, value or parameter, "parameter", function, function)
        self.bindings.setdefault(parameter, row)

    def _bind_from_calls(self) -> None:
        """A parameter is what the calls of the text hand over."""
        for call in self.tree.all(nodes.Call):
            function = self.callee(call)
            if function is None:
                continue
            for parameter, value in handed(function, call):
                kind = self.kind(value) if isinstance(value, nodes.Name | nodes.Attribute | nodes.Call) else None
                if kind and kind.what in ("session", "connection", "engine", "factory"):
                    plain = replace(kind, begins=False, registry=False)
                    if (function, parameter.name) not in self.bound:
                        self._bind_parameter(function, parameter, plain, None)

    def _bind_by_use(self) -> None:
        """Names that nothing else explains: parameters, imports, attributes, what unknown functions return."""
        for key in self.evidence.candidates():
            if key in self.bound or self._is_other(key):
                continue
            if self.evidence.is_session(key):
                registry = key[1].endswith("db.session") and key[0] is self.tree.module
                self.bound[key] = ValueKind("session", None, registry=registry, by_use=True)
            elif self.evidence.is_connection(key):
                self.bound[key] = ValueKind("connection", None, by_use=True)
            else:
                continue
            function = key[0]
            row = self.names.parameter(function, key[1]) if isinstance(function, nodes.FunctionDef) else None
            if row is not None:
                kind = self.bound[key]
                self.bindings.setdefault(row, Binding(key, kind, row, "parameter", function, function))
        for target, value, how, scope, holder in self._binders:
            used = self.names.key_of(target)
            if used and used in self.bound and self.bound[used].by_use:
                row_kind = self.bound[used]
                if how == "with" and row_kind.asynchronous is None and isinstance(holder, nodes.AsyncWith):
                    row_kind = self.bound[used] = replace(row_kind, asynchronous=True)
                self.bindings.setdefault(target, Binding(used, row_kind, value, how, scope, holder))  # type: ignore[arg-type]

    def _is_other(self, key: Key) -> bool:
        """Whether the text itself shows that a name is something else: another package's, an own class's object."""
        scope, name = key
        root = name.partition(".")[0]
        for stmt in scope.locals.get(root, ()) if hasattr(scope, "locals") else ():
            if isinstance(stmt, nodes.Import | nodes.ImportFrom):
                full = self.names.canonical_of(stmt, root)
                if full.partition(".")[0] in habits.FOREIGN:
                    return True
            value = getattr(assigned(stmt), "value", None) if isinstance(stmt, nodes.AssignName) else None
            made = value if "." not in name and isinstance(value, nodes.Call) else None
            if made is not None and (self.names.class_of(made.func) or self._is_foreign_call(made)):
                return True
            if isinstance(stmt, nodes.FunctionDef | nodes.ClassDef):
                return True
        return self._is_foreign_parameter(key)

    def _is_foreign_call(self, call: nodes.Call) -> bool:
        return self.names.canonical(call.func).partition(".")[0] in habits.FOREIGN

    def _is_foreign_parameter(self, key: Key) -> bool:
        """Annotated with a class that is none of SQLAlchemy's."""
        if not isinstance(key[0], nodes.FunctionDef):
            return False
        note = next((note for row, note, _default in parameters(key[0]) if row.name == key[1]), None)
        name = self.names.canonical(note)
        return (
            bool(name)
            and "session" not in name.lower()
            and name.rpartition(".")[2] not in ("Any", "object", "Db", "DB")
        )

    def _gives(self, function: Def) -> ValueKind | None:
        values: list[Node | None] = [node.value for node in self.tree.own(function, nodes.Yield)]
        if not values:
            values = [node.value for node in self.tree.own(function, nodes.Return)]
        wanted = ("session", "connection", "engine", "factory")
        return next((kind for kind in map(self.kind, values) if kind and kind.what in wanted), None)


def depended(names: Names, value: Node | None) -> Node | None:
    """What stands in `Depends(...)`."""
    if not isinstance(value, nodes.Call) or names.last(value.func) not in ("Depends", "Security", "Provide", "Inject"):
        return None
    return value.args[0] if value.args else keyword(value, "dependency")


def handed(function: Def, call: nodes.Call) -> Iterator[tuple[nodes.AssignName, Node]]:
    """Each parameter of a function with the argument that a call gives it; `self` is left out."""
    rows = [row for row, _note, _default in parameters(function)]
    placed = rows[: len(function.args.posonlyargs) + len(function.args.args or [])]
    bound = function.is_method() and not any(
        isinstance(item, nodes.Name) and item.name == "staticmethod"
        for item in (function.decorators.nodes if function.decorators else [])
    )
    yield from zip(placed[1:] if bound else placed, call.args, strict=False)
    named = {word.arg: word.value for word in call.keywords}
    yield from ((row, named[row.name]) for row in rows if row.name in named)


def _is_global(scope: Node) -> bool:
    return isinstance(scope, nodes.Module)


def _made(call: nodes.Call, last: str) -> ValueKind | None:
    if last in SESSIONS:
        return ValueKind("session", SESSIONS[last], _keeps(call))
    if last in _ENGINES:
        return ValueKind("engine", _ENGINES[last])
    if last in _FACTORIES:
        by_class = keyword(call, "class_")
        asynchronous = "Async" in (dotted(by_class) or "") if by_class else _FACTORIES[last] or False
        return ValueKind("factory", asynchronous, _keeps(call))
    return None


def _by_class(last: str) -> ValueKind | None:
    if last in SESSIONS:
        return ValueKind("session", SESSIONS[last])
    return ValueKind("connection", _CONNECTIONS[last]) if last in _CONNECTIONS else None


def _keeps(call: nodes.Call) -> bool | None:
    value = keyword(call, "expire_on_commit")
    if value is not None:
        return constant(value) is False if isinstance(value, nodes.Const) else None
    return None if any(word.arg is None for word in call.keywords) else False
