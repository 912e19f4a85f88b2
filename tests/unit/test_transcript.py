"""Lines of a transcript, byte for byte as isolationtester prints them."""

from __future__ import annotations

import pytest

from simulator.engines.replies import Notification, Reply, ResultSet, ServerError
from simulator.execution.transcript import answer, notification, table


def test_numbers_stand_right_and_a_column_with_any_text_left() -> None:
    rows = (("10.50", "7", ""), (None, "b", "-1"), ("1e5", "12", "3"))
    assert table(ResultSet("SELECT 3", ("amount", "t", "n"), rows)) == (
        "amount|t | n\n------+--+--\n 10.50|7 |  \n      |b |-1\n   1e5|12| 3\n(3 rows)\n\n"
    )


def test_widths_are_counted_in_bytes() -> None:
    assert table(ResultSet("SELECT 1", ("name",), (("Zoë",), ("Ada ",)))) == ("name\n----\nZoë\nAda \n(2 rows)\n\n")


@pytest.mark.parametrize("value", ["E5", "5-", "t", "1,5", "(1)", " x1"])
def test_what_only_looks_like_a_number_is_text(value: str) -> None:
    assert table(ResultSet("SELECT 1", ("column",), ((value,),))).splitlines()[2] == value.ljust(6)


def test_no_rows_have_a_header_and_no_columns_have_nothing() -> None:
    assert table(ResultSet("SELECT 0", ("n",))) == "n\n-\n(0 rows)\n\n"
    assert table(ResultSet("INSERT 0 1")) == ""


def test_results_come_before_the_error_and_notices_where_they_came() -> None:
    reply = Reply((ResultSet("SELECT 1", ("n",), (("1",),)),), ServerError("22012", "division by zero", detail="No."))
    assert answer(reply, {1: "s: NOTICE:  a\n", 2: "s: NOTICE:  b\n"}, usable=True) == (
        "n\n-\n1\n(1 row)\n\ns: NOTICE:  a\nERROR:  division by zero\ns: NOTICE:  b\n"
    )


def test_a_closed_connection_is_told_in_libpqs_words() -> None:
    error = ServerError("57P01", "terminating connection", severity="FATAL")
    assert answer(Reply((), error), {}, usable=False).startswith(
        "FATAL:  terminating connection\nserver closed the connection unexpectedly\n\tThis probably"
    )


def test_a_notification_names_the_session_that_sent_it_or_its_process() -> None:
    assert notification("a", Notification("c", "p", 7), {7: "b"}) == 'a: NOTIFY "c" with payload "p" from b\n'
    assert notification("a", Notification("c", "", 8), {7: "b"}).endswith('with payload "" from PID 8\n')
