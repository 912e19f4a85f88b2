"""Mapped objects: read after the commit or the close, loaded one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import READS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import constant, keyword
from simulator.labs.lint.loaded import Loaded
from simulator.labs.lint.rule import SESSION_DOCS, Found, Rule
from simulator.labs.lint.tree import COMPREHENSIONS, Node, inside, position, walk

_EXPIRE = "https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.params.expire_on_commit"
_LOADING = "https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html"


def expired(code: Code, row: Loaded, read: Node) -> Use | None:
    """The commit that expired an object before it is read here, where nothing loads it again in between."""
    if row.kind.keeps:
        return None
    flow = [use for use in code.flow(row.scope) if use.key == row.key and use.method == "commit"]
    commits = [use for use in flow if code.tree.follows(row.at, use.at)]
    before = [use for use in commits if not inside(read, use.at) and code.tree.follows(use.at, read)]
    return before[-1] if before and not _loaded_again(code, row, before[-1].at, read) else None


def _loaded_again(code: Code, row: Loaded, since: Node, read: Node) -> bool:
    """Whether a refresh, an expunge or a new assignment stands between."""
    for use in code.flow(row.scope):
        if use.key != row.key or use.method not in ("refresh", "expunge", "expunge_all"):
            continue
        names = {node.name for node in walk(use.at) if isinstance(node, nodes.Name)}
        if (row.name in names or use.method == "expunge_all") and position(use.at) < position(read):
            return True
    written = (node for node in code.tree.own(row.scope, nodes.AssignName) if node.name == row.name)
    return any(position(since) < position(node) < position(read) for node in written)


def first_reads(
    code: Code, reads: Iterable[tuple[Loaded, nodes.Attribute]]
) -> Iterator[tuple[Loaded, nodes.Attribute]]:
    """The first of the reads of each object in each function."""
    seen: set[tuple[Node, str]] = set()
    for row, read in sorted(reads, key=lambda pair: position(pair[1])):
        if (row.scope, row.name) not in seen:
            seen.add((row.scope, row.name))
            yield row, read


def outside(code: Code, row: Loaded, read: Node) -> bool:
    """Whether a Session is closed by the time of this read: past its `with`, or past its `close()`."""
    block = code.block_of(row.key)
    if block is not None and code.tree.scope[block] is row.scope:
        return not inside(read, block)
    closes = [use for use in code.uses_of(row.key, "close", "aclose", "remove") if use.scope is row.scope]
    return any(code.tree.follows(use.call, read) for use in closes)


def _commits_at_end(code: Code, row: Loaded, read: Node) -> bool:
    return any(not inside(read, outer) for outer in code.begun(row.key)) and not row.kind.keeps


def read_after_commit(code: Code) -> Iterable[Found]:
    """`db.commit()`, then `user.id` while the Session is still open."""
    pairs = [
        (row, read)
        for row in code.objects.loaded
        if not row.many and not row.rows and not row.kind.registry and code.asynchronous(row.key, row.kind) is not True
        for read in code.objects.reads(row)
        if not outside(code, row, read) and (expired(code, row, read) or _past_begun_block(code, row, read))
    ]
    for row, read in first_reads(code, pairs):
        certain = row.kind.keeps is False and not row.kind.by_use
        yield Found(read, _after_commit_sentence(row.name, read.attrname, certain), certain)


def _past_begun_block(code: Code, row: Loaded, read: Node) -> bool:
    """Past a `with db.begin():` in which the object was, the Session being open still."""
    if row.kind.keeps or row.kind.begins:
        return False
    blocks = [outer for outer in code.begun(row.key) if code.tree.in_body(row.at, outer.body)]
    past = [outer for outer in blocks if not inside(read, outer) and outer is not code.block_of(row.key)]
    return bool(past) and not _loaded_again(code, row, past[0].body[-1], read)


def _after_commit_sentence(name: str, attribute: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "The commit expired {name}: reading {name}.{attribute} begins "
            "a new transaction and takes a connection again.",
            name=name,
            attribute=attribute,
        )
    return Text.of(
        "{name}.{attribute} is read after the commit: a new "
        "transaction and a connection, unless expire_on_commit is False.",
        name=name,
        attribute=attribute,
    )


def lazy_after_close(code: Code) -> Iterable[Found]:
    """An expired attribute or a relationship that is read when the Session is closed."""
    pairs = [(row, read) for row in code.objects.loaded for read in code.objects.reads(row) if outside(code, row, read)]
    late = [(row, read) for row, read in pairs if _late(code, row, read) is not None]
    for row, read in first_reads(code, late):
        certain = bool(_late(code, row, read))
        yield Found(read, _late_sentence(row.name, read.attrname, certain), certain)
    for loop, target, rows in _loops(code):
        if rows is None or rows.kind.what != "session" or not outside(code, rows, loop):
            continue
        for read, known in _lazy_reads(code, loop, target, rows):
            yield Found(read, _late_sentence(target, read.attrname, known), known)
            break


def _late(code: Code, row: Loaded, read: nodes.Attribute) -> bool | None:
    if row.rows:
        return None
    if not row.many and (expired(code, row, read) or _commits_at_end(code, row, read)):
        return row.kind.keeps is False and not row.kind.by_use
    known = related(code, row, read)
    may = not row.many and not row.eager and not code.objects.models.find(row.model)
    return False if known is None and may and _counts(code, read) else known


def related(code: Code, row: Loaded, read: nodes.Attribute) -> bool | None:
    """Whether this reads a relationship that nothing loaded before: True, not known (False), or no (None)."""
    if row.eager or row.rows:
        return None
    model = code.objects.models.find(row.model)
    if model is not None:
        return True if model.relationships.get(read.attrname) else None
    if read.attrname in code.objects.models.relationships:
        return True if code.objects.models.relationships[read.attrname] else None
    return False if is_iterated(read) or _goes_on(read) else None


def is_iterated(node: Node) -> bool:
    """Whether an attribute is gone through as a list of objects."""
    return isinstance(node.parent, nodes.For | nodes.Comprehension) and node.parent.iter is node


def _goes_on(node: Node) -> bool:
    """`user.team.name`: an attribute of an attribute; not a method, which a column's value has too."""
    parent = node.parent
    if parent is None:
        return False
    called = isinstance(parent.parent, nodes.Call) and parent.parent.func is parent
    return isinstance(parent, nodes.Attribute) and not called and parent.attrname in ("name", "id", "email", "title")


