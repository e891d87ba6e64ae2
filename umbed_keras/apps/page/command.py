"""The arguments of `umbed-keras page`, and its server."""

import argparse
import os
import secrets
import sys
import threading
import webbrowser
from pathlib import Path

from umbed_keras.apps.process import load_library
from umbed_keras.extras import check_extra

LOCAL = ("127.0.0.1", "localhost", "::1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["photos", "--port", "8000"]).port
        8000
    """
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="images, a folder, or a .umbed project"
    )
    parser.add_argument("--host", default=LOCAL[0], help="address to serve on")
    parser.add_argument("--port", type=int, default=0, help="(default: a free one)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.add_argument("--max-upload", type=int, default=2048, help="MiB of an uploaded file")


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand, until the process is interrupted.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        ValueError: if a file is no image and no project, or there is no such port.
        OSError: if a file can't be read, or the port is taken.
        ImportError: if an extra is missing.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["none.tif"]))
        Traceback (most recent call last):
        FileNotFoundError: There is no file or folder none.tif.
    """
    if not 0 <= args.port < 1 << 16:
        raise ValueError(f"--port must be between 0 and 65535. Received: {args.port}")
    for path in args.paths:
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {path}.")
    for package in ("uvicorn", "starlette", "sklearn"):
        check_extra(package, "page")
    load_library()
    from umbed_keras.apps.page._serving import make_server, open_socket
    from umbed_keras.apps.page.workspace import Workspace

    token = None if args.host in LOCAL else secrets.token_urlsafe(24)
    workspace = Workspace.of_paths(args.paths, open_paths=token is None)
    socket = open_socket(args.host, args.port)
    port = socket.getsockname()[1]
    shown = f"[{args.host}]" if ":" in args.host else args.host
    address = f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
    if token:
        print(
            f"warning: others can reach this page at {args.host}. Whoever has the address with its "
            "token can see the images and change the strokes; it is not encrypted.",
            file=sys.stderr,
        )
    print(f"{address} (Ctrl-C ends it; {workspace.project.path} keeps the work)", flush=True)
    if not args.no_browser and not os.environ.get("CI"):
        threading.Timer(0.5, webbrowser.open, [address]).start()
    server = make_server(workspace, token, max_upload=args.max_upload << 20)
    try:
        server.run(sockets=[socket])
    finally:
        workspace.close()
    return 0
