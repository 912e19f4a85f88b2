"""Which names the server answers to, and which pages may ask it."""

from __future__ import annotations

import pytest

from simulator.ui.app.web.names import Names

NAMES = Names(extra=["tx.example.org", "proxied.example.org:8443", ""], own="Ada-Laptop.fritz.box")


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8501", "127.0.0.1:8501", "[::1]:8501", "localhost", "tx.localhost:8501", "192.168.178.21:8501",
        "10.0.0.5", "[fe80::1]:8501", "ada-laptop.fritz.box:8501", "ada-laptop.local:8501", "ADA-LAPTOP.local",
        "tx.example.org", "tx.example.org:444", "proxied.example.org:8443",
    ],
)  # fmt: skip
def test_it_answers_to_addresses_its_own_names_and_those_it_was_given(host: str) -> None:
    assert NAMES.answers_to(host)


@pytest.mark.parametrize(
    "host",
    [
        None, "", "evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.evil.example:8501",
        "proxied.example.org", "notlocalhost", "ada@localhost", "localhost/x", "localhost:x", "localhost:99999",
        "local host", "tx.example.org.evil.example",
    ],
)  # fmt: skip
def test_a_name_that_only_points_here_is_not_answered(host: str | None) -> None:
    assert not NAMES.answers_to(host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8501", "127.0.0.1:8501"),
        ("http://LOCALHOST:8501", "localhost:8501"),
        ("https://tx.example.org", "127.0.0.1:8501"),  # a proxy put its own name into Host
        ("https://tx.example.org", "tx.example.org"),
        ("http://[::1]:8501", "[::1]:8501"),
    ],
)
def test_a_page_of_our_own_may_ask(origin: str, host: str) -> None:
    assert NAMES.is_own_page(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "127.0.0.1:8501"),
        ("http://127.0.0.1:3000", "127.0.0.1:8501"),  # another program on this machine
        ("http://localhost:8501", "127.0.0.1:8501"),
        ("null", "127.0.0.1:8501"),
        ("", "127.0.0.1:8501"),
        ("file://", "127.0.0.1:8501"),
        ("chrome-extension://abcdef", "abcdef"),
        ("http://192.168.178.21:8501", "192.168.178.22:8501"),
        ("https://evil.example:8443", "proxied.example.org:8443"),
    ],
)
def test_a_page_of_another_site_may_not(origin: str, host: str) -> None:
    assert not NAMES.is_own_page(origin, host)
