"""Which functions may be trusted to look at their arguments only, and to answer the same when they are asked again."""

from __future__ import annotations

from sqlglot import exp

from simulator.i18n.text import N_
from simulator.sql.refusal import RefusalError

#: Functions that sqlglot does not know by a class of their own and that look at their arguments only.
ROW_FUNCTIONS = frozenset((
    "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "lower_inc", "upper_inc", "isempty",
    "btrim", "char_length", "octet_length", "div", "jsonb_array_length", "array_position", "cardinality",
    "num_nonnulls", "num_nulls", "bool_and", "bool_or", "every", "string_agg", "array_agg", "json_agg", "jsonb_agg",
    "md5", "to_char", "row_to_json", "to_json", "to_jsonb", "json_build_object", "jsonb_build_object",
))  # fmt: skip
#: Functions whose answer is another each time, and that read no row: they may make a value that is stored.
VALUE_FUNCTIONS = ROW_FUNCTIONS | frozenset((
    "nextval", "currval", "lastval", "setval", "gen_random_uuid", "uuidv4", "uuidv7", "clock_timestamp",
    "statement_timestamp", "transaction_timestamp", "timeofday", "pg_backend_pid", "pg_current_xact_id",
    "txid_current", "current_setting", "setseed",
))  # fmt: skip
#: What a SELECT without a table may call: nothing of it reads application data.
TABLE_FREE_PREFIXES = ("pg_advisory", "pg_try_advisory", "pg_sleep", "pg_current", "pg_export", "txid_")
TABLE_FREE_FUNCTIONS = VALUE_FUNCTIONS | frozenset((
    "set_config", "pg_notify", "version", "hashtext", "hashtextextended", "has_parameter_privilege", "pg_relation_size",
))  # fmt: skip
#: Functions whose answer depends on when, by whom or how often they are asked.
UNSTABLE = (
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.CurrentUser,
    exp.SessionUser,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.Uuid,
    exp.NextValueFor,
)
#: Settings that decide what a later statement means or sees.
_MEANING = frozenset((
    "search_path", "role", "session_authorization", "row_security", "transaction_isolation",
    "default_transaction_isolation",
))  # fmt: skip


def refuse_unstable(node: exp.Expr | None) -> None:
    """Refuse what gives another answer when it is asked again. Raises RefusalError."""
    for found in node.find_all(exp.Func) if node is not None else ():
        if isinstance(found, UNSTABLE):
            raise RefusalError(
                N_("A condition or result that depends on the time, the user or chance cannot be verified.")
            )
    refuse_unknown(node, ROW_FUNCTIONS)


def refuse_unknown(node: exp.Expr | None, allowed: frozenset[str] = VALUE_FUNCTIONS) -> None:
    """Refuse functions that may read more than their arguments. Raises RefusalError."""
    for found in node.find_all(exp.Anonymous) if node is not None else ():
        if found.name.lower() not in allowed:
            raise RefusalError(
                N_("{function}() cannot be followed: it may look at more than one row."), function=found.name.lower()
            )


def refuse_beyond_server(node: exp.Expr) -> None:
    """Refuse functions of a SELECT without a table that may be an application's own. Raises RefusalError."""
    for found in node.find_all(exp.Anonymous):
        name = found.name.lower()
        if name == "set_config":
            setting = found.expressions[0] if found.expressions else None
            if not isinstance(setting, exp.Literal) or setting.name.lower() in _MEANING:
                raise RefusalError(N_("SET of what decides how later statements are read cannot be followed."))
        if not name.startswith(TABLE_FREE_PREFIXES) and name not in TABLE_FREE_FUNCTIONS:
            raise RefusalError(
                N_("{function}() cannot be followed: what it reads is not visible from outside."), function=name
            )


def refuse_new_meaning(words: list[str]) -> None:
    """Refuse a SET, RESET or DISCARD after which the same SQL means something else. Raises RefusalError."""
    settings = {word.lower() for word in words}
    if words[0] in ("SET", "RESET", "DISCARD") and settings & {*_MEANING, "authorization", "all", "schema", "temp"}:
        raise RefusalError(N_("SET of what decides how later statements are read cannot be followed."))
