"""How bars look: one colour a kind, hatched where it waits, pale in the request's colour where something lasts."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.figures.layout import Plain
from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, WAIT_PATTERN, faded, text_on
from simulator.figures.swimlanes.info import BarKind, Lane, Piece

#: Fill; a share of a lane's height.
_SOLID = {
    BarKind.WORK: ("#E69F00", 0.82),
    BarKind.STATEMENT: ("#0072B2", 0.82),
    BarKind.COMMIT: ("#009E73", 0.82),
    BarKind.CONNECTING: ("#56B4E9", 0.5),
    BarKind.FLUSH: ("#CC79A7", 0.34),
}
#: Merged bars of kinds that take turns lie below one another: share of the lane's height, and how far from its middle.
MERGED = {
    BarKind.STATEMENT: (0.5, -0.16),
    BarKind.COMMIT: (0.2, 0.2),
    BarKind.CONNECTING: (0.1, 0.36),
    BarKind.WAIT: (0.1, 0.36),
}
#: Opacity, that of the edge, and a share of a lane's height; the colour is the request's.
_PALE = {
    BarKind.SESSION: (0.12, 0.5, 0.9),
    BarKind.TRANSACTION: (0.3, 0.8, 0.66),
    BarKind.HELD: (0.3, 0.9, 0.82),
    BarKind.COMMITTING: (0.35, 1.0, 0.46),
    BarKind.CODE: (0.16, 0.7, 0.66),
}


def share_of(kind: BarKind) -> float:
    """Of its lane's height."""
    if kind in _SOLID:
        return _SOLID[kind][1]
    return _PALE[kind][2] if kind in _PALE else 0.82


def looks(kind: BarKind, pieces: Sequence[Piece], text: str, lanes: Sequence[Lane], *, waits: bool) -> Plain:
    """Fill, edge and the label's colour. A row of a band has no room for edges: a mark at its end tells of an error."""
    thin = [lanes[piece.lane].rows > 1 for piece in pieces]
    if waits:
        return _hatched(kind, pieces, text, thin)
    return _pale(kind, pieces, text, thin) if kind in _PALE else _solid(kind, pieces, text, thin)


def _hatched(kind: BarKind, pieces: Sequence[Piece], text: str, thin: Sequence[bool]) -> Plain:
    """It lies over the statement, which must not be seen through it."""
    color = GREY if kind is BarKind.WAIT else _SOLID[BarKind.STATEMENT][0]
    ground = "#1B2027" if text == TEXT_ON_DARK else "#F3F4F6"
    edges = {"width": _edges(pieces, thin, 1), "color": [RED if piece.error else color for piece in pieces]}
    pattern = {**WAIT_PATTERN, "size": 7, "bgcolor": ground, "fgcolor": faded(color, 0.6)}
    return {"marker": {"color": color, "line": edges, "pattern": pattern}, "insidetextfont": {"color": text}}


def _pale(kind: BarKind, pieces: Sequence[Piece], text: str, thin: Sequence[bool]) -> Plain:
    fill, edge, _height = _PALE[kind]
    colors = [piece.color or GREY for piece in pieces]
    edges = {
        "width": _edges(pieces, thin, 1),
        "color": [RED if p.error else faded(c, edge) for p, c in zip(pieces, colors, strict=True)],
    }
    # What is only a few pixels high must not be pale as well.
    paints = [faded(color, 0.8 if low else fill) for color, low in zip(colors, thin, strict=True)]
    return {"marker": {"color": paints, "line": edges}, "insidetextfont": {"color": text}}


def _solid(kind: BarKind, pieces: Sequence[Piece], text: str, thin: Sequence[bool]) -> Plain:
    color = _SOLID[kind][0] if kind in _SOLID else GREY
    usual = [float(piece.spans > 1) for piece in pieces]
    edges = {
        "width": [_edge(*each) for each in zip(pieces, thin, usual, strict=True)],
        "color": [RED if piece.error else color for piece in pieces],
    }
    if kind not in _SOLID:
        return {"marker": {"color": faded(GREY, 0.3), "line": edges}, "insidetextfont": {"color": text}}
    # What lies between the spans of a merged bar is something else: it is pale, and never hatched.
    fills = [faded(color, 0.4) if piece.spans > 1 else color for piece in pieces]
    words = [text if piece.spans > 1 else text_on(color) for piece in pieces]
    return {"marker": {"color": fills, "line": edges}, "insidetextfont": {"color": words}}


def _edges(pieces: Sequence[Piece], thin: Sequence[bool], usual: float) -> list[float]:
    return [_edge(piece, low, usual) for piece, low in zip(pieces, thin, strict=True)]


def _edge(piece: Piece, low: bool, usual: float) -> float:
    """Pixels."""
    return 0 if low else 2.5 if piece.error else usual
