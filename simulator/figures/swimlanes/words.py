"""The swimlanes' words: what a lane and a moment are called, in the language in use."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

from simulator.history.words import EndingCommand, SessionOutcome
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.sql.words import statements
from simulator.traces.spans import Ending, Point, Request

#: What a backend does (`pg_stat_activity.state`), how a request, a transaction and a Session ended: for gettext.
STATES = (
    N_("starting"),
    N_("active"),
    N_("idle"),
    N_("idle in transaction"),
    N_("idle in transaction (aborted)"),
    N_("ok"),
    N_("failed"),
    N_("disconnected"),
    N_("committed"),
    N_("rolled back"),
    N_("closed"),
    N_("close"),
    N_("reset"),
    N_("invalidate"),
    N_("collected"),
)

#: Names that this program gives to requests and clients, for gettext; those that it numbers by their first word.
_NAMES = (N_("worker"), N_("parent"), N_("child"))
_NUMBERED = MappingProxyType({"request": N_("request {number}"), "client": N_("client {number}")})
#: What the recorder takes a request for that nobody has told it more of.
UNTITLED = "request"
#: A table's name stands behind one of these.
_BEFORE_TABLE = ("INTO", "FROM", "UPDATE")
#: Characters of a statement that are looked at; one INSERT of 500 rows has forty thousand.
_READ = 400


@lru_cache(maxsize=512)
def brief(sql: str) -> str:
    """What a statement does, and with which table: as much as a bar has room for.

    >>> brief("SELECT messages.id FROM messages WHERE id = %(id)s"), brief("insert into messages (a) values (1)")
    ('SELECT messages', 'INSERT messages')
    >>> brief("SELECT 1"), brief("")
    ('SELECT', '')
    """
    found = statements(sql[:_READ])
    if not found:
        return " ".join(sql.split()[:1]).upper()
    words, tokens = found[0].words, found[0].tokens
    table = next((token.text for before, token in zip(words, tokens[1:], strict=False) if before in _BEFORE_TABLE), "")
    return f"{words[0]} {table}" if table.isidentifier() else words[0]


def state_word(state: str | None) -> str:
    """A state or an outcome in the language in use; what is none of STATES, as an HTTP status, as it is."""
    return _(state) if state in STATES else state or ""


def request_word(name: str) -> str:
    """The name as people say it: those that this program gives are words, `request 3`; others stay as they are."""
    if name in _NAMES:
        return _(name)
    kind, _space, number = name.partition(" ")
    return _(_NUMBERED[kind]).format(number=number) if kind in _NUMBERED and number.isdecimal() else name


def lane_words(request: Request) -> str:
    """What its lane is called: `request 3 · Save a message`, `A · POST /messages`; of a client that is all, `A`."""
    what = _(request.title) if request.title else "" if request.key == UNTITLED else request.key
    return " · ".join(filter(None, (request_word(request.name) or _("outside of requests"), what)))


def slot_word(number: int) -> str:
    """`slot 2`."""
    return _("slot {number}").format(number=number)


def moment_words(point: Point) -> tuple[str, str]:
    """The few words that stand at it, and those where there is little room: `response 200`, `200`; `backend 4711`."""
    if point.label == "response started":
        return _("response {status}").format(status=point.detail), point.detail
    if point.label == "backend":
        return _("backend {number}").format(number=point.detail), point.detail
    return _(point.label), _("sent") if point.label == "response sent" else _(point.label)


def commit_failed(request: Request, ending: Ending) -> bool:
    """Whether this COMMIT was sent and the Session's transaction then ended in another way, or not within the request:
    one that succeeds ends it at once."""
    if ending.command != EndingCommand.COMMIT or ending.session is None:
        return False
    transactions = (it for session in request.sessions if session.name == ending.session for it in session.transactions)
    over = [it for it in transactions if not it.nested and it.start_ms <= ending.start_ms]
    ends = [it.outcome for it in over if it.end_ms is not None and it.end_ms >= ending.start_ms]
    if not ends:
        return request.end_ms is not None and any(it.end_ms is None for it in over)
    return ends[0] != SessionOutcome.COMMITTED
