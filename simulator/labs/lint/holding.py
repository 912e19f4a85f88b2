"""A transaction that is held, with its connection, while something slow is waited for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from astroid import nodes

from simulator.i18n.text import N_, Text
from simulator.labs.lint.calls import ENDS, STATEMENTS, Use
from simulator.labs.lint.code import Code
from simulator.labs.lint.kinds import Key
from simulator.labs.lint.rule import SESSION_DOCS, Found, Rule
from simulator.labs.lint.tree import WITHS

_CLIENTS = {"requests", "httpx", "openai", "anthropic", "litellm", "ollama", "cohere", "replicate", "urllib3", "groq"}
_API = re.compile(
    r"(chat\.)?completions\.(create|parse)|messages\.(create|stream)|responses\.create|embeddings\.create|generate_content(_async)?"
)
_MODEL = re.compile(r"_?(llm|chat_?model|agent|chain|chatbot|gpt|claude)(_client|_chain)?")
_ASKS = re.compile(
    r"(call|ask|query|invoke|run|prompt)_(the_)?(llm|model|agent|gpt|claude|openai)|llm|(llm|agent)_(call|reply|answer)"
)
_CALLS = {
    "invoke",
    "ainvoke",
    "run",
    "arun",
    "generate",
    "agenerate",
    "chat",
    "complete",
    "acomplete",
    "predict",
    "stream",
    "astream",
}


def llm_inside(code: Code) -> Iterable[Found]:
    """A slow call to a model or another service between a statement and the end of its transaction."""
    for call in code.tree.all(nodes.Call):
        certain = _is_slow(code, call)
        function = code.tree.function(call)
        if certain is None or function is None or code.is_test(function):
            continue
        key = _held(code, call)
        if key is not None:
            yield Found(call, _slow_sentence(key[1], certain), certain)


def _slow_sentence(name: str, certain: bool) -> Text:
    if certain:
        return Text.of("{name} holds its connection and its transaction while this answer is waited for.", name=name)
    return Text.of(
        "{name} holds its connection and its transaction meanwhile: a mistake if this call is slow.", name=name
    )


def _is_slow(code: Code, call: nodes.Call) -> bool | None:
    """True: a known client; False: named like one; None: neither."""
    name = code.names.canonical(call.func)
    root, _dot, rest = name.partition(".")
    if root in _CLIENTS and rest and not rest.rpartition(".")[2][:1].isupper():
        return True
    if name and _API.search(name):
        return True
    last = name.rpartition(".")[2]
    owner = name.rpartition(".")[0].rpartition(".")[2]
    if _ASKS.fullmatch(last) or (last in _CALLS and _MODEL.fullmatch(owner)):
        return False
    return None


def _held(code: Code, call: nodes.Call) -> Key | None:
    """The Session that has sent a statement before this call and not ended its transaction since."""
    scope = code.tree.scope[call]
    holding: dict[Key, Use] = {}
    for use in code.uses:
        if use.scope is not scope or not code.tree.follows(use.call, call):
            continue
        if use.method in ENDS:
            holding.pop(use.key, None)
        elif use.method in STATEMENTS:
            holding[use.key] = use
    for key, use in holding.items():
        block = code.block_of(key)
        ended = [outer for outer in code.tree.around(use.call, *WITHS) if outer is block or outer in code.begun(key)]
        if all(outer in list(call.node_ancestors()) for outer in ended):
            return key
    return None


RULES = (
    Rule(
        "llm_inside",
        N_("A connection is held for seconds: a few such requests empty the pool for all others."),
        SESSION_DOCS + "#when-do-i-construct-a-session-when-do-i-commit-it-and-when-do-i-close-it",
        llm_inside,
    ),
)
