"""How many connections one request takes, and for how long: several Sessions, and answers that are streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint import habits
from simulator.labs.lint.calls import STATEMENTS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Key, arguments, constant, keyword, parameters
from simulator.labs.lint.rule import FASTAPI_DOCS, POOL_DOCS, Found, Rule
from simulator.labs.lint.sessions import depended
from simulator.labs.lint.tree import DEFS, LOOPS, Def, Node, inside, position, walk

_STREAMS = ("StreamingResponse", "EventSourceResponse", "stream_with_context", "StreamingHttpResponse")


@dataclass(frozen=True, slots=True)
class _Source:
    """One Session that a request is given: which one, by what it is made, and where it is asked for."""

    identity: Node | str
    maker: str
    place: Node


def two_sessions(code: Code) -> Iterable[Found]:
    """An endpoint whose dependencies give it two Sessions, each with a connection of its own."""
    for function in code.tree.functions():
        if not code.is_endpoint(function):
            yield from _nested(code, function)
            continue
        sources: dict[Node | str, _Source] = {}
        for source in _sources(code, function, 4):
            sources.setdefault(source.identity, source)
        rows = list(sources.values())
        if len(rows) > 1:
            makers = {row.maker for row in rows}
            certain = len(makers) < len(rows) and "" not in makers
            yield Found(rows[-1].place, _two_sentence(function.name, certain), certain)
        elif rows:
            yield from _opened_beside(code, function)


def _nested(code: Code, function: Def) -> Iterator[Found]:
    """`with SessionLocal() as a, SessionLocal() as b:` of one factory, both used by this function itself."""
    rows = [
        row
        for row in code.bindings
        if row.scope is function and row.how == "with" and row.kind.what == "session" and not row.kind.by_use
    ]
    for row in rows:
        for outer in rows:
            within = outer is not row and inside(row.value, outer.holder) and row.key != outer.key
            same = within and _maker(row.value) == _maker(outer.value)
            used = code.uses_of(row.key, *STATEMENTS) and code.uses_of(outer.key, *STATEMENTS)
            if same and used and position(outer.value) < position(row.value) and not code.is_test(function):
                yield Found(row.value, _two_sentence(function.name, False), False)
                return


def _maker(value: Node) -> str:
    made = value.value if isinstance(value, nodes.Await) else value
    return made.func.as_string().removesuffix(".begin") if isinstance(made, nodes.Call) else made.as_string()


def _two_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name}() is given two Sessions, and takes two connections: neither sees what the other has not "
            "committed, and "
            "requests that each hold one wait for a second.",
            name=name,
        )
    return Text.of(
        "{name}() works with two Sessions: two connections a request, and two transactions, unless they are of "
        "two databases.",
        name=name,
    )


def _sources(code: Code, function: Def, depth: int) -> Iterator[_Source]:
    """The Sessions that the dependencies of a function give, each where this function asks for it."""
    for parameter, note, default in parameters(function):
        call = _depends(code, note, default)
        if call is None:
            continue
        target = depended(code.names, call)
        fresh = constant(keyword(call, "use_cache")) is False
        for source in _given(code, target, depth):
            identity = call if fresh else source.identity
            yield _Source(identity, source.maker, default if default is not None else parameter)


def _depends(code: Code, note: Node | None, default: Node | None) -> nodes.Call | None:
    alias = code.names.alias(code.names.canonical(note)) if isinstance(note, nodes.Name) else None
    for value in (default, note, alias):
        for node in walk(value) if value is not None else ():
            if depended(code.names, node) is not None and isinstance(node, nodes.Call):
                return node
    return None


def _given(code: Code, target: Node | None, depth: int) -> Iterator[_Source]:
    """What a dependency gives: its own Session, or those of its dependencies."""
    if target is None or depth == 0:
        return
    function = code.names.function(target)
    if isinstance(target, nodes.Call):
        outer = code.sessions.callee(target)
        inner = [node for node in outer.body if isinstance(node, DEFS)] if outer is not None else []
        for made in inner:
            if (maker := _held(code, made)) is not None:
                yield _Source(target, maker, target)
            else:
                yield from _sources(code, made, depth - 1)
        return
    owner = code.names.class_of(target)
    if owner is not None:
        function = code.names.method(owner, "__init__")
    if function is None:
        name = code.names.last(target)
        if habits.is_dependency(name):
            yield _Source(name, "", target)
        return
    maker = _held(code, function)
    if maker is not None:
        yield _Source(function, maker, target)
    yield from _sources(code, function, depth - 1)


def _held(code: Code, function: Def) -> str | None:
    """What makes the Session that a generator holds at its yield; None where it holds none."""
    if not code.names.is_generator(function):
        return None
    for row in code.bindings:
        if (
            row.scope is function
            and row.kind.what == "session"
            and row.how in ("with", "assigned")
            and not row.kind.registry
        ):
            return _maker(row.value)
    return None


def _opened_beside(code: Code, function: Def) -> Iterator[Found]:
    """`with SessionLocal() as other:` in an endpoint whose own Session is in a transaction by then."""
    for row in code.bindings:
        if row.scope is not function or row.how != "with" or row.kind.what != "session":
            continue
        busy: set[Key] = set()
        for use in code.flow(function):
            if use.key == row.key or not code.tree.follows(use.at, row.value):
                continue
            if use.method in ("commit", "rollback", "close"):
                busy.discard(use.key)
            elif use.method in STATEMENTS and use.key[0] is function:
                busy.add(use.key)
        if busy:
            yield Found(row.value, _two_sentence(function.name, False), False)
            return


def streaming_answer(code: Code) -> Iterable[Found]:
    """A StreamingResponse whose generator uses the request's Session, or that is sent while one is in a transaction."""
    yield from (found for found, closed in _streams(code) if not closed)
    yield from _yielding_endpoints(code)


