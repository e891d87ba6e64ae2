"""CelebAMask-HQ: faces with a class a pixel, for benchmarks."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = 19
SIZE = 128


def load(path, select=lambda names: names):
    """Images `(n, SIZE, SIZE, 3)` and masks `(n, SIZE, SIZE)`, uint8, in sorted order.

    Args:
        path: celebamask_hq_512.tar.
        select: function of the sorted list of names that gives those to load.
    """
    with tarfile.open(path) as archive:
        found = {}
        for member in archive:
            name = Path(member.name)
            if member.isfile():
                found[name.parent.name, name.stem] = member
        names = select(sorted(stem for folder, stem in found if folder == "images"))

        def pictures(folder, mode, resampling):
            for name in names:
                file = archive.extractfile(found[folder, name])
                picture = Image.open(io.BytesIO(file.read()))
                picture = picture.convert(mode) if mode else picture
                yield np.asarray(picture.resize((SIZE, SIZE), resampling))

        images = np.stack([*pictures("images", "RGB", Image.Resampling.LANCZOS)])
        # A mask's values are classes, which its palette's colours are not.
        return images, np.stack([*pictures("masks", None, Image.Resampling.NEAREST)])
