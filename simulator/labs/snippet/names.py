"""What a snippet's names stand for: Session, Connection, engine, factory, registry; by import, assignment or habit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from simulator.labs.snippet.kinds import Binding, Key, Kind, constant, dotted, keyword, parameters
from simulator.labs.snippet.tree import DEFS, WITHS, Def, Tree, position

_SESSIONS = {"Session": False, "AsyncSession": True}
_CONNECTIONS = {"Connection": False, "AsyncConnection": True}
_ENGINES = {"create_engine": False, "create_async_engine": True}
_FACTORIES = {"sessionmaker": None, "async_sessionmaker": True}
_REGISTRIES = {"scoped_session": False, "async_scoped_session": True}
_DRIVERS = {"psycopg2.connect", "psycopg.connect", "pymysql.connect", "MySQLdb.connect"}
#: Packages with a Session or Connection that is not SQLAlchemy's.
_FOREIGN = {
    "requests",
    "aiohttp",
    "httpx",
    "boto3",
    "botocore",
    "aioboto3",
    "flask",
    "django",
    "tensorflow",
    "onnxruntime",
    "neo4j",
    "cassandra",
    "pyspark",
    "snowflake",
    "starlette",
    "curl_cffi",
    "requests_html",
    "requests_oauthlib",
    "authlib",
    "google",
    "github",
    "multiprocessing",
    "ipaddress",
    "paramiko",
    "ldap3",
    "kombu",
    "redis",
    "rq",
    "pika",
    "prompt_toolkit",
    "ftrack_api",
    "nox",
    "http",
    "asyncio",
    "imaplib",
}
_FACTORY_HABIT = re.compile(r"(async)?(db)?(session)(local|maker|factory)(async)?|asyncsession|localsession")
_DEPENDENCY_HABIT = re.compile(
    r"_?(get|provide|yield)_?(async_?)?(db|session|database|sql)(_?async)?(_?session)?(_?async)?"
)
_CONTEXT = {"contextmanager", "asynccontextmanager"}


class Names:
    """Resolves expressions of one snippet. Reads names only; nothing is imported."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.aliases = dict(_imports(tree))
        self.classes = {node.name: node for node in tree.all(ast.ClassDef)}
        self.defs: dict[str, Def] = {node.name: node for node in tree.all(*DEFS)}
        self.bound: dict[Key, Kind] = {}
        self.bindings: dict[ast.AST, Binding] = {}
        self.given: dict[Def, Kind] = {}
        self._annotations: dict[str, ast.expr] = {}
        self._bind()

    # --- what is it -------------------------------------------------------------------------------------------------

    def canonical(self, node: ast.AST | None) -> str:
        """The full name that an expression was imported as; "" where it has none."""
        while isinstance(node, ast.Subscript):
            node = node.value
        name = dotted(node)
        if name is None:
            return ""
        root, dot, rest = name.partition(".")
        return self.aliases.get(root, root) + dot + rest

    def last(self, node: ast.AST | None) -> str:
        """The last part of a canonical name, or of a method's call on any expression."""
        while isinstance(node, ast.Subscript):
            node = node.value
        return node.attr if isinstance(node, ast.Attribute) else self.canonical(node).rpartition(".")[2]

    def key(self, node: ast.AST | None) -> Key | None:
        """Whose name this Name or Attribute is, or None where nothing of interest bears it."""
        if isinstance(node, ast.Name):
            return self._name_key(node)
        name = dotted(node)
        if node is None or name is None:
            return None
        if name.startswith(("self.", "cls.")):
            owner = self.tree.enclosing_class(node)
            key = (owner or self.tree.module, "self." + name.partition(".")[2])
        else:
            key = (self.tree.module, name)
        return key if key in self.bound else None

    def kind(self, node: ast.AST | None) -> Kind | None:
        """What an expression is."""
        if isinstance(node, ast.Await | ast.NamedExpr):
            return self.kind(node.value)
        if isinstance(node, ast.Call):
            return self._kind_of_call(node)
        if isinstance(node, ast.IfExp):
            return self.kind(node.body) or self.kind(node.orelse)
        if isinstance(node, ast.BoolOp):
            return next(filter(None, map(self.kind, node.values)), None)
        if not isinstance(node, ast.Name | ast.Attribute):
            return None
        key = self.key(node)
        return self.bound[key] if key else self._kind_by_habit(node)

    def _name_key(self, node: ast.Name) -> Key | None:
        scope = self.tree.scope[node]
        first = True
        while True:
            if (first or not isinstance(scope, ast.ClassDef)) and (scope, node.id) in self.bound:
                return scope, node.id
            if isinstance(scope, ast.Module):
                return None
            scope, first = self.tree.scope[scope], False

    def _kind_by_habit(self, node: ast.AST) -> Kind | None:
        name = self.canonical(node)
        root, _, _ = name.partition(".")
        last = name.rpartition(".")[2]
        if root in _FOREIGN or last in self.classes or last in self.defs:
            return None
        if last in ("engine", "async_engine"):
            return Kind("engine", True if last.startswith("async") else None)
        plain = last.replace("_", "").lower()
        if _FACTORY_HABIT.fullmatch(plain) and last not in (*_FACTORIES, *_SESSIONS):
            return Kind("factory", True if "async" in plain else None)
        return None

    def _kind_of_call(self, call: ast.Call) -> Kind | None:
        name, last = self.canonical(call.func), self.last(call.func)
        if self.key(call.func):
            return self._kind_of_product(call)
        if self.ours(name):
            made = _made(call, last)
            if made:
                return made
            if last in ("scoped_session", "async_scoped_session"):
                inner = self.kind(call.args[0]) if call.args else None
                return Kind("registry", _REGISTRIES[last], inner.keeps if inner else None, registry=True)
        if name in _DRIVERS:
            return Kind("connection", False)
        if last in ("closing", "aclosing", "next", "anext", "enter_context", "enter_async_context") and call.args:
            return self._given_by(call.args[0]) or self.kind(call.args[0])
        if last == "partial" and call.args and self.last(call.args[0]) in _SESSIONS:
            return Kind("factory", _SESSIONS[self.last(call.args[0])], _keeps(call))
        return self._kind_of_method(call) or self._kind_of_product(call)

    def _kind_of_method(self, call: ast.Call) -> Kind | None:
        if not isinstance(call.func, ast.Attribute):
            return None
        base, method = self.kind(call.func.value), call.func.attr
        if base is None and method == "begin" and self.ours(habit := self.canonical(call.func.value)):
            base = Kind("factory", True if habit == "AsyncSession" else None) if habit in _SESSIONS else None
        if base is None:
            return None
        if base.what == "factory" and method == "begin":
            return Kind("session", base.asynchronous, base.keeps, begins=True)
        if base.what == "engine" and method in ("connect", "begin", "raw_connection"):
            return Kind("connection", base.asynchronous, begins=method == "begin")
        return base if base.what in ("connection", "engine") and method == "execution_options" else None

    def _kind_of_product(self, call: ast.Call) -> Kind | None:
        maker = self.kind(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else None
        if maker and maker.what in ("factory", "registry"):
            return replace(maker, what="session")
        given = self.defs.get(self.last(call.func))
        if given is None or given not in self.given:
            return None
        plain = not is_generator(self.tree, given) or decorated(self, given) & _CONTEXT
        return self.given[given] if plain else None

    def _given_by(self, call: ast.AST) -> Kind | None:
        """What a generator function of the snippet, or one named like a dependency, yields."""
        if not isinstance(call, ast.Call):
            return None
        name = self.last(call.func)
        if name in self.defs:
            return self.given.get(self.defs[name])
        return Kind("session") if _DEPENDENCY_HABIT.fullmatch(name) else None

    def ours(self, name: str) -> bool:
        """Whether a canonical name may be SQLAlchemy's: imported from it or an own module, or not imported at all."""
        root, dot, _rest = name.partition(".")
        if root in ("sqlalchemy", "sqlmodel"):
            return True
        if root in _FOREIGN or (not dot and root in self.classes):
            return False
        return not dot or root in ("orm", "sa", "so", "sqla") or self._imported(root)

    def _imported(self, root: str) -> bool:
        return root.startswith(".") or any(full.partition(".")[0] == root for full in self.aliases.values())

    # --- parameters -------------------------------------------------------------------------------------------------

    def annotated(self, note: ast.AST | None, depth: int = 5) -> Kind | None:
        """What an annotation says, through Annotated, Optional, `| None`, strings and aliases of the snippet."""
        if note is None or depth == 0:
            return None
        if isinstance(note, ast.BinOp):
            return self.annotated(note.left, depth - 1) or self.annotated(note.right, depth - 1)
        if isinstance(note, ast.Subscript):
            return self._annotated_generic(note, depth)
        if isinstance(note, ast.Constant) and isinstance(note.value, str):
            return _by_class(note.value.rpartition(".")[2])
        name = self.canonical(note)
        if name in self._annotations:
            return self.annotated(self._annotations[name], depth - 1)
        return _by_class(name.rpartition(".")[2]) if self.ours(name) else None

    def _annotated_generic(self, note: ast.Subscript, depth: int) -> Kind | None:
        inner = note.slice.elts if isinstance(note.slice, ast.Tuple) else [note.slice]
        if self.last(note.value) not in ("Annotated", "Optional", "Union") or not inner:
            return None
        found = self.annotated(inner[0], depth - 1)
        depends = next((self.dependency(value) for value in inner[1:]), None)
        return replace(depends[1], asynchronous=found.asynchronous) if found and depends else found

    def dependency(self, value: ast.AST | None) -> tuple[str, Kind] | None:
        """The dependency's name and what it gives, of `Depends(get_db)`."""
        if not isinstance(value, ast.Call) or self.last(value.func) not in ("Depends", "Security") or not value.args:
            return None
        name = self.last(value.args[0])
        own = self.given.get(self.defs[name]) if name in self.defs else None
        habit = Kind("session") if name not in self.defs and _DEPENDENCY_HABIT.fullmatch(name.lower()) else None
        found = own or habit
        return (name, replace(found, begins=False)) if found else None

    def alias_parts(self, name: str) -> list[ast.expr]:
        """What an alias of the snippet (`SessionDep = Annotated[...]`) stands for."""
        return [self._annotations[name]] if name in self._annotations else []

    # --- binding ----------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        for node in self.tree.all(ast.Assign):
            if isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Subscript):
                self._annotations[node.targets[0].id] = node.value
        binders = sorted(self._binders(), key=lambda row: (not isinstance(row[3], ast.Module), position(row[1])))
        for _ in range(2):
            for target, value, how, scope, holder in binders:
                self._bind_one(target, value, how, scope, holder)
            for function in self.tree.functions():
                kind = self._gives(function)
                if kind:
                    self.given[function] = kind
            self._bind_parameters()

    def _binders(self) -> Iterator[tuple[ast.expr, ast.expr, str, ast.AST, ast.AST]]:
        scope = self.tree.scope
        for node in self.tree.all(ast.Assign):
            for target in node.targets:
                yield target, node.value, "assigned", scope[node], node
        for single in self.tree.all(ast.AnnAssign, ast.NamedExpr):
            if single.value is not None:
                yield single.target, single.value, "assigned", scope[single], single
        for block in self.tree.all(*WITHS):
            for item in block.items:
                if item.optional_vars is not None:
                    yield item.optional_vars, item.context_expr, "with", scope[block], block
        for loop in self.tree.all(ast.For, ast.AsyncFor):
            yield loop.target, loop.iter, "loop", scope[loop], loop

    def _bind_one(self, target: ast.expr, value: ast.expr, how: str, scope: ast.AST, holder: ast.AST) -> None:
        kind = self._given_by(value) if how == "loop" else self.kind(value)
        if how == "with" and kind is None:
            kind = self._given_by(value)
        name = dotted(target)
        if kind is None or name is None:
            return
        if how == "with" and kind.asynchronous is None:
            kind = replace(kind, asynchronous=isinstance(holder, ast.AsyncWith))
        key = self._target_key(name, target, scope)
        self.bound.setdefault(key, kind)
        if isinstance(scope, ast.ClassDef):
            self.bound.setdefault((scope, f"self.{name}"), kind)
        self.bindings.setdefault(target, Binding(key, kind, value, how, scope, holder))  # type: ignore[arg-type]

    def _target_key(self, name: str, target: ast.expr, scope: ast.AST) -> Key:
        if name.startswith(("self.", "cls.")):
            return self.tree.enclosing_class(target) or self.tree.module, "self." + name.partition(".")[2]
        declared = any(name in node.names for node in self.tree.own(scope, ast.Global))
        if "." in name or declared:
            return self.tree.module, name
        return scope, name

    def _bind_parameters(self) -> None:
        for function in self.tree.functions():
            for parameter, default in parameters(function):
                kind = self.annotated(parameter.annotation)
                depends = self.dependency(default)
                if kind and depends:
                    kind = replace(depends[1], asynchronous=kind.asynchronous)
                found = kind or (depends[1] if depends else None)
                if found:
                    key = (function, parameter.arg)
                    self.bound.setdefault(key, found)
                    row = Binding(key, found, default or parameter, "parameter", function, function)
                    self.bindings.setdefault(parameter, row)

    def _gives(self, function: Def) -> Kind | None:
        values: list[ast.expr | None] = [node.value for node in self.tree.own(function, ast.Yield)]
        if not values:
            values = [node.value for node in self.tree.own(function, ast.Return)]
        return next((kind for kind in map(self.kind, values) if kind and kind.what in ("session", "connection")), None)