def _late_sentence(name: str, attribute: str, certain: bool) -> Text:
    if certain:
        return Text.of(
            "{name}.{attribute} is not loaded, and its Session is closed: DetachedInstanceError.",
            name=name,
            attribute=attribute,
        )
    return Text.of(
        "{name}.{attribute} is read when the Session is closed: it fails unless it was loaded before.",
        name=name,
        attribute=attribute,
    )


def n_plus_one(code: Code) -> Iterable[Found]:
    """A relationship read, or a SELECT sent, for each object of a result."""
    seen: set[Node] = set()
    for loop, read, known in lazy_in_loops(code, asynchronous=False):
        seen.add(loop)
        yield Found(read, _lazy_sentence(read.as_string(), known), known)
    for loop, target, rows in _loops(code):
        if loop not in seen:
            yield from _selects(code, loop, target, rows)


def lazy_in_loops(code: Code, asynchronous: bool) -> Iterator[tuple[Node, nodes.Attribute, bool]]:
    """Each loop over a result that reads a relationship of its objects, the first read, and whether it is known."""
    for loop, target, rows in _loops(code):
        if rows is None or rows.eager or rows.kind.what != "session" or outside(code, rows, loop):
            continue
        if (code.asynchronous(rows.key, rows.kind) is True) == asynchronous:
            found = next(_lazy_reads(code, loop, target, rows), None)
            if found is not None:
                yield loop, *found


def _loops(code: Code) -> Iterator[tuple[Node, str, Loaded | None]]:
    """Every loop over something, with its name and what was loaded, where that is known."""
    for loop in code.tree.all(nodes.For, nodes.AsyncFor):
        yield from _of_loop(code, loop, loop.target)
    for whole in code.tree.all(*COMPREHENSIONS):
        yield from _of_loop(code, whole, whole.generators[0].target)


