"""A function of tiles that worker processes can import, with failures on demand."""

import os
import signal
import time

import numpy as np

from umbed_keras.stores.layout import Plan


def plan(side=100, tile_size=10, **options):
    arrays = {"": ((2,), "float32")}
    return Plan({"what": "a test"}, [("", side, side)], arrays, tile_size, **options)


def expected(side=100):
    rows, cols = np.mgrid[:side, :side].astype("float32")
    return np.stack([rows, cols], axis=-1)


class Coordinates:
    """Returns the row and column of each pixel of a tile.

    Args:
        folder: path of a folder, in which each call creates a file, named by the tile, a number
            and the process.
        deaths: dictionary from a tile's name to how often the process that computes it dies.
        errors: dictionary from a tile's name to how often it fails.
        seconds: float, duration of a call.
    """

    def __init__(self, folder, deaths=None, errors=None, seconds=0.0):
        self.arguments = (str(folder), dict(deaths or {}), dict(errors or {}), seconds)

    def __call__(self, tile):
        folder, deaths, errors, seconds = self.arguments
        call = sum(name.startswith(f"{tile.name}_") for name in os.listdir(folder))
        open(os.path.join(folder, f"{tile.name}_{call}_{os.getpid()}"), "x").close()
        time.sleep(seconds)
        if call < deaths.get(tile.name, 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if call < errors.get(tile.name, 0):
            raise ArithmeticError("no sum")
        rows, cols = np.mgrid[tile.rows, tile.cols]
        return np.stack([rows, cols], axis=-1).astype("float32")

    def share(self, folder):
        folder.mkdir(exist_ok=True)
        path, deaths, errors, seconds = self.arguments
        return make, (path, tuple(deaths.items()), tuple(errors.items()), seconds)


def make(folder, deaths, errors, seconds):
    return Coordinates(folder, dict(deaths), dict(errors), seconds)