def is_generator(tree: Tree, function: Def) -> bool:
    """Whether calling it makes a generator."""
    return any(True for _ in tree.own(function, ast.Yield, ast.YieldFrom))


def decorated(names: Names, function: Def) -> set[str]:
    """The last parts of the names of its decorators."""
    called = (item.func if isinstance(item, ast.Call) else item for item in function.decorator_list)
    return {names.last(item) for item in called}


def _imports(tree: Tree) -> Iterator[tuple[str, str]]:
    for node in tree.all(ast.Import):
        for item in node.names:
            yield (item.asname, item.name) if item.asname else (item.name.partition(".")[0],) * 2
    for origin in tree.all(ast.ImportFrom):
        for item in origin.names:
            yield item.asname or item.name, f"{'.' * origin.level}{origin.module or ''}.{item.name}"


def _made(call: ast.Call, last: str) -> Kind | None:
    if last in _SESSIONS:
        return Kind("session", _SESSIONS[last], _keeps(call))
    if last in _ENGINES:
        return Kind("engine", _ENGINES[last])
    if last in _FACTORIES:
        by_class = keyword(call, "class_")
        asynchronous = "Async" in (dotted(by_class) or "") if by_class else _FACTORIES[last] or False
        return Kind("factory", asynchronous, _keeps(call))
    return None


def _by_class(last: str) -> Kind | None:
    if last in _SESSIONS:
        return Kind("session", _SESSIONS[last])
    return Kind("connection", _CONNECTIONS[last]) if last in _CONNECTIONS else None


def _keeps(call: ast.Call) -> bool | None:
    value = keyword(call, "expire_on_commit")
    if value is not None:
        return constant(value) is False if isinstance(value, ast.Constant) else None
    return None if any(word.arg is None for word in call.keywords) else False
