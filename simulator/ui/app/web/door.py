"""The door of a room: an optional passphrase, the cookie of who is in, and patience with who guesses.

A cookie belongs to one group: `renew` makes the cookies of all who were in worthless. Used from the event loop only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum, auto
from ipaddress import IPv6Address, ip_address, ip_network

from itsdangerous import BadSignature, TimestampSigner

COOKIE = "txscope_room"
#: Longer than any workshop; a cookie is worthless after a reset and after a restart anyway.
COOKIE_SECONDS = 12 * 3600
SHORTEST = 4
LONGEST = 200


class Answer(Enum):
    """What a guess came to."""

    RIGHT = auto()
    WRONG = auto()
    TOO_MANY = auto()


class Ticket(Enum):
    """What a visitor's cookie says."""

    NONE = auto()
    VALID = auto()
    #: of a group that is gone, or made up
    WORTHLESS = auto()


class Door:
    """Without a passphrase everybody may come in, and still gets the cookie that tells one group from the next."""

    def __init__(self, passphrase: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = _Patience(burst=5, seconds=10, clock=clock)
        #: all guessers together: a hundred addresses do not help either
        self._together = _Patience(burst=60, seconds=1, clock=clock)
        self.renew(passphrase)

    @property
    def is_locked(self) -> bool:
        """Whether a passphrase is asked for."""
        return self._wanted is not None

    def renew(self, passphrase: str | None) -> None:
        """Everybody who was in is out, and this is asked for from here on."""
        self._wanted = None if passphrase is None else _digest(passphrase)
        self._signer = TimestampSigner(secrets.token_bytes(32), salt=COOKIE, digest_method=hashlib.sha256)

    def ticket(self) -> str:
        """The cookie's value for who comes in now."""
        return self._signer.sign(secrets.token_urlsafe(6)).decode()

    def look_at(self, cookie: str | None) -> Ticket:
        """What this cookie is worth."""
        if not cookie:
            return Ticket.NONE
        try:
            self._signer.unsign(cookie, max_age=COOKIE_SECONDS)
        except BadSignature:
            return Ticket.WORTHLESS
        return Ticket.VALID

    def guess(self, address: str, text: str) -> Answer:
        """Whether this is the passphrase; the time that it takes does not say how much of it was right."""
        who = _neighbourhood(address)
        if not (self._each.has(who) and self._together.has("")):
            return Answer.TOO_MANY
        if self._wanted is None or hmac.compare_digest(_digest(text[:LONGEST]), self._wanted):
            return Answer.RIGHT
        self._each.take(who)
        self._together.take("")
        return Answer.WRONG


class _Patience:
    """So many wrong guesses at once, and one more every few seconds."""

    MOST = 1_000

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float]) -> None:
        self._burst, self._seconds, self._clock = burst, seconds, clock
        #: who -> guesses left, and when that was so; whoever was not seen for the longest time is forgotten first
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has(self, who: str) -> bool:
        return self._now(who) >= 1

    def take(self, who: str) -> None:
        self._left[who] = (self._now(who) - 1, self._clock())
        self._left.move_to_end(who)
        while len(self._left) > self.MOST:
            self._left.popitem(last=False)

    def _now(self, who: str) -> float:
        left, at = self._left.get(who, (float(self._burst), 0.0))
        return min(float(self._burst), left + (self._clock() - at) / self._seconds)


def _digest(text: str) -> bytes:
    """Telephones write a capital first and a blank last, and full-width letters are the same letters."""
    return hashlib.sha256(unicodedata.normalize("NFKC", text).strip().casefold().encode()).digest()


def _neighbourhood(address: str) -> str:
    """A machine has one IPv4 address, and as many IPv6 addresses as it likes: those count as one."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{found}/64", strict=False)) if isinstance(found, IPv6Address) else str(found)
