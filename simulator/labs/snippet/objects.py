"""Mapped objects: read after the commit or the close, loaded one by one, locked and yet stale."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import islice

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.snippet.code import READS, Code, Loaded, Use
from simulator.labs.snippet.kinds import constant, keyword
from simulator.labs.snippet.rule import SESSION_DOCS, Found, Rule
from simulator.labs.snippet.tree import COMPREHENSIONS, position

_EXPIRE = "https://docs.sqlalchemy.org/en/21/orm/session_api.html#sqlalchemy.orm.Session.params.expire_on_commit"
_LOADING = "https://docs.sqlalchemy.org/en/21/orm/queryguide/relationships.html"


def expired(code: Code, row: Loaded, read: ast.AST) -> Use | None:
    """The commit that expired an object before it is read here, where nothing loads it again in between."""
    if row.kind.keeps:
        return None
    commits = [use for use in code.uses_of(row.key, "commit") if code.tree.follows(row.at, use.call)]
    before = [use for use in commits if use.scope is row.scope and code.tree.follows(use.call, read)]
    return before[-1] if before and not _loaded_again(code, row, before[-1].call, read) else None


def _loaded_again(code: Code, row: Loaded, since: ast.AST, read: ast.AST) -> bool:
    """Whether a refresh, an expunge or a new assignment stands between."""
    for use in code.uses_of(row.key, "refresh", "expunge", "expunge_all"):
        names = {node.id for node in ast.walk(use.call) if isinstance(node, ast.Name)}
        if (row.name in names or use.method == "expunge_all") and position(use.call) < position(read):
            return True
    for node in code.tree.own(row.scope, ast.Name):
        if (
            node.id == row.name
            and isinstance(node.ctx, ast.Store)
            and position(since) < position(node) < position(read)
        ):
            return True
    return False


def first_reads(code: Code, reads: Iterable[tuple[Loaded, ast.Attribute]]) -> Iterator[tuple[Loaded, ast.Attribute]]:
    """The first of the reads of each object in each function."""
    seen: set[tuple[ast.AST, str]] = set()
    for row, read in sorted(reads, key=lambda pair: position(pair[1])):
        if (row.scope, row.name) not in seen:
            seen.add((row.scope, row.name))
            yield row, read


def outside(code: Code, row: Loaded, read: ast.AST) -> bool:
    """Whether a Session is closed by the time of this read: past its `with`, or past its `close()`."""
    block = code.block_of(row.key)
    if block is not None and code.tree.scope[block] is row.scope:
        return block not in code.tree.ancestors(read)
    closes = [use for use in code.uses_of(row.key, "close") if use.scope is row.scope]
    return any(code.tree.follows(use.call, read) for use in closes)


def _commits_at_end(code: Code, row: Loaded, read: ast.AST) -> bool:
    return any(outer not in code.tree.ancestors(read) for outer in code.begun(row.key)) and not row.kind.keeps


def read_after_commit(code: Code) -> Iterable[Found]:
    """`db.commit()`, then `user.id` while the Session is still open."""
    pairs = [
        (row, read)
        for row in code.loaded
        if not row.many and code.asynchronous(row.key, row.kind) is not True
        for read in code.reads(row)
        if not outside(code, row, read) and (expired(code, row, read) or _past_begun_block(code, row, read))
    ]
    for row, read in first_reads(code, pairs):
        certain = row.kind.keeps is False
        yield Found(read, _after_commit_sentence(row.name, read.attr, certain), certain)


def _past_begun_block(code: Code, row: Loaded, read: ast.AST) -> bool:
    """Past a `with db.begin():` in which the object was, the Session being open still."""
    if row.kind.keeps or row.kind.begins:
        return False
    inside = [outer for outer in code.begun(row.key) if code.tree.in_body(row.at, outer.body)]
    past = [outer for outer in inside if outer not in code.tree.ancestors(read) and outer is not code.block_of(row.key)]
    return bool(past) and not _loaded_again(code, row, past[0].body[-1], read)


def _after_commit_sentence(name: str, attribute: str, certain: bool) -> str:
    if certain:
        return _(
            "The commit expired {name}: reading {name}.{attribute} begins "
            "a new transaction and takes a connection again."
        ).format(name=name, attribute=attribute)
    return _(
        "{name}.{attribute} is read after the commit: a new "
        "transaction and a connection, unless expire_on_commit is False."
    ).format(name=name, attribute=attribute)


def lazy_after_close(code: Code) -> Iterable[Found]:
    """An expired attribute or a relationship that is read when the Session is closed."""
    pairs = [(row, read) for row in code.loaded for read in code.reads(row) if outside(code, row, read)]
    late = [(row, read) for row, read in pairs if _late(code, row, read) is not None]
    for row, read in first_reads(code, late):
        certain = bool(_late(code, row, read))
        yield Found(read, _late_sentence(row.name, read.attr, certain), certain)


def _late(code: Code, row: Loaded, read: ast.Attribute) -> bool | None:
    if not row.many and (expired(code, row, read) or _commits_at_end(code, row, read)):
        return row.kind.keeps is False
    return related(code, row, read)


def related(code: Code, row: Loaded, read: ast.Attribute) -> bool | None:
    """Whether this reads a relationship that nothing loaded before: True, not known (False), or no (None)."""
    if row.eager:
        return None
    if read.attr in code.relationships:
        return True if code.relationships[read.attr] else None
    if code.relationships and row.model in code.names.classes:
        return None
    return False if is_iterated(code, read) or _goes_on(code, read) else None


def is_iterated(code: Code, node: ast.AST) -> bool:
    """Whether an attribute is gone through as a list of objects."""
    parent = code.tree.parent[node]
    return isinstance(parent, ast.For | ast.AsyncFor | ast.comprehension) and parent.iter is node


def _goes_on(code: Code, node: ast.AST) -> bool:
    """`user.team.name`: an attribute of an attribute; not a method, which a column's value has too."""
    parent = code.tree.parent[node]
    above = code.tree.parent.get(parent)
    called = isinstance(above, ast.Call) and above.func is parent
    return isinstance(parent, ast.Attribute) and not called and parent.attr in ("name", "id", "email", "title")


