"""The server's own sockets: what is sent goes out at once.

An answer goes out as two pieces, its head and its body. Streamlit opens its port in a way in which asyncio does not see
that it is TCP (`proto` is 0), and leaves Nagle's algorithm on: the second piece waits until the other side has
acknowledged the first, for which a browser takes its time, 40 ms. A page loads 75 scripts.
"""

from __future__ import annotations

import os
import socket

import psutil


def send_at_once() -> None:
    """Every port on which this process listens by now sends without waiting, and so does every connection to it."""
    for each in psutil.Process().net_connections("tcp"):
        if each.status == psutil.CONN_LISTEN and each.fd >= 0:
            with socket.socket(fileno=os.dup(each.fd)) as port:
                # A connection has the setting from the port that it came to.
                port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
