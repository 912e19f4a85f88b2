"""What the course says, so that a test that proves a sentence fails where the sentence has gone."""

from __future__ import annotations

from simulator.course.reader import FOLDER, LANGUAGES


def says(chapter: str, *phrases: str) -> None:
    """The chapter has each phrase, one a language, in the order of LANGUAGES."""
    for language, phrase in zip(LANGUAGES, phrases, strict=True):
        assert phrase in text_of(chapter, language), f"{chapter} says in {language} no longer: {phrase}"


def text_of(chapter: str, language: str) -> str:
    """Its file on one line."""
    (path,) = (FOLDER / language).glob(f"*-{chapter}.md")
    return " ".join(path.read_text(encoding="utf-8").split())