def _late_sentence(name: str, attribute: str, certain: bool) -> str:
    if certain:
        return _("{name}.{attribute} is not loaded, and its Session is closed: DetachedInstanceError.").format(
            name=name, attribute=attribute
        )
    return _("{name}.{attribute} is read when the Session is closed: it fails unless it was loaded before.").format(
        name=name, attribute=attribute
    )


def n_plus_one(code: Code) -> Iterable[Found]:
    """A relationship read, or a SELECT sent, for each object of a result."""
    seen: set[ast.AST] = set()
    for loop, read, known in lazy_in_loops(code, asynchronous=False):
        seen.add(loop)
        yield Found(read, _lazy_sentence(ast.unparse(read), known), known)
    for loop, target, rows in _loops(code):
        if loop not in seen:
            yield from _selects(code, loop, target, rows)


def lazy_in_loops(code: Code, asynchronous: bool) -> Iterator[tuple[ast.AST, ast.Attribute, bool]]:
    """Each loop over a result that reads a relationship of its objects, the first read, and whether it is known."""
    for loop, target, rows in _loops(code):
        if rows is None or rows.eager or rows.kind.what != "session":
            continue
        if (code.asynchronous(rows.key, rows.kind) is True) == asynchronous:
            reads = _lazy_reads(code, loop, target, rows)
            yield from ((loop, read, known) for read, known in islice(reads, 1))


def _loops(code: Code) -> Iterator[tuple[ast.AST, str, Loaded | None]]:
    """Every loop over something, with its name and what was loaded, where that is known."""
    for loop in code.tree.all(ast.For, ast.AsyncFor):
        if isinstance(loop.target, ast.Name):
            yield loop, loop.target.id, _result(code, loop.iter)
    for whole in code.tree.all(*COMPREHENSIONS):
        first = whole.generators[0]
        if isinstance(first.target, ast.Name):
            yield whole, first.target.id, _result(code, first.iter)


def _result(code: Code, node: ast.AST) -> Loaded | None:
    """What a loop goes through: the name of a result, or the statement itself."""
    if isinstance(node, ast.Name):
        scope = code.tree.scope[node]
        return next((row for row in code.loaded if row.name == node.id and row.scope is scope and row.many), None)
    return (
        next(
            (row for use in code.uses_in(code.tree.scope[node]) if (row := code.result_of(use, node)) is not None), None
        )
        if _may(node)
        else None
    )


def _may(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.Await)


def _lazy_reads(code: Code, loop: ast.AST, target: str, rows: Loaded) -> Iterator[tuple[ast.Attribute, bool]]:
    for node in ast.walk(loop):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == target:
            known = related(code, rows, node)
            if known is not None or (_counts(code, code.tree.parent[node], node) and not code.relationships):
                yield node, bool(known)


def _counts(code: Code, parent: ast.AST, node: ast.Attribute) -> bool:
    """`len(user.orders)`: named like several things; `len(user.name)` is a column's length."""
    plural = node.attr.endswith("s") and not node.attr.endswith(("ss", "us"))
    return plural and isinstance(parent, ast.Call) and parent.func is not node and code.names.last(parent.func) == "len"


def _lazy_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("{name} is loaded once an object: one statement more for each.").format(name=name)
    return _(
        "{name} may be loaded once an object: one statement more for each, unless the relationship loads eagerly."
    ).format(name=name)


def _selects(code: Code, loop: ast.AST, target: str, rows: Loaded | None) -> Iterator[Found]:
    for use in code.uses_in(code.tree.scope[loop]):
        if (
            use.method not in READS
            or loop not in code.tree.ancestors(use.call)
            or use.method == "merge"
            or use.key[1] == target
        ):
            continue
        whole = code.chain(use.call)
        nodes = [*(part for argument in use.call.args for part in code.parts(argument)), *ast.walk(whole)]
        if not _reads_one(code, use, nodes, target):
            continue
        certain = rows is not None
        yield Found(use.call, _select_sentence(target, certain), certain)
        return


def _reads_one(code: Code, use: Use, nodes: list[ast.AST], target: str) -> bool:
    """Whether a statement in a loop is a SELECT for this one object, and neither a lock nor a change."""
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    steps = {code.names.last(node.func) for node in nodes if isinstance(node, ast.Call)}
    locks = keyword(use.call, "with_for_update") is not None
    shown = bool(steps & {"select", "query", "get", "get_one", "text"})
    if (
        target not in names
        or locks
        or steps & {"with_for_update", "in_", "commit", "insert", "update", "delete"}
        or not shown
    ):
        return False
    texts = [str(constant(node)).lstrip().lower() for node in nodes if isinstance(constant(node), str)]
    return "text" not in steps or any(text.startswith("select") for text in texts)


def _select_sentence(name: str, certain: bool) -> str:
    if certain:
        return _("One SELECT for each {name} of the result: one statement could load them all.").format(name=name)
    return _("One SELECT for each {name}: slow if there are many, and one statement could load them all.").format(
        name=name
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
