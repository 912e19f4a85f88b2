"""What the terminal says at the start: where Txscope is, how a room gets there, and how the presenter runs it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import segno

from simulator.i18n import choose
from simulator.i18n import gettext as _

#: White blocks on black, whatever the terminal's own colours are: readers want dark on light or nothing.
_WHITE_ON_BLACK, _PLAIN = "\x1b[97;40m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class ListeningAddress:
    """Where a server listens; `addresses` are its own on the local network, none where it hears this machine alone."""

    port: int
    path: str = ""
    scheme: str = "http"
    addresses: Sequence[str] = ()

    def url(self, address: str) -> str:
        """The address to type into a browser."""
        return f"{self.scheme}://{address}:{self.port}{self.path}"


def terminal_language(environ: Mapping[str, str]) -> str:
    """The language of the person at the terminal, a key of `i18n.LANGUAGES`.

    >>> terminal_language({"LANG": "zh_CN.UTF-8"}), terminal_language({})
    ('zh', 'en')
    """
    locale = environ.get("LC_ALL") or environ.get("LANG") or ""
    return choose(locale.partition(".")[0].replace("_", "-"))


def own_address(place: ListeningAddress) -> str:
    """The line for a server that only this machine can reach."""
    return "\n  Txscope: " + place.url("127.0.0.1") + "\n"


def invitation(place: ListeningAddress, passphrase: str | None, *, keys: bool, color: bool) -> str:
    """The lines for a room; `keys` where the terminal is listened to."""
    if not place.addresses:
        network = [_("No network was found. Join one, or open a hotspot, and start again. On this machine:")]
        return _lines([*network, place.url("127.0.0.1")])
    first, *others = map(place.url, place.addresses)
    asked = (
        _("Passphrase: {passphrase}").format(passphrase=passphrase) if passphrase else _("No passphrase is asked for.")
    )
    text = [_("Open Txscope in a browser on the same network:"), first, asked]
    if others:
        text.append(_("This machine's other addresses: {addresses}").format(addresses="  ".join(others)))
    return qr_code(first, color=color) + _lines([*text, "", *_firewalls(place.port), "", *_controls(place.port, keys)])


def qr_code(url: str, *, color: bool) -> str:
    """The address as a picture of blocks, two modules a character."""
    drawn = io.StringIO()
    segno.make(url, error="m", micro=False).terminal(out=drawn, border=2, compact=True)
    lines = drawn.getvalue().splitlines()
    return "\n" + "".join(f"  {_WHITE_ON_BLACK}{line}{_PLAIN}\n" if color else f"  {line}\n" for line in lines)


def _firewalls(port: int) -> list[str]:
    return [
        _("If nobody gets through, look at the firewall:"),
        _("Windows asks at the first start: let Python in on private networks."),
        _("macOS asks too; later: System Settings, Network, Firewall, Options: let Python in."),
        _("Linux: sudo ufw allow {port}/tcp, or sudo firewall-cmd --add-port={port}/tcp.").format(port=port),
        _("Guest networks often keep devices apart: a hotspot of your own does not. The internet is not needed."),
    ]


def _controls(port: int, keys: bool) -> list[str]:
    command = f"python -m simulator room --reset --port {port}"
    how = _("Between two groups: r and Enter, or {command}") if keys else _("Between two groups: {command}")
    return [how.format(command=command), _("Ctrl-C ends it.")]


def _lines(text: Iterable[str]) -> str:
    return "\n" + "".join(f"  {line}".rstrip() + "\n" for line in text)
