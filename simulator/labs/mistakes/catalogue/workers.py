"""Workers beside the requests: one that comes before the commit, and one that never looks at anything new."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Enqueue = Callable[[int], None]
Wait = Callable[[], None]


def post_queued_early(SessionLocal: Sessions, text: str, enqueue: Enqueue) -> str:
    with SessionLocal.begin() as session:
        message = Message(conversation_id=1, role="user", content=text)
        session.add(message)
        session.flush()
        # The message has an id, which the worker gets. For everybody else there is no such row yet.
        enqueue(message.id)
    return "posted"


def post_queued(SessionLocal: Sessions, text: str, enqueue: Enqueue) -> str:
    with SessionLocal.begin() as session:
        message = Message(conversation_id=1, role="user", content=text)
        session.add(message)
        session.flush()
        message_id = message.id
    # The block has committed: whoever gets the id finds the row.
    enqueue(message_id)
    return "posted"


def summarise(SessionLocal: Sessions, message_id: int) -> str:
    with SessionLocal.begin() as session:
        message = session.get(Message, message_id)
        if message is None:
            # Deleted meanwhile, the worker thinks.
            return "no such message"
        session.add(Message(conversation_id=message.conversation_id, role="assistant", content="Summary"))
    return "summarised"


def _queued(stage: Stage, post: Callable[[Sessions, str, Enqueue], str]) -> None:
    SessionLocal = stage.sessions()  # noqa: N806

    def enqueue(message_id: int) -> None:
        stage.moment(N_("task queued"), str(message_id))
        stage.call("worker", summarise, SessionLocal, message_id)

    stage.call("A", post, SessionLocal, "Hello", enqueue)


_SUMMARIES = Look(
    N_("Messages and summaries stored"),
    "SELECT count(*) FILTER (WHERE content = 'Hello'), count(*) FILTER (WHERE content = 'Summary') FROM messages",
)

TASK_BEFORE_COMMIT = Mistake(
    key="task_before_commit",
    family="transactions",
    title=N_("A task is queued before the commit"),
    story=N_(
        "A message is flushed, its id goes to a queue, then comes the commit. The worker is faster: it finds no such "
        "message and gives up, without an error. The message is stored, and its summary never comes."
    ),
    why=N_(
        "A flush sends the INSERT, and the row is there for its own transaction alone. A queue does not wait for the "
        "commit, nor does it take the task back after a rollback."
    ),
    cure=N_(
        "Queue the task behind the commit; or store it in the same transaction, in an outbox table that the worker "
        "reads."
    ),
    repeatable=N_("The queue gives the task to the worker at once, and the request goes on when the worker is done."),
    mistake=Side(
        (post_queued_early, summarise),
        "enqueue(message.id)",
        lambda stage: _queued(stage, post_queued_early),
        Expected({OK: 2}, ((1, 0),), answers={"A": "posted", "worker": "no such message"}),
        _SUMMARIES,
    ),
    fixed=Side(
        (post_queued, summarise),
        "enqueue(message_id)",
        lambda stage: _queued(stage, post_queued),
        Expected({OK: 2}, ((1, 1),), answers={"A": "posted", "worker": "summarised"}),
        _SUMMARIES,
    ),
    silent=True,
    source="https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED",
)

_NEW = select(Message.id).where(Message.role == "tool", Message.content == "new").limit(1)


def poll_in_one_session(SessionLocal: Sessions, wait: Wait) -> str:
    with SessionLocal() as session:
        for look in (1, 2, 3):
            if task := session.scalar(_NEW):
                return f"task {task} found at look {look}"
            # The transaction of the first SELECT stays open, and so does its snapshot.
            wait()
    return "no task in 3 looks"


def poll_in_transactions(SessionLocal: Sessions, wait: Wait) -> str:
    for look in (1, 2, 3):
        # Each look is a transaction of its own, with a snapshot of its own.
        with SessionLocal() as session:
            task = session.scalar(_NEW)
        if task:
            return f"task {task} found at look {look}"
        wait()
    return "no task in 3 looks"


def add_task(SessionLocal: Sessions) -> str:
    with SessionLocal.begin() as session:
        session.add(Message(conversation_id=1, role="tool", content="new"))
    return "queued"


def _polled(stage: Stage, poll: Callable[[Sessions, Wait], str]) -> None:
    SessionLocal = stage.sessions(isolation_level="REPEATABLE READ")  # noqa: N806
    waits = iter((lambda: stage.call("A", add_task, SessionLocal), lambda: None, lambda: None))

    def wait() -> None:
        stage.moment(N_("worker waits"))
        next(waits)()

    stage.call("worker", poll, SessionLocal, wait)


_TASKS = Look(N_("Tasks in the table"), "SELECT count(*) FROM messages WHERE role = 'tool' AND content = 'new'")

STALE_WORKER_LOOP = Mistake(
    key="stale_worker_loop",
    family="isolation",
    title=N_("A worker polls inside of one transaction"),
    story=N_(
        "A worker looks for tasks again and again, in one Session at REPEATABLE READ. After its first look a task is "
        "committed. It looks twice more and finds nothing; it would look for ever, idle in transaction in between."
    ),
    why=N_(
        "At REPEATABLE READ the first statement takes a snapshot, and every later one of the transaction reads it. The "
        "Session ends no transaction by itself. At READ COMMITTED rows are found, but objects that it holds stay as "
        "they were loaded."
    ),
    cure=N_("A transaction a look: open the Session inside of the loop, or commit before each wait."),
    repeatable=N_("The first wait of the worker lets the other client commit its task, and ends when it has."),
    mistake=Side(
        (poll_in_one_session, add_task),
        "with SessionLocal() as session:",
        lambda stage: _polled(stage, poll_in_one_session),
        Expected({OK: 2}, ((1,),), answers={"A": "queued", "worker": "no task in 3 looks"}),
        _TASKS,
    ),
    fixed=Side(
        (poll_in_transactions, add_task),
        "with SessionLocal() as session:",
        lambda stage: _polled(stage, poll_in_transactions),
        Expected({OK: 2}, ((1,),), answers={"A": "queued", "worker": "task 41 found at look 2"}),
        _TASKS,
    ),
    silent=True,
    source="https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ",
)

MISTAKES = (TASK_BEFORE_COMMIT, STALE_WORKER_LOOP)
