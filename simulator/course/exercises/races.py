"""Two requests at once: a lost update, a write skew, and a retry that stands in the right place."""
# ruff: noqa: N803, N806 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from simulator.course.exercises.entry import Blank, Choice, Exercise, Option, Tried, Wanted, of_sides
from simulator.engines.base import Engine
from simulator.i18n.text import N_, Text
from simulator.labs.backend.models import Account
from simulator.labs.mistakes.catalogue.transactions import RETRY_INSIDE, top_up
from simulator.labs.mistakes.entry import Expected, Look, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find
from simulator.verdict.headline import came_to
from simulator.verdict.run import RunResult, run_scenario

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]
_BALANCE = Look(N_("Credits of the account, 1000 at first"), "SELECT balance FROM accounts WHERE id = 1")
#: Nothing is expected of an exercise: what was observed decides.
_OPEN = Expected({OK: 2})


def top_up_read(SessionLocal: Sessions, amount: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        llm("Is this payment genuine?")
        account.balance += amount
    return "topped up"


def top_up_flushed(SessionLocal: Sessions, amount: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        llm("Is this payment genuine?")
        session.flush()
        account.balance += amount
    return "topped up"


def top_up_locked_late(SessionLocal: Sessions, amount: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        llm("Is this payment genuine?")
        account = session.scalars(select(Account).where(Account.id == 1).with_for_update()).one()
        account.balance += amount
    return "topped up"


def top_up_repeatable(SessionLocal: Sessions, amount: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        account = session.get_one(Account, 1)
        llm("Is this payment genuine?")
        account.balance += amount
    return "topped up"


def top_up_locked(SessionLocal: Sessions, amount: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1, with_for_update=True)
        llm("Is this payment genuine?")
        account.balance += amount
    return "topped up"


def top_up_computed(SessionLocal: Sessions, amount: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        llm("Is this payment genuine?")
        session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance + amount))
    return "topped up"


def _both(work: Callable[[Sessions, int, Llm], str]) -> Callable[[Stage], None]:
    """A has come to its model; B comes, and is done or waits for A; then the model answers A."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions()
        with stage.gate("llm", "A") as thinking:
            first = stage.start("A", work, SessionLocal, 20, stage.llm)
            thinking.reached()
            second = stage.start("B", work, SessionLocal, 30, stage.llm)
            stage.wait_for_lock(or_told=1)
        first.join()
        second.join()

    return run


def _topping_up(work: Callable[[Sessions, int, Llm], str], line: str) -> tuple[str, str, Side]:
    return work.__name__, line, Side((work,), line, _both(work), _OPEN, _BALANCE)


_LOST_UPDATE = of_sides(
    "lost_update",
    N_("The line that decides"),
    Wanted(2, ((1050,),)),
    (
        _topping_up(top_up_read, "account = session.get_one(Account, 1)"),
        _topping_up(top_up_flushed, "session.flush()"),
        _topping_up(
            top_up_locked_late,
            "account = session.scalars(select(Account).where(Account.id == 1).with_for_update()).one()",
        ),
        _topping_up(top_up_repeatable, 'session.connection(execution_options={"isolation_level": "REPEATABLE READ"})'),
        _topping_up(top_up_locked, "account = session.get_one(Account, 1, with_for_update=True)"),
        _topping_up(
            top_up_computed,
            "session.execute(update(Account).where(Account.id == 1).values(balance=Account.balance + amount))",
        ),
    ),
)

#: Weakest first.
_LEVELS = (Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)


def _level(engine: Engine, choice: Choice) -> Tried:
    """The level is right where the rule is kept, and broken at the one below."""
    scenario = find("write_skew")
    level = Isolation.parse(choice["level"])
    result = run_scenario(engine, scenario, scenario.variants[0], level)
    if not _keeps(result):
        return Tried(False, _told(result), shown=result)
    below = _LEVELS[_LEVELS.index(level) - 1] if level is not _LEVELS[0] else None
    weaker = run_scenario(engine, scenario, scenario.variants[0], below) if below else None
    if weaker is not None and _keeps(weaker):
        return Tried(False, (Text.of("{level} keeps the rule, too.", level=weaker.isolation.value),), shown=result)
    return Tried(True, _told(result), shown=result)


def _keeps(result: RunResult) -> bool:
    rule = result.invariant
    return result.outcome in (Outcome.SAFE, Outcome.RETRIED) and rule is not None and rule.holds is True


def _told(result: RunResult) -> tuple[Text, ...]:
    """What the run came to; of its rule by the scenario's name for it."""
    rule = Text(result.invariant.title) if result.invariant else Text("")
    return tuple(line.given(rule=rule) for line in came_to(result))


_CHOOSE_LEVEL = Exercise(
    "level",
    (Blank("level", N_("Isolation level"), tuple(Option(level.short, level.value) for level in _LEVELS)),),
    _level,
)


def charge_once(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        account.balance -= len(llm("What does this cost?"))
    return "charged"


def charge_commit_again(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        account = session.get_one(Account, 1)
        account.balance -= len(llm("What does this cost?"))
        for _attempt in range(3):
            try:
                session.commit()
                break
            except OperationalError:
                session.rollback()
    return "charged"


def _overtaken(work: Callable[[Sessions, Llm], str]) -> Callable[[Stage], None]:
    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions(isolation_level="REPEATABLE READ")
        with stage.gate("llm", "A") as thinking:
            charging = stage.start("A", work, SessionLocal, stage.llm)
            thinking.reached()
            stage.call("B", top_up, SessionLocal)
        charging.join()

    return run


_RETRY = of_sides(
    "retry",
    N_("Where the loop stands"),
    Wanted(2, RETRY_INSIDE.fixed.expect.stored),
    (
        (
            "none",
            N_("no loop"),
            Side((charge_once,), "with SessionLocal.begin() as session:", _overtaken(charge_once), _OPEN, _BALANCE),
        ),
        (
            "commit",
            N_("around the commit"),
            Side((charge_commit_again,), "session.commit()", _overtaken(charge_commit_again), _OPEN, _BALANCE),
        ),
        ("inside", N_("inside of the Session's block"), RETRY_INSIDE.mistake),
        ("around", N_("around the Session's block"), RETRY_INSIDE.fixed),
    ),
    is_text=True,
)

EXERCISES = (_LOST_UPDATE, _CHOOSE_LEVEL, _RETRY)
