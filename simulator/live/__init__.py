"""Drive it yourself: a person's clicks move the sessions of one variant on live connections."""

from simulator.live.elsewhere import played_at
from simulator.live.ended import EndReason, LiveRunEnded
from simulator.live.run import LiveRun
from simulator.live.runs import LiveRuns
from simulator.live.stage import Click
from simulator.live.view import Free, LiveSession, LiveState, LiveView

__all__ = [
    "Click",
    "EndReason",
    "Free",
    "LiveRun",
    "LiveRunEnded",
    "LiveRuns",
    "LiveSession",
    "LiveState",
    "LiveView",
    "played_at",
]
