"""The real application, open to a room: who is let in, what leaves the machine (nothing), how it is reset and ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.ui.app.delivery import STATIC
from simulator.ui.app.web.presenter import ask_for_reset, key_file
from simulator.ui.app.web.visitors import SENT_AWAY
from tests.integration.rooms import PASSPHRASE, STREAM, UPGRADE, Running, opened_room, status
from tests.patience import BUSY


class Proxy:
    """Stands where the way out is, notes who wants to leave, and lets nobody."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def environment(self) -> dict[str, str]:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        return dict.fromkeys(names, self.url) | {"NO_PROXY": "", "no_proxy": ""}

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self.asked.append(client.recv(500).decode(errors="replace").partition("\r\n")[0])


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def room(proxy: Proxy, server: EmbeddedServer, data_folder: Path) -> Iterator[Running]:
    environ = {**proxy.environment(), "TXSCOPE_HOSTS": "tx.example.org"}
    with opened_room(data_folder, environ) as room:
        yield room


def test_nothing_leaves_the_machine_whoever_asks(room: Running, proxy: Proxy) -> None:
    cookie = room.enter()
    name = socket.gethostname()
    own = f"{name}:{room.port}"
    assert room.websocket(Cookie=cookie, Origin=f"http://{room.host}") == 101
    assert room.websocket(Cookie=cookie, Origin=f"http://{own}", Host=own) == 101
    assert room.websocket(Cookie=cookie, Origin="https://tx.example.org") == 101
    assert room.websocket(Cookie=cookie, Origin="https://evil.example") == 403
    assert room.websocket(Cookie=cookie, Origin=f"http://evil.example:{room.port}", Host="evil.example") == 403
    assert room.websocket(Cookie=cookie, Origin="null") == 403
    with room.client() as client:
        client.headers["cookie"] = cookie
        assert client.get("/", headers={"origin": "https://evil.example"}).status_code == 403
        assert client.get("/anomalies").status_code == 200
        assert client.get("/_stcore/metrics").status_code == 404
        assert client.put("/_stcore/upload_file/a/b", content=b"x" * 21 * 1024 * 1024).status_code == 413
    assert "http://" in room.log.read_text()  # it has said where it is, and asked nobody
    assert proxy.asked == []
    # Streamlit would have asked: the same look from the same environment is seen.
    subprocess.run(
        [sys.executable, "-c", "from streamlit import net_util; net_util.get_external_ip()"],
        env=room.environ, check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    assert proxy.asked != []


def test_a_reset_ends_what_is_open_and_the_old_cookie_is_worthless(room: Running) -> None:
    cookie = room.enter()
    with room.open(f"GET {STREAM} HTTP/1.1", **UPGRADE, Cookie=cookie, Origin=f"http://{room.host}") as tab:
        assert status(tab) == 101
        reset = ask_for_reset(room.port, room.environ)
        assert (reset.pages, reset.live_runs, reset.passphrase) == (1, 0, PASSPHRASE)
        received, sent_away = b"", SENT_AWAY.to_bytes(2, "big")
        while sent_away not in received and (some := tab.recv(4096)):
            received += some
        assert sent_away in received
    with room.client() as client:
        assert client.get("/", headers={"cookie": cookie}).status_code == 401
        assert client.post("/txscope/reset", headers={"x-txscope-key": "x"}).status_code == 403


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_three_seconds_whoever_is_connected(
    number: int, server: EmbeddedServer, data_folder: Path
) -> None:
    big = max((STATIC / "static" / "js").glob("*.js"), key=lambda path: path.stat().st_size)
    with ExitStack() as stack:
        room = stack.enter_context(opened_room(data_folder, {}))
        cookie = room.enter()
        for _ in range(3):
            tab = stack.enter_context(
                room.open(f"GET {STREAM} HTTP/1.1", **UPGRADE, Cookie=cookie, Origin=f"http://{room.host}")
            )
            assert status(tab) == 101
        # one that never sends what it announced, one that never reads what it asked for, one that only connects
        stack.enter_context(
            room.open("PUT /_stcore/upload_file/a/b HTTP/1.1", Cookie=cookie, **{"Content-Length": "1000"})
        )
        for _ in range(20):
            stack.enter_context(room.open(f"GET /static/js/{big.name} HTTP/1.1", Cookie=cookie))
        stack.enter_context(socket.create_connection(("127.0.0.1", room.port)))
        assert room.stop(number) < 3 * BUSY
    assert not key_file(room.port, room.environ).exists()
    assert "Traceback" not in room.log.read_text(errors="replace")
