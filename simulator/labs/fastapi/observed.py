"""Puts a recorder around an application's dependencies and endpoints, so that their code stays as one writes it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.dependencies import models
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.background import BackgroundTask
from starlette.routing import BaseRoute

from simulator.recorder import Recorder, TraceMiddleware

#: The labels of a dependency's two halves.
BEFORE = "before yield"
AFTER = "after yield"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def observed_app(recorder: Recorder) -> FastAPI:
    """An empty application: its endpoints and background tasks go into the history."""
    app = FastAPI(openapi_url=None)
    app.router.route_class = _route_class(recorder)
    return app


def traced(app: FastAPI, recorder: Recorder) -> TraceMiddleware:
    """What to serve instead of `app`, so that its requests go into the history.

    It lies around everything: the 500 of an error that nobody handled is sent from outside of `add_middleware`'s.
    """
    return TraceMiddleware(app, recorder)


def forget_applications() -> None:
    """FastAPI's caches hold on to the endpoints of applications that are gone, and with them to whole runs."""
    for cached in tuple(vars(models).values()):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def observe(app: FastAPI, recorder: Recorder) -> None:
    """The code before and after the `yield` of each dependency of `app` goes into the history, too."""
    for dependency in {each.call: None for route in app.routes for each in _dependencies(route)}:
        if inspect.isasyncgenfunction(dependency):
            app.dependency_overrides[dependency] = _around_async(recorder, dependency)
        elif inspect.isgeneratorfunction(dependency):
            app.dependency_overrides[dependency] = _around(recorder, dependency)


def _dependencies(route: BaseRoute) -> list[Dependant]:
    return route.dependant.dependencies if isinstance(route, APIRoute) else []


def _around(recorder: Recorder, dependency: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @wraps(dependency)
    def around(**values: Any) -> Iterator[Any]:
        generator: Any = dependency(**values)
        with recorder.work(BEFORE, "dependency"):
            value = next(generator)
        try:
            yield value
        except BaseException as error:  # noqa: BLE001 (it goes where it would have gone)
            with recorder.work(AFTER, "dependency"):
                _stop(generator.throw, error)
        else:
            with recorder.work(AFTER, "dependency"):
                next(generator, None)

    return around


def _stop(throw: Callable[[BaseException], Any], error: BaseException) -> None:
    """A dependency that catches the error and does not raise ends here, as it would without us."""
    try:
        throw(error)
    except StopIteration:
        return


def _around_async(
    recorder: Recorder, dependency: Callable[..., AsyncIterator[Any]]
) -> Callable[..., AsyncIterator[Any]]:
    @wraps(dependency)
    async def around(**values: Any) -> AsyncIterator[Any]:
        generator: Any = dependency(**values)
        with recorder.work(BEFORE, "dependency"):
            value = await anext(generator)
        try:
            yield value
        except BaseException as error:  # noqa: BLE001 (it goes where it would have gone)
            with recorder.work(AFTER, "dependency"):
                await _stop_async(generator.athrow, error)
        else:
            with recorder.work(AFTER, "dependency"):
                await anext(generator, None)

    return around


async def _stop_async(throw: Callable[[BaseException], Awaitable[Any]], error: BaseException) -> None:
    try:
        await throw(error)
    except StopAsyncIteration:
        return


def _route_class(recorder: Recorder) -> type[APIRoute]:
    class ObservedRoute(APIRoute):
        def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
            super().__init__(path, _endpoint(recorder, endpoint), **settings)

        def get_route_handler(self) -> Handler:
            return _with_background(recorder, super().get_route_handler())

    return ObservedRoute


def _endpoint(recorder: Recorder, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    label = endpoint.__name__
    if inspect.iscoroutinefunction(endpoint):

        @wraps(endpoint)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with recorder.work(label, "endpoint"):
                return await endpoint(*args, **kwargs)

        return awaited

    @wraps(endpoint)
    def called(*args: Any, **kwargs: Any) -> Any:
        with recorder.work(label, "endpoint"):
            return endpoint(*args, **kwargs)

    return called


def _with_background(recorder: Recorder, handler: Handler) -> Handler:
    async def handled(request: Request) -> Response:
        response = await handler(request)
        if (tasks := response.background) is not None:
            response.background = _Observed(recorder, tasks)
        return response

    return handled


class _Observed(BackgroundTask):
    """Background tasks, as Starlette runs them: `await tasks()`."""

    def __init__(self, recorder: Recorder, tasks: BackgroundTask) -> None:
        super().__init__(tasks)
        self._recorder = recorder

    async def __call__(self) -> None:
        with self._recorder.work("background tasks", "background"):
            await super().__call__()
