"""Microscopes' own formats (CZI, ND2, LIF and others), by BioIO and its plugins."""

from umbed_keras.images.image import Details, Image
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.views import NamedErrors


def read_bioio(
    location: Location, axes: str | None = None, series: int | str | None = None
) -> Image:
    """Opens a file by BioIO, of which windows are read.

    Args:
        location: location of the file.
        axes: ignored unless the image has other axes than those of BioIO.
        series: index or name of a scene, where there are several.

    Raises:
        ValueError: if no plugin reads the file, or it holds several scenes and `series` names
            none.
        ImportError: if BioIO is not installed.
    """
    suffix = location.suffix
    try:
        import bioio
    except ImportError as error:
        raise ImportError(
            f"{suffix} files are read by BioIO and a plugin: `pip install bioio` and, say, "
            f"`pip install bioio-{suffix[1:]}`."
        ) from error
    try:
        image = bioio.BioImage(str(location))
        scenes = list(image.scenes)
    except Exception as error:  # of every plugin
        raise ValueError(
            f"{location} can't be read by the installed plugins of BioIO; "
            f"`pip install bioio-{suffix[1:]}` may add one. {type(error).__name__}: {error}"
        ) from error
    if series is None and len(scenes) > 1:
        raise ValueError(f"{location} holds the scenes {scenes}: say which by `series`.")
    if series is not None:
        image.set_scene(series)
    data, letters = image.dask_data, image.dims.order.lower()
    has_samples = "s" in letters
    if has_samples:
        if dict(zip(letters, data.shape, strict=True)).get("c", 1) != 1:
            raise ValueError(f"{location} has channels of several samples, {letters!r}.")
        letters = letters.replace("c", "q").replace("s", "c")
    dropped = [
        position
        for position, (letter, size) in enumerate(zip(letters, data.shape, strict=True))
        if size == 1 and letter not in "yx"
    ]
    data = data[tuple(0 if at in dropped else slice(None) for at in range(data.ndim))]
    letters = "".join(letter for at, letter in enumerate(letters) if at not in dropped)
    sizes = {
        axis: float(size)
        for axis in "zyx"
        if (size := getattr(image.physical_pixel_sizes, axis.upper(), None))
    }
    count = dict(zip(letters, data.shape, strict=True)).get("c", 1)
    names = tuple(map(str, image.channel_names or ()))
    details = Details(
        channel_names=names if len(names) == count else (),
        pixel_size={axis: size for axis, size in sizes.items() if axis in letters},
        unit="micrometer" if sizes else None,
        is_rgb=has_samples and count in (3, 4),
        alpha=3 if has_samples and count == 4 else None,
    )
    return Image(
        NamedErrors(data, str(location)),
        axes if axes and len(axes) == data.ndim else letters,
        details,
        str(location),
    )
