"""The addresses of the page: its files, JSON, strokes as bytes, and pictures."""

import json
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from umbed_keras.apps.labelling.apply_files import Measuring
from umbed_keras.apps.page.access import Access
from umbed_keras.apps.page.pictures.drawing import (
    Channel,
    class_picture,
    image_picture,
    number_picture,
)
from umbed_keras.apps.page.pictures.tile_pyramid import SIDE
from umbed_keras.apps.page.workspace import Workspace
from umbed_keras.segmentation.live_classifier import Plane

_STATIC = Path(__file__).parent / "static"
# Bytes of a request that is no uploaded file.
_MOST_JSON, _MOST_STROKES = 1 << 20, 1 << 28
# A tile is asked for anew if its address changes, which has a number of the version.
_CACHED = {"cache-control": "private, max-age=3600"}
_FRESH = {"cache-control": "no-store"}


class TooLargeError(Exception):
    """A request has more bytes than it may have."""


def make_app(workspace: Workspace, token: str | None = None, max_upload: int = 1 << 31) -> Any:
    """Makes the ASGI application of the page.

    Args:
        workspace: `Workspace`.
        token: as in `Access`.
        max_upload: bytes that an uploaded file may have.

    Examples:
        >>> workspace = Workspace("project.umbed")
        >>> make_app(workspace).state.workspace is workspace
        True
        >>> workspace.close()
    """
    routes = [
        Route("/", lambda request: FileResponse(_STATIC / "index.html", headers=_FRESH)),
        Mount("/static", StaticFiles(directory=_STATIC)),
        Route("/api/state", _state),
        Route("/api/events", _events),
        Route("/api/images/{key}", _details),
        Route("/api/images/{key}/tiles/{level:int}/{row:int}/{col:int}", _image_tile),
        Route("/api/images/{key}/thumbnail", _thumbnail),
        Route("/api/images/{key}/maps/{kind}/{level:int}/{row:int}/{col:int}", _map_tile),
        Route("/api/images/{key}/strokes", _strokes),
        Route("/api/images/{key}/strokes", _set_strokes, methods=["POST"]),
        Route("/api/images/{key}/labels", _import_labels, methods=["POST"]),
        Route("/api/upload", _upload, methods=["POST"]),
        Route("/api/inbox", _inbox, methods=["POST"]),
        Route("/api/results", _results),
        Route("/api/results/zip", _results_zip),
        Route("/api/results/file/{name:path}", _results_file),
        Route("/api/project", _project),
        Route("/api/do/{action}", _do, methods=["POST"]),
    ]
    errors = {
        KeyError: _failure(404),
        FileNotFoundError: _failure(404),
        PermissionError: _failure(403),
        TooLargeError: _failure(413),
        ValueError: _failure(400),
        TypeError: _failure(400),
        IndexError: _failure(400),
        ImportError: _failure(400),
        OSError: _failure(500),
    }
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Access, token=token)],
        exception_handlers=errors,  # pyright: ignore
    )
    app.state.workspace, app.state.max_upload = workspace, max_upload
    return app


def _failure(status: int) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        return JSONResponse({"error": text or type(error).__name__}, status, headers=_FRESH)

    return answer


def _workspace(request: Request) -> Workspace:
    return request.app.state.workspace


