"""Reads a report: the circle, what each process ran, and where it met the lock.

A server speaks the language of its `lc_messages`. Names of lock modes are the same in all of them, and so are numbers
and the order of process, mode, object and blocker; only Chinese and Japanese turn some of it round. The forms are those
of PostgreSQL's own translations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from simulator.findings.deadlock.report import Context, Doing, Kind, Object, Report, Wait
from simulator.findings.deadlock.text import lines_of

_MODE = (
    r"(?:AccessShare|RowShare|RowExclusive|ShareUpdateExclusive|ShareRowExclusive|AccessExclusive|Exclusive|Share|SIRead)"
    r"Lock"
)
_WAITS = (
    re.compile(
        rf"进程 ?(?P<process>\d+) ?等待在(?P<object>.{{1,160}}?)上的 ?(?P<mode>{_MODE})[;；]\D{{0,40}}?(?P<blocker>\d+)"
    ),
    re.compile(
        rf"(?P<process>\d+)[^\n;；\d]{{1,60}}?(?P<mode>{_MODE})(?P<object>[^\n;；、]{{1,160}}?)[;；、][^\n\d]{{0,80}}?"
        r"(?P<blocker>\d+)"
    ),
)
_MS = r"(?P<ms>\d+[.,]\d{3}) ?(?:ms|мс|ミリ秒)"
_STILL = (
    re.compile(rf"进程 ?(?P<process>\d+) ?在{_MS}(?P<verb>\S{{2,4}})在(?P<object>.{{1,160}}?)上的 ?(?P<mode>{_MODE})"),
    re.compile(rf"プロセス ?(?P<process>\d+)は{_MS}後に(?P<object>.{{1,160}}?)上の(?P<mode>{_MODE})を(?P<verb>獲得)"),
    re.compile(
        rf"(?P<process>\d+)(?P<verb>[^\n\d]{{1,60}}?)(?P<mode>{_MODE})(?P<object>[^\n]{{1,160}}?)\D{_MS}"
        r"(?P<end>[^\n]*)"
    ),
)
#: Between the mode and the object.
_AHEAD = re.compile(
    r"^(?:\W*(?:Sperre|on|auf|en|sur|su|for|för|in|блокировку|блокування|を|상태로[^(\n]*\(해당 작업:)(?=\W|$))*"
    r"[\s\"«»:-]*"
)
#: In each language the stem of "acquired".
_ACQUIRED = re.compile(r"acquired|erlangte|adquiri|a acquis|ha acquisito|獲得|취득|получил|отримав| fick |获取")
_QUEUE = re.compile(r":\s*(?P<holders>\d+(?:, ?\d+)*)[.。][^\d\n]{1,60}[:：]\s*(?P<queue>\d+(?:, ?\d+)*)")
#: What begins the next part of a log entry, in the languages of PostgreSQL's catalogues.
_LABEL_WORDS = (
    "HINT|CONTEXT|STATEMENT|DETAIL|QUERY|LOCATION|ERROR|LOG|FATAL|WARNING|Hint|Where|Detail",
    "TIPP|ZUSAMMENHANG|ANWEISUNG",
    "CONTEXTO|SENTENCIA|DETALLE",
    "CONTEXTE|ASTUCE|INSTRUCTION|DÉTAIL",
    "CONTESTO|SUGGERIMENTO|ISTRUZIONE|DETTAGLI",
    "文脈|ヒント|文|詳細",
    "내용|힌트|명령 구문|상세정보",
    "КОНТЕКСТ|ПОДСКАЗКА|ОПЕРАТОР|ПОДРОБНОСТИ",
    "KONTEXT|TIPS|SATS|DETALJ",
    "УКАЗІВКА|ІНСТРУКЦІЯ|ВІДОМОСТІ",
    "上下文|提示|语句|详细信息",
)
_LABELS = "|".join(_LABEL_WORDS)
_NEXT = re.compile(rf"(?:\n[^\n]{{0,200}}?|\s)(?:{_LABELS}) ?[:：]\s|\n\s*\n|\n\[(?:SQL|parameters): |\(Background on")
_PART = re.compile(rf"\n|\s(?=(?:{_LABELS}) ?[:：]\s)")
_STATEMENT = re.compile(
    r"(?:STATEMENT|ANWEISUNG|SENTENCIA|INSTRUCTION|ISTRUZIONE|文|명령 구문|ОПЕРАТОР|SATS|ІНСТРУКЦІЯ|语句) ?[:：]\s+"
)
_SQL = re.compile(r"\[SQL: (?P<sql>.+?)\]\s*(?:\n|$)", re.DOTALL)
_TUPLE = r"\(?(?P<block>\d+), ?(?P<offset>\d+)\)?"
_QUOTED = r'["«»“„]\s?(?P<name>[^"«»“”\n]{1,80}?)\s?["«»“”]'
#: What was done to the row, by the stems of the verbs in each language; the first that fits.
_VERBS: Sequence[tuple[Doing, str]] = (
    (Doing.EXCLUSION, "exclusion|Exclusion|exclusión|esclusione|uteslut|排除|제외|排它|исключения|виключення"),
    (Doing.RECHECKING, "recheck|erneuten|la tupla actualizada|re-vérif|ricontrollo|återkon|再チェック|재확인|重新"),
    (Doing.RECHECKING, "перепров|повторної"),
    (Doing.INSERTING, "index tuple|Indextupel|de índice|de l'index|di indice|indextup|インデックス|인덱스|索引"),
    (Doing.INSERTING, "индекс|індекс"),
    (Doing.LOCKING, "locking|Sperren|bloqueaba|verrou|blocco|låsning|ロック|잠그|锁定|блокиров|блокуван"),
    (Doing.DELETING, "deleting|Löschen|borraba|suppression|eliminazione|borttag|削除|삭제|删除|удалении|видаленні"),
    (Doing.UPDATING, "updating|Aktualisieren|actualizaba|mise à jour|modifica|uppdatering|更新|갱신"),
    (Doing.UPDATING, "изменении|оновленні"),
)
_FOREIGN = re.compile(
    r'SELECT 1 FROM ONLY (?:"?[^"\s.]+"?\.)?"?(?P<name>[^"\s]+)"? x .{0,400}?FOR KEY SHARE OF x', re.DOTALL
)
_FUNCTION = re.compile(r"PL/pgSQL \S+ (?P<name>[\w.]+\([^)\n]*\))")


def read_report(text: str) -> Report | None:
    """The latest report in a text; None where there is none."""
    lines = lines_of(text)
    return _deadlock(lines) or _lock_wait(lines)


def _deadlock(lines: str) -> Report | None:
    found = _matches(lines)
    circles = list(_circles(found))
    if not circles:
        return None
    first = circles[-1][0][0]
    part = lines[max(0, lines.rfind("\n", 0, max(0, lines.rfind("\n", 0, first))) + 1) :]
    waits = tuple(wait for _at, wait in circles[-1])
    pids = {wait.process for wait in waits}
    statements = dict(_running(lines[first:], pids))
    if waits[0].process not in statements:
        statements.update(_of_victim(part, waits[0].process))
    return Report(True, waits, statements, tuple(_contexts(lines[first:])), others=len(circles) - 1)


def _matches(lines: str) -> list[tuple[int, Wait]]:
    """Each wait with its place, in their order."""
    for pattern in _WAITS:
        found = [(match.start(), _wait(match)) for match in pattern.finditer(lines)]
        if found:
            return found
    return []


def _wait(match: re.Match[str]) -> Wait:
    return Wait(int(match["process"]), match["mode"], _object(match["object"]), int(match["blocker"]))


def _circles(found: Sequence[tuple[int, Wait]]) -> Iterator[list[tuple[int, Wait]]]:
    """Waits that follow each other until the last one waits for the first."""
    circle: list[tuple[int, Wait]] = []
    for at, wait in found:
        if circle and wait.process != circle[-1][1].blocker:
            circle = []
        circle.append((at, wait))
        if wait.blocker == circle[0][1].process:
            yield circle
            circle = []


def _object(text: str) -> Object:
    """By its shape: brackets, a slash, and how many numbers there are."""
    numbers = tuple(map(int, re.findall(r"\d+", text)))
    turned = bool(re.search(r"数据库|データベース", text))
    plain = _AHEAD.sub("", text)
    plain = plain[: max((match.end() for match in re.finditer(r"[\d)\]]", plain)), default=len(plain))]
    if "[" in text:
        return Object(Kind.ADVISORY, plain, numbers)
    if re.search(r"\d+/\d+", text):
        return Object(Kind.VIRTUAL, plain, numbers)
    if len(numbers) == 4:
        return Object(Kind.TUPLE, plain, _turned(numbers, turned))
    if len(numbers) == 1:
        return Object(Kind.TRANSACTION, plain, numbers)
    if len(numbers) == 2 and not re.search(r"token|Token|маркер|トークン|记号|토큰|jeton", text):
        return Object(Kind.RELATION, plain, _turned(numbers, turned))
    return Object(Kind.OTHER, plain, numbers)


def _turned(numbers: tuple[int, ...], is_turned: bool) -> tuple[int, ...]:
    """Chinese and Japanese name the database first."""
    if not is_turned:
        return numbers
    return (numbers[1], numbers[0]) if len(numbers) == 2 else (*numbers[2:], numbers[1], numbers[0])


def _running(lines: str, pids: set[int]) -> Iterator[tuple[int, str]]:
    """`Process 22432: UPDATE …`, each up to the next or to what follows in the log."""
    named = "|".join(map(str, pids))
    heads = list(re.finditer(rf"[^\W\d_]+ ?(?P<pid>{named}) ?[:：] ", lines))
    for place, head in enumerate(heads):
        end = heads[place + 1].start() if place + 1 < len(heads) else len(lines)
        sql = _until_next(lines[head.end() : end])
        if sql:
            yield int(head["pid"]), sql


def _until_next(text: str) -> str:
    following = _NEXT.search(text)
    return " ".join((text[: following.start()] if following else text).split())


def _of_victim(lines: str, victim: int) -> Mapping[int, str]:
    """STATEMENT is that of who reports; SQLAlchemy writes it behind the error."""
    if found := _SQL.search(lines):
        return {victim: " ".join(found["sql"].split())}
    if label := _STATEMENT.search(lines):
        sql = _until_next(lines[label.end() :])
        return {victim: sql} if sql else {}
    return {}


def _contexts(lines: str) -> Iterator[Context]:
    if foreign := _FOREIGN.search(lines):
        yield Context(Doing.FOREIGN_KEY, foreign["name"])
    for line in _PART.split(lines):
        where = re.search(_TUPLE, line)
        name = re.search(_QUOTED, line)
        doing = next((doing for doing, verb in _VERBS if re.search(verb, line)), None)
        if where and name and doing and not re.search(_MODE, line):
            yield Context(doing, name["name"], (int(where["block"]), int(where["offset"])))
    if function := _FUNCTION.search(lines):
        yield Context(Doing.FUNCTION, function["name"])


def _lock_wait(lines: str) -> Report | None:
    for pattern in _STILL:
        found = list(pattern.finditer(lines))
        if found:
            return _waited(lines, found)
    return None


def _waited(lines: str, found: Sequence[re.Match[str]]) -> Report:
    """The latest process of which such a line tells, with its last line."""
    last = found[-1]
    first = next(match for match in found if match["process"] == last["process"])
    queue = _QUEUE.search(lines, first.start())
    holders = [int(each) for each in re.findall(r"\d+", queue["holders"])] if queue else []
    waiting = tuple(int(each) for each in re.findall(r"\d+", queue["queue"])) if queue else ()
    wait = Wait(int(last["process"]), last["mode"], _object(last["object"]), holders[0] if holders else None)
    said = last["verb"] + last.groupdict().get("end", "")
    return Report(
        is_deadlock=False,
        waits=(wait,),
        statements=_of_victim(lines[first.start() :], wait.process),
        contexts=tuple(_contexts(lines[first.start() :])),
        waited_ms=float(last["ms"].replace(",", ".")),
        acquired=bool(_ACQUIRED.search(f" {said} ")),
        queue=waiting,
    )
