"""Shared by the benchmarks: a server of their own, and medians printed beside the machine they were taken on."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
from simulator.engines.start import open_engine


@contextmanager
def server() -> Iterator[Engine]:
    """A fresh embedded server in a temporary folder."""
    with embedded() as (engine, _):
        yield engine


@contextmanager
def embedded() -> Iterator[tuple[Engine, str]]:
    """The same, with a superuser's conninfo for programs that bring their own connections."""
    with embedded_share() as (engine, share):
        yield engine, share.admin_conninfo()


@contextmanager
def embedded_share() -> Iterator[tuple[Engine, EmbeddedServer]]:
    """The same, with a share of the server for a look at it from outside."""
    with tempfile.TemporaryDirectory(prefix="tx") as folder, embedded_in(folder) as found:
        yield found


@contextmanager
def embedded_in(folder: str) -> Iterator[tuple[Engine, EmbeddedServer]]:
    """The same, with its data in this folder, where an application's may be too."""
    environ = {"TXSCOPE_DATA": folder}
    engine = open_engine(environ)
    share = EmbeddedServer.start(default_data_dir(environ))
    try:
        yield engine, share
    finally:
        engine.close()
        share.stop()


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def report(name: str, milliseconds: Sequence[float], limit: float | None = None) -> bool:
    """Print median, p90 and minimum; False where the median is over the limit."""
    values = sorted(milliseconds)
    median = statistics.median(values)
    verdict = "" if limit is None else f"   limit {limit:g} ms: {'reached' if median <= limit else 'NOT REACHED'}"
    p90 = values[int(len(values) * 0.9)]
    print(f"{name:44} median {median:8.2f} ms   p90 {p90:8.2f}   min {values[0]:8.2f}   n {len(values)}{verdict}")
    return limit is None or median <= limit
