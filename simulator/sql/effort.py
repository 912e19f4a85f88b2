"""How much SQL asks of sqlglot: known from its words, before they are parsed, and from the tree, before it is used.

PostgreSQL takes deeper nesting than sqlglot, which calls itself some thirty times a level and Python ends at a thousand
calls; and some brackets double its time with each level. Neither may reach a run: such SQL is run and not followed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import Dialect, exp
from sqlglot.errors import ParseError, SqlglotError

from simulator.sql.words import Token, TokenType

#: Characters of a step's SQL.
MAX_LENGTH = 20_000
#: Brackets and CASEs in one another.
MAX_DEPTH = 16
#: Nodes of the tree in one another; a chain of the same operator counts once.
MAX_HEIGHT = 40
#: In tokens; reading, copying and writing of one takes about 100 microseconds.
MAX_EFFORT = 2_000
#: Time of a level of brackets, by that of the level around it: sqlglot tries a type first and then an expression.
_FACTOR = 2.4

_POSTGRES = Dialect.get_or_raise("postgres")
_OPEN = frozenset((TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE))
_CLOSE = frozenset((TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END))
_TYPES = frozenset(_POSTGRES.parser_class.TYPE_TOKENS)


class NestedTooDeeplyError(SqlglotError):
    """The SQL asks for more than it is parsed for."""


def tree(sql: str, tokens: Sequence[Token] | None = None) -> exp.Expr:
    """The tree of one statement, condition or expression. Raises SqlglotError, NestedTooDeeplyError for its nesting."""
    tokens = _POSTGRES.tokenize(sql) if tokens is None else tokens
    weigh(tokens)
    try:
        parsed = _POSTGRES.parser().parse(list(tokens), sql)[0]
    except RecursionError:
        raise NestedTooDeeplyError(sql[:80]) from None
    if parsed is None:
        raise ParseError(sql[:80])
    if _height(parsed) > MAX_HEIGHT:
        raise NestedTooDeeplyError(sql[:80])
    return parsed


def weigh(tokens: Sequence[Token]) -> None:
    """Raise NestedTooDeeplyError where these tokens would take the parser too deep or too long."""
    factors = [1.0]
    effort, run = 0.0, 0
    before: TokenType | None = None
    for token in tokens:
        kind = token.token_type
        run = run + 1 if (before, kind) == (TokenType.R_BRACKET, TokenType.L_BRACKET) else run
        if kind in _OPEN:
            factors.append(factors[-1] * (_FACTOR if _doubles(before, kind) else 1))
        elif kind in _CLOSE and len(factors) > 1:
            factors.pop()
        # `a[1][1]`: with each index sqlglot looks at all before it
        effort += factors[-1] + (2 * run if kind is TokenType.L_BRACKET else 0)
        before = kind
        if len(factors) > MAX_DEPTH + 1 or effort > MAX_EFFORT:
            raise NestedTooDeeplyError


def _doubles(before: TokenType | None, kind: TokenType) -> bool:
    return kind is TokenType.L_BRACKET or (kind is TokenType.L_PAREN and before in _TYPES)


def _height(root: exp.Expr) -> int:
    """Nodes from the root to the deepest leaf; sqlglot goes along a chain of one operator without calling itself."""
    highest, stack = 0, [(root, 1)]
    while stack:
        node, height = stack.pop()
        highest = max(highest, height)
        for child in node.iter_expressions():
            chained = type(child) is type(node) and isinstance(node, exp.Binary | exp.SetOperation)
            stack.append((child, height if chained else height + 1))
    return highest
