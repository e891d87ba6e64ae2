"""The arguments of `umbed-keras napari`, and its window."""

import argparse
import errno
import os
from pathlib import Path
from typing import Any

from umbed_keras.apps.process import load_library
from umbed_keras.extras import import_extra

_PROJECT = ".umbed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> [path.name for path in parser.parse_args(["a.tif", "b.tif"]).paths]
        ['a.tif', 'b.tif']
    """
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="images, or a .umbed project"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand, until the window is closed.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        ImportError: if the extra is missing.
        OSError: if there is no such file.
        ValueError: if a file is no project.
    """
    for path in args.paths:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    napari = import_extra("napari", "napari")
    import_extra("qtpy.QtWidgets", "napari")
    load_library()
    open_window(napari.Viewer(), args.paths)
    napari.run()
    return 0


def open_window(viewer: Any, paths: list[Path]) -> Any:
    """Opens images and projects in a viewer, with the plugin at its side.

    Args:
        viewer: `napari.Viewer`.
        paths: files.

    Returns:
        The plugin's widget.
    """
    from umbed_keras.apps.napari._widget import SegmentWidget

    images = [str(path) for path in paths if path.suffix.lower() != _PROJECT]
    if images:
        viewer.open(images, stack=False)
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment from strokes", area="right")
    for path in paths:
        if path.suffix.lower() == _PROJECT:
            widget.open_project(str(path))
    return widget
