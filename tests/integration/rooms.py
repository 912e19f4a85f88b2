"""Start the real application for a room, as a presenter does, and talk to it as browsers do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PASSPHRASE = "tulip"
STREAM = "/_stcore/stream"
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "streamlit, x",
}  # fmt: skip


@dataclass
class Running:
    """The started application."""

    process: subprocess.Popen[bytes]
    port: int
    environ: dict[str, str]
    log: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://{self.host}", trust_env=False, timeout=20)

    def enter(self) -> str:
        """The cookie of somebody who knows the passphrase."""
        with self.client() as client:
            answer = client.post("/", data={"passphrase": PASSPHRASE})
            assert answer.status_code == 303
            return "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    @contextmanager
    def open(self, start: str, **headers: str) -> Iterator[socket.socket]:
        """A connection on which a request has been begun."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            lines = [start, *(f"{name}: {value}" for name, value in {"Host": self.host, **headers}.items())]
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            yield connection

    def websocket(self, **headers: str) -> int:
        """The status of the answer to the beginning of a WebSocket."""
        with self.open(f"GET {STREAM} HTTP/1.1", **UPGRADE, **headers) as connection:
            return status(connection)

    def stop(self, number: int) -> float:
        """Seconds from the signal to the end of the process."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=20)
        return time.monotonic() - began


def status(connection: socket.socket) -> int:
    """The status line's number; the rest of the head is taken off too."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, head
        head += byte
    return int(head.split()[1])


@contextmanager
def opened_room(folder: Path, environ: Mapping[str, str]) -> Iterator[Running]:
    """`python -m simulator room` on a free port, with its data in `folder`; ended at the latest with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "LC_ALL"}}
    given = {**inherited, "TXSCOPE_DATA": str(folder), "LANG": "en_US.UTF-8", **environ}
    log = folder / f"room-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "room", "--passphrase", PASSPHRASE, "--port", str(port)],
            cwd=ROOT, env=given, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    room = Running(process, port, given, log)
    try:
        wait_until_healthy(room)
        yield room
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_until_healthy(room: Running) -> None:
    deadline = time.monotonic() + 60
    with room.client() as client:
        while room.process.poll() is None and time.monotonic() < deadline:
            try:
                if client.get("/_stcore/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    pytest.fail(f"The application did not start:\n{room.log.read_text(errors='replace')}")