def _of_loop(code: Code, loop: Node, target: Node) -> Iterator[tuple[Node, str, Loaded | None]]:
    if isinstance(target, nodes.AssignName):
        yield loop, target.name, code.objects.element(target)
    if isinstance(target, nodes.Tuple):
        for part in target.elts:
            if isinstance(part, nodes.AssignName) and (row := code.objects.element(part)) is not None:
                yield loop, part.name, row


def _lazy_reads(code: Code, loop: Node, target: str, rows: Loaded) -> Iterator[tuple[nodes.Attribute, bool]]:
    for node in walk(loop):
        if isinstance(node, nodes.Attribute) and isinstance(node.expr, nodes.Name) and node.expr.name == target:
            known = related(code, rows, node)
            if known is not None or (_counts(code, node) and not code.objects.models.relationships):
                yield node, bool(known)


def _counts(code: Code, node: nodes.Attribute) -> bool:
    """`len(user.orders)`: named like several things; `len(user.name)` is a column's length."""
    parent = node.parent
    plural = node.attrname.endswith("s") and not node.attrname.endswith(("ss", "us"))
    return (
        plural and isinstance(parent, nodes.Call) and parent.func is not node and code.names.last(parent.func) == "len"
    )


def _lazy_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} is loaded once an object: one statement more for each.", name=name)
    return Text.of(
        "{name} may be loaded once an object: one statement more for each, unless the relationship loads eagerly.",
        name=name,
    )


def _selects(code: Code, loop: Node, target: str, rows: Loaded | None) -> Iterator[Found]:
    for use in code.uses_in(code.tree.scope[loop]):
        if use.method not in READS or use.method == "merge" or use.key[1] == target:
            continue
        if not inside(use.call, loop) or _is_in_head(use.call, loop):
            continue
        whole = code.chain(use.call)
        statement = [*(part for argument in use.call.args for part in code.parts(argument)), *walk(whole)]
        if not _reads_one(code, use, statement, target):
            continue
        certain = rows is not None and not use.kind.by_use
        yield Found(use.call, _select_sentence(target, certain), certain)
        return


def _is_in_head(call: Node, loop: Node) -> bool:
    """Whether a statement gives what is gone through."""
    first = getattr(loop, "generators", [loop])[0]
    heads = [first.iter] if isinstance(first, nodes.For | nodes.Comprehension) else []
    return any(inside(call, head) for head in heads)


def _reads_one(code: Code, use: Use, statement: list[Node], target: str) -> bool:
    """Whether a statement in a loop is a SELECT for this one object, and neither a lock nor a change."""
    names = {node.name for node in statement if isinstance(node, nodes.Name)}
    steps = {code.names.last(node.func) for node in statement if isinstance(node, nodes.Call)}
    locks = keyword(use.call, "with_for_update") is not None
    shown = bool(steps & {"select", "query", "get", "get_one", "text"})
    others = {"with_for_update", "in_", "commit", "insert", "update", "delete"}
    if target not in names or locks or steps & others or not shown:
        return False
    texts = [str(constant(node)).lstrip().lower() for node in statement if isinstance(constant(node), str)]
    return "text" not in steps or any(text.startswith("select") for text in texts)


def _select_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("One SELECT for each {name} of the result: one statement could load them all.", name=name)
    return Text.of(
        "One SELECT for each {name}: slow if there are many, and one statement could load them all.", name=name
    )


RULES = (
    Rule(
        "read_after_commit",
        N_("A commit expires every object; the next read begins a transaction that nobody ends."),
        _EXPIRE,
        read_after_commit,
    ),
    Rule(
        "lazy_after_close",
        N_("A closed Session loads nothing any more: what was not loaded cannot be read."),
        SESSION_DOCS + "#closing",
        lazy_after_close,
    ),
    Rule(
        "n_plus_one",
        N_("N objects cost N + 1 statements, each with its way to the server and back."),
        _LOADING,
        n_plus_one,
    ),
)
