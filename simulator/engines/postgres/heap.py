"""Tuples as they lie in a heap page: their values, and what their xmax means.

Layouts: PostgreSQL's `htup_details.h` (infomask bits), `postgres.h` (varlena), `numeric.c` (NumericShort, NumericLong).
Only what a little-endian machine wrote is read; a value of another type or form stays `\\x...`, as the bytes are.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from simulator.model import Scalar

_KEY_SHARE, _EXCLUSIVE, _LOCK_ONLY = 0x0010, 0x0040, 0x0080
_SHARE = _KEY_SHARE | _EXCLUSIVE
XMIN_FROZEN, XMIN_INVALID, XMAX_INVALID = 0x0300, 0x0200, 0x0800
#: of t_infomask2: deleted, or its key changed
_KEYS_UPDATED = 0x2000

#: Modes of `pg_get_multixact_members` that replace or delete the row, and all of them as lock strengths.
MULTI_UPDATES = frozenset(("upd", "nokeyupd"))
MULTI_MODES: Mapping[str, str] = MappingProxyType(
    {
        "keysh": "FOR KEY SHARE",
        "sh": "FOR SHARE",
        "fornokeyupd": "FOR NO KEY UPDATE",
        "forupd": "FOR UPDATE",
        "nokeyupd": "FOR NO KEY UPDATE",
        "upd": "FOR UPDATE",
    }
)


def only_locks(infomask: int) -> bool:
    """Whether a single xmax locked the row and did not replace or delete it."""
    return bool(infomask & _LOCK_ONLY)


def lock_mode(infomask: int, infomask2: int) -> str:
    """The strength of the lock that a single xmax stands for; an UPDATE or DELETE holds one too."""
    updated = bool(infomask2 & _KEYS_UPDATED)
    if only_locks(infomask) and infomask & _SHARE == _SHARE:
        return "FOR SHARE"
    if only_locks(infomask) and infomask & _SHARE == _KEY_SHARE:
        return "FOR KEY SHARE"
    return "FOR UPDATE" if updated else "FOR NO KEY UPDATE"


def read_value(attribute: str | None, type_oid: int) -> Scalar:
    r"""A value from the bytes of its attribute, `\x...` as the server prints them; those themselves where it cannot be.

    >>> read_value(r"\x64000000", 23)
    100
    """
    if attribute is None:
        return None
    reader = _READERS.get(type_oid) if sys.byteorder == "little" else None
    if reader is None:
        return attribute
    try:
        return reader(bytes.fromhex(attribute[2:]))
    except (ValueError, struct.error, IndexError, OverflowError):
        return attribute


def is_unread(value: Scalar) -> bool:
    r"""Whether this is the `\x...` of a value that could not be read."""
    return isinstance(value, str) and value.startswith("\\x")


def _fixed(layout: str) -> Callable[[bytes], Scalar]:
    def read(data: bytes) -> Scalar:
        value: Scalar = struct.unpack(f"<{layout}", data)[0]
        return value

    return read


def _float4(data: bytes) -> float:
    """The shortest number that is this float4, as the server prints it: 0.1 and not 0.10000000149011612."""
    exact: float = struct.unpack("<f", data)[0]
    shorter = (float(f"{exact:.{digits}g}") for digits in range(6, 9))
    return next((value for value in shorter if struct.pack("<f", value) == data), float(f"{exact:.9g}"))


def _payload(data: bytes) -> bytes:
    if data[0] & 1 and data[0] != 1:
        return data[1:]
    if data[0] & 3 == 0:
        return data[4:]
    raise ValueError("compressed, or kept elsewhere")


def _text(data: bytes) -> str:
    return _payload(data).decode()


def _name(data: bytes) -> str:
    return data.rstrip(b"\0").decode()


def _date(data: bytes) -> str:
    return (date(2000, 1, 1) + timedelta(days=struct.unpack("<i", data)[0])).isoformat()


def _uuid(data: bytes) -> str:
    return str(UUID(bytes=data))


#: Bytes of a numeric that is read: 300 digits.
_LONGEST_NUMERIC = 150


def _numeric(data: bytes) -> int | float:
    body = _payload(data)
    head = struct.unpack_from("<H", body)[0]
    if head & 0xC000 == 0xC000:
        raise ValueError("NaN or infinity")
    if head & 0x8000:
        negative, scale = bool(head & 0x2000), (head & 0x1F80) >> 7
        weight, start = (head & 0x3F) - (0x40 if head & 0x40 else 0), 2
    else:
        negative, scale = bool(head & 0x4000), head & 0x3FFF
        weight, start = struct.unpack_from("<h", body, 2)[0], 4
    if len(body) > _LONGEST_NUMERIC or abs(weight) > _LONGEST_NUMERIC // 2 or scale > 2 * _LONGEST_NUMERIC:
        raise ValueError("too long to be shown as a number")
    digits = struct.unpack(f"<{(len(body) - start) // 2}H", body[start:])
    value = sum((Decimal(digit).scaleb(4 * (weight - i)) for i, digit in enumerate(digits)), Decimal(0))
    signed = -value if negative else value
    return float(signed) if scale else int(signed)


#: By type OID, into the values that `wire.result_set` makes of the same types.
_READERS: Mapping[int, Callable[[bytes], Scalar]] = MappingProxyType(
    {
        16: lambda data: data != b"\0",
        19: _name,
        20: _fixed("q"),
        21: _fixed("h"),
        23: _fixed("i"),
        25: _text,
        26: _fixed("I"),
        700: _float4,
        701: _fixed("d"),
        1042: _text,
        1043: _text,
        1082: _date,
        1700: _numeric,
        2950: _uuid,
    }
)
