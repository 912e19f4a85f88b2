"""Listens to SQLAlchemy and writes down what an application's Sessions, pool and statements did, as a History."""

from simulator.recorder.backends import BackendWatch
from simulator.recorder.middleware import TraceMiddleware
from simulator.recorder.trace import Recorder, trace, trace_also

__all__ = ["BackendWatch", "Recorder", "TraceMiddleware", "trace", "trace_also"]