def stream_session(code: Code) -> Iterable[Found]:
    """The same with scope="function": its Session is closed when the first byte is sent, and opens again."""
    yield from (found for found, closed in _streams(code) if closed)


def _streams(code: Code) -> Iterator[tuple[Found, bool]]:
    for call in code.tree.all(nodes.Call):
        function = code.tree.function(call)
        if code.names.last(call.func) not in _STREAMS or function is None or code.is_test(function):
            continue
        found = _streamed(code, function, call)
        if found is not None:
            yield found


def _streamed(code: Code, function: Def, call: nodes.Call) -> tuple[Found, bool] | None:
    unknown = _handed_to_unknown(code, call)
    if unknown is not None:
        return Found(call, _stream_sentence(unknown[1], False), False), False
    for generator in _generators(code, call):
        name = _request_session(code, generator)
        if name:
            if _is_function_scope(code, function, name):
                return Found(call, _closed_sentence(name), True), True
            return Found(call, _stream_sentence(name, True), True), False
        name = _own_session(code, generator)
        if name:
            return Found(call, _stream_sentence(name, False), False), False
    held = _in_transaction(code, function, call)
    return (Found(call, _held_sentence(held[1]), False), False) if held is not None else None


def _closed_sentence(name: str) -> Text:
    return Text.of(
        "{name} is closed before the first byte is sent: the generator opens it again, and nobody gives its "
        "connection back.",
        name=name,
    )


def _stream_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "The answer is made with the request's Session {name} while it is sent: its connection is out "
            "until the last byte.",
            name=name,
        )
    return Text.of(
        "{name} keeps its connection while the answer is sent: a mistake if clients are slow or many.", name=name
    )


def _held_sentence(name: str) -> Text:
    return Text.of(
        "{name} is in a transaction when the answer begins: its connection is out until the last byte, unless its "
        'dependency has scope="function".',
        name=name,
    )


def _generators(code: Code, call: nodes.Call) -> Iterator[Def]:
    """The generator functions that a response is made from, and those that these go through."""
    for value in arguments(call):
        for part in list(code.parts(value)):
            inner = code.sessions.callee(part) if isinstance(part, nodes.Call) else code.names.function(part)
            if inner is not None and (code.names.is_generator(inner) or _is_expression(inner)):
                yield inner
                yield from _deeper(code, inner)


def _handed_to_unknown(code: Code, call: nodes.Call) -> Key | None:
    """A Session that is handed to what makes the answer, which is not shown."""
    for value in call.args[:1]:
        for part in code.parts(value):
            if isinstance(part, nodes.Call) and code.sessions.callee(part) is None:
                keys = [key for key in map(code.key, arguments(part)) if key and code.kind_of(key).what == "session"]
                if keys and isinstance(keys[0][0], DEFS):
                    return keys[0]
    return None


def _deeper(code: Code, generator: Def) -> Iterator[Def]:
    """Generators that a generator goes through."""
    for part in code.tree.own(generator, nodes.Call):
        inner = code.sessions.callee(part)
        if inner is not None and inner is not generator and code.names.is_generator(inner):
            yield inner


