"""One Session or Connection that several requests or threads use at once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.snippet.code import Code
from simulator.labs.snippet.kinds import Key, Kind, constant, keyword, parameters
from simulator.labs.snippet.names import decorated, is_generator
from simulator.labs.snippet.rule import POOL_DOCS, SESSION_DOCS, Found, Rule
from simulator.labs.snippet.tree import COMPREHENSIONS, DEFS, LOOPS, Def

#: A sentence about a name, certain or not.
Sentence = Callable[[str, bool], str]
_CACHES = {"lru_cache", "cache", "cached", "singleton", "cache_resource"}
_THREADS = {"Thread": "target", "Timer": "function"}
_WARNS = N_(
    "A Session is for one task at a time: two requests that "
    "use it at once commit, roll back and read each other's work."
)


def _outlives(code: Code, key: Key) -> bool:
    return isinstance(key[0], ast.Module) or (isinstance(key[0], ast.ClassDef) and not key[1].startswith("self."))


def global_session(code: Code) -> Iterable[Found]:
    """`db = SessionLocal()` at module level or in a class body, `app.state.db = Session()`."""
    yield from _made_once(code, "session", _global_sentence)
    for function in code.tree.functions():
        for parameter, default in parameters(function):
            kind = code.names.kind(default)
            if default is not None and kind and kind.what == "session" and code.names.dependency(default) is None:
                yield Found(
                    default,
                    _(
                        "The default of {name} is made once, when "
                        "the function is defined: all calls share this Session."
                    ).format(name=parameter.arg),
                    True,
                )


def shared_connection(code: Code) -> Iterable[Found]:
    """The same with a Connection; a StaticPool on a server, which is one Connection for all."""
    yield from _made_once(code, "connection", _connection_sentence)
    for call in code.tree.all(ast.Call):
        pool = keyword(call, "poolclass")
        url = str(constant(call.args[0]) if call.args else "")
        if (
            pool is not None
            and code.names.last(pool) == "StaticPool"
            and url.startswith(("postgres", "mysql", "mariadb"))
        ):
            yield Found(pool, _("StaticPool gives one and the same connection to every thread."), True)


def _made_once(code: Code, what: str, sentence: Sentence) -> Iterator[Found]:
    for row in code.bindings:
        if row.kind.what != what or row.how not in ("assigned", "with") or row.kind.registry:
            continue
        if not _outlives(code, row.key) or row.key[1].startswith("request.") or row.key[1].startswith("g."):
            continue
        users = _users(code, row.key)
        if not users and not (row.key[1].startswith("app.") or isinstance(row.scope, ast.ClassDef)):
            if code.uses_of(row.key) or code.loads(row.key):
                continue
            certain = False
        else:
            certain = code.serves
        yield Found(row.value, sentence(row.key[1], certain), certain)
    yield from _kept_inside(code, what, sentence)


def _kept_inside(code: Code, what: str, sentence: Sentence) -> Iterator[Found]:
    """`repo = Repo(SessionLocal())` at module level."""
    for node in code.tree.own(code.tree.module, ast.Assign):
        if (
            not isinstance(node.value, ast.Call)
            or code.names.kind(node.value)
            or not isinstance(node.targets[0], ast.Name)
        ):
            continue
        for argument in [*node.value.args, *(word.value for word in node.value.keywords)]:
            kind = code.names.kind(argument) if isinstance(argument, ast.Call) else None
            if kind and kind.what == what and not kind.registry and _read_in_function(code, node.targets[0].id):
                yield Found(argument, sentence(node.targets[0].id, code.serves), code.serves)


def _read_in_function(code: Code, name: str) -> bool:
    names = (node for node in code.tree.all(ast.Name) if node.id == name and isinstance(node.ctx, ast.Load))
    return any(code.tree.function(node) for node in names)


def _users(code: Code, key: Key) -> list[Def]:
    found = [code.tree.function(node) for node in code.loads(key)]
    return [function for function in found if function is not None and not code.is_test(function)]


def _global_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} is one Session for the whole process: all requests share it.").format(name=name)
    return _(
        "{name} is one Session for the whole process: a mistake if several requests or threads use this module."
    ).format(name=name)


def _connection_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} is one connection for the whole process: all requests share its transaction.").format(
            name=name
        )
    return _("{name} is one connection for the whole process: a mistake if several requests or threads use it.").format(
        name=name
    )


def handed_to_threads(what: str) -> Callable[[Code], Iterable[Found]]:
    """A rule for `Thread(target=f, args=(db,))`, `executor.submit(f, db)`, `executor.map(lambda x: f(db, x), xs)`."""

    def find(code: Code) -> Iterable[Found]:
        for call in code.tree.all(ast.Call):
            if not _starts_thread(code, call):
                continue
            handed = [key for key, kind in _handed(code, call) if kind.what == what and not kind.registry]
            for key in dict.fromkeys(handed):
                yield Found(call, _thread_sentence(key[1], _many(code, call, key)), _many(code, call, key))

    return find


def _thread_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} is given to several threads at once.").format(name=name)
    return _(
        "{name} is given to another thread: a mistake unless this one waits and leaves it alone meanwhile."
    ).format(name=name)


def _starts_thread(code: Code, call: ast.Call) -> bool:
    last = code.names.last(call.func)
    if last in _THREADS and isinstance(call.func, ast.Name | ast.Attribute):
        return True
    if not isinstance(call.func, ast.Attribute) or last not in (
        "submit",
        "map",
        "starmap",
        "imap_unordered",
        "apply_async",
    ):
        return False
    owner = code.names.last(call.func.value).lower()
    return any(word in owner for word in ("pool", "executor", "ex", "tpe"))


def _handed(code: Code, call: ast.Call) -> Iterator[tuple[Key, Kind]]:
    """The Sessions that a thread gets: as argument, in a lambda, or by a function that closes over them."""
    for node in ast.walk(call):
        key = code.names.key(node) if isinstance(node, ast.Name | ast.Attribute) else None
        if key and node is not call.func:
            yield key, code.names.bound[key]
        if isinstance(node, ast.Name) and node.id in code.names.defs:
            yield from captured(code, code.names.defs[node.id])


def captured(code: Code, function: Def) -> Iterator[tuple[Key, Kind]]:
    """The Sessions of an enclosing function that a nested function uses."""
    owner = code.tree.scope[function]
    if not isinstance(owner, DEFS):
        return
    for node in code.tree.own(function, ast.Name):
        key = code.names.key(node)
        if key and key[0] is owner:
            yield key, code.names.bound[key]


def _many(code: Code, call: ast.Call, key: Key) -> bool:
    if code.names.last(call.func) in ("map", "starmap", "imap_unordered"):
        return True
    if any(True for _loop in code.tree.around(call, *LOOPS, *COMPREHENSIONS)):
        return True
    calls = [other for other in code.tree.own(code.tree.scope[call], ast.Call) if _starts_thread(code, other)]
    return sum(any(found == key for found, _kind in _handed(code, other)) for other in calls) > 1


def cached_session(code: Code) -> Iterable[Found]:
    """`@lru_cache` on what returns a Session."""
    for function, kind in code.names.given.items():
        if (
            kind.what == "session"
            and not is_generator(code.tree, function)
            and decorated(code.names, function) & _CACHES
        ):
            yield Found(
                function, _("{name}() is cached: every request gets the same Session.").format(name=function.name), True
            )


def scoped_session(code: Code) -> Iterable[Found]:
    """A scoped_session that is used and never removed."""
    for row in code.bindings:
        if row.kind.what != "registry" or row.how != "assigned":
            continue
        nodes = code.loads(row.key)
        users = [code.tree.function(node) for node in nodes]
        used = [function for function in users if function is not None and not code.is_test(function)]
        parents = [code.tree.parent[node] for node in nodes]
        ended = any(isinstance(parent, ast.Attribute) and parent.attr == "remove" for parent in parents)
        registered = any(
            code.names.last(call.func) in ("register", "mark_changed") for _node, call in code.passed(row.key)
        )
        if used and not ended and not registered:
            certain = any(is_generator(code.tree, function) for function in used)
            yield Found(row.value, _scoped_sentence(row.key[1], certain), certain)


def _scoped_sentence(name: str, certain: bool) -> str:
    if certain:
        return _(
            "{name} is a scoped_session, and its Session is never removed: the next request in this thread gets it."
        ).format(name=name)
    return _(
        "{name} is a scoped_session, and no remove() is to be seen here: is it called at the end of each request?"
    ).format(name=name)


_SAFE = SESSION_DOCS + "#is-the-session-thread-safe-is-asyncsession-safe-to-share-in-concurrent-tasks"

RULES = (
    Rule("global_session", _WARNS, _SAFE, global_session),
    Rule("shared_session", _WARNS, _SAFE, handed_to_threads("session")),
    Rule("shared_session", _WARNS, _SAFE, cached_session),
    Rule(
        "shared_connection",
        N_("A connection has one transaction: what one thread rolls back, the other one loses."),
        POOL_DOCS,
        shared_connection,
    ),
    Rule(
        "shared_connection",
        N_("A connection has one transaction: what one thread rolls back, the other one loses."),
        POOL_DOCS,
        handed_to_threads("connection"),
    ),
    Rule(
        "scoped_session",
        N_(
            "A scoped_session keeps one Session a thread until remove(): "
            "the next request goes on with the last one's work."
        ),
        "https://docs.sqlalchemy.org/en/21/orm/contextual.html",
        scoped_session,
    ),
)
