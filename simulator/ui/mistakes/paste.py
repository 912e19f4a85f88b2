"""Which of these is in my code? The pasted text is parsed and never run; each sign leads to its demonstration."""

from __future__ import annotations

import streamlit as st

from simulator.errors import SnippetError
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.labs.mistakes.catalogue import find
from simulator.labs.snippet.parse import LIMIT
from simulator.labs.snippet.signs import Sign, read
from simulator.ui import source_view
from simulator.ui.mistakes import picker, words
from simulator.ui.plain import plain

_TEXT = "mistakes_text"

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


def show() -> None:
    """Text on the left, signs on the right."""
    st.markdown(_("Paste a get_db, an endpoint, a module: it is read like a book. Nothing of it is run or kept."))
    left, right = st.columns(2, gap="medium")
    with left:
        st.session_state.setdefault(_TEXT, EXAMPLE)
        text = st.text_area(
            _("Your code"),
            key=_TEXT,
            height=420,
            max_chars=LIMIT,
            persist_state="session",
            label_visibility="collapsed",
        )
        st.button(_("Read it"), icon="🔎", type="primary", key="mistakes_read")
    with right:
        try:
            signs = read(text)
        except SnippetError as error:
            st.warning(plain(str(error)), icon="📄")
            return
        _summary(text, signs)
        for number, sign in enumerate(signs):
            _sign(sign, number)
    if signs:
        source_view.show(text, marked={sign.line for sign in signs}, tone="sign")


def _summary(text: str, signs: tuple[Sign, ...]) -> None:
    if not text.strip():
        st.markdown(_("There is no text yet."))
    elif not signs:
        st.info(_("No sign of these mistakes was found, which is no proof that there is none."), icon="🔎")
    else:
        found = ngettext("{n} sign of a mistake", "{n} signs of mistakes", len(signs)).format(n=len(signs))
        st.markdown(f"**{found}**")


def _sign(sign: Sign, number: int) -> None:
    """The key of a rule is that of the mistake which shows what comes of it."""
    sure = _("certain") if sign.certain else _("depends on what is not shown")
    with st.container(border=True):
        text, way = st.columns([5, 2], vertical_alignment="center")
        title = plain(words.label(find(sign.mistake)))
        text.markdown(f"**{_('Line {line}').format(line=sign.line)}** · {sure}  \n{plain(sign.sentence)}  \n*{title}*")
        way.button(
            _("Run it"),
            icon="▶️",
            key=f"mistakes_sign_{number}",
            width="stretch",
            on_click=picker.choose,
            args=(sign.mistake,),
        )
