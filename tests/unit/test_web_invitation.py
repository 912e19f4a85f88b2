"""What the terminal says at the start, where the room is found, and the key of who may reset it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from simulator.errors import RoomError
from simulator.ui.app.room import DICED, PASSPHRASE, open_room
from simulator.ui.app.web.invitation import ListeningAddress, invitation, own_address, qr_code
from simulator.ui.app.web.lan import is_loopback, lan_addresses
from simulator.ui.app.web.presenter import Key, ask_for_reset, key_file

EVERYWHERE = "0.0.0.0"
PLACE = ListeningAddress(8600, path="/tx", addresses=("192.168.178.21", "10.0.0.5"))


def test_the_invitation_has_the_address_the_passphrase_and_the_firewalls() -> None:
    text = invitation(PLACE, "tulip", keys=True, color=False)
    for said in (
        "http://192.168.178.21:8600/tx",
        "http://10.0.0.5:8600/tx",
        "tulip",
        "ufw allow 8600/tcp",
        "macOS",
        "Windows",
    ):
        assert said in text
    assert "r and Enter" in text
    assert "r and Enter" not in invitation(PLACE, None, keys=False, color=False)
    assert "\x1b" not in text


def test_without_a_network_it_says_so_and_shows_no_code() -> None:
    text = invitation(ListeningAddress(8501), None, keys=False, color=False)
    assert "No network" in text
    assert "█" not in text
    assert "http://127.0.0.1:8501" in own_address(ListeningAddress(8501))


def test_the_code_is_dark_on_light_on_every_terminal() -> None:
    lines = qr_code("http://192.168.178.21:8501", color=True).splitlines()[1:]
    assert len(lines) > 10
    assert all(line.startswith("  \x1b[97;40m") and line.endswith("\x1b[0m") for line in lines)


def test_only_a_server_that_others_hear_is_a_room() -> None:
    assert open_room({}, "127.0.0.1").door is None
    assert open_room({}, EVERYWHERE).door is not None
    assert open_room({}, None).door is not None
    behind_a_proxy = open_room({PASSPHRASE: "tulip"}, "127.0.0.1").door
    assert behind_a_proxy is not None
    assert behind_a_proxy.is_locked
    assert [is_loopback(address) for address in ("127.0.0.1", "::1", "localhost", EVERYWHERE, None)] == [True] * 3 + [
        False
    ] * 2


def test_a_passphrase_is_diced_or_long_enough() -> None:
    diced = open_room({PASSPHRASE: DICED}, EVERYWHERE).passphrase
    assert diced is not None
    assert len(diced) == 6
    with pytest.raises(RoomError, match="4 characters"):
        open_room({PASSPHRASE: " ab "}, EVERYWHERE)


def test_the_addresses_are_those_of_the_network() -> None:
    assert not any(address.startswith(("127.", "169.254.")) for address in lan_addresses())


def test_the_key_is_for_this_user_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    environ = {"TXSCOPE_DATA": str(tmp_path)}
    key, other = Key(8501, environ), Key(8501, environ)
    key.write("http://127.0.0.1:8501")
    path = key_file(8501, environ)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other.remove()
    assert path.exists()
    key.remove()
    assert not path.exists()
    with pytest.raises(RoomError, match="8501"):
        ask_for_reset(8501, environ)
