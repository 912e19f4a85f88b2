"""A browser tab without the browser: it speaks Streamlit's protocol over its WebSocket, and draws nothing.

It does what the browser does that costs the server something: it sends the state of every widget with every run, keeps
large messages by their hash and says which ones it has, and forgets the widgets that a run no longer shows.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Self

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

#: After this long without the end of a script run, the run counts as lost.
DEADLINE_S = 60.0
#: The browser forgets a kept message that this many runs did not use (`global.maxCachedMessageAge`).
KEPT_RUNS = 2
_DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class BrokenPage(Exception):
    """The page did not come, or came with an error in it."""


@dataclass(slots=True)
class Shown:
    """What one script run has put on the page."""

    seconds: float = 0.0
    bytes: int = 0
    messages: int = 0
    #: texts of exceptions and alerts; nobody should see any
    complaints: list[str] = field(default_factory=list)
    #: HTML and Markdown, in the order in which they came
    texts: list[str] = field(default_factory=list)
    #: seconds until the component with this key had come
    components: dict[str, float] = field(default_factory=dict)


class Tab:
    """One person's tab. `open` connects and loads the page; `close` closes the tab, also in the middle of a run."""

    def __init__(self, socket: ClientConnection, address: str, page: str) -> None:
        self._socket = socket
        self._address = address
        self._page = page
        self._page_hash = ""
        #: what stands in the address; the page changes it
        self._query = ""
        self._widgets: dict[str, WidgetState] = {}
        #: those of the run that goes on
        self._coming: dict[str, WidgetState] = {}
        #: hash of a kept message -> (the run that used it last, the message)
        self._kept: dict[str, tuple[int, ForwardMsg]] = {}
        self._runs = 0

    @classmethod
    async def open(cls, address: str, page: str, query: str = "") -> tuple[Self, Shown]:
        """Load a page of the server at `http://127.0.0.1:port`. Raises BrokenPage, OSError."""
        began = time.perf_counter()
        socket = await connect(
            f"ws{address.removeprefix('http')}/_stcore/stream",
            origin=Origin(address),
            subprotocols=[Subprotocol("streamlit")],
            compression=None,
            max_size=None,
            open_timeout=DEADLINE_S,
            ping_interval=None,
        )
        tab = cls(socket, address, page)
        tab._query = query
        return tab, await tab.rerun(began=began)

    async def close(self) -> None:
        """The server learns it as of a closed browser tab."""
        await self._socket.close()

    async def choose(self, key: str, value: str) -> Shown:
        """Pick another option of the control with this key, by its text. Raises BrokenPage."""
        widget = self._widgets[self.widget(key)]
        if widget.WhichOneof("value") == "string_array_value":
            widget.string_array_value.data[:] = [value]
        else:
            widget.string_value = value
        return await self.rerun()

    async def press(self, key: str) -> Shown:
        """Press the button with this key. Raises BrokenPage."""
        widget = self._widgets[self.widget(key)]
        widget.trigger_value = True
        try:
            return await self.rerun()
        finally:
            widget.trigger_value = False

    def widget(self, key: str) -> str:
        """The id of the control with this key on the page. Raises BrokenPage."""
        found = [name for name in self._widgets if name.startswith("$$ID-") and name.endswith(f"-{key}")]
        if not found:
            raise BrokenPage(f"the page shows no control {key}")
        return found[-1]

    async def ask(self) -> None:
        """Ask for a script run and do not wait for it."""
        message = BackMsg()
        ask = message.rerun_script
        ask.query_string = self._query
        ask.page_script_hash = self._page_hash
        ask.page_name = "" if self._page_hash else self._page
        ask.widget_states.widgets.extend(self._widgets.values())
        ask.cached_message_hashes.extend(self._kept)
        ask.context_info.locale = "en-US"
        ask.context_info.timezone = "UTC"
        ask.context_info.url = f"{self._address}/{self._page}"
        await self._socket.send(message.SerializeToString())

    async def rerun(self, *, began: float | None = None) -> Shown:
        """One script run, from the wish for it to its end. Raises BrokenPage."""
        began = began or time.perf_counter()
        self._runs += 1
        shown = Shown()
        await self.ask()
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not self._take(await self._socket.recv(decode=False), shown, began):
                    pass
        except TimeoutError:
            raise BrokenPage(f"no end of the run within {DEADLINE_S:g} s") from None
        shown.seconds = time.perf_counter() - began
        old = [name for name, (last, _) in self._kept.items() if last <= self._runs - KEPT_RUNS]
        for name in old:
            del self._kept[name]
        return shown

    def _take(self, raw: bytes, shown: Shown, began: float) -> bool:
        """Whether this was the end of the run."""
        shown.messages += 1
        shown.bytes += len(raw)
        message = ForwardMsg.FromString(raw)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            message = self._kept[message.ref_hash][1]
            kind = message.WhichOneof("type")
        if message.metadata.cacheable:
            self._kept[message.hash] = (self._runs, message)
        if kind == "new_session":
            self._coming = {}
        elif kind == "navigation":
            self._page_hash = message.navigation.page_script_hash
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._element(message.delta.new_element, shown, began)
        elif kind == "script_finished":
            return self._finished(message.script_finished)
        return False

    def _finished(self, how: int) -> bool:
        if how == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise BrokenPage("the script does not compile")
        if how == ForwardMsg.FINISHED_SUCCESSFULLY:
            self._widgets = self._coming
        elif how == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
            self._widgets |= self._coming
        return how in _DONE

    def _element(self, element: Element, shown: Shown, began: float) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            shown.complaints.append(element.exception.message)
        elif kind == "alert":
            # Blue is for what is well: the place in the queue, for example.
            if element.alert.format != Alert.INFO:
                shown.complaints.append(element.alert.body)
        elif kind in ("html", "markdown"):
            shown.texts.append(element.html.body if kind == "html" else element.markdown.body)
        elif kind == "bidi_component":
            name = element.bidi_component.id.split("-", 2)[-1]
            shown.components[name] = time.perf_counter() - began
            if name == "app_address":
                self._query = str(json.loads(element.bidi_component.json)["query"])
        elif state := _state(element, kind):
            self._coming[state.id] = state


def _state(element: Element, kind: str | None) -> WidgetState | None:
    """What the browser sends of a control that nobody has touched."""
    if kind == "selectbox":
        box = element.selectbox
        text = box.raw_value if box.HasField("raw_value") else box.options[box.default]
        return WidgetState(id=box.id, string_value=text)
    if kind == "button_group":
        group = element.button_group
        state = WidgetState(id=group.id)
        chosen = list(group.raw_values) or [group.options[index].content for index in group.default]
        state.string_array_value.data.extend(chosen)
        return state
    if kind == "checkbox":
        return WidgetState(id=element.checkbox.id, bool_value=element.checkbox.default)
    if kind == "button":
        return WidgetState(id=element.button.id, trigger_value=False)
    return None
