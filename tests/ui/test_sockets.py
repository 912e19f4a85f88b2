"""What the server sends goes out at once."""

from __future__ import annotations

import socket

from simulator.ui.app.web.sockets import send_at_once


def test_who_comes_to_a_port_that_was_opened_as_streamlit_does_gets_what_is_sent_at_once() -> None:
    with socket.socket(family=socket.AF_INET) as port:
        port.bind(("127.0.0.1", 0))
        port.listen()
        send_at_once()
        with socket.create_connection(port.getsockname()):
            comes, _address = port.accept()
            with comes:
                assert comes.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
