"""Comments of the code that pages show: all of them are in the catalogues, and a reader gets them in their language."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import pytest

from simulator.i18n import LANGUAGES, gettext, speaking
from simulator.i18n.comments import Comment, comments, translated
from simulator.i18n.extract import extract_comments
from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.endings import ENDINGS
from simulator.labs.fastapi.matrix import body_of
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.labs.sessions.acid import application
from simulator.labs.sessions.catalogue import KINDS, code

ROOT = Path(__file__).parents[2]
LABS = (
    *("fastapi/dependencies.py", "fastapi/endpoints*.py"),
    *("mistakes/catalogue/*.py", "mistakes/forked.py", "mistakes/sqlstate.py"),
    *("sessions/acid/application.py", "sessions/kinds*.py"),
)


def shown() -> list[str]:
    """Every code that a page shows as what ran."""
    built = [each for way in DEPENDENCIES for each in (way.build, way.build_async, *(way.around or ()))]
    built += [each for ending in ENDINGS for each in (*ending.plain, *ending.commits)]
    return [
        *(side.source for mistake in MISTAKES for side in (mistake.mistake, mistake.fixed)),
        *(code(kind, is_async) for kind in KINDS for is_async in (False, True)),
        *map(body_of, built),
        *(inspect.getsource(each) for each in vars(application).values() if _is_of(each, application)),
    ]


def _is_of(thing: object, module: ModuleType) -> bool:
    return inspect.isfunction(thing) and thing.__module__ == module.__name__


def words() -> set[str]:
    return {comment.words for source in shown() for comment in comments(source)}


def test_what_is_collected_is_what_is_shown() -> None:
    collected = set()
    for path in (path for pattern in LABS for path in (ROOT / "simulator/labs").glob(pattern)):
        with path.open("rb") as file:
            collected |= {text for _line, _call, text, _notes in extract_comments(file, (), (), {})}
    assert collected == words()
    assert len(collected) > 100


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_comment_of_shown_code_is_translated(language: str) -> None:
    with speaking(language):
        assert not [each for each in words() if gettext(each) == each]


def test_nothing_but_the_comments_becomes_another() -> None:
    for source in shown():
        with speaking("zh"):
            spoken = translated(source)
        found, told = list(comments(source)), list(comments(spoken))
        assert [each[:2] for each in told] == [each[:2] for each in found]
        for language_lines in zip(source.splitlines(), spoken.splitlines(), strict=True):
            bare = {line if "# " not in line else line[: line.index("# ")] for line in language_lines}
            assert len(bare) == 1


def test_a_sign_inside_of_a_text_is_no_comment() -> None:
    assert list(comments('x = 1\ny = "# a text"  # a comment')) == [Comment(2, 16, "a comment")]
    assert translated('x = "# a text"') == 'x = "# a text"'
