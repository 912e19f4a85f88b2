"""Everything that a run's schema holds, read in one snapshot: what two runs are compared by.

Other than what is observed between steps this knows no table beforehand, reads tables that the run itself made, and
leaves no row out: a table of more rows than are kept is told by its number of rows and a digest, made by the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from psycopg import sql

from simulator.engines.base import Positions, Relation
from simulator.engines.postgres.statements import compose, statement
from simulator.engines.replies import ResultSet

#: Names of the relations that keep rows.
Tables = tuple[str, ...]

#: Sends statements and gives a result for each.
Ask = Callable[[Sequence[bytes]], Sequence[ResultSet]]


def read_content(schema: str, ask: Ask, guess: Tables) -> tuple[Relation, ...]:
    """The relations by name, with their rows. `guess`: the tables, where they are as they were; saves a round trip."""
    found = ask([_of(schema, "relations"), *_tables_sql(schema, guess)])
    tables = tuple(str(name) for name, keeps_rows, *_ in found[0].rows if keeps_rows)
    if tables != guess:
        found = ask([_of(schema, "relations"), *_tables_sql(schema, tables)])
    relations = tuple(
        # Two rooms have the same relations under their own names: the server writes the schema into definitions.
        Relation(str(name), str(definition).replace(f"{schema}.", ""), bool(whole))
        for name, _, definition, whole in found[0].rows
    )
    return _filled(schema, ask, relations, dict(zip(tables, found[1:], strict=True)))


def read_rows(schema: str, ask: Ask, known: tuple[Relation, ...]) -> tuple[Relation, ...]:
    """The same relations with the rows that they have now."""
    tables = tuple(each.name for each in known if each.keeps_rows)
    found = ask(_tables_sql(schema, tables)) if tables else ()
    return _filled(schema, ask, known, dict(zip(tables, found, strict=True)))


def sequences_sql(schema: str) -> bytes:
    """Where every sequence of the schema stands."""
    return _of(schema, "sequences")


def positions(result: ResultSet) -> Positions:
    """The answer to `sequences_sql`."""
    return tuple((str(name), None if last is None else int(str(last))) for name, last in result.rows)


def pins(schema: str, positions: Positions) -> Iterator[bytes]:
    """A statement for each sequence: it puts it where it stood, one that had given no number at its start."""
    for name, last in positions:
        named = sql.Literal(compose("{name}", name=sql.Identifier(schema, name)).decode())
        if last is None:
            yield compose(
                "SELECT pg_catalog.setval({name}, s.seqstart, false) FROM pg_catalog.pg_sequence AS s"
                " WHERE s.seqrelid OPERATOR(pg_catalog.=) {name}::pg_catalog.regclass::pg_catalog.oid",
                name=named,
            )
        else:
            yield compose("SELECT pg_catalog.setval({name}, {last})", name=named, last=sql.Literal(last))


@lru_cache(maxsize=64)
def _tables_sql(schema: str, tables: Tables) -> tuple[bytes, ...]:
    return tuple(compose("TABLE {table}", table=sql.Identifier(schema, table)) for table in tables)


def _digests_sql(schema: str, tables: Tables) -> list[bytes]:
    template = (
        "SELECT pg_catalog.sum(pg_catalog.hashtextextended((t.*)::pg_catalog.text, 0)),"
        " pg_catalog.sum(pg_catalog.hashtextextended((t.*)::pg_catalog.text, 1)) FROM {table} AS t"
    )
    return [compose(template, table=sql.Identifier(schema, table)) for table in tables]


def _of(schema: str, name: str) -> bytes:
    return compose(statement(name).decode(), schema=sql.Literal(compose("{s}", s=sql.Identifier(schema)).decode()))


def _filled(schema: str, ask: Ask, relations: tuple[Relation, ...], rows: dict[str, ResultSet]) -> tuple[Relation, ...]:
    larger = tuple(
        name for name, result in rows.items() if result.count is not None and result.count > len(result.rows)
    )
    digests = dict(zip(larger, ask(_digests_sql(schema, larger)), strict=True)) if larger else {}
    return tuple(_with_rows(each, rows.get(each.name), digests.get(each.name)) for each in relations)


def _with_rows(relation: Relation, result: ResultSet | None, digest: ResultSet | None) -> Relation:
    if result is None:
        return relation
    kept = result if digest is None else digest
    return replace(
        relation,
        keeps_rows=True,
        columns=result.columns,
        rows=kept.rows,
        count=len(result.rows) if digest is None else result.count or 0,
        digest=digest is not None,
    )
