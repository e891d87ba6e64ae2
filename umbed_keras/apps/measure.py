"""Measures the objects of masks, as a table of comma-separated values.

  umbed-keras measure FOLDER --images IMAGES --background 1 --split --output cells.csv
  umbed-keras measure FOLDER --project cells.umbed --background tissue --output cells.csv
  umbed-keras measure cells.labels.png --pixel-size 0.5 --unit um --output cells.csv

A mask is a file of class numbers, as `umbed-keras segment` writes it. Its objects are the
connected regions of each class; class 0 is no object, nor are those of --background. Of a folder
all NAME.labels.* are measured, or, if there are none, all images. Intensities are those of
--images: the image NAME.* of each mask NAME.labels.*.

The table has a row for each object: the name of its mask, its number, its class, its size, shape
and position in physical units where the size of a pixel is known (from the files, or given), and
its intensities in each channel. --fractions writes the share of each class in each mask as well.
With --project, classes have names as well, which --background takes, too.
"""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from umbed_keras.apps.arguments.paths import check_exists
from umbed_keras.apps.process import load_library

if TYPE_CHECKING:
    from umbed_keras.segmentation import Measurements

_LABELS = ".labels"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["a.png", "--output", "a.csv"]).min_size
        0
    """
    parser.add_argument("masks", type=Path, nargs="+", metavar="MASK", help="files and folders")
    parser.add_argument("--output", type=Path, required=True, help=".csv file of the table")
    parser.add_argument(
        "--images", type=Path, nargs="+", default=[], metavar="PATH", help="files and folders"
    )
    parser.add_argument(
        "--background",
        nargs="+",
        default=["0"],
        metavar="CLASS",
        help="numbers or names of classes that are no objects",
    )
    parser.add_argument("--project", type=Path, help="file that names the classes")
    parser.add_argument("--min-size", type=int, default=0, help="leave out objects of fewer pixels")
    parser.add_argument(
        "--split",
        type=float,
        nargs="?",
        const=0.8,
        help="divide objects where they are narrower than this share of their width, 0.8 unless "
        "stated (default: objects stay whole)",
    )
    parser.add_argument(
        "--objects", action="store_true", help="masks hold numbers of objects, not of classes"
    )
    parser.add_argument("--pixel-size", type=float, help="(default: that of the file, or 1)")
    parser.add_argument("--unit", help="unit of the pixel size, such as um")
    parser.add_argument(
        "--properties",
        nargs="+",
        default=[],
        metavar="NAME",
        help="further ones of skimage.measure.regionprops that need no intensities",
    )
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    parser.add_argument("--fractions", type=Path, help=".csv file of the shares of the classes")


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        ValueError: if a mask or an image does not suit, or a mask has no image of its name.
        OSError: if a file can't be read or written.
        ImportError: if an extra is missing.

    Examples:
        >>> mask = np.zeros((8, 9), "uint8")
        >>> mask[1:4, 1:5], mask[5:7, 6:8] = 1, 2
        >>> np.save("cells.npy", mask)
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["cells.npy", "--output", "cells.csv"]))
        2 objects in 1 mask: cells.csv
        0
        >>> Path("cells.csv").read_text().splitlines()[1][:12]
        'cells,1,1,pi'
    """
    if args.split is not None and not 0 < args.split < 1:
        raise ValueError(f"--split must be between 0 and 1. Received: {args.split}")
    for path in (*args.masks, *args.images):
        check_exists(path)
    load_library()
    import keras

    from umbed_keras.segmentation import Measurements, class_fractions

    names = _class_names(args.project)
    background = [_class_number(text, names) for text in args.background]
    masks = _named(args.masks, only_labels=True)
    images = _named(args.images)
    alone = len(masks) == len(images) == 1
    missing = [] if alone or not images else sorted(masks.keys() - images.keys())
    if missing:
        raise ValueError(f"masks without an image of their name in --images: {missing}")
    bar = keras.utils.Progbar(len(masks), unit_name="mask", verbose=len(masks) > 1)
    tables, shares = {}, {}
    for name, path in masks.items():
        image = next(iter(images.values())) if alone else images.get(name)
        try:
            tables[name] = _measured(args, path, image, background).with_class_names(names)
            if args.fractions:
                shares[name] = _table(class_fractions(path)).with_class_names(names)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        bar.add(1)
    table = Measurements.joined(tables)
    table.to_csv(args.output)
    written = [str(args.output)]
    if args.fractions:
        Measurements.joined(shares).to_csv(args.fractions)
        written.append(str(args.fractions))
    masks_text = "1 mask" if len(masks) == 1 else f"{len(masks)} masks"
    objects = "1 object" if table.num_rows == 1 else f"{table.num_rows} objects"
    print(f"{objects} in {masks_text}: {', '.join(written)}")
    return 0


def _named(paths: Iterable[Path], only_labels: bool = False) -> dict[str, Path]:
    """Name to path of files and of the images of folders, without `.labels` and suffix."""
    from umbed_keras.images.folder_files import folder_files
    from umbed_keras.segmentation.files.image_files import result_names

    groups = []
    for path in paths:
        is_folder = path.is_dir() and path.suffix.lower() != ".zarr"
        groups.append((path, folder_files(path).images) if is_folder else (path.parent, [path]))
    if only_labels:
        groups = [(folder, _labels_first(files)) for folder, files in groups]
    return {name.removesuffix(_LABELS): path for path, name in result_names(groups).items()}


def _labels_first(files: Sequence[Path]) -> Sequence[Path]:
    """The files named NAME.labels.*, or all if there are none."""
    return [path for path in files if path.stem.endswith(_LABELS)] or files


def _class_names(project: Path | None) -> dict[int, str]:
    """Number to name of the classes of a project."""
    if project is None:
        return {}
    from umbed_keras.segmentation import Project

    return {number: given.name for number, given in Project.load(project).classes.items()}


def _class_number(text: str, names: Mapping[int, str]) -> int:
    for number, name in names.items():
        if name == text:
            return number
    try:
        return int(text)
    except ValueError:
        known = f"one of {list(names.values())}" if names else "a number, without a --project"
        raise ValueError(f"--background must be {known}. Received: {text}") from None


def _measured(
    args: argparse.Namespace, path: Path, image_path: Path | None, background: Sequence[int]
) -> "Measurements":
    """The table of a mask."""
    from umbed_keras.images.read_image import open_image, read_image
    from umbed_keras.segmentation import instances, measure

    mask = open_image(path, args.axes, expand=False)
    image = None if image_path is None else read_image(image_path, args.axes)
    source = mask if image is None else image
    letters = source.axes.replace("c", "")
    pixel_size, unit = args.pixel_size, args.unit
    if pixel_size is None and set(letters) - {"t"} <= set(source.pixel_size):
        pixel_size, unit = source.pixel_size, unit or source.unit
    if args.objects:
        numbers, classes = path, None
    else:
        options = {"axes": letters, "pixel_size": pixel_size, "background": [0, *background]}
        numbers = instances(path, args.min_size, args.split or False, **options)
        classes = path
    try:
        return measure(numbers, image, pixel_size, unit, classes, args.properties, letters)
    except AttributeError as error:
        raise ValueError(f"--properties must name those of regionprops: {error}") from error


def _table(fractions: dict[int, float]) -> "Measurements":
    import numpy as np

    from umbed_keras.segmentation import Measurements

    return Measurements(
        {"class": np.array(list(fractions), int), "fraction": np.array(list(fractions.values()))}
    )
