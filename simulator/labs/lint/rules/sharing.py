"""One Session or Connection that several requests or threads use at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Binding, Key, ValueKind, constant, keyword, parameters
from simulator.labs.lint.rule import POOL_DOCS, SESSION_DOCS, Found, Rule
from simulator.labs.lint.tree import COMPREHENSIONS, DEFS, LOOPS, Def, Node, position, walk

#: A sentence about a name, certain or not.
Sentence = Callable[[str, bool], Text]
_CACHES = {"lru_cache", "cache", "cached", "singleton", "cache_resource"}
_THREADS = {"Thread": "target", "Timer": "function"}
_WARNS = N_(
    "A Session is for one task at a time: two requests that "
    "use it at once commit, roll back and read each other's work."
)


def _outlives(code: Code, key: Key) -> bool:
    return isinstance(key[0], nodes.Module) or (isinstance(key[0], nodes.ClassDef) and not key[1].startswith("self."))


def global_session(code: Code) -> Iterable[Found]:
    """`db = SessionLocal()` at module level or in a class body, `app.state.db = Session()`."""
    yield from _made_once(code, "session", _global_sentence)
    for function in code.tree.functions():
        for parameter, _note, default in parameters(function):
            kind = code.kind(default)
            if default is not None and kind and kind.what == "session" and code.sessions.dependency(default) is None:
                yield Found(
                    default,
                    Text.of(
                        "The default of {name} is made once, when "
                        "the function is defined: all calls share this Session.",
                        name=parameter.name,
                    ),
                    True,
                )


def shared_connection(code: Code) -> Iterable[Found]:
    """The same with a Connection; a StaticPool on a server, which is one Connection for all."""
    yield from _made_once(code, "connection", _connection_sentence)
    for call in code.tree.all(nodes.Call):
        pool = keyword(call, "poolclass")
        url = str(constant(call.args[0]) if call.args else "")
        if (
            pool is not None
            and code.names.last(pool) == "StaticPool"
            and url.startswith(("postgres", "mysql", "mariadb"))
        ):
            yield Found(pool, Text.of("StaticPool gives one and the same connection to every thread."), True)


def _made_once(code: Code, what: str, sentence: Sentence) -> Iterator[Found]:
    for row in code.bindings:
        if row.kind.what != what or row.how not in ("assigned", "with") or row.kind.registry:
            continue
        if not _outlives(code, row.key) or row.key[1].startswith("request.") or row.key[1].startswith("g."):
            continue
        users = _users(code, row.key)
        if not users and not (row.key[1].startswith("app.") or isinstance(row.scope, nodes.ClassDef)):
            if code.uses_of(row.key) or code.loads(row.key):
                continue
            certain = False
        else:
            certain = code.serves
        yield Found(row.value, sentence(row.key[1], certain), certain)
    yield from _kept_inside(code, what, sentence)


def _kept_inside(code: Code, what: str, sentence: Sentence) -> Iterator[Found]:
    """`repo = Repo(SessionLocal())` at module level."""
    for node in code.tree.own(code.tree.module, nodes.Assign):
        if (
            not isinstance(node.value, nodes.Call)
            or code.kind(node.value)
            or not isinstance(node.targets[0], nodes.AssignName)
        ):
            continue
        for argument in [*node.value.args, *(word.value for word in node.value.keywords)]:
            kind = code.kind(argument) if isinstance(argument, nodes.Call) else None
            if kind and kind.what == what and not kind.registry and _read_in_function(code, node.targets[0].name):
                yield Found(argument, sentence(node.targets[0].name, code.serves), code.serves)


def _read_in_function(code: Code, name: str) -> bool:
    names = (node for node in code.tree.all(nodes.Name) if node.name == name)
    return any(code.tree.function(node) for node in names)


def _users(code: Code, key: Key) -> list[Def]:
    found = [code.tree.function(node) for node in code.loads(key)]
    return [function for function in found if function is not None and not code.is_test(function)]


def _global_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} is one Session for the whole process: all requests share it.", name=name)
    return Text.of(
        "{name} is one Session for the whole process: a mistake if several requests or threads use this module.",
        name=name,
    )


def _connection_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} is one connection for the whole process: all requests share its transaction.", name=name)
    return Text.of(
        "{name} is one connection for the whole process: a mistake if several requests or threads use it.", name=name
    )


def handed_to_threads(what: str) -> Callable[[Code], Iterable[Found]]:
    """A rule for `Thread(target=f, args=(db,))`, `executor.submit(f, db)`, `executor.map(lambda x: f(db, x), xs)`."""

    def find(code: Code) -> Iterable[Found]:
        for call in code.tree.all(nodes.Call):
            if not _starts_thread(code, call):
                continue
            handed = [key for key, kind in _handed(code, call) if kind.what == what and not kind.registry]
            for key in dict.fromkeys(handed):
                yield Found(call, _thread_sentence(key[1], _many(code, call, key)), _many(code, call, key))

    return find


def _thread_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} is given to several threads at once.", name=name)
    return Text.of(
        "{name} is given to another thread: a mistake unless this one waits and leaves it alone meanwhile.", name=name
    )


def _starts_thread(code: Code, call: nodes.Call) -> bool:
    last = code.names.last(call.func)
    if last in _THREADS and isinstance(call.func, nodes.Name | nodes.Attribute):
        return True
    if not isinstance(call.func, nodes.Attribute) or last not in (
        "submit",
        "map",
        "starmap",
        "imap_unordered",
        "apply_async",
    ):
        return False
    owner = code.names.last(call.func.expr).lower()
    return any(word in owner for word in ("pool", "executor", "ex", "tpe"))


def _handed(code: Code, call: nodes.Call) -> Iterator[tuple[Key, ValueKind]]:
    """The Sessions that a thread gets: as argument, in a lambda, or by a function that closes over them."""
    for node in walk(call):
        key = code.key(node) if isinstance(node, nodes.Name | nodes.Attribute) else None
        if key and node is not call.func:
            yield key, code.kind_of(key)
        if (inner := code.names.function(node)) is not None:
            yield from captured(code, inner)


def captured(code: Code, function: Def) -> Iterator[tuple[Key, ValueKind]]:
    """The Sessions of an enclosing function that a nested function uses."""
    owner = code.tree.scope[function]
    if not isinstance(owner, DEFS):
        return
    for node in code.tree.own(function, nodes.Name):
        key = code.key(node)
        if key and key[0] is owner:
            yield key, code.kind_of(key)


def _many(code: Code, call: nodes.Call, key: Key) -> bool:
    if code.names.last(call.func) in ("map", "starmap", "imap_unordered"):
        return True
    if any(True for _loop in code.tree.around(call, *LOOPS, *COMPREHENSIONS)):
        return True
    calls = [other for other in code.tree.own(code.tree.scope[call], nodes.Call) if _starts_thread(code, other)]
    return sum(any(found == key for found, _kind in _handed(code, other)) for other in calls) > 1


def cached_session(code: Code) -> Iterable[Found]:
    """`@lru_cache` on what returns a Session."""
    for function, kind in code.given.items():
        if (
            kind.what == "session"
            and not code.names.is_generator(function)
            and code.names.decorated(function) & _CACHES
        ):
            yield Found(
                function, Text.of("{name}() is cached: every request gets the same Session.", name=function.name), True
            )


def scoped_session(code: Code) -> Iterable[Found]:
    """A scoped_session that is used and never removed."""
    for row in code.bindings:
        if row.kind.what != "registry" or row.how != "assigned" or _has_own_scope(row.value):
            continue
        read = code.loads(row.key)
        users = [code.tree.function(node) for node in read]
        used = [function for function in users if function is not None and not code.is_test(function)]
        registered = any(
            code.names.last(call.func) in ("register", "mark_changed") for _node, call in code.passed(row.key)
        )
        if (shared := _of_event_loop(code, used)) is not None:
            yield Found(row.value, _loop_sentence(row.key[1], shared.name), True)
        elif used and not _removals(code, row) and not registered:
            certain = any(code.names.is_generator(function) for function in used)
            yield Found(row.value, _scoped_sentence(row.key[1], certain), certain)


def _of_event_loop(code: Code, used: list[Def]) -> Def | None:
    """The `async def` dependency or endpoint, all of which run in one thread, that uses the registry."""
    asynchronous = (function for function in used if isinstance(function, nodes.AsyncFunctionDef))
    return next((one for one in asynchronous if code.is_endpoint(one) or code.depends_on(one.name)), None)


def _loop_sentence(name: str, function: str) -> Text:
    return Text.of(
        "{name} keeps one Session a thread, and {function}() runs on the event loop, which is one thread: all requests "
        "share it.",
        name=name,
        function=function,
    )


def _has_own_scope(made: Node) -> bool:
    """`scopefunc`: the Session is kept by request or task, and not by thread."""
    return isinstance(made, nodes.Call) and (len(made.args) > 1 or keyword(made, "scopefunc") is not None)


def _removals(code: Code, row: Binding) -> list[nodes.Attribute]:
    parents = [node.parent for node in code.loads(row.key)]
    return [node for node in parents if isinstance(node, nodes.Attribute) and node.attrname == "remove"]


def scoped_remove_elsewhere(code: Code) -> Iterable[Found]:
    """`remove()` after the yield of a `def` dependency, in async middleware, or outside of the thread that used it."""
    for row in code.bindings:
        if row.kind.what != "registry" or row.how != "assigned" or _has_own_scope(row.value):
            continue
        for place in _removals(code, row):
            function = code.tree.function(place)
            if function is None or code.is_test(function):
                continue
            if code.is_context(function):
                continue
            if (
                _is_torn_down_elsewhere(code, function, place)
                or _is_in_middleware(code, function)
                or _started_users(code, function, row)
            ):
                yield Found(place, _elsewhere_sentence(row.key[1]), True)


def _is_torn_down_elsewhere(code: Code, function: Def, place: Node) -> bool:
    """Starlette runs the two halves of a `def` dependency in whatever threads are free; Flask keeps one thread."""
    if not code.names.is_generator(function) or "flask" in code.names.modules:
        return False
    if isinstance(function, nodes.AsyncFunctionDef):
        return False  # always in the event loop's thread
    yielded = next(iter(code.tree.own(function, nodes.Yield)), None)
    return yielded is not None and position(place) > position(yielded)


def _is_in_middleware(code: Code, function: Def) -> bool:
    nexts = any(code.names.last(call.func) == "call_next" for call in code.tree.own(function, nodes.Call))
    return nexts and isinstance(function, nodes.AsyncFunctionDef)


def _started_users(code: Code, function: Def, row: Binding) -> bool:
    """Whether this function starts threads that use the registry and do not remove it themselves."""
    for call in code.tree.own(function, nodes.Call):
        if not _starts_thread(code, call):
            continue
        for node in walk(call):
            inner = code.names.function(node)
            if inner is None:
                continue
            uses = [one for one in code.loads(row.key) if code.tree.function(one) is inner]
            removed = any(isinstance(one.parent, nodes.Attribute) and one.parent.attrname == "remove" for one in uses)
            if uses and not removed:
                return True
    return False


def _elsewhere_sentence(name: str) -> Text:
    return Text.of(
        "This remove() may run in another thread than the one that {name} gave a Session to: it removes "
        "another Session, or none.",
        name=name,
    )


def _scoped_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name} is a scoped_session, and its Session is never removed: the next request in this thread gets it.",
            name=name,
        )
    return Text.of(
        "{name} is a scoped_session, and no remove() is to be seen here: is it called at the end of each request?",
        name=name,
    )


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
    Rule(
        "scoped_remove_elsewhere",
        N_("A scoped_session keeps a Session for each thread, and remove() ends that of the thread which calls it."),
        "https://docs.sqlalchemy.org/en/21/orm/contextual.html#thread-local-scope",
        scoped_remove_elsewhere,
    ),
)
