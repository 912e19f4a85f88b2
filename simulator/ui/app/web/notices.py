"""The few pages that are served without Streamlit: the passphrase, and why something was refused."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import lru_cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from simulator.i18n import LANGUAGES, choose, use
from simulator.i18n import gettext as _
from simulator.ui.app.web.door import LONGEST, Answer
from simulator.ui.app.web.policy import notice_policy
from simulator.ui.app.web.uploads import UploadRefused

_TEMPLATE = Path(__file__).parent / "assets" / "notice.html"
FIELD = "passphrase"

Sentence = Callable[[], str]


def wrong_name(host: str | None) -> Sentence:
    """For a request that was meant for another name."""
    return lambda: _(
        "Txscope does not answer under the name {name}. Whoever runs it can add the name to TXSCOPE_HOSTS"
        " and start it again."
    ).format(name=(host or "?")[:80])


def foreign_page() -> str:
    """For a request that another site's page sent."""
    return _("This was asked for by a page of another site. Open Txscope by its own address.")


def closed() -> str:
    """For what visitors have no use for."""
    return _("There is nothing here.")


def ending() -> str:
    """For who comes while the server stops."""
    return _("Txscope is stopping.")


def too_many() -> str:
    """For the page that would be one too many."""
    return _("Too many pages are open on this server. Close some, or try again later.")


def no_size() -> str:
    """For an upload that does not say how large it is."""
    return _("An upload has to say how large it is.")


def too_slow() -> str:
    """For an upload that takes for ever."""
    return _("This upload took too long.")


def upload_refused(refused: UploadRefused) -> Sentence:
    """For an upload that is too large, or comes when there is no place for it."""

    def text() -> str:
        if refused.status == 503:
            told = _("All uploads together may hold {megabytes} MB, and these are taken. Try again later.")
        else:
            told = _("This upload is too large: the limit is {megabytes} MB.")
        return told.format(megabytes=refused.megabytes)

    return text


def refusal(status: int, sentence: Sentence, headers: Headers) -> Response:
    """One sentence in the visitor's language: a page for a browser that opens one, plain text for everything else."""
    code = choose(headers.get("accept-language"))
    text = copy_context().run(_in_language, code, sentence)
    if "text/html" not in headers.get("accept", ""):
        return PlainTextResponse(text, status_code=status)
    return _page(code, f"<p>{escape(text)}</p>", status)


def door_page(answer: Answer | None) -> Response:
    """The page that asks for the passphrase, in every language at once, and says what came of the last guess."""
    status = 429 if answer is Answer.TOO_MANY else 401
    return _page(LANGUAGE_OF_DOOR, _form(answer), status)


#: The page speaks all languages; this is what a screen reader takes where no part says otherwise.
LANGUAGE_OF_DOOR = "en"


@lru_cache(maxsize=3)
def _form(answer: Answer | None) -> str:
    told = {Answer.WRONG: _wrong, Answer.TOO_MANY: _too_often}.get(answer) if answer else None
    warning = f'<p class="bad" role="alert">{_everywhere(told)}</p>' if told else ""
    return (
        f'{warning}<form method="post"><label for="{FIELD}">{_everywhere(_please)}</label>'
        f'<input id="{FIELD}" name="{FIELD}" maxlength="{LONGEST}" autocomplete="off" autocapitalize="none"'
        ' autocorrect="off" spellcheck="false" autofocus required>'
        f"<button>{_everywhere(_enter, ' · ')}</button></form>"
    )


def _please() -> str:
    return _("Enter the passphrase of this room. The presenter has it.")


def _enter() -> str:
    return _("Enter the room")


def _wrong() -> str:
    return _("This is not the passphrase.")


def _too_often() -> str:
    return _("Too many wrong guesses. Wait ten seconds, then try again.")


def _everywhere(sentence: Sentence, between: str = "<br>") -> str:
    parts = [(code, copy_context().run(_in_language, code, sentence)) for code in LANGUAGES]
    return between.join(f'<span lang="{code}">{escape(text)}</span>' for code, text in parts)


def _in_language(code: str, sentence: Sentence) -> str:
    use(code)
    return sentence()


def here(path: str, query: bytes) -> str:
    """This very address, for a redirect: relative, so that it also holds below a proxy's path, and never elsewhere."""
    last = quote(path.rpartition("/")[2])
    return f"./{last}" + (f"?{query.decode('latin-1')}" if query else "")


def _page(code: str, body: str, status: int) -> Response:
    html = Template(_template()).substitute(lang=code, body=body)
    policy = {"Content-Security-Policy": _policy().decode(), "Cache-Control": "no-store"}
    return HTMLResponse(html, status_code=status, headers=policy)


@lru_cache(maxsize=1)
def _template() -> str:
    return _TEMPLATE.read_text("utf-8")


@lru_cache(maxsize=1)
def _policy() -> bytes:
    return notice_policy(_template())
