"""Reports of deadlocks as they are found: forms that carry them, kinds of locks, and languages of the server."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "cases" / "deadlock_logs"
#: As they were published.
PUBLISHED = {path.name: path.read_text("utf-8") for path in sorted(FOLDER.iterdir())}

_WAITS = """\
Process 101 waits for ShareLock on transaction 5; blocked by process 102.
Process 102 waits for ShareLock on transaction 6; blocked by process 101."""
_RUNS = """
Process 101: UPDATE device SET seen = $1 WHERE id = $2
Process 102: DELETE FROM device WHERE id = $1"""
_WHERE = 'while updating tuple (0,7) in relation "device"'
_PLAIN = f"ERROR:  deadlock detected\nDETAIL:  {_WAITS}{_RUNS}\nCONTEXT:  {_WHERE}"
#: Each carries the same report: who waits for whom, what both ran, and where the first one met the lock.
FORMS = {
    "stderr": f"ERROR:  deadlock detected\nDETAIL:  {_WAITS}{_RUNS}\nHINT:  See server log.\nCONTEXT:  {_WHERE}\n",
    "prefix": "".join(
        f"2026-01-01 10:00:00.000 UTC [101] app@shop {line}\n"
        for line in (
            "ERROR:  deadlock detected",
            "DETAIL:  " + (_WAITS + _RUNS).replace("\n", "\n\t"),
            f"CONTEXT:  {_WHERE}",
            "STATEMENT:  UPDATE device SET seen = $1 WHERE id = $2",
        )
    ),
    "syslog": "".join(
        f"Jan  1 10:00:00 db postgres[101]: [4-{number}] {line}\n"
        for number, line in enumerate(
            f"ERROR:  deadlock detected\nDETAIL:  {_WAITS}{_RUNS}\nCONTEXT:  {_WHERE}".replace("\n", "\n#011").split(
                "\n"
            )
        )
    ),
    "container": "".join(f"db-1  | {line}\n" for line in _PLAIN.split("\n")),
    "one line": f"ERROR:  deadlock detected DETAIL:  {_WAITS}{_RUNS} CONTEXT:  {_WHERE}".replace("\n", " "),
    "escaped": json.dumps(f"ERROR: deadlock detected\nDETAIL:  {_WAITS}{_RUNS}\nCONTEXT:  {_WHERE}")[1:-1],
    "jsonlog": json.dumps(
        {
            "timestamp": "2026-01-01 10:00:00.000 UTC",
            "pid": 101,
            "error_severity": "ERROR",
            "state_code": "40P01",
            "statement": "UPDATE device SET seen = $1 WHERE id = $2",
            "message": "deadlock detected",
            "detail": _WAITS + _RUNS,
            "context": _WHERE,
        }
    ),
    "csvlog": (
        "2026-01-01 10:00:00.000"
        ' UTC,"app","shop",101,"[local]",5f.1,1,"UPDATE",2026-01-01 09:59:00 UTC,3/4,5,ERROR,40P01,'
        f'"deadlock detected","{_WAITS}{_RUNS}","See server log.",,,"{_WHERE.replace(chr(34), chr(34) * 2)}",'
        '"UPDATE device SET seen = $1 WHERE id = $2",,,"psql","client backend",,0\n'
    ),
    "after another": (
        "ERROR:  deadlock detected\nDETAIL:  "
        + _WAITS.replace("101", "7").replace("102", "8")
        + f"\nSTATEMENT:  SELECT 1\nERROR:  deadlock detected\nDETAIL:  {_WAITS}{_RUNS}\nCONTEXT:  {_WHERE}\n"
    ),
}
#: As clients are told: without what the other one ran.
CLIENTS = {
    "sqlalchemy": (
        "sqlalchemy.exc.OperationalError: (psycopg2.errors.DeadlockDetected) deadlock detected\n"
        f"DETAIL:  {_WAITS}\nHINT:  See server log for query details.\nCONTEXT:  {_WHERE}\n\n"
        "[SQL: UPDATE device SET seen=%(seen)s WHERE id = %(id)s]\n[parameters: {'seen': 1}]\n"
        "(Background on this error at: https://sqlalche.me/e/20/e3q8)"
    ),
    "jdbc": (
        f"org.postgresql.util.PSQLException: ERROR: deadlock detected\n  Detail: {_WAITS}\n"
        f"  Hint: See server log for query details.\n  Where: {_WHERE}"
    ),
}

_CIRCLE = "ERROR:  deadlock detected\nDETAIL:  Process 101 waits for {0}; blocked by process 102.\n"
_CIRCLE += "Process 102 waits for {1}; blocked by process 101.\n"
#: What can be waited for, beside rows of one table.
KINDS = {
    "foreign key": _CIRCLE.format("ShareLock on transaction 5", "ShareLock on transaction 6")
    + "Process 101: INSERT INTO line (order_id) VALUES ($1)\nProcess 102: UPDATE line SET n = 1 WHERE id = 5\n"
    'CONTEXT:  while locking tuple (0,1) in relation "orders"\n'
    'SQL statement "SELECT 1 FROM ONLY "public"."orders" x WHERE "id"'
    ' OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x"\n',
    "unique": _CIRCLE.format("ShareLock on transaction 5", "ShareLock on transaction 6")
    + "Process 101: INSERT INTO tags (name) VALUES ($1)\nProcess 102: INSERT INTO tags (name) VALUES ($1)\n"
    'CONTEXT:  while inserting index tuple (0,5) in relation "tags_name_key"\n',
    "same statement": _CIRCLE.format("ShareLock on transaction 5", "ShareLock on transaction 6")
    + "Process 101: UPDATE stock SET n = 0 WHERE shop = 1\nProcess 102: UPDATE stock  SET n = 0 WHERE shop = 1\n",
    "tables": _CIRCLE.format(
        "AccessExclusiveLock on relation 16384 of database 5", "RowExclusiveLock on relation 16390 of database 5"
    )
    + "Process 101: ALTER TABLE foo ADD x int\nProcess 102: INSERT INTO bar VALUES (1)\n",
    "one table": _CIRCLE.format(
        "AccessExclusiveLock on relation 16384 of database 5", "AccessExclusiveLock on relation 16384 of database 5"
    ),
    "advisory": _CIRCLE.format(
        "ExclusiveLock on advisory lock [5,0,1,1]", "ExclusiveLock on advisory lock [5,7,4294967295,2]"
    ),
    "three": "ERROR:  deadlock detected\n"
    "DETAIL:  Process 101 waits for ShareLock on transaction 5; blocked by process 102.\n"
    "Process 102 waits for ExclusiveLock on tuple (0,1) of relation 16384 of database 5; blocked by process 103.\n"
    "Process 103 waits for ShareLock on transaction 7; blocked by process 101.\n"
    "Process 101: UPDATE a SET x = 1\nProcess 102: DELETE FROM b WHERE id ="
    ' 1\nProcess 103: SELECT 1 FROM "Odd Name" FOR SHARE\n',
}

#: By lc_messages, in the forms of PostgreSQL's own catalogues: two waits, two statements, and where.
LANGUAGES = {
    "de": (
        "Prozess 101 wartet auf ShareLock-Sperre auf Transaktion 5; blockiert von Prozess 102.",
        "Prozess 102 wartet auf AccessShareLock-Sperre auf Relation 16384 der Datenbank 9; blockiert von Prozess 101.",
        "Prozess {}: {}",
        "ZUSAMMENHANG:  beim Aktualisieren von Tupel (0,7) in Relation »device«",
    ),
    "es": (
        "El proceso 101 espera ShareLock en transacción 5; bloqueado por proceso 102.",
        "El proceso 102 espera AccessShareLock en relación 16384 de la base de datos 9; bloqueado por proceso 101.",
        "Proceso {}: {}",
        "CONTEXTO:  mientras se actualizaba la tupla (0,7) en la relación «device»",
    ),
    "fr": (
        "Le processus 101 attend ShareLock sur transaction 5 ; bloqué par le processus 102.",
        (
            "Le processus 102 attend AccessShareLock sur relation 16384 de la"
            " base de données 9 ; bloqué par le processus 101."
        ),
        "Processus {} : {}",
        "CONTEXTE :  lors de la mise à jour de la ligne (0,7) dans la relation « device »",
    ),
    "it": (
        "Il processo 101 è in attesa di ShareLock su la transazione 5; bloccato dal processo 102.",
        (
            "Il processo 102 è in attesa di AccessShareLock su la relazione"
            " 16384 del database 9; bloccato dal processo 101."
        ),
        "Processo {}: {}",
        'CONTESTO:  durante la modifica della tupla (0,7) nella relazione "device"',
    ),
    "ja": (
        "プロセス 101 は ShareLock を トランザクション 5 で待機していましたが、プロセス 102 でブロックされました",
        (
            "プロセス 102 は AccessShareLock を データベース9のリレーション16384"
            " で待機していましたが、プロセス 101 でブロックされました"
        ),
        "プロセス {}: {}",
        '文脈:  リレーション"device"のタプル(0,7)の更新中',
    ),
    "ko": (
        "101 프로세스가 ShareLock 상태로 지연되고 있음(해당 작업: 트랜잭션 5); 102 프로세스에 의해 블록킹되었음",
        (
            "102 프로세스가 AccessShareLock 상태로 지연되고 있음(해당 작업: 릴레이션"
            " 16384, 데이터베이스 9); 101 프로세스에 의해 블록킹되었음"
        ),
        "프로세스 {}: {}",
        '내용:  0,7 튜플(해당 릴레이션 "device")을 갱신하는 중에 발생',
    ),
    "ru": (
        'Процесс 101 ожидает в режиме ShareLock блокировку "транзакция 5"; заблокирован процессом 102.',
        (
            'Процесс 102 ожидает в режиме AccessShareLock блокировку "отношение'
            ' 16384 базы данных 9"; заблокирован процессом 101.'
        ),
        "Процесс {}: {}",
        'КОНТЕКСТ:  при изменении кортежа (0,7) в отношении "device"',
    ),
    "sv": (
        "Process 101 väntar på ShareLock för transaktion 5; blockerad av process 102.",
        "Process 102 väntar på AccessShareLock för relation 16384 i databasen 9; blockerad av process 101.",
        "Process {}: {}",
        'KONTEXT:  vid uppdatering av tupel (0,7) i relation "device"',
    ),
    "uk": (
        'Процес 101 очікує в режимі ShareLock блокування "транзакція 5"; заблокований процесом 102.',
        (
            'Процес 102 очікує в режимі AccessShareLock блокування "відношення'
            ' 16384 бази даних 9"; заблокований процесом 101.'
        ),
        "Процес {}: {}",
        'КОНТЕКСТ:  при оновленні кортежу (0,7) в зв\'язку "device"',
    ),
    "zh": (
        "进程101等待在事务 5上的ShareLock; 由进程102阻塞.",
        "进程102等待在数据库9的关系16384上的AccessShareLock; 由进程101阻塞.",
        "进程 {}: {}",
        '上下文:  当更新关系"device"的元组(0, 7)时',
    ),
}
#: A wait that goes on, and one that ended, by lc_messages.
LONG_WAITS = {
    "en": (
        "process 101 still waiting for ShareLock on transaction 5 after 1000.762 ms",
        "process 101 acquired ShareLock on transaction 5 after 1777.653 ms",
    ),
    "de": (
        "Prozess 101 wartet immer noch auf ShareLock-Sperre auf Transaktion 5 nach 1000,762 ms",
        "Prozess 101 erlangte ShareLock-Sperre auf Transaktion 5 nach 1777,653 ms",
    ),
    "fr": (
        "le processus 101 est toujours en attente de ShareLock sur transaction 5 après 1000.762 ms",
        "le processus 101 a acquis ShareLock sur transaction 5 après 1777.653 ms",
    ),
    "ja": (
        "プロセス101はShareLockをトランザクション 5で待機しています。1000.762ミリ秒後",
        "プロセス101は1777.653 ms後にトランザクション 5上のShareLockを獲得しました",
    ),
    "ru": (
        'процесс 101 продолжает ожидать в режиме ShareLock блокировку "транзакция 5" в течение 1000.762 мс',
        'процесс 101 получил в режиме ShareLock блокировку "транзакция 5" через 1777.653 мс',
    ),
    "zh": (
        "进程101在1000.762 ms仍然等待在事务 5上的ShareLock",
        "进程101在1777.653 ms后获取在事务 5上的ShareLock",
    ),
}


def in_language(name: str) -> str:
    """A report of a server with these lc_messages."""
    first, second, runs, where = LANGUAGES[name]
    statements = [runs.format(101, "UPDATE device SET seen = 1"), runs.format(102, "SELECT 1 FROM device")]
    return "\n".join(("ERROR:  deadlock", f"DETAIL:  {first}", second, *statements, where))
