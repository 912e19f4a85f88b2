"""The passphrase of a room, and the cookie that tells one group from the next."""

from __future__ import annotations

import pytest

from simulator.ui.app.web.door import Answer, Door, Ticket


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def guesses(door: Door, address: str, text: str, times: int) -> list[Answer]:
    return [door.guess(address, text) for _ in range(times)]


@pytest.mark.parametrize("typed", ["tulip", " Tulip ", "TULIP", "ｔｕｌｉｐ"])
def test_the_passphrase_as_a_telephone_writes_it(typed: str) -> None:
    assert Door("tulip").guess("10.0.0.2", typed) is Answer.RIGHT


@pytest.mark.parametrize("typed", ["", "tulips", "tuli", "tul ip", "郁金香", "x" * 10_000])
def test_everything_else_is_wrong(typed: str) -> None:
    assert Door("tulip").guess("10.0.0.2", typed) is Answer.WRONG


def test_who_guesses_has_to_wait_and_the_neighbour_has_not() -> None:
    clock = Clock()
    door = Door("tulip", clock)
    assert guesses(door, "10.0.0.2", "no", 6) == [Answer.WRONG] * 5 + [Answer.TOO_MANY]
    assert door.guess("10.0.0.2", "tulip") is Answer.TOO_MANY  # or the limit would be none
    assert door.guess("10.0.0.3", "tulip") is Answer.RIGHT
    clock.now += 10
    assert guesses(door, "10.0.0.2", "no", 2) == [Answer.WRONG, Answer.TOO_MANY]
    clock.now += 10
    assert door.guess("10.0.0.2", "tulip") is Answer.RIGHT


def test_right_answers_cost_no_patience() -> None:
    door = Door("tulip", Clock())
    assert set(guesses(door, "10.0.0.2", "tulip", 200)) == {Answer.RIGHT}


def test_a_thousand_addresses_guess_no_faster_than_sixty_and_one_a_second() -> None:
    door = Door("tulip", Clock())
    answers = [door.guess(f"10.0.{number // 250}.{number % 250}", "no") for number in range(1_000)]
    assert answers.count(Answer.WRONG) == 60
    door = Door("tulip", Clock())
    assert [door.guess(f"2001:db8::{number:x}", "no") for number in range(6)][-1] is Answer.TOO_MANY


def test_a_cookie_is_good_for_one_group() -> None:
    door = Door("tulip")
    ticket = door.ticket()
    assert door.look_at(ticket) is Ticket.VALID
    assert door.look_at(None) is Ticket.NONE
    door.renew("tulip")
    assert door.look_at(ticket) is Ticket.WORTHLESS
    assert door.look_at(door.ticket()) is Ticket.VALID


@pytest.mark.parametrize("made_up", ["in", "a.b.c", "....", "é", "x" * 5_000])
def test_a_cookie_cannot_be_made_up(made_up: str) -> None:
    door = Door(None)
    assert door.look_at(made_up) is Ticket.WORTHLESS
    assert door.look_at(Door(None).ticket()) is Ticket.WORTHLESS
    assert door.look_at(door.ticket() + "x") is Ticket.WORTHLESS
