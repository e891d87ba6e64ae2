"""The arguments of `umbed-keras napari`, and its window."""

import argparse
import errno
import os
from pathlib import Path
from typing import Any

from umbed_keras.apps.process import load_library
from umbed_keras.extras import import_extra


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
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="images, folders of them, or a project (.umbed)",
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
        paths: images and folders of them, or a project. The project of images lies beside them;
            it is opened if it is there, and saved after each change.

    Returns:
        The plugin's widget.

    Raises:
        ValueError: if there are several projects, or a file can't be read.
    """
    from umbed_keras.apps.napari._layers._layer_images import layer_path
    from umbed_keras.apps.napari._layers._project_layers import file_layer
    from umbed_keras.apps.napari._widget import SegmentWidget
    from umbed_keras.apps.page.places import SUFFIX, project_path
    from umbed_keras.images.read_image import read_image

    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment from strokes", area="right")
    if not paths:
        return widget
    project = project_path(paths)
    if project.exists():
        widget.open_project(str(project))
    opened = {layer_path(layer) for layer in viewer.layers}
    images = _files([path for path in paths if path.suffix.lower() != SUFFIX])
    for path in images:
        if os.path.abspath(path) not in opened:
            shown = file_layer(read_image(path), path)
            viewer.add_image(shown.data, **shown.options)
    widget.keep_in(project)
    for layer in viewer.layers:
        if images and layer_path(layer) == os.path.abspath(images[0]):
            widget.show_alone(layer)
            break
    return widget


def _files(paths: list[Path]) -> list[Path]:
    """The files, and the images of the folders."""
    from umbed_keras.images.folder_files import folder_files

    files: list[Path] = []
    for path in paths:
        is_folder = path.is_dir() and path.suffix.lower() != ".zarr"  # an image
        files += folder_files(path).images if is_folder else [path]
    return files
