"""Dependencies, middleware, background tasks, the pool's size and its connections."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.snippet.code import Code
from simulator.labs.snippet.kinds import Key, arguments, constant, keyword, parameters
from simulator.labs.snippet.leaking import _BROAD
from simulator.labs.snippet.names import is_generator
from simulator.labs.snippet.rule import FASTAPI_DOCS, POOL_DOCS, SESSION_DOCS, Found, Rule
from simulator.labs.snippet.sharing import captured
from simulator.labs.snippet.tree import DEFS, Def, position

_SET = re.compile(r"\s*set\s+(?!local\b|transaction\b|constraints\b|session\s+characteristics\b)", re.IGNORECASE)
_SET_CONFIG = re.compile(r"set_config\s*\(.*,\s*false\s*\)", re.IGNORECASE | re.DOTALL)
_RESET = re.compile(r"\s*(reset|discard)\b", re.IGNORECASE)
#: Threads that Starlette uses for `def` endpoints and dependencies, and SQLAlchemy's pool_size and max_overflow.
_THREADS, _POOL, _OVERFLOW = 40, 5, 10


def commit_after_yield(code: Code) -> Iterable[Found]:
    """A dependency that commits after its `yield`, also as `with factory.begin() as db: yield db`."""
    for function in code.dependencies():
        yielded = next(iter(code.tree.own(function, ast.Yield)))
        places = [place for place in _commits(code, function, yielded) if not _is_blind_finally(code, place)]
        uses = code.depends_on(function.name)
        if not places or (uses and all(constant(keyword(call, "scope")) == "function" for call in uses)):
            continue
        certain = bool(uses)
        yield Found(places[0], _after_yield_sentence(function.name, certain), certain)


def _after_yield_sentence(name: str, certain: bool) -> str:
    if certain:
        return _(
            "{name}() commits after its yield: the client has its answer by then, even if the commit fails."
        ).format(name=name)
    return _(
        '{name}() commits after its yield: too late to tell the client, unless it is used with scope="function".'
    ).format(name=name)


def _commits(code: Code, function: Def, yielded: ast.Yield) -> list[ast.expr]:
    own = [use.call for use in code.uses_in(function) if use.method == "commit"]
    found: list[ast.expr] = [call for call in own if position(call) > position(yielded)]
    key = code.names.key(yielded.value)
    blocks = code.begun(key) if key else []
    around = (block for block in blocks if code.tree.in_body(yielded, block.body))
    found.extend(block.items[-1].context_expr for block in around)
    return found


def _is_blind_finally(code: Code, node: ast.AST) -> bool:
    """Whether a commit is in a `finally`, unconditional, and after no handler that rolls back."""
    block = code.tree.in_finally(node)
    if block is None or any(code.tree.in_body(outer, block.finalbody) for outer in code.tree.around(node, ast.If)):
        return False
    return not any(_rolls_back(code, handler) for handler in block.handlers)


def _rolls_back(code: Code, handler: ast.ExceptHandler) -> bool:
    calls = (node for node in ast.walk(handler) if isinstance(node, ast.Call))
    return code.names.last(handler.type) in _BROAD and any(code.names.last(call.func) == "rollback" for call in calls)


def commit_in_finally(code: Code) -> Iterable[Found]:
    """A commit that also runs when the request failed."""
    for use in code.uses:
        if use.method == "commit" and _is_blind_finally(code, use.call):
            yield Found(
                use.call, _("A finally also runs after an error: what the failed request wrote is committed."), True
            )


def middleware_session(code: Code) -> Iterable[Found]:
    """A Session made around `call_next`."""
    for function in code.tree.functions():
        nexts = [call for call in code.tree.own(function, ast.Call) if code.names.last(call.func) == "call_next"]
        rows = [
            row
            for row in code.bindings
            if row.scope is function and row.kind.what == "session" and row.how != "parameter"
        ]
        if not nexts or not rows or code.is_test(function):
            continue
        commits = [use.call for use in code.uses_in(function) if use.method == "commit"]
        begun = [row.value for row in rows if row.kind.begins]
        looks = any(isinstance(node, ast.Attribute) and node.attr == "status_code" for node in ast.walk(function))
        place = next(iter([*begun, *commits]), None)
        if place is not None and not looks:
            yield Found(
                place,
                _("An HTTPException has become a response by here: the commit also stores failed requests."),
                True,
            )
        elif place is None:
            yield Found(
                rows[0].value,
                _(
                    "A Session made in middleware does not see an "
                    "HTTPException: does what ends it roll back failed requests?"
                ),
                False,
            )


def background_session(code: Code) -> Iterable[Found]:
    """`background_tasks.add_task(f, db)`, `BackgroundTask(f, db)`, `asyncio.create_task(f(db))` that nobody awaits."""
    for call in code.tree.all(ast.Call):
        last = code.names.last(call.func)
        if last in ("add_task", "BackgroundTask") or (
            last in ("create_task", "ensure_future") and _is_forgotten(code, call)
        ):
            keys = list(_request_sessions(code, call))
        else:
            continue
        if keys:
            yield Found(
                call,
                _("The task runs after the answer, with the request's Session {name}: it needs one of its own.").format(
                    name=keys[0][1]
                ),
                True,
            )


def _request_sessions(code: Code, call: ast.Call) -> Iterator[Key]:
    for value in arguments(call):
        for node in ast.walk(value):
            key = code.names.key(node) if isinstance(node, ast.Name | ast.Attribute) else None
            if key and code.names.bound[key].what == "session" and isinstance(key[0], DEFS):
                yield key
            if isinstance(node, ast.Name) and node.id in code.names.defs:
                yield from (key for key, kind in captured(code, code.names.defs[node.id]) if kind.what == "session")


def _is_forgotten(code: Code, call: ast.Call) -> bool:
    function = code.tree.function(call)
    return isinstance(code.tree.parent[call], ast.Expr) and function is not None and code.is_endpoint(function)


def thread_pool(code: Code) -> Iterable[Found]:
    """A `def` endpoint that keeps a connection until its dependency ends, with a pool smaller than the threads."""
    places = _pool_sizes(code)
    limits = any(keyword(call, "max_concurrency") for call in code.tree.all(ast.Call))
    threads, raised = _thread_limit(code)
    if limits or not (places or raised):
        return
    size = places[0][1] if places else _POOL + _OVERFLOW
    if size >= threads or not any(_holds_until_end(code, function) for function in code.tree.functions()):
        return
    yield Found(
        places[0][0] if places else raised[0],
        _(
            "Up to {threads} threads wait for {size} connections, and giving one back needs a thread too: "
            "a mistake if that many requests come at once."
        ).format(threads=threads, size=size),
        False,
    )


def _pool_sizes(code: Code) -> list[tuple[ast.Call, int]]:
    found = []
    for call in code.tree.all(ast.Call):
        if code.names.last(call.func) == "create_engine":
            size, extra = constant(keyword(call, "pool_size")), constant(keyword(call, "max_overflow"))
            if (isinstance(size, int) and size > 0) or isinstance(extra, int):
                numbers = (size if isinstance(size, int) else _POOL, extra if isinstance(extra, int) else _OVERFLOW)
                found.append((call, 10_000 if numbers[1] < 0 else sum(numbers)))
    return found


def _thread_limit(code: Code) -> tuple[int, list[ast.stmt]]:
    for node in code.tree.all(ast.Assign):
        target, number = node.targets[0], constant(node.value)
        if isinstance(target, ast.Attribute) and target.attr == "total_tokens" and isinstance(number, int):
            return number, [node] if number > _THREADS else []
    return _THREADS, []


def _holds_until_end(code: Code, function: Def) -> bool:
    """A `def` endpoint with `Depends` on a `def` generator, that sends statements and does not commit."""
    if isinstance(function, ast.AsyncFunctionDef) or not code.is_endpoint(function):
        return False
    for parameter, _default in parameters(function):
        key: Key = (function, parameter.arg)
        ends = code.uses_of(key, "commit", "close", "rollback")
        given = [one for one in code.names.given if is_generator(code.tree, one) and isinstance(one, ast.FunctionDef)]
        if key in code.names.bound and given and code.loads(key) and not ends:
            return True
    return False


def reset_on_return(code: Code) -> Iterable[Found]:
    """A `SET` for the whole session of the server, on a connection that goes back to the pool as it is."""
    engines = [call for call in code.tree.all(ast.Call) if _keeps_state(call)]
    sets = list(_session_sets(code))
    literals = (node for node in code.tree.all(ast.Constant) if isinstance(node.value, str))
    if any(_RESET.match(str(node.value)) for node in literals) or _listens_to_reset(code):
        return
    for call in engines:
        yield Found(call, _reset_sentence(bool(sets)), bool(sets))
    if not engines:
        for call in sets:
            yield Found(
                call,
                _(
                    "This SET outlives a commit and goes back to the pool: "
                    "the next request gets it, unless it is set anew there."
                ),
                False,
            )


def _reset_sentence(certain: bool) -> str:
    if certain:
        return _("Connections go back to the pool without a reset, and what SET changed stays for the next request.")
    return _(
        "Connections go back to the pool without a reset: a mistake if anything is changed with SET, or left open."
    )


def _keeps_state(call: ast.Call) -> bool:
    values = [word.value for word in call.keywords if word.arg in ("pool_reset_on_return", "reset_on_return")]
    return any(isinstance(value, ast.Constant) and value.value is None for value in values)


def _session_sets(code: Code) -> Iterator[ast.Call]:
    for use in code.uses:
        function = code.tree.function(use.call)
        if function and any(
            code.names.last(getattr(item, "func", item)) == "listens_for" for item in function.decorator_list
        ):
            continue
        texts = [str(node.value) for node in code.texts(use)]
        changing = any(isinstance(part, ast.JoinedStr) for part in ast.walk(use.call)) or any(
            ":" in text for text in texts
        )
        if changing and any(_SET.match(text) or _SET_CONFIG.search(text) for text in texts):
            yield use.call


def _listens_to_reset(code: Code) -> bool:
    calls = (call for call in code.tree.all(ast.Call) if code.names.last(call.func) in ("listens_for", "listen"))
    return any(constant(value) in ("reset", "checkin", "checkout") for call in calls for value in call.args)


def dead_connections(code: Code) -> Iterable[Found]:
    """A pool that was tuned, or told not to ping, and never looks whether its connections still live."""
    for call in code.tree.all(ast.Call):
        if code.names.last(call.func) not in ("create_engine", "create_async_engine") or keyword(call, "poolclass"):
            continue
        names = {word.arg for word in call.keywords}
        url = str(constant(call.args[0]) if call.args else "")
        ping = keyword(call, "pool_pre_ping")
        refused = isinstance(ping, ast.Constant) and ping.value is False
        tuned = names & {"pool_size", "max_overflow"} and not names & {"pool_pre_ping", "pool_recycle", None}
        if (refused or tuned) and not url.startswith("sqlite"):
            yield Found(
                call,
                _(
                    "No pool_pre_ping: after a restart or a cut line, requests "
                    "fail once a dead connection. Nothing else here shows it."
                ),
                False,
            )


RULES = (
    Rule(
        "commit_after_yield",
        N_(
            "The code after yield runs when the response is on its way: a commit that fails there is a 200 with no row."
        ),
        FASTAPI_DOCS,
        commit_after_yield,
    ),
    Rule(
        "commit_in_finally",
        N_("A finally runs after errors too: half a request is stored."),
        SESSION_DOCS,
        commit_in_finally,
    ),
    Rule(
        "middleware_session",
        N_("Exception handlers run inside the middleware: it sees a 404 as a response, and commits."),
        "https://www.starlette.io/middleware/#basehttpmiddleware",
        middleware_session,
    ),
    Rule(
        "background_session",
        N_(
            "A background task runs after the response: the request's Session is kept for it, or opens again and leaks."
        ),
        "https://fastapi.tiangolo.com/tutorial/background-tasks/",
        background_session,
    ),
    Rule(
        "thread_pool",
        N_("Requests that wait for a connection hold the threads that others need to give theirs back."),
        "https://www.starlette.io/threadpool/",
        thread_pool,
    ),
    Rule(
        "reset_on_return",
        N_("What SET changed stays on the connection: the next request is the last one's tenant."),
        POOL_DOCS + "#reset-on-return",
        reset_on_return,
    ),
    Rule(
        "dead_connections",
        N_("A pool does not see that the server closed a connection until a request fails on it."),
        POOL_DOCS + "#disconnect-handling-pessimistic",
        dead_connections,
    ),
)
