"""Schedules written as they run, one step a line, with what each level has to come to.

`T1.read > n if m == 1: SELECT ...` saves what it reads as `n`, where its guard holds. What is expected was decided by
thinking about the transactions, never by running them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.judge import Finding

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE

Expected = tuple[Outcome, Finding]
SAFE: Expected = Outcome.SAFE, Finding.SERIALIZABLE
RETRIED: Expected = Outcome.RETRIED, Finding.SERIALIZABLE
ABORTED: Expected = Outcome.ABORTED, Finding.SERIALIZABLE
NAMED: Expected = Outcome.ANOMALY, Finding.NAMED
UNNAMED: Expected = Outcome.ANOMALY, Finding.UNNAMED
BY_DESIGN: Expected = Outcome.BY_DESIGN, Finding.BY_DESIGN
RULE_BROKEN: Expected = Outcome.RULE_BROKEN, Finding.RULE_BROKEN_SERIALLY
AGAINST_CLOCK: Expected = Outcome.SAFE, Finding.AGAINST_CLOCK
UNDECIDED: Expected = Outcome.UNDECIDED, Finding.UNCONFIRMED
IMPOSSIBLE: Expected = Outcome.IMPOSSIBLE, Finding.UNCONFIRMED
WAITS_FOR_EVER: Expected = Outcome.WAITS_FOR_EVER, Finding.UNCONFIRMED

_LINE = re.compile(r"(\w+)\.(\w+)(?: > (\w+))?(?: if (.+?))?: (.+)")


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of statement that a replay has to get right."""

    name: str
    setup: str
    steps: str
    expected: Mapping[Isolation, Expected]
    #: options of sessions, by name
    sessions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def variant(self) -> Variant:
        """Its sessions, in the schedule in which its lines stand."""
        steps = [_step(line.strip()) for line in self.steps.strip().splitlines()]
        names = dict.fromkeys(step.session for step in steps)
        sessions = tuple(
            SessionScript(name, tuple(s for s in steps if s.session == name), **self.sessions.get(name, {}))  # type: ignore[arg-type]
            for name in names
        )
        return Variant("v", "V", sessions, Schedule(tuple(s.key for s in steps)), is_fix=False, expectations={})

    @property
    def scenario(self) -> Scenario:
        """The same as a scenario."""
        return Scenario(self.name, self.name, "isolation", 1, "", self.setup, (self.variant,))


def _step(line: str) -> Step:
    found = _LINE.fullmatch(line)
    assert found is not None, line
    session, name, save, when, sql = found.groups()
    return Step(name, session, sql, save=save, when=when)


def everywhere(expected: Expected) -> Mapping[Isolation, Expected]:
    """The same at each level."""
    return dict.fromkeys((RC, RR, SER), expected)


ITEM = "CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL); INSERT INTO item VALUES (1, 0), (2, 0), (3, 0);"
#: More rows than are kept.
MANY = "CREATE TABLE item (id int PRIMARY KEY, v int); INSERT INTO item SELECT g, 0 FROM generate_series(1, 1500) g;"
NOTE = "CREATE TABLE note (id serial PRIMARY KEY, at timestamptz DEFAULT now(), who text);"
JOB = (
    "CREATE TABLE job (id int PRIMARY KEY, priority int NOT NULL, owner text);"
    "INSERT INTO job VALUES (1, 0), (2, 0), (3, 0);"
)

#: T1 has read before T2 writes, so only T1, T2 can explain it; T2 also moves row 1 behind the others.
MOVED = """
    T1.read: SELECT v FROM item WHERE id = 1
    T2.write: UPDATE item SET v = 1 WHERE id = 1
    T2.move: UPDATE job SET priority = 0 WHERE id = 1
    T2.commit: COMMIT
    {taking}
    T1.commit: COMMIT
"""

