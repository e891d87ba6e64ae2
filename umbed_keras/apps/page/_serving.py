"""The server of the page, on a socket."""

import socket
from typing import Any

import uvicorn

from umbed_keras.apps.page._server import make_app
from umbed_keras.apps.page.workspace import Workspace


def open_socket(host: str, port: int = 0) -> socket.socket:
    """Binds a socket, so that its port is known before the server runs.

    Args:
        host: address.
        port: 0 takes a free one.

    Raises:
        OSError: if the port is taken, or there is no such address.

    Examples:
        >>> with open_socket("127.0.0.1") as bound:
        ...     bound.getsockname()[0]
        '127.0.0.1'
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(128)  # a browser that is early waits
    except OSError:
        bound.close()
        raise
    return bound


class _Server(uvicorn.Server):
    """Ends the connections of pages first, which would keep it waiting."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.config.app.state.workspace.events.close()  # pyright: ignore
        super().handle_exit(sig, frame)


def make_server(workspace: Workspace, token: str | None, max_upload: int) -> uvicorn.Server:
    """Makes the server.

    Args:
        workspace: `Workspace`.
        token: as in `Access`.
        max_upload: bytes that an uploaded file may have.

    Examples:
        >>> workspace = Workspace("project.umbed")
        >>> make_server(workspace, None, 1 << 20).config.log_level
        'warning'
        >>> workspace.close()
    """
    config = uvicorn.Config(
        make_app(workspace, token, max_upload),
        log_level="warning",
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    return _Server(config)
