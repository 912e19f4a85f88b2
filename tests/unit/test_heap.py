"""Values from the bytes of a tuple, as PostgreSQL 18 wrote them, and what an xmax means."""

from __future__ import annotations

import pytest

from simulator.engines.postgres.heap import is_unread, lock_mode, only_locks, read_value
from simulator.model import Scalar

BOOL, INT8, INT2, INT4, TEXT, FLOAT4, FLOAT8, DATE, NUMERIC, UUID, NAME = (
    16, 20, 21, 23, 25, 700, 701, 1082, 1700, 2950, 19,
)  # fmt: skip


@pytest.mark.parametrize(
    ("attribute", "oid", "value"),
    [
        (None, INT4, None),
        (r"\x01", BOOL, True),
        (r"\x00", BOOL, False),
        (r"\x64000000", INT4, 100),
        (r"\x9cffffff", INT4, -100),
        (r"\xffff", INT2, -1),
        (r"\x0000000001000000", INT8, 4294967296),
        (r"\x09416461", TEXT, "Ada"),
        (r"\x1c000000416461", TEXT, "Ada"),
        (r"\x0bc3a9c3a8", TEXT, "éè"),
        (r"\x0000c03f", FLOAT4, 1.5),
        (r"\xcdcccc3d", FLOAT4, 0.1),
        (r"\x000000000000f83f", FLOAT8, 1.5),
        (r"\x00000000", DATE, "2000-01-01"),
        (r"\x0b00800100", NUMERIC, 1),
        (r"\x0123456789abcdef0123456789abcdef", UUID, "01234567-89ab-cdef-0123-456789abcdef"),
        (r"\x6164610000", NAME, "ada"),
    ],
)
def test_values_as_the_server_would_print_them(attribute: str | None, oid: int, value: Scalar) -> None:
    assert read_value(attribute, oid) == value


@pytest.mark.parametrize(
    ("attribute", "oid"),
    [
        (r"\x64000000", 99999),  # a type that is not read
        (r"\x0112345678", TEXT),  # kept elsewhere (TOAST)
        (r"\x42000000ab", TEXT),  # compressed
        (r"\x6400", INT4),  # too short
        (r"\x05ff", TEXT),  # not UTF-8
        (r"\xffffff7f", DATE),  # infinity
        (r"\x", TEXT),
    ],
)
def test_what_cannot_be_read_stays_as_its_bytes(attribute: str, oid: int) -> None:
    assert read_value(attribute, oid) == attribute
    assert is_unread(attribute)


@pytest.mark.parametrize(
    ("infomask", "infomask2", "locks", "mode"),
    [
        (0x0090, 0x0000, True, "FOR KEY SHARE"),
        (0x00D0, 0x0000, True, "FOR SHARE"),
        (0x00C0, 0x0000, True, "FOR NO KEY UPDATE"),
        (0x00C0, 0x2000, True, "FOR UPDATE"),
        (0x0000, 0x0000, False, "FOR NO KEY UPDATE"),
        (0x0000, 0x2000, False, "FOR UPDATE"),
    ],
)
def test_what_an_xmax_stands_for(infomask: int, infomask2: int, locks: bool, mode: str) -> None:
    assert only_locks(infomask) is locks
    assert lock_mode(infomask, infomask2) == mode
