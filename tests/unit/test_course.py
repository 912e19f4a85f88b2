"""How a chapter is read, what is wrong with one, and that the course is whole."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from simulator.course.chapter import Box, Exercise, Prose, Question, Run, Snippet
from simulator.course.check import problems
from simulator.course.exercises import EXERCISES
from simulator.course.path import GOALS, GROUPS
from simulator.course.reader import FOLDER, LANGUAGES, chapters, parse
from simulator.course.shows import unmet
from simulator.errors import CourseError
from simulator.labs.lint.brought import recognise
from simulator.labs.sessions.lines import LINES
from simulator.labs.snippets import SNIPPETS
from simulator.ui.learn import check, present, question, search

#: An overview and fourteen chapters.
CHAPTERS = 15
HEAD = """\
+++
key = "sample"
number = 1
group = "start"
title = "A sample"
summary = "One sentence."
minutes = 5
versions = ["SQLAlchemy 2.1"]
+++
"""
BODY = """\
The lead.

## A claim {#claim}

Said in prose.

```python
## no heading
```

```run
id = "lost"
lab = "anomalies"
query = "scenario=lost_update"
shows = ["outcome = anomaly"]
```

```teacher
minutes = 5
order = ["lost"]
say = "Guess first."
wrong = "They wait."
```
"""
FAULTS = (
    ("no front matter", "front matter"),
    (HEAD + "## Heading without anchor\n", "a heading has an anchor"),
    (HEAD + "```run\nid = 1\n", "is not closed"),
    (HEAD + "```run\nid = \n```\n", "no valid TOML"),
    (HEAD + BODY.replace('lab = "anomalies"', 'lab = "kitchen"'), "is none of anomalies"),
    (HEAD + BODY.replace('lab = "anomalies"\n', ""), "missing: lab"),
    (HEAD + BODY.replace('id = "lost"', 'id = "lost"\ncolour = "red"'), "unknown: colour"),
    (HEAD + BODY.replace("minutes = 5\norder", 'minutes = "5"\norder'), "is no int"),
    (HEAD + BODY.replace('["outcome = anomaly"]', '["outcome"]'), "is no claim"),
    (HEAD + BODY.replace('["outcome = anomaly"]', '"outcome"'), "a list of str"),
)


def test_a_chapter_is_sections_of_prose_and_directives() -> None:
    lead, claim = parse(HEAD + BODY, "sample.md").sections
    assert (lead.anchor, [part.text for part in lead.of(Prose)]) == ("", ["The lead."])
    assert (claim.anchor, claim.title) == ("claim", "A claim")
    assert [type(part).__name__ for part in claim.parts] == ["Prose", "Run", "Teacher"]
    assert "## no heading" in next(claim.of(Prose)).text
    assert next(claim.of(Run)).shows == ("outcome = anomaly",)


@pytest.mark.parametrize(("text", "said"), FAULTS, ids=[said for _text, said in FAULTS])
def test_what_is_wrong_is_told_with_file_and_line(text: str, said: str) -> None:
    with pytest.raises(CourseError, match=r"sample\.md.*, line \d+: .*" + re.escape(said)):
        parse(text, "sample.md")


def test_the_other_language_may_differ_in_what_is_spoken_alone() -> None:
    first = parse(HEAD + BODY, "sample.md")
    spoken = parse(HEAD + BODY.replace("Guess first.", "先猜。").replace("A claim", "论断"), "sample.md")
    assert list(problems((first,), (spoken,))) == []
    other_run = parse(HEAD + BODY.replace("scenario=lost_update", "scenario=write_skew"), "sample.md")
    assert list(problems((first,), (other_run,))) == ["sample#claim: directives differ"]
    assert list(problems((first,), ())) == ["sample: missing in the other language"]


def test_a_section_without_a_run_or_a_source_is_found() -> None:
    bare = f"{HEAD}{BODY}\n## Only said {{#said}}\n\nBelieve me.\n"
    assert "sample#said: no run and no source" in list(problems((parse(bare, "sample.md"),), ()))
    cited = bare.replace("Believe me.", "So says [the manual](https://www.postgresql.org/docs/18/mvcc.html).")
    assert list(problems((parse(cited, "sample.md"),), (parse(cited, "sample.md"),))) == []


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ("told = 2 × 200", True),
        ("told = 1 × 200", False),
        ("told != 1 × 200", True),
        ("errors has TimeoutError", True),
        ("errors has 40001", True),
        ("errors lacks 40P01", True),
        ("errors lacks 40001", False),
        ("waits >= 2", True),
        ("waits > 2", False),
        ("silent = yes", True),
        ("figure = none", True),
        ("no_such = 1", False),
    ],
)
def test_a_claim_is_compared_with_the_facts(claim: str, holds: bool) -> None:
    facts = {
        "told": "2 × 200",
        "errors": ("TimeoutError", "OperationalError 40001"),
        "waits": 2,
        "silent": True,
        "figure": None,
    }
    assert (unmet([claim], facts) == ()) is holds


def test_the_course_is_whole_in_both_languages() -> None:
    assert list(check.of_files()) == []
    for language in LANGUAGES:
        assert [chapter.number for chapter in chapters(language)] == list(range(CHAPTERS))
        assert {chapter.group for chapter in chapters(language)} == set(GROUPS)


def test_the_chinese_chapters_are_in_chinese() -> None:
    for english, chinese in zip(chapters("en"), chapters("zh"), strict=True):
        for left, right in zip(english.sections, chinese.sections, strict=True):
            if left.title:
                assert re.search("[\u4e00-\u9fff]", right.title), f"{chinese.key}#{right.anchor}"
            for one, other in zip(left.of(Prose), right.of(Prose), strict=True):
                assert one.text != other.text, f"{chinese.key}#{right.anchor}"


def test_every_exercise_stands_in_one_chapter_and_belongs_to_one_goal() -> None:
    placed = sorted(exercise.key for chapter in chapters("en") for exercise in chapter.of(Exercise))
    assert placed == sorted(EXERCISES) == sorted(key for goal in GOALS for key in goal.exercises)
    assert len(GOALS) == 6


def test_an_interview_has_enough_to_ask() -> None:
    assert len([each for chapter in chapters("en") for each in chapter.of(Question)]) >= 10


def test_every_snippet_is_named_with_its_version_where_it_changed() -> None:
    named = [snippet for chapter in chapters("en") for snippet in chapter.of(Snippet)]
    assert {snippet.key for snippet in named} == set(SNIPPETS)
    assert all(snippet.since for snippet in named if snippet.verdict == "changed")


def test_all_six_states_of_an_object_are_seen_in_one_box() -> None:
    states = {claim for chapter in chapters("en") for box in chapter.of(Box) for claim in box.shows}
    for state in ("transient", "pending", "persistent", "expired", "deleted", "detached"):
        assert any(claim.endswith((f"message = {state}", f"has {state}")) for claim in states), state


def test_who_writes_a_chapter_finds_every_line_and_snippet_in_the_manual() -> None:
    manual = (Path(inspect.getfile(check)).parents[3] / "docs" / "course.md").read_text("utf-8")
    assert [name for name in (*LINES, *SNIPPETS, *EXERCISES) if f"`{name}`" not in manual] == []
    assert [line.code for line in LINES.values() if f"`{line.code}`" not in manual] == []


def test_a_chapter_is_presented_screen_by_screen_without_losing_a_part() -> None:
    for chapter in chapters("en"):
        shown = [part for screen in present.screens(chapter) for _place, part in screen.parts]
        parts = [part for section in chapter.sections for part in section.parts]
        assert shown == [part for part in parts if type(part).__name__ != "Teacher"]


@pytest.mark.parametrize(
    ("message", "chapter", "mistake"),
    [
        ("QueuePool limit of size 5 overflow 10 reached", "problems", "connection_leak"),
        ("MissingGreenlet", "fastapi-practice", "async_lazy_load"),
        (
            "sqlalchemy.orm.exc.DetachedInstanceError: Parent instance <Message> is not bound to a Session",
            "",
            "lazy_after_close",
        ),
    ],
)
def test_an_error_message_lands_on_its_lesson_and_its_demonstration(message: str, chapter: str, mistake: str) -> None:
    error = recognise(message).error
    assert error is not None
    assert any(f"chapter={chapter}" in found.link for found in search.lessons(error))
    assert any(found.link == f"./mistakes?mistake={mistake}" for found in search.demonstrations(error))


def test_words_are_found_in_chapters_mistakes_and_scenarios() -> None:
    assert any("savepoint" in found.title.casefold() for found in search.sections("savepoint"))
    assert any("mistake=no_commit" in found.link for found in search.mistakes("nobody commits"))
    assert any("scenario=write_skew" in found.link for found in search.scenarios("write skew"))
    assert list(search.sections("xyzzy")) == []


def test_numbers_among_the_choices_are_in_their_order() -> None:
    assert sorted(("1000", "990", "890"), key=question._order) == ["890", "990", "1000"]


def test_no_file_lies_about_that_is_no_chapter() -> None:
    for language in LANGUAGES:
        assert all(path.suffix == ".md" for path in (FOLDER / language).iterdir())
