"""Files of labelled pixels: arrays and text, nothing that is run."""

import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.models.base.weights_digest import update_by_weights
from umbed_keras.segmentation.labelled_pixels import LabelledPixels

FORMAT = "umbed_keras pixel classifier 1"
# What readers of archives, arrays and JSON raise where content is not theirs.
BROKEN = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_labelled(path, settings, labelled):
    """Writes settings that JSON knows, and `LabelledPixels` by images' keys, all or nothing."""
    columns = zip(*labelled.values(), strict=True)
    arrays = {
        name: np.concatenate(parts)
        for name, parts in zip(LabelledPixels._fields, columns, strict=True)
    }
    keys = list(labelled)
    counts = [len(pixels.labels) for pixels in labelled.values()]
    header = json.dumps({"format": FORMAT, "images": keys, "counts": counts, **settings})
    with written_whole(path) as new, new.open("wb") as file:
        np.savez_compressed(file, header=np.frombuffer(header.encode(), "uint8"), **arrays)


def read_labelled(path):
    """Settings and `LabelledPixels` by images' keys, from what `write_labelled` wrote.

    Raises:
        ValueError: another file, or one that is cut or altered.
        OSError: it can't be read.
    """
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as file:
            settings = json.loads(file["header"].tobytes())
            if settings.pop("format") != FORMAT:
                raise ValueError("of another format")
            arrays = [file[name] for name in LabelledPixels._fields]
        keys, counts = settings.pop("images"), settings.pop("counts")
        if {len(array) for array in arrays} != {sum(counts)} or arrays[-1].ndim != 2:
            raise ValueError("of arrays that don't fit each other")
        if not np.isfinite(arrays[-1]).all():
            raise ValueError("of features that are no finite numbers")
        ends = np.cumsum(counts)[:-1]
        split = zip(*(np.split(array, ends) for array in arrays), strict=True)
        pixels = [LabelledPixels(*parts) for parts in split]
        return settings, dict(zip(keys, pixels, strict=True))
    except BROKEN as error:
        raise ValueError(f"{path} is no file of a pixel classifier: {error}") from error


def fingerprint(model):
    """SHA-256 of a model's weights, the same on every backend."""
    digest = hashlib.sha256()
    update_by_weights(digest, model)
    return digest.hexdigest()