def _is_expression(function: Def) -> bool:
    return any(isinstance(node, nodes.Return) and isinstance(node.value, nodes.GeneratorExp) for node in function.body)


def _request_session(code: Code, generator: Def) -> str:
    """The name of a Session from outside that a generator has in a transaction while it yields; "" for none."""
    for use in code.flow(generator):
        owner = use.key[0]
        if use.kind.what != "session" or use.method not in STATEMENTS or not _is_sent_meanwhile(code, generator, use):
            continue
        outer = owner is not generator and isinstance(owner, DEFS)
        given = owner is generator and code.names.parameter(generator, use.key[1]) is not None
        if outer or given or use.kind.registry:
            return use.key[1]
    return ""


def _is_sent_meanwhile(code: Code, generator: Def, use: Use) -> bool:
    """Whether anything is yielded after a statement, and before its transaction is ended."""
    ends = [one for one in code.flow(generator) if one.key == use.key and one.method in ("commit", "rollback", "close")]
    for node in [
        *code.tree.own(generator, nodes.Yield, nodes.YieldFrom),
        *code.tree.own(generator, nodes.GeneratorExp),
    ]:
        around = [loop for loop in code.tree.around(node, *LOOPS) if inside(use.at, loop)]
        if not (code.tree.follows(use.at, node) or around or inside(use.at, node)):
            continue
        ended = any(code.tree.follows(use.at, one.at) and code.tree.follows(one.at, node) for one in ends)
        if not ended:
            return True
    return False


def _own_session(code: Code, generator: Def) -> str:
    """The name of a Session that a generator makes and has in a transaction while it yields."""
    for row in code.bindings:
        if row.scope is not generator or row.kind.what != "session" or row.how != "with":
            continue
        for node in code.tree.own(generator, nodes.Yield):
            before = [use for use in code.flow(generator) if use.key == row.key and code.tree.follows(use.at, node)]
            busy = [use for use in before if use.method in STATEMENTS]
            ended = bool(before) and before[-1].method in ("commit", "rollback", "close")
            loops = [
                use
                for use in busy
                if any(inside(use.at, each.iter) for each in code.tree.around(node, nodes.For, nodes.AsyncFor))
            ]
            if (busy and not ended and inside(node, row.holder)) or loops:
                return row.key[1]
    return ""


def _in_transaction(code: Code, function: Def, call: nodes.Call) -> Key | None:
    """A Session that a dependency gave, with a statement sent and nothing ended before the answer."""
    if not code.is_endpoint(function):
        return None
    busy: dict[Key, bool] = {}
    for use in code.flow(function):
        if not code.tree.follows(use.at, call):
            continue
        if use.method in ("commit", "rollback", "close"):
            busy.pop(use.key, None)
        elif use.method in STATEMENTS and use.kind.what == "session":
            busy[use.key] = True
    for key in busy:
        given = code.names.parameter(function, key[1]) if key[0] is function else None
        if given is not None and not _is_function_scope(code, function, key[1]):
            return key
    return None


def _is_function_scope(code: Code, function: Def, name: str) -> bool:
    for row, note, default in parameters(function):
        call = _depends(code, note, default) if row.name == name else None
        if call is not None:
            return constant(keyword(call, "scope")) == "function"
    return False


def _yielding_endpoints(code: Code) -> Iterator[Found]:
    """FastAPI streams what an endpoint yields."""
    for function in code.tree.functions():
        if not code.is_endpoint(function) or not code.names.is_generator(function):
            continue
        for node in code.tree.own(function, nodes.Yield):
            for use in code.uses_in(function):
                given = code.names.parameter(function, use.key[1]) if use.key[0] is function else None
                if given is not None and use.method in STATEMENTS and use.kind.what == "session":
                    yield Found(node, _stream_sentence(use.key[1], True), True)
                    return


RULES = (
    Rule(
        "two_sessions",
        N_(
            "Two Sessions are two transactions and two connections: a request that holds one and waits for another "
            "can wait for ever."
        ),
        POOL_DOCS,
        two_sessions,
    ),
    Rule(
        "streaming_answer",
        N_("A dependency ends after the last byte: as long as a client reads, its connection is out."),
        FASTAPI_DOCS,
        streaming_answer,
    ),
    Rule(
        "stream_session",
        N_("A closed Session begins a new transaction when it is used again, and nobody is left to end that one."),
        FASTAPI_DOCS,
        stream_session,
    ),
)
