"""Measures the overhead of `embed_store`, the speed-up by workers, and its resumption after kills.

    python examples/benchmarks/embed_store.py [--preset NAME] [--side 6000] [--kills 20]

The image is a mosaic of rotated and dimmed copies of the bundled portrait.
"""

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import umbed_keras as uk

# isort: split
import numpy as np
from PIL import Image

from umbed_keras.stores import embed_store

PORTRAIT = Path(__file__).resolve().parents[1] / "astronaut.jpg"
# The same threads for one process and for two.
CORES = len(os.sched_getaffinity(0)) // 2 * 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="natural_vae_d16")
    parser.add_argument("--codes", action="store_true", help="store codes, not vectors")
    parser.add_argument("--side", type=int, default=6000, help="side of the image in pixels")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3, help="runs; the fastest counts")
    parser.add_argument("--budget", type=int, default=512, help="memory budget of a worker in MiB")
    parser.add_argument("--parts", nargs="+", default=["overhead", "workers", "kills"])
    parser.add_argument("--folder", help="working folder (default: a temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = Path(folder)
        np.save(folder / "image.npy", mosaic(args.side))
        for part in args.parts:
            {"overhead": overhead, "workers": workers, "kills": kills}[part](args, folder)


def mosaic(side):
    portrait = np.asarray(Image.open(PORTRAIT).convert("RGB"))
    height, width, _ = portrait.shape
    image = np.empty((side, side, 3), "uint8")
    randomness = np.random.default_rng(0)
    for row in range(0, side, height):
        for col in range(0, side, width):
            turned = np.rot90(portrait, randomness.integers(4))
            part = image[row : row + height, col : col + width]
            part[:] = (turned * randomness.uniform(0.5, 1))[: part.shape[0], : part.shape[1]]
    return image


def overhead(args, folder):
    """Compares a store by one process with embedding the same tiles in memory."""
    model = uk.PixelEmbedder.from_preset(args.preset)
    image = np.load(folder / "image.npy")[: args.side // 4]
    np.save(folder / "part.npy", image)
    budget = args.budget << 20
    targets = (folder / f"store_{number}.zarr" for number in itertools.count())

    def into_store():
        return embed_store(
            model, folder / "part.npy", next(targets), memory_budget=budget, verbose=0
        )

    array = into_store()
    tile_size = (array.shards or array.chunks)[0]
    ways = {
        "embed": lambda: model.embed(image[None], tile_size=tile_size),
        "embed_large": lambda: model.embed_large(image, memory_budget=budget, verbose=0),
        "embed_store": into_store,
    }
    seconds, work = ({name: [] for name in ways} for _ in range(2))
    for _ in range(args.repeats):
        for name, way in ways.items():
            before = time.process_time()
            seconds[name].append(timed(way))
            work[name].append(time.process_time() - before)
        for path in folder.glob("store_*.zarr"):
            shutil.rmtree(path)
    print(f"{args.preset}, {image.shape[0]} x {image.shape[1]}, tiles of {tile_size}")
    for name in ways:
        print(f"{name}: {min(seconds[name]):.2f} s, processors' time {min(work[name]):.2f} s")


def workers(args, folder):
    """Compares two processes with one, with the same number of threads in total."""
    times = {1: [], 2: []}
    for _ in range(args.repeats):
        for count, seconds in times.items():
            seconds.append(timed(lambda count=count: run(args, folder, "store.zarr", count)))
            shutil.rmtree(folder / "store.zarr")
    one, two = (min(seconds) for seconds in times.values())
    print(f"workers, {args.side} x {args.side}: {times}")
    print(f"1 worker {one:.1f} s, 2 workers {two:.1f} s: {one / two:.2f}x")


def kills(args, folder):
    """Compares a run that is killed many times with an undisturbed one."""
    begin, process = time.perf_counter(), start(args, folder, "whole.zarr", 1)
    tiles = first = 0
    while process.poll() is None:
        tiles = max(tiles, len(moments(folder / "whole.zarr")))
        first = first or (time.perf_counter() - begin if tiles else 0)
        time.sleep(0.02)
    rest = time.perf_counter() - begin - first
    target, randomness, marked = folder / "killed.zarr", random.Random(0), {}
    for kill in range(1, args.kills + 1):
        process, before = start(args, folder, target.name, 1), len(marked)
        if kill % 4:  # at a random moment during the work
            goal = before + randomness.uniform(0, 1.5 * tiles / args.kills)
            while len(moments(target)) < goal and process.poll() is None:
                time.sleep(0.005)
            time.sleep(randomness.uniform(0, rest / tiles))
        else:  # during the start
            time.sleep(randomness.uniform(0, first))
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = moments(target)
        if marked and not now:
            raise SystemExit(f"The run ended before kill {kill}: raise --side.")
        twice = [mark for mark, moment in marked.items() if now[mark] != moment]
        if twice:
            raise SystemExit(f"Tiles were computed twice: {twice}")
        marked = now
        print(f"kill {kill}: {len(marked) - before} tiles, {len(marked)} in all", flush=True)
    run(args, folder, target.name, 1)
    same = subprocess.run(["diff", "-r", folder / "whole.zarr", target]).returncode == 0
    print(
        f"{args.side} x {args.side}, {tiles} tiles: {first:.0f} s to the first, {rest:.0f} s more"
    )
    print(f"after {args.kills} kills identical: {same}")


def moments(target):
    """Returns when each tile was marked as done; empty before the start and after the end."""
    try:
        marks = os.scandir(target / ".progress" / "done")
        return {mark.name: mark.stat().st_mtime_ns for mark in marks}
    except FileNotFoundError:
        return {}


def start(args, folder, target, count):
    command = [sys.executable, "-m", "umbed_keras", "embed", folder / "image.npy"]
    command += [folder / target, "--preset", args.preset, "--workers", str(count)]
    command += ["--memory-budget", str(args.budget), *["--codes"] * args.codes]
    environment = {**os.environ, "OMP_NUM_THREADS": str(CORES // count)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def run(args, folder, target, count):
    if start(args, folder, target, count).wait():
        raise SystemExit("The run failed.")


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
