"""The SQLSTATEs that something here decides by, under the names of PostgreSQL's manual.

https://www.postgresql.org/docs/18/errcodes-appendix.html. An event keeps whatever code its server sent: a code that
nobody decides by has no name here.
"""

from __future__ import annotations

from enum import StrEnum


class SqlState(StrEnum):
    """One condition each. As everywhere in SQL, a code's first two characters are its class."""

    CONNECTION_FAILURE = "08006"
    ACTIVE_SQL_TRANSACTION = "25001"
    IN_FAILED_SQL_TRANSACTION = "25P02"
    TRANSACTION_TIMEOUT = "25P04"
    DEPENDENT_OBJECTS_STILL_EXIST = "2BP01"
    UNIQUE_VIOLATION = "23505"
    INVALID_CATALOG_NAME = "3D000"
    SERIALIZATION_FAILURE = "40001"
    DEADLOCK_DETECTED = "40P01"
    INSUFFICIENT_PRIVILEGE = "42501"
    SYNTAX_ERROR = "42601"
    UNDEFINED_OBJECT = "42704"
    DUPLICATE_OBJECT = "42710"
    DUPLICATE_DATABASE = "42P04"
    LOCK_NOT_AVAILABLE = "55P03"
    QUERY_CANCELED = "57014"
    ADMIN_SHUTDOWN = "57P01"


class SqlStateClass(StrEnum):
    """What every code of a kind of trouble begins with."""

    CONNECTION_EXCEPTION = "08"
    FEATURE_NOT_SUPPORTED = "0A"
    INVALID_SQL_STATEMENT_NAME = "26"
    INVALID_CURSOR_NAME = "34"
    SAVEPOINT_EXCEPTION = "3B"
    INVALID_CATALOG_NAME = "3D"
    INVALID_SCHEMA_NAME = "3F"
    TRANSACTION_ROLLBACK = "40"
    SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION = "42"
    INSUFFICIENT_RESOURCES = "53"
    PROGRAM_LIMIT_EXCEEDED = "54"
    OPERATOR_INTERVENTION = "57"
    SYSTEM_ERROR = "58"
    CONFIG_FILE_ERROR = "F0"
    INTERNAL_ERROR = "XX"
