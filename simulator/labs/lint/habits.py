"""Sessions told by their name and by what is called on them, as people write them without an annotation."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from astroid import nodes

from simulator.labs.lint.kinds import assigned, constant, dotted
from simulator.labs.lint.names import Names
from simulator.labs.lint.tree import Node, walk

#: Packages with a Session or Connection that is not SQLAlchemy's.
FOREIGN = frozenset(
    [
        "requests",
        "aiohttp",
        "httpx",
        "boto3",
        "botocore",
        "aioboto3",
        "flask",
        "django",
        "tensorflow",
        "onnxruntime",
        "neo4j",
        "cassandra",
        "pyspark",
        "snowflake",
        "starlette",
        "curl_cffi",
        "requests_html",
        "requests_oauthlib",
        "authlib",
        "google",
        "github",
        "multiprocessing",
        "ipaddress",
        "paramiko",
        "ldap3",
        "kombu",
        "redis",
        "rq",
        "pika",
        "prompt_toolkit",
        "ftrack_api",
        "nox",
        "http",
        "asyncio",
        "imaplib",
        "sqlite3",
        "aiosqlite",
        "asyncpg",
        "pymongo",
        "motor",
        "peewee",
        "tortoise",
        "databases",
        "duckdb",
        "clickhouse_connect",
        "elasticsearch",
        "keyring",
        "git",
        "mcp",
        "telethon",
        "pyrogram",
        "streamlit",
    ]
)
_NAME = re.compile(
    r"(.*_)?(db|database|dbs|sess|session|dbsession|asyncsession|ses|uow)(_?(session|async|sync|obj|\d+))*_?"
)
_DEPENDENCY = re.compile(
    r"_?(get|provide|yield|create|open|make|new|use|inject)_?(async_?|sync_?)?(db|session|database|sql|sa)"
    r"(_?async)?(_?session)?(_?async)?"
)
FACTORY = re.compile(r"_?(async)?(db)?(session)(local|maker|factory)(async)?|asyncsession|localsession|dbsession")
#: What nothing but SQLAlchemy's Session has.
_ITS_OWN = frozenset(
    [
        "add_all",
        "begin_nested",
        "expunge",
        "expunge_all",
        "expire",
        "expire_all",
        "no_autoflush",
        "bulk_save_objects",
        "bulk_insert_mappings",
        "bulk_update_mappings",
        "scalars",
        "stream_scalars",
        "get_one",
        "in_nested_transaction",
    ]
)
#: What others have too; two of them, on a name that says session, are enough.
_COMMON = frozenset(
    [
        "add",
        "commit",
        "rollback",
        "flush",
        "refresh",
        "merge",
        "delete",
        "close",
        "execute",
        "scalar",
        "query",
        "begin",
        "get",
        "exec",
    ]
)
_STATEMENTS = frozenset(("execute", "scalar", "scalars", "stream", "exec", "stream_scalars"))
_BUILT = frozenset(["select", "insert", "update", "delete", "text", "pg_insert", "func", "exists", "values", "union"])
#: What a Session of SQLAlchemy does not have: a cursor, a client of HTTP, another database's.
_OTHERS = frozenset(
    [
        "cursor",
        "run",
        "fetch",
        "fetchall",
        "fetchone",
        "fetchrow",
        "fetch_all",
        "fetch_one",
        "post",
        "put",
        "patch",
        "head",
        "options",
        "request",
        "headers",
        "cookies",
        "mount",
        "verify",
        "auth",
        "client",
        "resource",
        "index",
        "insert_one",
        "find_one",
        "find",
        "aggregate",
        "setex",
        "hset",
        "pipeline",
        "transaction",
        "pop",
        "setdefault",
        "prepare",
        "set_keyspace",
        "create_all",
        "permanent",
        "modified",
        "collection",
        "list_tools",
        "call_tool",
        "initialize",
    ]
)


def is_name(name: str) -> bool:
    """Whether a name says Session by itself."""
    return bool(_NAME.fullmatch(name.rpartition(".")[2].lower()))


def is_dependency(name: str) -> bool:
    """Whether a function is named as those that give a Session are."""
    return bool(_DEPENDENCY.fullmatch(name.lower()))


class Evidence:
    """What is called on each name of a text that is given its value elsewhere."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._calls: dict[tuple[Node, str], list[tuple[str, nodes.Call]]] = defaultdict(list)
        self._others: set[tuple[Node, str]] = set()
        for node in names.tree.all(nodes.Attribute):
            key = names.key_of(node.expr) if dotted(node.expr) else None
            if key is None:
                continue
            if isinstance(node.parent, nodes.Call) and node.parent.func is node:
                self._calls[key].append((node.attrname, node.parent))
            if node.attrname in _OTHERS:
                self._others.add(key)

    def candidates(self) -> Iterable[tuple[Node, str]]:
        """The names on which anything is called."""
        return list(self._calls)

    def is_session(self, key: tuple[Node, str]) -> bool:
        """Whether what is called on a name is what is called on a Session, and nothing else is."""
        calls = self._calls.get(key, [])
        if not calls or key in self._others or any(self._is_foreign(method, call) for method, call in calls):
            return False
        methods = {method for method, _call in calls}
        strong = sum(self._is_sure(method, call) for method, call in calls)
        if key[1].endswith("db.session"):
            return bool(methods & (_COMMON | _ITS_OWN))
        if is_name(key[1]):
            return bool(strong or methods & _ITS_OWN) or len(methods & _COMMON) >= 2
        return strong >= 1 and (len(methods & (_COMMON | _ITS_OWN)) >= 2 or strong >= 2) and self._is_plain(key[1])

    def is_foreign(self, key: tuple[Node, str]) -> bool:
        """Whether something is called on a name that a Session does not have."""
        return key in self._others or any(self._is_foreign(*row) for row in self._calls.get(key, []))

    def _is_plain(self, name: str) -> bool:
        return name.rpartition(".")[2].lower() not in ("conn", "connection", "cursor", "cur", "engine", "bind", "op")

    def is_connection(self, key: tuple[Node, str]) -> bool:
        """The same of a Connection: it executes built statements, and is named so."""
        last = key[1].rpartition(".")[2].lower()
        if key in self._others or not last.endswith(("conn", "connection")):
            return False
        return any(self._is_sure(method, call) for method, call in self._calls.get(key, []))

    def _is_sure(self, method: str, call: nodes.Call) -> bool:
        if not call.args:
            return False
        first = call.args[0]
        if method in _STATEMENTS:
            return self._is_built(first, 3)
        if method == "query":
            last = (dotted(first) or "").rpartition(".")
            return (last[2][:1].isupper() or last[0][:1].isupper()) or self._is_built(first, 1)
        if method in ("get", "get_one", "merge", "add"):
            shown = first.func if isinstance(first, nodes.Call) and method in ("add", "merge") else first
            last_name = (dotted(shown) or "").rpartition(".")[2]
            return last_name[:1].isupper() and not last_name.isupper() and (method != "get" or len(call.args) > 1)
        return False

    def _is_built(self, node: Node, depth: int) -> bool:
        """Whether an argument is a statement that was put together by SQLAlchemy's functions."""
        for part in walk(node):
            if isinstance(part, nodes.Call) and self._names.last(part.func) in _BUILT:
                return True
            if isinstance(part, nodes.Name) and depth:
                stmts = [stmt for stmt in self._names.look_up(part)[1] if isinstance(stmt, nodes.AssignName)]
                values = [getattr(assigned(stmt), "value", None) for stmt in stmts]
                if any(value is not None and self._is_built(value, depth - 1) for value in values):
                    return True
        return False

    def _is_foreign(self, method: str, call: nodes.Call) -> bool:
        """`get("key")`, `get(url)`, `execute("SELECT 1")` with plain text, which 2.0 refuses."""
        text = isinstance(constant(call.args[0]) if call.args else None, str)
        return text and method in ("get", "query", "delete", "exec")
