"""Where a text comes from: typed, pasted, dropped as a file, or carried over from another page."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.lint.brought import recognise
from simulator.ui.app import carried
from simulator.ui.kit.slots import Slot

#: Characters that the text area takes; a log may be longer, and is then dropped as a file.
LIMIT = 400_000
_MEGABYTES = 5
_TEXT: Slot[str] = Slot("lint", "text", "")
_FILE: Slot[str] = Slot("lint", "opened", "")

EXAMPLE = """\
engine = create_async_engine(URL)
SessionLocal = sessionmaker(create_engine(URL))
app = FastAPI()


def get_db():
    session = SessionLocal()
    yield session
    session.commit()
    session.close()


@app.post("/messages")
async def send(text: str, db: Session = Depends(get_db)):
    conversation = db.scalars(select(Conversation)).first()
    answer = await llm.complete(conversation.title, text)
    db.add(Message(conversation_id=conversation.id, content=answer))
    try:
        db.flush()
    except IntegrityError:
        pass
    return answer
"""


def text() -> str:
    """Show where it is put; the text as it is now."""
    st.title(_("Your code"), anchor=False)
    st.markdown(
        _(
            "Paste a get_db, an endpoint, a module; or a traceback, a line of a log, a deadlock report, a scenario. "
            "It is read like a book: nothing of it is run or kept."
        )
    )
    brought = carried.take("lint")
    if brought or not _TEXT.is_set():
        _TEXT.set(brought[:LIMIT] or EXAMPLE)
    _open_file()
    return st.text_area(
        _("Code, an error or a file's text"),
        key=_TEXT.key,
        height=280,
        max_chars=LIMIT,
        persist_state="session",
        label_visibility="collapsed",
    )


def _open_file() -> None:
    """A dropped file becomes the text, once; of a notebook, the code of its cells."""
    file = st.file_uploader(
        _("Or drop a file: .py, .ipynb, .log, .txt, .json, .toml, .spec"), max_upload_size=_MEGABYTES, key="lint_file"
    )
    if file is not None and _FILE.get() != file.file_id:
        _FILE.set(file.file_id)
        _TEXT.set(recognise(file.getvalue().decode("utf-8", errors="replace")).text[:LIMIT])
