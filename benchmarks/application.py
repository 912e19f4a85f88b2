"""The application as its users start it, in a process of its own, and what it and its database take of the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Application:
    """A running application and the folder of its database."""

    url: str
    process: psutil.Process
    data: Path

    def cpu_s(self) -> float:
        """Seconds of CPU that the application's own process has taken; nothing of its children."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def database_cpu_s(self) -> float:
        """The same of the database: the postmaster, its processes, and those that have ended."""
        server = postmaster(self.data)
        if server is None:
            return 0.0
        times = server.cpu_times()
        taken = times.user + times.system + times.children_user + times.children_system
        for child in server.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                own = child.cpu_times()
                taken += own.user + own.system
        return float(taken)


@contextmanager
def application(data: str, *options: str) -> Iterator[Application]:
    """The application on a free port with its data in this folder, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", *options]
    environment = {**os.environ, "TXSCOPE_DATA": data}
    environment.pop("DATABASE_URL", None)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_healthy(url)
        yield Application(url, psutil.Process(process.pid), Path(data))
    finally:
        process.terminate()
        process.wait(timeout=30)


def postmaster(data: Path) -> psutil.Process | None:
    """The database server that works somewhere below this folder."""
    for file in data.rglob("postmaster.pid"):
        with suppress(psutil.NoSuchProcess, ValueError, IndexError):
            return psutil.Process(int(file.read_text().splitlines()[0]))
    return None


def _wait_healthy(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{url} did not answer within a minute")
