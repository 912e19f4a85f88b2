"""What a statement of an application touches: its table, the rows it names by a key, and the columns it writes.

Read from the SQL as the driver was given it, with its parameters beside it. What is not understood is None: then the
rules that need it are silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from simulator.model import Scalar
from simulator.sql.effort import MAX_LENGTH
from simulator.sql.tree import folded, parsed

#: A parameter by its name or its place from 1, or a value that stands in the SQL.
Reference = tuple[str, Scalar]
_PARAMETER, _VALUE = "parameter", "value"
#: Characters of a statement of which nothing else is known.
_FEW = 40
#: Columns that a mapper counts up with each UPDATE; nothing tells them from others but their names.
VERSIONS = frozenset({"version", "version_id", "version_number", "row_version", "lock_version", "revision"})


@dataclass(frozen=True, slots=True)
class Touch:
    """One statement. `verb` is `select`, `insert`, `update`, `delete`, or `` for any other."""

    verb: str
    table: str = ""
    #: FOR UPDATE and its kin
    locks: bool = False
    #: column -> the values that the condition allows; only where the whole condition is made of such
    keys: tuple[tuple[str, tuple[Reference, ...]], ...] = ()
    #: column -> what is written, None where it is reckoned by the server
    sets: tuple[tuple[str, Reference | None], ...] = ()
    #: names of the columns that are read
    columns: frozenset[str] = frozenset()
    #: sets of VALUES of an INSERT
    rows: int = 1
    #: functions that are called, in lower case, with what they are given
    calls: tuple[tuple[str, tuple[Reference | None, ...]], ...] = ()

    @property
    def writes(self) -> bool:
        """It changes rows."""
        return self.verb in ("insert", "update", "delete")


Values = Mapping[str, Scalar]
#: table, and of each column that its condition names the values
Rows = tuple[str, tuple[tuple[str, frozenset[Scalar]], ...]]


def rows(touch: Touch, values: Values) -> Rows | None:
    """The rows by their keys, with this call's parameters; None where the condition says more, or a value is not known.

    >>> rows(touched("UPDATE a SET b = %(b)s WHERE a.id = %(id)s"), {"b": 1, "id": 7})
    ('a', (('id', frozenset({7})),))
    """
    found = []
    for column, references in touch.keys:
        known = [value(reference, values) for reference in references]
        if any(each is UNKNOWN for each in known):
            return None
        found.append((column, frozenset(known)))
    return (touch.table, tuple(sorted(found, key=lambda pair: pair[0]))) if found else None


#: What `value` gives where a parameter was not kept.
UNKNOWN = "\0unknown"


def value(reference: Reference, values: Values) -> Scalar:
    """What it stood for in one call; UNKNOWN where that was not recorded."""
    kind, name = reference
    return values.get(str(name), UNKNOWN) if kind == _PARAMETER else name


def briefly(sql: str) -> str:
    """The statement in a few words, for a sentence.

    >>> briefly("SELECT messages.id, messages.content FROM messages WHERE messages.id = %(id)s")
    'SELECT messages'
    """
    touch = touched(sql)
    if touch is not None and touch.verb and touch.table:
        return f"{touch.verb.upper()} {touch.table}"
    words = " ".join(sql[: 2 * _FEW].split())
    return words if len(words) <= _FEW else f"{words[:_FEW]}…"


@lru_cache(maxsize=4096)
def touched(sql: str) -> Touch | None:
    """What this SQL touches; None where it could not be read, or is too long for that."""
    if len(sql) > MAX_LENGTH:
        return None
    try:
        tree = parsed(sql)
    except (SqlglotError, RecursionError, ValueError, AttributeError, TypeError, LookupError):
        return None
    places = {id(node): str(place) for place, node in enumerate(_placeholders(tree), start=1)}
    return _touch(tree, places)


def _placeholders(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Those without a name, in the order in which they stand."""
    yield from (node for node in tree.dfs() if isinstance(node, exp.Placeholder) and not node.args.get("this"))


Places = Mapping[int, str]


def _touch(tree: exp.Expr, places: Places) -> Touch:
    calls = tuple(_calls(tree, places))
    match tree:
        case exp.Select():
            source = tree.args.get("from_") or tree.args.get("from")
            table = _table(source.this if source is not None else None)
            alone = not tree.args.get("joins")
            columns = frozenset(folded(each.this) for each in tree.expressions if isinstance(each, exp.Column))
            keys = _keys(tree, places) if alone else ()
            return Touch("select", table, bool(tree.args.get("locks")), keys, columns=columns, calls=calls)
        case exp.Insert():
            target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
            values = tree.find(exp.Values)
            return Touch("insert", _table(target), rows=len(values.expressions) if values else 1, calls=calls)
        case exp.Update():
            sets = tuple(_sets(tree, places))
            keys = () if tree.args.get("from_") else _keys(tree, places)
            return Touch("update", _table(tree.this), False, keys, sets, calls=calls)
        case exp.Delete():
            return Touch("delete", _table(tree.this), False, _keys(tree, places), calls=calls)
    return Touch("", calls=calls)


def _table(node: exp.Expr | None) -> str:
    return folded(node.this) if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier) else ""


def _keys(tree: exp.Expr, places: Places) -> tuple[tuple[str, tuple[Reference, ...]], ...]:
    """`a = 1 AND b IN (2, 3)`; () where anything else stands in the condition."""
    where = tree.args.get("where")
    if where is None:
        return ()
    found = []
    for part in _conjuncts(where.this):
        key = _key(part, places)
        if key is None:
            return ()
        found.append(key)
    return tuple(found)


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    elif isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _key(node: exp.Expr, places: Places) -> tuple[str, tuple[Reference, ...]] | None:
    column = node.this if isinstance(node, exp.EQ | exp.In) else None
    if not isinstance(column, exp.Column) or node.args.get("query") is not None:
        return None
    given = node.expressions if isinstance(node, exp.In) else [node.expression]
    references = [_reference(each, places) for each in given]
    known = tuple(each for each in references if each is not None)
    return (folded(column.this), known) if known and len(known) == len(references) else None


def _sets(tree: exp.Update, places: Places) -> Iterator[tuple[str, Reference | None]]:
    for each in tree.expressions:
        if isinstance(each, exp.EQ) and isinstance(each.this, exp.Column):
            yield folded(each.this.this), _reference(each.expression, places)


def _calls(tree: exp.Expr, places: Places) -> Iterator[tuple[str, tuple[Reference | None, ...]]]:
    for node in tree.find_all(exp.Anonymous):
        yield str(node.this).lower(), tuple(_reference(each, places) for each in node.expressions)


def _reference(node: exp.Expr, places: Places) -> Reference | None:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    match node:
        case exp.Placeholder():
            return _PARAMETER, node.name if node.args.get("this") else places.get(id(node), "")
        case exp.Parameter():
            return _PARAMETER, node.name
        case exp.Literal() if node.is_string:
            return _VALUE, str(node.this)
        case exp.Literal():
            return _VALUE, int(node.this) if node.is_int else float(node.this)
        case exp.Boolean():
            return _VALUE, bool(node.this)
    return None
