"""What is sent for a step: its own statements, and between them our questions for the transaction's id.

The id can be asked for only by the session itself and only while its transaction lasts, so the question travels with
the statement that ends it: in one round trip, and so that no other session can come in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.engines.replies import ResultSet
from simulator.sql.transactions import ENDINGS, Control, control, ends
from simulator.sql.words import Statement, statements

#: First words of statements that a transaction block may hold, so that the question may stand behind them.
_ROWS = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "TRUNCATE"))
#: First words of statements that concern the session and no transaction, where there is none.
_OUTSIDE = frozenset(("SET", "RESET", "SHOW", "LISTEN", "UNLISTEN", "DISCARD", "DEALLOCATE", "LOAD", "PREPARE"))
_OF_PREPARED = (Control.COMMIT_PREPARED, Control.ROLLBACK_PREPARED)
#: They end no transaction where there is none, or one that was taken from its session.
_OUTSIDE_CONTROLS = (*ENDINGS, *_OF_PREPARED)


@dataclass(frozen=True, slots=True)
class Message:
    """One text to be sent. `statements` are the step's own; nothing where the text cannot be cut."""

    sql: str
    statements: tuple[Statement, ...]
    #: places of our questions' results among all results
    asked: tuple[int, ...] = ()

    @property
    def outside(self) -> bool:
        """Where no transaction is open it begins none: SET, LISTEN, COMMIT PREPARED."""
        return bool(self.statements) and all(map(_is_outside, self.statements))

    @property
    def ends_prepared(self) -> bool:
        """It is only COMMIT PREPARED or ROLLBACK PREPARED, which no transaction block may hold."""
        return bool(self.statements) and all(control(each) in _OF_PREPARED for each in self.statements)

    def answers(self, results: Sequence[ResultSet]) -> Iterator[tuple[Statement | None, ResultSet]]:
        """Each result with its statement; None for one of our questions, and where that is not known."""
        left = iter(self.statements)
        for place, result in enumerate(results):
            yield (None if place in self.asked else next(left, None)), result

    def own(self, results: Sequence[ResultSet]) -> tuple[ResultSet, ...]:
        """The results of the step's own statements."""
        return tuple(result for place, result in enumerate(results) if place not in self.asked)


def message(sql: str, question: str, *, in_block: bool, failed: bool, bound: bool) -> Message:
    """A step's text with `question` in it, for each transaction that ends in it.

    `in_block`: a transaction is open that only a statement can end; `failed`: the server refuses all but that.
    A text with bound values is one statement by itself.
    """
    found = statements(sql)
    if bound:
        return Message(sql, found)
    parts, at, asked = [], 0, list[int]()
    for place, statement in enumerate(found):
        lasts = (in_block and not failed) or place > 0
        if lasts and control(statement) in (Control.COMMIT, Control.PREPARE):
            start = statement.tokens[0].start
            parts += [sql[at:start], question, ";"]
            asked.append(place + len(asked))
            at = start
    parts.append(sql[at:])
    if _ends_with_rows(found, in_block=in_block):
        parts.append(f"\n;{question}")
        asked.append(len(found) + len(asked))
    return Message("".join(parts), found, tuple(asked))


def may_end(sql: str, *, in_block: bool) -> bool:
    """Whether a transaction can be over, and its locks free, once the server has done this."""
    return not in_block or ends(sql)


def _ends_with_rows(found: Sequence[Statement], *, in_block: bool) -> bool:
    """Whether the text's last transaction ends with the text, since no block is open, and may hold our question."""
    last: list[Statement] = []
    for statement in found:
        kind = control(statement)
        if kind in ENDINGS and "CHAIN" not in statement.words:
            last, in_block = [], False
        else:
            in_block |= kind is Control.BEGIN
            last.append(statement)
    return not in_block and bool(last) and all(statement.words[0] in _ROWS for statement in last)


def _is_outside(statement: Statement) -> bool:
    kind = control(statement)
    return kind in _OUTSIDE_CONTROLS if kind is not None else statement.words[0] in _OUTSIDE
