"""DICOM files and series, by pydicom."""

from typing import Any

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Details, Image
from umbed_keras.images.readers.location import Location

SUFFIXES = (".dcm", ".dicom", ".ima")
_PALETTE = "PALETTE COLOR"


def read_dicom(location: Location, axes: str | None = None) -> Image:
    """Reads a DICOM file in the numbers that its rescale slope and intercept give.

    Args:
        location: location of the file.
        axes: axes to give to the image in place of those that follow from the file: frames are
            planes along `"z"`.

    Raises:
        ValueError: if the file is no DICOM image that can be read.
        ImportError: if pydicom is not installed.
    """
    dataset = _dataset(location)
    values = _values(dataset, location)
    color = _is_color(dataset)
    frames = values.ndim == 3 + color
    letters = ("z" if frames else "") + ("yxc" if color else "yx")
    return Image(values, axes or letters, _details(dataset, color), str(location))


def read_dicom_series(location: Location, axes: str | None = None) -> Image:
    """Reads a folder of DICOM files, the slices of one series, as a stack.

    Slices are ordered by their position along the normal of their planes, or else by their
    instance number.

    Args:
        location: location of the folder, on this machine.
        axes: axes to give to the image in place of `"zyx"`.

    Raises:
        ValueError: if the folder holds no DICOM files, slices of several series or sizes, or is
            not on this machine.
        ImportError: if pydicom is not installed.
    """
    if location.path is None:
        raise ValueError(f"A DICOM series is read from a folder of this machine: {location}")
    files = [Location(path) for path in sorted(location.path.iterdir()) if path.is_file()]
    files = [file for file in files if file.suffix in SUFFIXES]
    if not files:
        raise ValueError(f"{location} holds no DICOM files ({', '.join(SUFFIXES)}).")
    slices = [(_dataset(file), file) for file in files]
    series = {str(getattr(dataset, "SeriesInstanceUID", "")) for dataset, _ in slices}
    if len(series) > 1:
        raise ValueError(f"{location} holds slices of {len(series)} series: put them in folders.")
    slices.sort(key=lambda part: _order(part[0]))
    planes = [_values(dataset, file) for dataset, file in slices]
    shapes = sorted({plane.shape for plane in planes})
    if len(shapes) > 1:
        raise ValueError(f"{location} holds slices of several sizes, {shapes}.")
    first = slices[0][0]
    color = _is_color(first)
    details = _details(first, color)
    positions = [_order(dataset)[0] for dataset, _ in slices]
    spacing = np.diff(positions)
    if len(spacing) and np.all(spacing > 0):
        details = Details(
            **{**vars(details), "pixel_size": {**details.pixel_size, "z": float(spacing.mean())}}
        )
    letters = "zyxc" if color else "zyx"
    return Image(np.stack(planes), axes or letters, details, str(location))


def _dataset(location: Location) -> Any:
    pydicom = import_extra("pydicom", "dicom")
    try:
        with location.open() as file:
            dataset = pydicom.dcmread(file)
            _ = dataset.get("PixelData")
            return dataset
    except (pydicom.errors.InvalidDicomError, EOFError) as error:
        raise ValueError(f"{location} is no DICOM file that can be read: {error}") from error


def _values(dataset: Any, location: Location) -> np.ndarray:
    """The pixels with the modality's rescaling applied, colours as red, green and blue."""
    processing = import_extra("pydicom.pixels", "dicom")
    try:
        pixels = dataset.pixel_array
        if dataset.PhotometricInterpretation == _PALETTE:
            return processing.apply_color_lut(pixels, dataset)
    except Exception as error:  # of every decoder
        raise ValueError(
            f"{location} holds no pixels that can be read. {type(error).__name__}: {error}"
        ) from error
    return processing.apply_modality_lut(pixels, dataset)


def _is_color(dataset: Any) -> bool:
    return int(getattr(dataset, "SamplesPerPixel", 1)) > 1 or (
        getattr(dataset, "PhotometricInterpretation", "") == _PALETTE
    )


def _padding(dataset: Any, color: bool) -> float | None:
    """The number of pixels outside of what was looked at, after rescaling."""
    padding = getattr(dataset, "PixelPaddingValue", None)
    if color or not isinstance(padding, int) or "PixelPaddingRangeLimit" in dataset:
        return None
    processing = import_extra("pydicom.pixels", "dicom")
    return float(processing.apply_modality_lut(np.array([padding]), dataset)[0])


def _details(dataset: Any, color: bool) -> Details:
    spacing = getattr(dataset, "PixelSpacing", None) or getattr(dataset, "ImagerPixelSpacing", None)
    sizes = {} if spacing is None else {"y": float(spacing[0]), "x": float(spacing[1])}
    between = getattr(dataset, "SpacingBetweenSlices", None) or getattr(
        dataset, "SliceThickness", None
    )
    if sizes and between:
        sizes["z"] = float(between)
    centre, width = (getattr(dataset, f"Window{part}", None) for part in ("Center", "Width"))
    window = None
    if centre is not None and width is not None:
        middle, extent = (float(np.ravel(part)[0]) for part in (centre, width))
        window = (middle - extent / 2, middle + extent / 2)
    return Details(
        channel_names=("red", "green", "blue") if color else (),
        pixel_size=sizes,
        unit="millimeter" if sizes else None,
        nodata=_padding(dataset, color),
        is_rgb=color,
        display_range=window,
    )


def _order(dataset: Any) -> tuple[float, int]:
    """What slices are sorted by: the position along their normal, then their number."""
    number = int(getattr(dataset, "InstanceNumber", 0) or 0)
    position = getattr(dataset, "ImagePositionPatient", None)
    directions = getattr(dataset, "ImageOrientationPatient", None)
    if position is None or directions is None:
        return float(number), number
    directions = np.asarray(directions, "float64")
    normal = np.cross(directions[:3], directions[3:])
    return float(normal @ np.asarray(position, "float64")), number
