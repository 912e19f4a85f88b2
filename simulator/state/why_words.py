"""The sentences of `simulator.state.why`: what a read saw of a row, and what it did not."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from simulator.anomalies.versions import SETUP, Item, Version
from simulator.i18n.text import N_, Text
from simulator.model import Scalar
from simulator.sql.values import brief


class Reason(StrEnum):
    """Why a version that was there was not seen."""

    UNCOMMITTED = "uncommitted"
    NEVER = "never"
    LATE = "late"


class Hidden(NamedTuple):
    """A newer version that was not seen: `after` by column, None where its values are not known."""

    reason: Reason
    writer: str
    after: Mapping[str, Scalar] | None
    deleted: bool
    #: steps of the writer: the one that wrote it, and the one that committed it (or "")
    step: str
    commit: str


def seen_sentence(version: Version, hidden: Hidden | None, asked: tuple[str, ...] | None, commit: str) -> Text:
    """What was seen of a row, in which `commit` it was committed, and which newer version was hidden.

    `asked`: the columns of the result; None where it was computed from the rows.
    """
    column = _column(version, hidden, asked)
    what: str | Text = str(version.item)
    if column is not None:
        what = Text.of(
            "{column} {value} of {row}", column=column, value=brief(version.value(column)), row=str(version.item)
        )
    if version.writer == SETUP:
        text = Text.of("It saw {what}, as the setup left it.", what=what)
    else:
        text = Text.of(
            "It saw {what}, which {writer} wrote in {step} and committed in {commit}.",
            what=what,
            writer=version.writer,
            step=version.last_step or "?",
            commit=commit,
        )
    return text if hidden is None else Text.joined(" ", (text, _hidden_sentence(hidden, column)))


def own_sentence(item: Item, transaction: str, *, deleted: bool) -> Text:
    """The row was the reader's own, or had been until it deleted it."""
    if deleted:
        return Text.of(
            "It did not see {row}: {transaction} itself had deleted it.", row=str(item), transaction=transaction
        )
    return Text.of(
        "It saw {row} as {transaction} itself had left it, as a transaction always does.",
        row=str(item),
        transaction=transaction,
    )


def missed_sentence(item: Item, hidden: Hidden) -> Text:
    """A row that was inserted, and that the read did not find."""
    return Text(_INSERTED[hidden.reason]).given(row=str(item), **_names(hidden))


def dropped_sentence(version: Version) -> Text:
    """A row that was chosen before a wait; this version of it, found after the wait, did not match any more."""
    if not version.exists:
        text = Text.of("{row} matched when it began; after the wait it was gone: {writer} had deleted it ({step}).")
    else:
        text = Text.of("{row} matched when it began, and after the wait no longer: {writer} had changed it ({step}).")
    return text.given(row=str(version.item), writer=version.writer, step=version.last_step or "?")


def overlooked_sentence(version: Version) -> Text:
    """A row that came to match while the statement waited for another one."""
    text = Text.of(
        "It overlooked {row}: {writer} made it match ({step}), but after a wait no further rows are looked for."
    )
    return text.given(row=str(version.item), writer=version.writer, step=version.last_step or "?")


def _hidden_sentence(hidden: Hidden, column: str | None) -> Text:
    known = hidden.after or {}
    if hidden.deleted:
        return Text(_DELETED[hidden.reason]).given(**_names(hidden))
    if column is None or column not in known:
        return Text(_CHANGED_SOMEHOW[hidden.reason]).given(**_names(hidden))
    after = f"{column} {brief(known[column])}"
    return Text(_CHANGED[hidden.reason]).given(after=after, **_names(hidden))


def _column(version: Version, hidden: Hidden | None, asked: tuple[str, ...] | None) -> str | None:
    """A column that differs if there is one, or one that was asked for; rather none of the key."""
    newer = (hidden.after if hidden is not None else None) or {}
    differing = [name for name in version.columns if name in newer and newer[name] != version.value(name)]
    keys = set(version.item.key)
    telling = [name for name in version.columns if version.value(name) not in keys]
    if asked is None:
        return next(iter(differing), None)
    choices = ([n for n in differing if n in asked], differing, [n for n in telling if n in asked], telling)
    return next((names[0] for names in choices if names), None)


def _names(hidden: Hidden) -> dict[str, str]:
    return {"writer": hidden.writer, "step": hidden.step, "commit": hidden.commit}


_CHANGED: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNCOMMITTED: N_("{writer} had written {after} ({step}), but not committed it yet ({commit})."),
        Reason.NEVER: N_("{writer} had written {after} and had not committed it; it never did."),
        Reason.LATE: N_("{writer} had written {after} ({step}), but committed it after that snapshot ({commit})."),
    }
)
_CHANGED_SOMEHOW: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNCOMMITTED: N_("{writer} had written the row ({step}), but not committed it yet ({commit})."),
        Reason.NEVER: N_("{writer} had written the row and had not committed it; it never did."),
        Reason.LATE: N_("{writer} had written the row ({step}), but committed it after that snapshot ({commit})."),
    }
)
_DELETED: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNCOMMITTED: N_("{writer} had deleted it ({step}), but not committed that yet ({commit})."),
        Reason.NEVER: N_("{writer} had deleted it and had not committed that; it never did."),
        Reason.LATE: N_("{writer} had deleted it ({step}), but committed that after that snapshot ({commit})."),
    }
)
_INSERTED: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.UNCOMMITTED: N_(
            "It did not see {row}: {writer} had inserted it ({step}), but not committed it yet ({commit})."
        ),
        Reason.NEVER: N_("It did not see {row}: {writer} had inserted it and never committed it."),
        Reason.LATE: N_(
            "It did not see {row}: {writer} inserted it ({step}), but committed it after that snapshot ({commit})."
        ),
    }
)