async def _body(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLargeError(f"The request has more than {most:,} bytes.")
        parts.append(part)
    return b"".join(parts)


def _plane(request: Request) -> Plane:
    text = request.query_params.get("plane", "")
    return request.path_params["key"], tuple(int(part) for part in text.split(",") if part)


async def _state(request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(_workspace(request).state), headers=_FRESH)


async def _events(request: Request) -> Response:
    stream = _workspace(request).events.stream()
    return StreamingResponse(stream, media_type="text/event-stream", headers=_FRESH)


async def _details(request: Request) -> Response:
    workspace, key = _workspace(request), request.path_params["key"]
    details = await run_in_threadpool(lambda: workspace.shown(key).details())
    return JSONResponse(details, headers=_FRESH)


async def _image_tile(request: Request) -> Response:
    workspace, (key, plane) = _workspace(request), _plane(request)
    level, row, col = (request.path_params[name] for name in ("level", "row", "col"))
    channels = [Channel.parsed(text) for text in request.query_params.getlist("c")]

    def draw() -> bytes:
        if not 0 <= level < 32:
            raise ValueError("There is no such level.")
        return image_picture(workspace.shown(key).tile(plane, level, row, col), channels)

    return Response(await run_in_threadpool(draw), media_type="image/png", headers=_CACHED)


async def _thumbnail(request: Request) -> Response:
    workspace, (key, _) = _workspace(request), _plane(request)
    picture = await run_in_threadpool(lambda: workspace.shown(key).thumbnail())
    return Response(picture, media_type="image/png", headers=_CACHED)


async def _map_tile(request: Request) -> Response:
    workspace, plane = _workspace(request), _plane(request)
    kind = request.path_params["kind"]
    level, row, col = (request.path_params[name] for name in ("level", "row", "col"))

    def draw() -> bytes:
        side = SIDE << level
        rows, cols = (slice(at * side, (at + 1) * side, 1 << level) for at in (row, col))
        if kind == "similar":
            similar = workspace.answers.similar_of(plane)
            if similar is None:
                raise KeyError("Nothing is known of this plane yet.")
            return number_picture(similar[0][rows, cols], kind)
        answer = workspace.answers.answer_of(plane)
        if answer is None:
            raise KeyError("Nothing is known of this plane yet.")
        if kind == "uncertainty":
            return number_picture(answer.uncertainty[rows, cols], kind)
        return class_picture(answer.classes[rows, cols], workspace.project.class_colors)

    return Response(await run_in_threadpool(draw), media_type="image/png", headers=_CACHED)


async def _strokes(request: Request) -> Response:
    workspace, plane = _workspace(request), _plane(request)
    content = await run_in_threadpool(lambda: zlib.compress(workspace.labels(plane), 1))
    headers = {**_FRESH, "content-encoding": "deflate"}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def _set_strokes(request: Request) -> Response:
    workspace, plane = _workspace(request), _plane(request)
    content = await _body(request, _MOST_STROKES)
    name = request.query_params.get("name", "stroke")
    await run_in_threadpool(workspace.set_tiles, plane, content, name)
    return await _state(request)


async def _import_labels(request: Request) -> Response:
    workspace, key = _workspace(request), request.path_params["key"]
    with tempfile.TemporaryDirectory() as folder:
        name = Path(request.query_params["name"].replace("\\", "/")).name
        path = Path(folder) / (name.lstrip(".") or "labels")
        await _receive(request, path)
        await run_in_threadpool(workspace.import_labels, key, path)
    return await _state(request)


async def _receive(request: Request, path: Path) -> None:
    """Writes the body of a request to a file, which is removed if it is too large or breaks off."""
    most, size = request.app.state.max_upload, 0
    try:
        with path.open("xb") as file:
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise TooLargeError(f"The file has more than {most >> 20:,} MiB.")
                await run_in_threadpool(file.write, part)
    except (TooLargeError, ClientDisconnect, OSError):
        path.unlink(missing_ok=True)
        raise


async def _upload(request: Request) -> Response:
    workspace = _workspace(request)
    path = workspace.upload_path(request.query_params["name"])
    await _receive(request, path)
    broken = await run_in_threadpool(workspace.take_upload, path)
    return JSONResponse({"broken": broken}, headers=_FRESH)


async def _inbox(request: Request) -> Response:
    path = _workspace(request).results.inbox_path(request.query_params["name"])
    await _receive(request, path)
    return JSONResponse({}, headers=_FRESH)


async def _results(request: Request) -> Response:
    files = await run_in_threadpool(_workspace(request).results.files)
    return JSONResponse({"files": files}, headers=_FRESH)


async def _results_zip(request: Request) -> Response:
    path = await run_in_threadpool(_workspace(request).results.zipped)
    return FileResponse(path, filename=path.name, headers=_FRESH)


async def _results_file(request: Request) -> Response:
    results = _workspace(request).results
    path = await run_in_threadpool(results.path, request.path_params["name"])
    return FileResponse(path, filename=path.name, headers=_FRESH)


async def _project(request: Request) -> Response:
    workspace = _workspace(request)
    await run_in_threadpool(workspace.save)
    path = workspace.project.path
    return FileResponse(path, filename=path.name, headers=_FRESH)


async def _do(request: Request) -> Response:
    """Makes a change, or lets the worker compute something."""
    workspace, action = _workspace(request), request.path_params["action"]
    if action not in _ACTIONS:
        raise KeyError(f"There is no action {action!r}.")
    content = await _body(request, _MOST_JSON)
    given = json.loads(content or b"{}")
    result = await run_in_threadpool(_ACTIONS[action], workspace, given)
    if action in _ASKED:
        return JSONResponse({}, headers=_FRESH)
    state = await run_in_threadpool(workspace.state)
    return JSONResponse({"result": result, "state": state}, headers=_FRESH)


def _given_plane(given: dict[str, Any]) -> Plane:
    return str(given["key"]), tuple(int(at) for at in given.get("plane", ()))


def _view(workspace: Workspace, given: dict[str, Any]) -> None:
    plane = _given_plane(given) if given.get("key") else None
    workspace.view(plane, float(given.get("row", 0)), float(given.get("col", 0)))


def _similar(workspace: Workspace, given: dict[str, Any]) -> None:
    workspace.compute("similar", _given_plane(given), int(given["row"]), int(given["col"]))


def _suggest(workspace: Workspace, given: dict[str, Any]) -> None:
    workspace.compute("suggest", _given_plane(given) if given.get("key") else None)


def _apply(workspace: Workspace, given: dict[str, Any]) -> None:
    what = given["what"]
    if what == "path":
        paths = [workspace.allowed_path(Path(str(given["path"])))]
    elif what == "files":
        paths = workspace.results.inbox()
    else:
        paths = workspace.image_paths([str(given["key"])] if what == "image" else None)
    measuring = None
    if given.get("measure"):
        least, split = int(given.get("min_size", 1)), bool(given.get("split"))
        measuring = Measuring(int(given.get("background", 0)), least, split)
    workspace.apply(paths, measuring)


# What changes nothing of the project, so that no state comes back.
_ASKED = ("apply", "cancel", "clear_inbox", "similar", "suggest", "view")
_ACTIONS: dict[str, Callable[[Workspace, dict[str, Any]], Any]] = {
    "apply": _apply,
    "cancel": lambda workspace, given: workspace.worker.cancel("apply"),
    "clear_inbox": lambda workspace, given: workspace.results.clear_inbox(),
    "view": _view,
    "similar": _similar,
    "suggest": _suggest,
    "undo": lambda workspace, given: workspace.undo(),
    "redo": lambda workspace, given: workspace.redo(),
    "clear": lambda workspace, given: workspace.clear(_given_plane(given)),
    "add_class": lambda workspace, given: workspace.add_class(str(given.get("name", ""))),
    "change_class": lambda workspace, given: workspace.change_class(
        int(given["number"]), given.get("name"), given.get("color")
    ),
    "remove_class": lambda workspace, given: workspace.remove_class(int(given["number"])),
    "remove_image": lambda workspace, given: workspace.remove_image(str(given["key"])),
    "open_path": lambda workspace, given: workspace.open_path(Path(str(given["path"]))),
    "new_project": lambda workspace, given: workspace.new_project(),
    "set_channels": lambda workspace, given: workspace.set_channels(given["channels"]),
    "set_preset": lambda workspace, given: workspace.set_preset(str(given["preset"])),
}
