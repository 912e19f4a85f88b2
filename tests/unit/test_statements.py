"""SQL of ours says where each of its names comes from: what a visitor calls alike must never be meant."""

from __future__ import annotations

from importlib.resources import files

import pytest
from psycopg import sql
from sqlglot.dialects.postgres import Postgres
from sqlglot.tokens import Token

from simulator.engines.postgres.statements import array, compose, quoted

FILES = sorted(
    (path for path in files("simulator.engines.postgres").joinpath("sql").iterdir() if path.name.endswith(".sql")),
    key=lambda path: path.name,
)

#: The grammar itself gives these a meaning, and no object can be called instead: an expression, a type's own order, or
#: (EXTRACT) a function that the parser looks up in pg_catalog.
GRAMMAR = frozenset(
    [
        "ALL",
        "AND",
        "ANY",
        "ARRAY",
        "AS",
        "CASE",
        "COALESCE",
        "DEFAULT",
        "DISTINCT",
        "ELSE",
        "EXISTS",
        "EXTRACT",
        "FILTER",
        "FROM",
        "GREATEST",
        "GROUPING",
        "IN",
        "JOIN",
        "LATERAL",
        "LEAST",
        "MATERIALIZED",
        "NOT",
        "NULLIF",
        "ON",
        "OPERATOR",
        "OR",
        "OVER",
        "ROW",
        "SELECT",
        "THEN",
        "UNION",
        "VACUUM",
        "VALUES",
        "WHEN",
        "WHERE",
        "WITHIN",
    ]
)
#: Grammar that looks an operator or a column up by itself, where it cannot be qualified.
HIDDEN = frozenset(["BETWEEN", "ILIKE", "IN", "LIKE", "NATURAL", "OVERLAPS", "SIMILAR", "USING"])
OPERATORS = frozenset("+-*/<>=~!@#%^&|`?")
#: Where these stand at the beginning, relations are named and nothing is called or compared.
COMMANDS = frozenset(["ALTER", "CREATE", "GRANT", "REVOKE", "VACUUM"])


def unqualified(text: str) -> list[str]:
    """Functions, operators, types and relations that are looked up through the search_path."""
    found: list[str] = []
    for query in _statements(Postgres().tokenize(text)):
        names = _named_here(query)
        for place in range(len(query)):
            found += _problems(query, place, names)
    return found


def _statements(tokens: list[Token]) -> list[list[Token]]:
    queries: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == ";":
            queries.append([])
        else:
            queries[-1].append(token)
    return [query for query in queries if query and query[0].text.upper() not in COMMANDS]


def _named_here(query: list[Token]) -> set[str]:
    """WITH and AS: they stand before whatever has the same name elsewhere."""
    return {
        token.text
        for token, before, after in zip(query[1:], query, [*query[2:], query[-1]], strict=False)
        if before.text.upper() in ("WITH", "AS") or after.text.upper() == "AS"
    }


def _problems(query: list[Token], place: int, names: set[str]) -> list[str]:
    token, word = query[place], query[place].text.upper()
    before = query[place - 1].text.upper() if place else ""
    after = query[place + 1].text if place + 1 < len(query) else ""
    if token.token_type.name.endswith("STRING"):
        return []
    is_called = after == "(" and (token.text.isidentifier() or token.token_type.name == "IDENTIFIER")
    if is_called and before not in (".", "AS") and word not in GRAMMAR:
        return [f"function {token.text}"]
    if word in HIDDEN or (word == "DISTINCT" and before in ("IS", "NOT")):
        return [f"operator of {token.text}"]
    if word == "CASE" and after.upper() != "WHEN":
        return ["operator of CASE"]
    if OPERATORS.issuperset(token.text) and not (_is_qualified(query, place) or _is_no_operator(query, place)):
        return [f"operator {token.text}"]
    if before == "::" and not (token.text in ("pg_catalog", "txscope_inspect") and after == "."):
        return [f"type {token.text}"]
    if (
        before in ("FROM", "JOIN", "LATERAL")
        and after != "."
        and token.text not in names
        and word not in GRAMMAR | {"("}
    ):
        return [f"relation {token.text}"]
    return []


def _is_qualified(query: list[Token], place: int) -> bool:
    while OPERATORS.issuperset(query[place - 1].text):  # `!~` is read as two
        place -= 1
    return [each.text.lower() for each in query[max(0, place - 4) : place]] == ["operator", "(", "pg_catalog", "."]


def _is_no_operator(query: list[Token], place: int) -> bool:
    """The star of all columns or rows, and the sign of a number."""
    before, after = query[place - 1].text.upper(), query[place + 1].token_type.name if place + 1 < len(query) else ""
    if query[place].text == "*":
        return before in ("(", ".", "SELECT", ",")
    follows_operator = any(each.text.upper() == "OPERATOR" for each in query[max(0, place - 7) : max(0, place - 5)])
    begins = before in ("(", ",", "SELECT") or (before == ")" and follows_operator)
    return query[place].text == "-" and after == "NUMBER" and begins


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_name_is_qualified(path) -> None:  # type: ignore[no-untyped-def]
    assert unqualified(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT count(*) FROM pg_catalog.pg_class AS c", ["function count"]),
        ('SELECT "count"(*) FROM pg_catalog.pg_class AS c', ["function count"]),
        ("SELECT pg_catalog.count(*) FROM pg_class", ["relation pg_class"]),
        ("SELECT 1 WHERE c.oid = 1", ["operator ="]),
        ("SELECT 1 WHERE c.oid OPERATOR(mine.=) 1", ["operator ="]),
        ("SELECT a.x || a.y -> 'k'", ["operator ||", "operator ->"]),
        ("SELECT - a.x", ["operator -"]),
        ("SELECT a.x - 1, pg_catalog.now() - 1", ["operator -", "operator -"]),
        ("SELECT a.x OPERATOR(pg_catalog.=) -1, -2", []),
        ("SELECT a.x::text", ["type text"]),
        ("SELECT a.x::mine.text", ["type mine"]),
        ("SELECT CAST(a.x AS text)", ["function CAST"]),
        ("SELECT 1 WHERE a.x IN (1, 2) AND a.y LIKE 'z%'", ["operator of IN", "operator of LIKE"]),
        ("SELECT 1 WHERE a.x IS NOT DISTINCT FROM a.y", ["operator of DISTINCT"]),
        ("SELECT CASE a.x WHEN 1 THEN 2 END", ["operator of CASE"]),
        ("SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_index AS i USING (oid)", ["function USING"]),
        ("WITH ours AS (SELECT coalesce(1, 2), ARRAY(SELECT 3)) SELECT o.* FROM ours AS o", []),
        ("SELECT pg_catalog.count(*) FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS b(pid)", []),
    ],
)
def test_what_is_not_qualified_is_found(text: str, found: list[str]) -> None:
    assert unqualified(text) == found


def test_parts_are_quoted_by_what_they_are() -> None:
    name = 'a "b"; DROP'
    assert quoted(name) == '"a ""b""; DROP"'
    assert compose("SET {name} = {value}", name=sql.Identifier(name), value=sql.Literal("it's")).strip() == (
        b'SET "a ""b""; DROP" = \'it\'\'s\''
    )
    assert array(['}{"', "\\"]) == b'{"}{\\"","\\\\"}'
