"""Dependencies, middleware, background tasks, the pool's size and its connections."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Binding, Key, arguments, constant, decorators, keyword, parameters
from simulator.labs.lint.rule import FASTAPI_DOCS, POOL_DOCS, SESSION_DOCS, Found, Rule
from simulator.labs.lint.rules.leaking import _BROAD
from simulator.labs.lint.rules.sharing import captured
from simulator.labs.lint.tree import DEFS, Def, Node, position, walk

_SET = re.compile(r"\s*set\s+(?!local\b|transaction\b|constraints\b|session\s+characteristics\b)", re.IGNORECASE)
_SET_CONFIG = re.compile(r"set_config\s*\(.*,\s*false\s*\)", re.IGNORECASE | re.DOTALL)
_RESET = re.compile(r"\s*(reset|discard)\b", re.IGNORECASE)
#: Threads that Starlette uses for `def` endpoints and dependencies, and SQLAlchemy's pool_size and max_overflow.
_THREADS, _POOL, _OVERFLOW = 40, 5, 10


def commit_after_yield(code: Code) -> Iterable[Found]:
    """A dependency that commits after its `yield`, also as `with factory.begin() as db: yield db`."""
    for function in code.dependencies():
        yielded = next(iter(code.tree.own(function, nodes.Yield)))
        places = [place for place in _commits(code, function, yielded) if not _is_blind_finally(code, place)]
        uses = code.depends_on(function.name)
        if not places or (uses and all(constant(keyword(call, "scope")) == "function" for call in uses)):
            continue
        certain = bool(uses)
        yield Found(places[0], _after_yield_sentence(function.name, certain), certain)


def _after_yield_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name}() commits after its yield: the client has its answer by then, even if the commit fails.", name=name
        )
    return Text.of(
        '{name}() commits after its yield: too late to tell the client, unless it is used with scope="function".',
        name=name,
    )


def _commits(code: Code, function: Def, yielded: nodes.Yield) -> list[Node]:
    own = [use.call for use in code.uses_in(function) if use.method == "commit"]
    found: list[Node] = [call for call in own if position(call) > position(yielded)]
    key = code.key(yielded.value)
    blocks = code.begun(key) if key else []
    around = (block for block in blocks if code.tree.in_body(yielded, block.body))
    found.extend(block.items[-1][0] for block in around)
    return found


def _is_blind_finally(code: Code, node: Node) -> bool:
    """Whether a commit is in a `finally`, unconditional, and after no handler that rolls back."""
    block = code.tree.in_finally(node)
    if block is None or any(code.tree.in_body(outer, block.finalbody) for outer in code.tree.around(node, nodes.If)):
        return False
    return not any(_rolls_back(code, handler) for handler in block.handlers)


def _rolls_back(code: Code, handler: nodes.ExceptHandler) -> bool:
    calls = (node for node in walk(handler) if isinstance(node, nodes.Call))
    return code.names.last(handler.type) in _BROAD and any(code.names.last(call.func) == "rollback" for call in calls)


def commit_in_finally(code: Code) -> Iterable[Found]:
    """A commit that also runs when the request failed."""
    for use in code.uses:
        if use.method == "commit" and _is_blind_finally(code, use.call):
            certain = not _has_own_work(code, use.call)
            yield Found(use.call, _finally_sentence(certain), certain)


def _finally_sentence(certain: bool) -> Text:
    if certain:
        return Text.of("A finally also runs after an error: what the failed request wrote is committed.")
    return Text.of("A finally also runs after an error: a mistake if the try writes what must not be stored then.")


def _has_own_work(code: Code, commit: Node) -> bool:
    """Whether the finally changes something itself before it commits: then that may be all that it is for."""
    block = code.tree.in_finally(commit)
    before = [part for item in block.finalbody for part in walk(item)] if block is not None else []
    return any(isinstance(part, nodes.AssignAttr) and position(part) < position(commit) for part in before)


def middleware_session(code: Code) -> Iterable[Found]:
    """A Session made around `call_next` and given to the request; one that only the middleware uses is its own."""
    for function in code.tree.functions():
        nexts = [call for call in code.tree.own(function, nodes.Call) if code.names.last(call.func) == "call_next"]
        rows = [
            row
            for row in code.bindings
            if row.scope is function and row.kind.what == "session" and row.how != "parameter"
        ]
        given = [row for row in rows if _is_given_on(code, function, row)]
        if not nexts or not given or code.is_test(function):
            continue
        keys = {row.key for row in given}
        commits = [use.call for use in code.uses_in(function) if use.method == "commit" and use.key in keys]
        begun = [row.value for row in given if row.kind.begins]
        looks = any(isinstance(node, nodes.Attribute) and node.attrname == "status_code" for node in walk(function))
        place = next(iter([*begun, *commits]), None)
        if place is not None and not looks:
            yield Found(
                place,
                Text.of("An HTTPException has become a response by here: the commit also stores failed requests."),
                True,
            )
        elif place is None:
            yield Found(
                given[0].value,
                Text.of(
                    "A Session made in middleware does not see an "
                    "HTTPException: does what ends it roll back failed requests?"
                ),
                False,
            )


def _is_given_on(code: Code, function: Def, row: Binding) -> bool:
    """`request.state.db = db`, `token = current.set(db)`: others than the middleware use this Session."""
    if "." in row.key[1]:
        return True
    for node in code.loads(row.key):
        holder = node.parent
        if isinstance(holder, nodes.Assign) and any(
            isinstance(one, nodes.AssignAttr | nodes.Subscript) for one in holder.targets
        ):
            return True
        call = code.call_with(node)
        if call is not None and code.names.last(call.func) in ("set", "setattr", "bind", "override", "call_next"):
            return True
    return False


def background_session(code: Code) -> Iterable[Found]:
    """`background_tasks.add_task(f, db)`, `BackgroundTask(f, db)`, `asyncio.create_task(f(db))` that nobody awaits."""
    for call in code.tree.all(nodes.Call):
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
                Text.of(
                    "The task runs after the answer, with the request's Session {name}: it needs one of its own.",
                    name=keys[0][1],
                ),
                True,
            )


def _request_sessions(code: Code, call: nodes.Call) -> Iterator[Key]:
    for value in arguments(call):
        for node in walk(value):
            key = code.key(node) if isinstance(node, nodes.Name | nodes.Attribute) else None
            if key and code.kind_of(key).what == "session" and isinstance(key[0], DEFS):
                yield key
            if (inner := code.names.function(node)) is not None:
                yield from (found for found, kind in captured(code, inner) if kind.what == "session")


def _is_forgotten(code: Code, call: nodes.Call) -> bool:
    function = code.tree.function(call)
    return isinstance(call.parent, nodes.Expr) and function is not None and code.is_endpoint(function)


def thread_pool(code: Code) -> Iterable[Found]:
    """A `def` endpoint that keeps a connection until its dependency ends, with a pool smaller than the threads."""
    places = _pool_sizes(code)
    limits = any(keyword(call, "max_concurrency") for call in code.tree.all(nodes.Call))
    threads, raised = _thread_limit(code)
    if limits or not (places or raised):
        return
    size = places[0][1] if places else _POOL + _OVERFLOW
    if size >= threads or not any(_holds_until_end(code, function) for function in code.tree.functions()):
        return
    yield Found(
        places[0][0] if places else raised[0],
        Text.of(
            "Up to {threads} threads wait for {size} connections, and giving one back needs a thread too: "
            "a mistake if that many requests come at once.",
            threads=threads,
            size=size,
        ),
        False,
    )


def _pool_sizes(code: Code) -> list[tuple[nodes.Call, int]]:
    found = []
    for call in code.tree.all(nodes.Call):
        if code.names.last(call.func) == "create_engine":
            size, extra = constant(keyword(call, "pool_size")), constant(keyword(call, "max_overflow"))
            if (isinstance(size, int) and size > 0) or isinstance(extra, int):
                numbers = (size if isinstance(size, int) else _POOL, extra if isinstance(extra, int) else _OVERFLOW)
                found.append((call, 10_000 if numbers[1] < 0 else sum(numbers)))
    return found


def _thread_limit(code: Code) -> tuple[int, list[Node]]:
    for node in code.tree.all(nodes.Assign):
        target, number = node.targets[0], constant(node.value)
        if isinstance(target, nodes.AssignAttr) and target.attrname == "total_tokens" and isinstance(number, int):
            return number, [node] if number > _THREADS else []
    return _THREADS, []


def _holds_until_end(code: Code, function: Def) -> bool:
    """A `def` endpoint with `Depends` on a `def` generator, that sends statements and does not commit."""
    if isinstance(function, nodes.AsyncFunctionDef) or not code.is_endpoint(function):
        return False
    for parameter, _note, _default in parameters(function):
        key: Key = (function, parameter.name)
        ends = code.uses_of(key, "commit", "close", "rollback")
        given = [one for one in code.given if code.names.is_generator(one) and isinstance(one, nodes.FunctionDef)]
        if key in code.sessions.bound and given and code.loads(key) and not ends:
            return True
    return False


def reset_on_return(code: Code) -> Iterable[Found]:
    """A `SET` for the whole session of the server, on a connection that goes back to the pool as it is."""
    engines = [call for call in code.tree.all(nodes.Call) if _keeps_state(call)]
    sets = list(_session_sets(code))
    literals = (node for node in code.tree.all(nodes.Const) if isinstance(node.value, str))
    if any(_RESET.match(str(node.value)) for node in literals) or _listens_to_reset(code):
        return
    for call in engines:
        yield Found(call, _reset_sentence(bool(sets)), bool(sets))
    if not engines:
        for call in sets:
            yield Found(
                call,
                Text.of(
                    "This SET outlives a commit and goes back to the pool: "
                    "the next request gets it, unless it is set anew there."
                ),
                False,
            )


def _reset_sentence(certain: bool) -> Text:
    if certain:
        return Text.of(
            "Connections go back to the pool without a reset, and what SET changed stays for the next request."
        )
    return Text.of(
        "Connections go back to the pool without a reset: a mistake if anything is changed with SET, or left open."
    )


def _keeps_state(call: nodes.Call) -> bool:
    values = [word.value for word in call.keywords if word.arg in ("pool_reset_on_return", "reset_on_return")]
    return any(isinstance(value, nodes.Const) and value.value is None for value in values)


def _session_sets(code: Code) -> Iterator[nodes.Call]:
    for use in code.uses:
        function = code.tree.function(use.call)
        if function and any(
            code.names.last(getattr(item, "func", item)) == "listens_for" for item in decorators(function)
        ):
            continue
        if any(_is_set_config(code, part) for value in use.call.args[:1] for part in code.parts(value)):
            yield use.call
            continue
        texts = [str(node.value) for node in code.texts(use)]
        changing = any(isinstance(part, nodes.JoinedStr) for part in walk(use.call)) or any(
            ":" in text for text in texts
        )
        if changing and any(_SET.match(text) or _SET_CONFIG.search(text) for text in texts):
            yield use.call


def _is_set_config(code: Code, part: Node) -> bool:
    """`func.set_config(name, value, False)`: for as long as the connection lives."""
    if not isinstance(part, nodes.Call) or code.names.last(part.func) != "set_config" or len(part.args) < 3:
        return False
    return constant(part.args[2]) is False


def _listens_to_reset(code: Code) -> bool:
    calls = (call for call in code.tree.all(nodes.Call) if code.names.last(call.func) in ("listens_for", "listen"))
    return any(constant(value) in ("reset", "checkin", "checkout") for call in calls for value in call.args)


def dead_connections(code: Code) -> Iterable[Found]:
    """A pool that was tuned, or told not to ping, and never looks whether its connections still live."""
    for call in code.tree.all(nodes.Call):
        if code.names.last(call.func) not in ("create_engine", "create_async_engine") or keyword(call, "poolclass"):
            continue
        names = {word.arg for word in call.keywords}
        url = str(constant(call.args[0]) if call.args else "")
        ping = keyword(call, "pool_pre_ping")
        refused = isinstance(ping, nodes.Const) and ping.value is False
        tuned = names & {"pool_size", "max_overflow"} and not names & {"pool_pre_ping", "pool_recycle", None}
        if (refused or tuned) and not url.startswith("sqlite"):
            yield Found(
                call,
                Text.of(
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
