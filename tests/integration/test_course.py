"""Every claim of the course is shown by its run, and every exercise is judged by what was observed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from simulator.course.chapter import Box, Chapter, Part, Question, Run, Snippet
from simulator.course.exercises import EXERCISES
from simulator.course.exercises.entry import Choice
from simulator.course.reader import chapters
from simulator.engines.base import Engine
from simulator.labs.sessions.lines import run_lines
from simulator.ui.learn import check

PROVED = [
    (chapter, part)
    for chapter in chapters("en")
    for section in chapter.sections
    for part in section.parts
    if isinstance(part, Run | Box | Snippet | Question)
]
#: What passes; everything else that can be chosen must fail.
RIGHT: Mapping[str, tuple[Choice, ...]] = {
    "states": ({"line": "open_keep"},),
    "pool": (
        {"pool_size": "2", "max_overflow": "3"},
        {"pool_size": "5", "max_overflow": "0"},
        {"pool_size": "5", "max_overflow": "3"},
    ),
    "lost_update": ({"line": "top_up_locked"}, {"line": "top_up_computed"}),
    "level": ({"level": "SER"},),
    "retry": ({"line": "around"},),
    "give_back": ({"line": "answer_committed"},),
    "with": ({"line": "read_with_begin"}, {"line": "read_with"}),
    "leak": ({"line": "summary_closed"},),
    "shared": ({"line": "request"},),
    "commit_place": ({"get_db": "with_yield"}, {"get_db": "function_scope"}),
    "scope": (
        {"scope": "request", "before": "commit"},
        {"scope": "function", "before": "none"},
        {"scope": "function", "before": "expunge"},
        {"scope": "function", "before": "commit"},
    ),
}
CHOICES = [(key, choice) for key, exercise in EXERCISES.items() for choice in exercise.choices()]


def _name(part: object) -> str:
    return str(getattr(part, "id", getattr(part, "key", "")))


@pytest.mark.parametrize(("chapter", "part"), PROVED, ids=[f"{chapter.key}-{_name(part)}" for chapter, part in PROVED])
def test_the_run_shows_what_the_chapter_claims(engine: Engine, chapter: Chapter, part: Part) -> None:
    assert dict(check.of_part(engine, chapter, part)).popitem()[1] == ()


@pytest.mark.parametrize(("key", "choice"), CHOICES, ids=[f"{key}-{'-'.join(c.values())}" for key, c in CHOICES])
def test_an_exercise_passes_by_the_right_choices_alone(engine: Engine, key: str, choice: Choice) -> None:
    tried = EXERCISES[key].attempt(engine, choice)
    assert tried.passed is (choice in RIGHT[key])
    assert tried.reasons
    assert all(str(reason) for reason in tried.reasons)


def test_every_exercise_can_be_failed_and_passed() -> None:
    assert set(RIGHT) == set(EXERCISES)
    for key, exercise in EXERCISES.items():
        assert 0 < len(RIGHT[key]) < len(list(exercise.choices()))


def test_looking_at_a_session_sends_nothing_and_changes_nothing(engine: Engine) -> None:
    """The box asks the Session after each line; what it was asked for must not be in the history."""
    run = run_lines(engine, ("open", "new", "add", "commit", "close"))
    sent = [sql.split()[0] for step in run.steps for sql in step.sql]
    assert sent == ["BEGIN", "INSERT", "COMMIT"]
    assert [step.held.message for step in run.steps] == ["", "transient", "pending", "expired", "detached"]


def test_a_line_that_raises_is_told_and_the_next_one_runs(engine: Engine) -> None:
    run = run_lines(engine, ("open", "new_bad", "add", "flush", "rollback", "count"))
    assert run.steps[3].raised == "IntegrityError"
    assert (run.steps[5].raised, run.steps[5].told) == ("", "40")
