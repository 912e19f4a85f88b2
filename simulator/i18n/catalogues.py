"""The catalogues and the language in use.

A language belongs to the running script or thread (a context variable), never to the process: two people look at one
server in two languages. Catalogues are `.po` files, compiled in memory, so that git holds only what a person can read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from types import MappingProxyType

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

#: code -> the language's name in itself
LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "zh": "中文"})
DOMAIN = "txscope"
FOLDER = Path(__file__).parent

_current: ContextVar[str] = ContextVar("language", default="en")


def use(language: str) -> None:
    """Speak this language from here on, in this script run or thread; an unknown code means English."""
    _current.set(language if language in LANGUAGES else "en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak this language inside of the block, and the one of before after it."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def language() -> str:
    """The language in use, a key of LANGUAGES."""
    return _current.get()


def choose(accept: str | None) -> str:
    """The language that suits a browser's locale or Accept-Language header best.

    >>> choose("zh-CN,zh;q=0.9,en;q=0.8"), choose("fr-FR"), choose(None)
    ('zh', 'en', 'en')
    """
    wanted = sorted(map(_weighted, (accept or "").split(",")), reverse=True, key=lambda pair: pair[0])
    return negotiate_locale([tag for _, tag in wanted if tag], list(LANGUAGES), sep="-") or "en"


def gettext(message: str) -> str:
    """The message in the language in use."""
    return _translations(language()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form that goes with `n`, in the language in use."""
    return _translations(language()).ngettext(singular, plural, n)


def pgettext(context: str, message: str) -> str:
    """The message in the language in use, where one English word has several translations."""
    return _translations(language()).pgettext(context, message)


def catalogue_path(language: str) -> Path:
    """Where the catalogue of a language is."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _weighted(item: str) -> tuple[float, str]:
    tag, _, weight = item.partition(";q=")
    try:
        return float(weight or 1), tag.strip()
    except ValueError:
        return 0.0, tag.strip()


@lru_cache(maxsize=len(LANGUAGES))
def _translations(language: str) -> NullTranslations:
    path = catalogue_path(language)
    if not path.exists():
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(path.read_bytes()), locale=language, domain=DOMAIN))
    compiled.seek(0)
    return GNUTranslations(compiled)
