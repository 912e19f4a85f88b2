"""Every term and sign that a page of schedules uses, once: what it means, and where it is defined.

Phenomena (P4, G2-item ...) have their own table, `simulator.anomalies.phenomena`; they are looked up here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from simulator.anomalies.phenomena import PHENOMENA
from simulator.i18n.text import N_, Text

_ADYA = "Adya, Liskov, O'Neil 2000"
_STATES = "PostgreSQL manual, Appendix A"
_LOCKS = "PostgreSQL manual 13.3.1, Table-Level Locks"
_SSI = "PostgreSQL manual 13.2.3, Serializable Isolation Level"
_OWN = "Txscope"


class Term(NamedTuple):
    """`pattern` finds it in a text as a word of its own; `meaning` is English, and a message of the catalogues."""

    pattern: str
    meaning: str
    source: str

    @property
    def sentence(self) -> Text:
        """Meaning, and source in brackets."""
        return Text.of("{meaning} ({source})", meaning=Text(self.meaning), source=self.source)


TERMS: tuple[Term, ...] = (
    Term("ww", N_("A write dependency: one overwrote what the other had written, and so comes after it."), _ADYA),
    Term("wr", N_("A read dependency: one read what the other had written, and so comes after it."), _ADYA),
    Term("rw", N_("An anti-dependency: one read what the other then overwrote unseen, and so comes before it."), _ADYA),
    Term(r"T\d+#\d+", N_("The same transaction, run again from its first statement after an abort."), _OWN),
    Term(r"T\d+:\d+", N_("A later transaction of the same session."), _OWN),
    Term("40001", N_("serialization_failure: the transaction must be run again, as a whole."), _STATES),
    Term("40P01", N_("deadlock_detected: the server ended this transaction so that the others can go on."), _STATES),
    Term("23505", N_("unique_violation: another row has this key."), _STATES),
    Term("23503", N_("foreign_key_violation: a row refers to one that is not there."), _STATES),
    Term("23514", N_("check_violation: a CHECK of the table forbids the value."), _STATES),
    Term("23P01", N_("exclusion_violation: another row excludes this one."), _STATES),
    Term("55P03", N_("lock_not_available: NOWAIT, or lock_timeout ran out."), _STATES),
    Term("25P03", N_("idle_in_transaction_session_timeout: the server closed the connection."), _STATES),
    Term(
        "ShareLock",
        N_("On a transaction's id: whoever asks for it waits until that transaction has ended."),
        "PostgreSQL manual 53.13, pg_locks",
    ),
    Term("ExclusiveLock", N_("On a row's place or a key: one at a time, the next in line waits for it."), _LOCKS),
    Term("AccessShareLock", N_("A table lock that every SELECT takes; only ACCESS EXCLUSIVE excludes it."), _LOCKS),
    Term(
        "RowShareLock",
        N_("A table lock that SELECT … FOR UPDATE and its like take; the rows are locked apart."),
        _LOCKS,
    ),
    Term(
        "RowExclusiveLock",
        N_("A table lock that INSERT, UPDATE and DELETE take; many hold it at once, and the rows are locked apart."),
        _LOCKS,
    ),
    Term("AccessExclusiveLock", N_("A table lock that excludes every other one, a SELECT's too: ALTER TABLE."), _LOCKS),
    Term("SIReadLock", N_("A note of what a SERIALIZABLE transaction has read; nobody ever waits for it."), _SSI),
    *(Term(re.escape(row.name), row.meaning, row.citation) for row in PHENOMENA if row.name.isascii()),
)


class Sign(NamedTuple):
    """Something that is drawn on a score."""

    symbol: str
    #: English; a message of the catalogues
    meaning: str


SIGNS: tuple[Sign, ...] = (
    Sign("█", N_("a statement, in the colour of its session; on its bar the row it is about, and what came back")),
    Sign("▨", N_("hatched: the statement waits, for the session that the label names")),
    Sign("▭", N_("the pale band: a transaction, from its first statement to its end (✓ committed, ✕ gone)")),
    Sign("┅", N_("a grey dashed frame: the step was not sent")),
    Sign("→", N_("an arrow: a lock was released there, and the statement that it points to went on")),
    Sign("⬚", N_("a red dotted frame: the circle has closed, and one of its transactions can still roll back")),
    Sign("▣", N_("a red frame: the last of them has committed, and what was seen fits no serial order")),
    Sign("DB", N_("the last lane: what is stored, from the commit that stored it on; red where it is wrong")),
)


class Piece(NamedTuple):
    """A part of a text, and the term that it is."""

    words: str
    term: Term | None


def pieces(text: str) -> Iterator[Piece]:
    """The text, cut at the terms in it.

    >>> [piece.words for piece in pieces("aborted (40001), then rw")]
    ['aborted (', '40001', '), then ', 'rw']
    """
    last = 0
    for found in _any().finditer(text):
        if found.start() > last:
            yield Piece(text[last : found.start()], None)
        yield Piece(found[0], term_of(found[0]))
        last = found.end()
    if last < len(text):
        yield Piece(text[last:], None)


@lru_cache(maxsize=256)
def term_of(words: str) -> Term | None:
    """The term that these words are."""
    return next((term for term in TERMS if re.fullmatch(term.pattern, words)), None)


@lru_cache(maxsize=1)
def _any() -> re.Pattern[str]:
    longest_first = sorted((term.pattern for term in TERMS), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(longest_first)})(?![\w-])", re.ASCII)
