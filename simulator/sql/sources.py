"""Which tables a query reads, and which rows of each take part in it, as a condition on that table alone.

A condition may ask about other tables (`EXISTS (SELECT …)`): it describes a row as long as those do not change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlglot import exp

from simulator.i18n.text import N_
from simulator.sql.refusal import RefusalError
from simulator.sql.tree import folded, text

_CLAUSES_THAT_PICK = ("limit", "offset", "fetch", "distinct_on", "sample", "laterals", "pivots", "connect", "match")


class Source(NamedTuple):
    """One table of a query; `condition` None: which of its rows take part is not known."""

    table: str
    condition: str | None
    #: False where only whether a row matches has a say, as in EXISTS, and nothing else that stands in it
    values: bool = True


def sources(parsed: exp.Expr) -> tuple[Source, ...]:
    """Every table that a query reads, each once, in the order of its first appearance. Raises RefusalError."""
    found: dict[str, Source] = {}
    for source in _each(parsed):
        found[source.table] = Source(source.table, None) if source.table in found else source
    return tuple(found.values())


def joined(tables: list[exp.Table], conditions: list[exp.Expr]) -> Iterator[Source]:
    """Tables of one FROM, each with what must hold for a row of it to have partners in all others."""
    names = {_called(table): table_name(table) for table in tables}
    alone = len(set(names.values())) == len(names) == len(tables)
    for table in tables:
        others = [other for other in tables if other is not table]
        clear = alone and names[_called(table)] not in {_called(other) for other in others}
        yield Source(table_name(table), _partners(table, others, conditions) if clear else None)


def table_name(node: exp.Expr) -> str:
    """The name of a table as the server keeps it. Raises RefusalError where it is not one of the run's own."""
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier) or node.args.get("sample"):
        raise RefusalError(N_("Only a SELECT from a table can be followed."))
    if node.args.get("db"):
        if node.db == "pg_catalog":
            return "pg_catalog"
        raise RefusalError(N_("A table with a schema in front of its name is not observed; write the name alone."))
    return folded(node.this)


def own_condition(where: exp.Expr | None, table: exp.Expr) -> str:
    """A WHERE clause on one table, by the table's bare name, so that it can be asked anywhere."""
    if where is None:
        return ""
    condition = where.this.copy()
    if condition.find(exp.Select, exp.SetOperation) is None:
        return text(_without_qualifiers(condition))
    return text(_renamed(condition, _called(table), table_name(table)))


def _each(parsed: exp.Expr) -> Iterator[Source]:
    named = _named_queries(parsed)
    for select in parsed.find_all(exp.Select):
        tables = [table for table in _tables(select) if folded(table.this) not in named or table.args.get("db")]
        if not tables:
            continue
        conditions = _conditions(select)
        if conditions is None or len(tables) != len(_tables(select)) or _correlated(select, parsed):
            yield from (Source(table_name(table), None) for table in tables)
        elif len(tables) == 1:
            condition = own_condition(select.args.get("where"), tables[0])
            yield Source(table_name(tables[0]), condition, values=not isinstance(select.parent, exp.Exists))
        else:
            yield from joined(tables, conditions)


def _named_queries(parsed: exp.Expr) -> frozenset[str]:
    """Names that WITH gives. Raises RefusalError where such a query writes, or its name is a table's as well."""
    named: set[str] = set()
    for query in parsed.find_all(exp.CTE):
        name = folded(query.args["alias"].this)
        if not isinstance(query.this, exp.Select | exp.SetOperation):
            raise RefusalError(N_("A WITH that writes cannot be followed."))
        recursive = query.parent is not None and query.parent.args.get("recursive")
        if name in named or (not recursive and any(folded(t.this) == name for t in _plain_tables(query))):
            raise RefusalError(N_("A WITH that takes a table's name cannot be followed."))
        named.add(name)
    return frozenset(named)


def _plain_tables(node: exp.Expr) -> Iterator[exp.Table]:
    """Tables by name; a function that stands for one reads none."""
    return (table for table in node.find_all(exp.Table) if not isinstance(table.this, exp.Func))


def _tables(select: exp.Expr) -> list[exp.Table]:
    """Tables of this SELECT's own FROM."""
    return [table for table in _plain_tables(select) if table.find_ancestor(exp.Select) is select]


def _conditions(select: exp.Expr) -> list[exp.Expr] | None:
    """What WHERE and the joins demand; None where they are not all that decides which rows take part."""
    if any(select.args.get(clause) for clause in _CLAUSES_THAT_PICK) or select.find(exp.Lateral):
        return None
    distinct, source = select.args.get("distinct"), select.args.get("from_")
    if (distinct is not None and distinct.args.get("on")) or source is None:
        return None
    joins = [join for join in select.find_all(exp.Join) if join.find_ancestor(exp.Select) is select]
    if not isinstance(source.this, exp.Table) or not all(_is_inner(join) for join in joins):
        return None
    where = select.args.get("where")
    return [*(join.args["on"] for join in joins if join.args.get("on")), *([where.this] if where else [])]


def _is_inner(join: exp.Join) -> bool:
    unusual = any(join.args.get(word) for word in ("side", "method", "using", "global", "match_condition"))
    return not unusual and join.kind in ("", "INNER", "CROSS") and isinstance(join.this, exp.Table)


def _correlated(select: exp.Expr, root: exp.Expr) -> bool:
    """Whether a subquery names a row of the query around it."""
    if select is root:
        return False
    inside = {_called(table) for table in _plain_tables(select)}
    return any(_qualifier(column) and _qualifier(column) not in inside for column in select.find_all(exp.Column))


def _partners(table: exp.Table, others: list[exp.Table], conditions: list[exp.Expr]) -> str:
    wanted = exp.and_(*(condition.copy() for condition in conditions)) if conditions else exp.true()
    query = exp.select("1").from_(_bare(others[0]))
    for other in others[1:]:
        query = query.join(_bare(other), join_type="CROSS")
    renamed = _renamed(wanted, _called(table), table_name(table))
    return text(exp.Exists(this=query.where(renamed)))


def _bare(table: exp.Table) -> exp.Table:
    copy = table.copy()
    copy.set("joins", None)
    return copy


def _without_qualifiers(condition: exp.Expr) -> exp.Expr:
    for column in condition.find_all(exp.Column):
        column.set("table", None)
    return condition


def _renamed(condition: exp.Expr, alias: str, name: str) -> exp.Expr:
    """The same with the table's own name in front of columns. Raises RefusalError where a subquery means another."""
    if any(_called(table) in (alias, name) for table in _plain_tables(condition)):
        raise RefusalError(N_("A subquery on the table that is read itself cannot be followed."))
    for column in condition.find_all(exp.Column):
        if _qualifier(column) == alias:
            column.set("table", exp.to_identifier(name, quoted=True))
    return condition


def _called(table: exp.Expr) -> str:
    """What a query calls a table: by its alias, or by its name."""
    alias = table.args.get("alias")
    return folded(alias.this if alias is not None and alias.this is not None else table.this)


def _qualifier(column: exp.Column) -> str:
    """What stands in front of a column, "" for nothing."""
    given = column.args.get("table")
    return folded(given) if given is not None else ""