CASES = (
    Case(
        "numbers of a sequence in the order in which they were taken",
        NOTE,
        """
        T1.add: INSERT INTO note (who) VALUES ('a') RETURNING id
        T2.add: INSERT INTO note (who) VALUES ('b') RETURNING id
        T2.commit: COMMIT
        T1.more: INSERT INTO note (who) VALUES ('c') RETURNING id
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "numbers of a sequence that an aborted transaction has taken",
        NOTE,
        """
        T1.add: INSERT INTO note (who) VALUES ('a') RETURNING id
        T1.undo: ROLLBACK
        T2.add: INSERT INTO note (who) VALUES ('b') RETURNING id
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "an identity that another session goes on with",
        "CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int);"
        "CREATE TABLE b (a int REFERENCES a, v int);",
        """
        T1.add > a: INSERT INTO a (v) VALUES (1) RETURNING id
        T1.commit: COMMIT
        T2.add: INSERT INTO a (v) VALUES (2)
        T3.refer: INSERT INTO b VALUES (:a, 7)
        T3.commit: COMMIT
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "last_value of a sequence, which shows at once",
        "CREATE SEQUENCE ticket;",
        """
        T1.take: SELECT nextval('ticket')
        T2.look: SELECT last_value FROM ticket
        T1.again: SELECT nextval('ticket')
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "times, identifiers and process numbers that the server gives",
        "CREATE TABLE log (id uuid DEFAULT gen_random_uuid(), at timestamptz DEFAULT now(), pid int, xid text);",
        """
        T1.add > id: INSERT INTO log (pid, xid) VALUES (pg_backend_pid(), pg_current_xact_id()::text) RETURNING id
        T2.add: INSERT INTO log (pid) VALUES (pg_backend_pid()) RETURNING id, at
        T1.read: SELECT at < clock_timestamp() FROM log WHERE id = :id
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a time that is rounded to seconds",
        "CREATE TABLE log (at timestamptz);",
        """
        T1.add: INSERT INTO log VALUES (date_trunc('second', clock_timestamp())) RETURNING to_char(at, 'SS')
        T2.add: INSERT INTO log VALUES ('2000-01-01')
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "the place of a row version behind one that was rolled back",
        ITEM,
        """
        T2.write: UPDATE item SET v = 5 WHERE id = 1
        T2.undo: ROLLBACK
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.look: SELECT ctid, xmin, v FROM item WHERE id = 1
        T1.commit: COMMIT
        T3.look: SELECT ctid, xmin, v FROM item WHERE id = 1
        T3.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a lost update is told although the rows have generated values",
        "CREATE TABLE item (id uuid DEFAULT gen_random_uuid(), k int, v int, at timestamptz DEFAULT clock_timestamp());"
        "INSERT INTO item (k, v) VALUES (1, 10);",
        """
        T1.read > v: SELECT v FROM item WHERE k = 1
        T2.read > v: SELECT v FROM item WHERE k = 1
        T1.write: UPDATE item SET v = :v + 1, at = clock_timestamp() WHERE k = 1
        T1.commit: COMMIT
        T2.write: UPDATE item SET v = :v + 1, at = clock_timestamp() WHERE k = 1
        T2.commit: COMMIT
        """,
        {RC: UNNAMED, RR: RETRIED, SER: RETRIED},
    ),
    Case(
        "the first of several results differs",
        ITEM,
        """
        T1.both: SELECT v FROM item WHERE id = 1; SELECT v FROM item WHERE id = 2
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.again: SELECT v FROM item WHERE id = 1; SELECT v FROM item WHERE id = 2
        T1.commit: COMMIT
        """,
        {RC: UNNAMED, RR: SAFE, SER: SAFE},
    ),
    Case(
        "several writes in one step",
        ITEM,
        """
        T1.both: UPDATE item SET v = 1 WHERE id = 1; UPDATE item SET v = 1 WHERE id = 2 -- and a comment
        T2.read: SELECT v FROM item WHERE id = 1
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "SKIP LOCKED passes over a row that nobody takes away",
        JOB,
        """
        T1.take: SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        T2.take: SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(BY_DESIGN),
    ),
    Case(
        "SKIP LOCKED where each worker takes its job away",
        JOB,
        """
        T1.take > job: SELECT id FROM job WHERE owner IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        T2.take > job: SELECT id FROM job WHERE owner IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
        T1.own: UPDATE job SET owner = 'T1' WHERE id = :job
        T2.own: UPDATE job SET owner = 'T2' WHERE id = :job
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "NOWAIT, and a client that goes on without",
        ITEM,
        """
        T1.lock: SELECT v FROM item WHERE id = 1 FOR UPDATE
        T2.point: SAVEPOINT s
        T2.lock: SELECT v FROM item WHERE id = 1 FOR UPDATE NOWAIT
        T2.failed: SELECT 1
        T2.back: ROLLBACK TO SAVEPOINT s
        T2.write: UPDATE item SET v = 9 WHERE id = 2
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "lock_timeout, and a client that goes on without",
        ITEM,
        """
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T2.limit: SET LOCAL lock_timeout = '20ms'
        T2.point: SAVEPOINT s
        T2.write: UPDATE item SET v = 2 WHERE id = 1
        T2.back: ROLLBACK TO SAVEPOINT s
        T2.other: UPDATE item SET v = 9 WHERE id = 2
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a try-lock that another transaction has",
        ITEM,
        """
        T1.lock: SELECT pg_try_advisory_xact_lock(4711)
        T2.lock: SELECT pg_try_advisory_xact_lock(4711)
        T2.commit: COMMIT
        T1.commit: COMMIT
        """,
        everywhere(BY_DESIGN),
    ),
    Case(
        "a try-lock that the session keeps past its transaction",
        ITEM,
        """
        T1.lock: SELECT pg_try_advisory_lock(4711)
        T1.commit: COMMIT
        T2.lock: SELECT pg_try_advisory_lock(4711)
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "an advisory lock that the session keeps until its next transaction",
        ITEM,
        """
        T1.lock: SELECT pg_advisory_lock(4711)
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.commit: COMMIT
        T2.lock: SELECT pg_advisory_lock(4711)
        T1.unlock: SELECT pg_advisory_unlock(4711)
        T1.end: COMMIT
        T2.read: SELECT v FROM item WHERE id = 1
        T2.commit: COMMIT
        """,
        {RC: SAFE},
    ),
    Case(
        "questions about locks and sessions",
        ITEM,
        """
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T2.locks: SELECT count(*) FROM pg_locks
        T2.who: SELECT count(*) FROM pg_stat_activity
        T2.read: SELECT v FROM item WHERE id = 2
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a foreign key that is checked at the COMMIT",
        "CREATE TABLE p (id int PRIMARY KEY);"
        "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
        """
        T1.child: INSERT INTO c VALUES (1, 1)
        T2.read: SELECT count(*) FROM c
        T1.parent: INSERT INTO p VALUES (1)
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a unique key that is checked at the COMMIT, after a swap",
        "CREATE TABLE seat (id int PRIMARY KEY, no int UNIQUE DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO seat VALUES (1, 1), (2, 2);",
        """
        T1.one: UPDATE seat SET no = 2 WHERE id = 1
        T1.two: UPDATE seat SET no = 1 WHERE id = 2
        T1.commit: COMMIT
        T2.read: SELECT id, no FROM seat
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a temporary table",
        ITEM,
        """
        T1.make: CREATE TEMP TABLE mine ON COMMIT DROP AS SELECT id, v FROM item
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.read: SELECT sum(v) FROM mine
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a cursor, which keeps the snapshot of its beginning",
        ITEM,
        """
        T1.open: DECLARE c CURSOR FOR SELECT id, v FROM item ORDER BY id
        T1.one: FETCH 1 FROM c
        T2.write: UPDATE item SET v = 1
        T2.commit: COMMIT
        T1.two: FETCH 2 FROM c
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "an index that is made concurrently",
        ITEM,
        """
        T1.make: CREATE INDEX CONCURRENTLY by_v ON item (v)
        T2.read: SELECT id FROM item WHERE v = 0
        T2.commit: COMMIT
        """,
        {RC: SAFE},
        {"T1": {"autocommit": True}},
    ),
    Case(
        "a level that the transaction sets by itself",
        ITEM,
        """
        T1.level: SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
        T1.read: SELECT v FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.again: SELECT v FROM item WHERE id = 1
        T1.commit: COMMIT
        """,
        {RC: SAFE},
    ),
    Case(
        "settings that a step reads",
        ITEM,
        """
        T1.level: SHOW transaction_isolation
        T1.only: SHOW transaction_read_only
        T1.commit: COMMIT
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
        {"T1": {"read_only": True}},
    ),
    Case(
        "a prepared statement",
        ITEM,
        """
        T1.prepare: PREPARE look AS SELECT v FROM item WHERE id = $1
        T1.read: EXECUTE look (1)
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.again: EXECUTE look (1)
        T1.commit: COMMIT
        """,
        {RC: UNNAMED, RR: SAFE, SER: SAFE},
    ),
    Case(
        "a table that the run makes",
        ITEM,
        """
        T1.make: CREATE TABLE copied AS SELECT id, v FROM item
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.read: SELECT sum(v) FROM copied
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a lost update among more rows than are kept",
        MANY,
        """
        T1.read > v: SELECT v FROM item WHERE id = 1500
        T2.read > v: SELECT v FROM item WHERE id = 1500
        T1.write: UPDATE item SET v = :v + 1 WHERE id = 1500
        T1.commit: COMMIT
        T2.write: UPDATE item SET v = :v + 1 WHERE id = 1500
        T2.commit: COMMIT
        """,
        {RC: UNNAMED, RR: RETRIED, SER: RETRIED},
    ),
    Case(
        "every one of more rows than are kept is written once",
        MANY,
        """
        T1.write: UPDATE item SET v = v + 1
        T2.count: SELECT count(*) FROM item
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "what goes out of the schema",
        ITEM,
        """
        T1.listen: LISTEN news
        T1.commit: COMMIT
        T2.tell: NOTIFY news, 'x'
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T3.read: SELECT v FROM item WHERE id = 1
        T3.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a large object's number",
        ITEM,
        """
        T1.make: SELECT lo_create(0)
        T2.read: SELECT v FROM item WHERE id = 1
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        # Large objects are stored outside of the schema.
        everywhere(UNDECIDED),
    ),
    Case(
        "a transaction that is prepared, and committed by another session",
        ITEM,
        """
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.prepare: PREPARE TRANSACTION 'p'
        T2.read: SELECT v FROM item WHERE id = 1
        T2.commit: COMMIT
        T3.commit: COMMIT PREPARED 'p'
        T4.read: SELECT v FROM item WHERE id = 1
        T4.commit: COMMIT
        """,
        everywhere(SAFE),
        {"T3": {"autocommit": True}},
    ),
    Case(
        "savepoints: what was rolled back counts for nothing",
        ITEM,
        """
        T1.point: SAVEPOINT s
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.back: ROLLBACK TO SAVEPOINT s
        T2.read: SELECT v FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 2 WHERE id = 2
        T1.read: SELECT v FROM item WHERE id = 3
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a savepoint of another transaction cannot be gone back to",
        ITEM,
        """
        T1.point: SAVEPOINT s
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.commit: COMMIT
        T2.own: SAVEPOINT mine
        T2.back: ROLLBACK TO SAVEPOINT s
        T2.mine: ROLLBACK TO SAVEPOINT mine
        T2.read: SELECT v FROM item WHERE id = 1
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a 23505 that is caught, of a row that the snapshot does not show",
        ITEM,
        """
        T2.look: SELECT v FROM item WHERE id = 1
        T1.add: INSERT INTO item VALUES (9, 1)
        T1.commit: COMMIT
        T2.point: SAVEPOINT s
        T2.add: INSERT INTO item VALUES (9, 2)
        T2.back: ROLLBACK TO SAVEPOINT s
        T2.read: SELECT v FROM item WHERE id = 9
        T2.commit: COMMIT
        """,
        {RC: SAFE, RR: NAMED},
    ),
    Case(
        "several transactions of a session keep their order",
        ITEM,
        """
        T1.before: SELECT v FROM item WHERE id = 1
        T1.commit: COMMIT
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.after: SELECT v FROM item WHERE id = 1
        T1.end: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "a transaction that only reads is refused a write, and goes on",
        ITEM,
        """
        T1.point: SAVEPOINT s
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.back: ROLLBACK TO SAVEPOINT s
        T1.read: SELECT v FROM item WHERE id = 1
        T1.commit: COMMIT
        T2.read: SELECT v FROM item WHERE id = 1
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
        {"T1": {"read_only": True}},
    ),
    Case(
        "a deferrable transaction that only reads",
        ITEM,
        """
        T1.read: SELECT sum(v) FROM item
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T1.again: SELECT sum(v) FROM item
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        {SER: SAFE},
        {"T1": {"read_only": True, "deferrable": True}},
    ),
    Case(
        "a statement outside of transactions: a session's setting",
        ITEM,
        """
        T1.zone: SET application_name = 'me'
        T1.begin: BEGIN
        T1.read: SELECT v FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.again: SELECT v FROM item WHERE id = 1
        T1.commit: COMMIT
        """,
        {RC: NAMED},
        {"T1": {"autocommit": True}},
    ),
    Case(
        "columns that the server reckons",
        "CREATE TABLE item (id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED);"
        "INSERT INTO item (id, v) VALUES (1, 1), (2, 2);",
        """
        T1.read: SELECT twice FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 5 WHERE id = 1
        T2.commit: COMMIT
        T1.again: SELECT twice FROM item WHERE id = 2
        T1.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "an array without an order",
        ITEM + JOB,
        MOVED.format(taking="T1.take: SELECT array_agg(id) FROM job"),
        # The graph's cycle, not confirmed: what T2 wrote is what stood there.
        {RC: UNDECIDED},
    ),
    Case(
        "an array in an order",
        ITEM + JOB,
        MOVED.format(taking="T1.take: SELECT array_agg(id ORDER BY id) FROM job"),
        {RC: (Outcome.SAFE, Finding.RISK)},
    ),
    Case(
        "LIMIT takes another row where they lie otherwise",
        ITEM + JOB,
        MOVED.format(taking="T1.take: SELECT id FROM job LIMIT 1"),
        {RC: UNDECIDED},
    ),
    Case(
        "LIMIT takes another of the rows that its order leaves tied",
        ITEM + JOB,
        MOVED.format(taking="T1.take: SELECT id FROM job ORDER BY priority LIMIT 1"),
        {RC: UNDECIDED},
    ),
    Case(
        "LIMIT takes another row and something is made of it",
        ITEM + JOB,
        MOVED.format(taking="T1.take: UPDATE job SET owner = 'T1' WHERE id = (SELECT id FROM job LIMIT 1)"),
        {RC: UNDECIDED},
    ),
    Case(
        "LIMIT in an order that leaves nothing to choose",
        ITEM + JOB,
        MOVED.format(taking="T1.take: UPDATE job SET owner = 'T1' WHERE id = (SELECT id FROM job ORDER BY id LIMIT 1)"),
        {RC: SAFE},
    ),
    Case(
        "two workers claim the same job",
        JOB,
        """
        T1.claim: UPDATE job SET owner = 'T1' WHERE id = (SELECT id FROM job WHERE owner IS NULL ORDER BY id LIMIT 1)
        T2.claim: UPDATE job SET owner = 'T2' WHERE id = (SELECT id FROM job WHERE owner IS NULL ORDER BY id LIMIT 1)
        T1.commit: COMMIT
        T2.commit: COMMIT
        """,
        {RC: UNNAMED, RR: RETRIED, SER: RETRIED},
    ),
    Case(
        "floating point, where rows are added up in another order",
        ITEM + "CREATE TABLE f (id int PRIMARY KEY, x float, n int);"
        "INSERT INTO f VALUES (1, .1, 0), (2, .2, 0), (3, .3, 0);",
        """
        T1.read: SELECT v FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.move: UPDATE f SET n = 1 WHERE id = 1
        T2.commit: COMMIT
        T1.sum: SELECT sum(x) FROM f
        T1.commit: COMMIT
        """,
        {RC: (Outcome.SAFE, Finding.RISK)},
    ),
    Case(
        "TRUNCATE, which older snapshots see too",
        ITEM + "CREATE TABLE other (id int); INSERT INTO other VALUES (1);",
        """
        T1.read: SELECT v FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.empty: TRUNCATE other
        T2.commit: COMMIT
        T1.other: SELECT count(*) FROM other
        T1.commit: COMMIT
        """,
        everywhere(UNNAMED),
    ),
    Case(
        "a default that is changed between two looks at it",
        "CREATE TABLE item (id int PRIMARY KEY, v int DEFAULT 1); CREATE TABLE other (id int PRIMARY KEY, v int);"
        "INSERT INTO other VALUES (1, 0);",
        # Either order leaves one of the defaults; T1 read before T2 wrote, and its default was set after T2's.
        """
        T1.read: SELECT v FROM other WHERE id = 1
        T2.write: UPDATE other SET v = 1 WHERE id = 1
        T2.alter: ALTER TABLE item ALTER COLUMN v SET DEFAULT 2
        T2.commit: COMMIT
        T1.alter: ALTER TABLE item ALTER COLUMN v SET DEFAULT 3
        T1.commit: COMMIT
        """,
        everywhere(UNNAMED),
    ),
    Case(
        "constraints, indexes and views that a run makes",
        ITEM,
        """
        T1.check: ALTER TABLE item ADD CONSTRAINT small CHECK (v < 100)
        T1.index: CREATE INDEX by_v ON item (v)
        T1.view: CREATE VIEW seen AS SELECT id FROM item WHERE v > 0
        T1.commit: COMMIT
        T2.write: UPDATE item SET v = 7 WHERE id = 1
        T2.read: SELECT id FROM seen
        T2.commit: COMMIT
        """,
        everywhere(SAFE),
    ),
    Case(
        "only an order against the clock explains it",
        ITEM,
        """
        T1.read: SELECT v FROM item WHERE id = 1
        T2.write: UPDATE item SET v = 1 WHERE id = 1
        T2.commit: COMMIT
        T3.read: SELECT v FROM item WHERE id = 2
        T3.commit: COMMIT
        T1.write: UPDATE item SET v = 1 WHERE id = 2
        T1.commit: COMMIT
        """,
        # Serializable, and refused at SERIALIZABLE: two rw dependencies in a row.
        {RC: AGAINST_CLOCK, RR: AGAINST_CLOCK, SER: RETRIED},
    ),
    Case(
        "nothing was committed",
        ITEM,
        """
        T1.write: UPDATE item SET v = 1 WHERE id = 1
        T1.undo: ROLLBACK
        """,
        everywhere((Outcome.SAFE, Finding.NOTHING_COMMITTED)),
    ),
)
