"""How isolationtester prints what happened: the lines of its transcript, byte for byte.

Results are drawn as libpq's `PQprint` draws them with a header and aligned: widths are counted in bytes.
"""

from __future__ import annotations

import re

from simulator.engines.replies import Notification, Reply, ResultSet
from simulator.model import Scalar

#: libpq's words where the server has closed the connection.
CONNECTION_CLOSED = (
    "server closed the connection unexpectedly\n"
    "\tThis probably means the server terminated abnormally\n"
    "\tbefore or while processing the request.\n\n"
)

#: What PQprint takes for a number, and puts to the right.
_NUMBER = re.compile(r"(?![Ee])[-0-9.Ee ]*[0-9]")


def started(name: str, sql: str, *, waiting: bool) -> str:
    """A step's first line.

    >>> started("s1u", "UPDATE item SET n = 1;", waiting=True)
    'step s1u: UPDATE item SET n = 1; <waiting ...>\\n'
    """
    return f"step {name}: {sql}{' <waiting ...>' if waiting else ''}\n"


def completed(name: str) -> str:
    """The line of a step that had been reported as waiting."""
    return f"step {name}: <... completed>\n"


def answer(reply: Reply, notices: dict[int, str], *, usable: bool) -> str:
    """Results, error and what came between them; `notices` are lines by the number of results before them."""
    parts = []
    for number, result in enumerate(reply.results, start=1):
        parts += [table(result), notices.get(number, "")]
    if reply.error is not None:
        parts += [f"{reply.error.severity}:  {reply.error.message}\n", notices.get(len(reply.results) + 1, "")]
    if not usable:
        parts.append(CONNECTION_CLOSED)
    return "".join(parts)


def notification(session: str, message: Notification, senders: dict[int, str]) -> str:
    """A NOTIFY message that a session got; `senders` are sessions by the server's number."""
    sender = senders.get(message.backend, f"PID {message.backend}")
    return f'{session}: NOTIFY "{message.channel}" with payload "{message.payload}" from {sender}\n'


def table(result: ResultSet) -> str:
    """A result of verbatim values; nothing where it has no columns.

    >>> print(table(ResultSet("SELECT 2", ("name", "n"), ((None, "12"), ("eve", "1")))), end="")
    name| n
    ----+--
        |12
    eve | 1
    (2 rows)
    <BLANKLINE>
    """
    if not result.columns:
        return ""
    rows = [[_text(value) for value in row] for row in result.rows]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(result.columns)
    texts = [any(value and not _NUMBER.fullmatch(value) for value in column) for column in columns]
    widths = [max(map(_bytes, (name, *column))) for name, column in zip(result.columns, columns, strict=True)]

    def line(cells: tuple[str, ...] | list[str]) -> str:
        return "|".join(_padded(*cell) for cell in zip(cells, widths, texts, strict=True)) + "\n"

    border = "+".join("-" * width for width in widths) + "\n"
    number = f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n\n"
    return line(result.columns) + border + "".join(map(line, rows)) + number


def _text(value: Scalar) -> str:
    return "" if value is None else str(value)


def _bytes(text: str) -> int:
    return len(text.encode())


def _padded(text: str, width: int, left: bool) -> str:
    room = " " * (width - _bytes(text))
    return text + room if left else room + text
