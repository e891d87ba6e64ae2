"""Compares the outputs and times of the ONNX files of presets with Keras.

    KERAS_BACKEND=torch python examples/benchmarks/onnx_embed.py FOLDER
    KERAS_BACKEND=jax python examples/benchmarks/onnx_embed.py FOLDER
    KERAS_BACKEND=torch python examples/benchmarks/onnx_embed.py FOLDER --time --threads 1

Files missing in FOLDER are exported, existing ones are reused. Times are minima of alternating
calls on the bundled portrait of 512x512 pixels: CPU time with one thread, so that other load does
not matter, and wall time with more.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import umbed_keras as uk

# isort: split
import keras
import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).parents[1]))
from training.images import portrait

SHAPES = ((1, 1, 1), (3, 5, 7), (2, 33, 50), (1, 101, 131))
ROUNDS = 12


def session(model, name, what, folder, threads=0):
    """Returns an ONNX Runtime session for a preset, whose file is exported if it is missing."""
    path = folder / f"{name}.{what}.onnx"
    if not path.exists():
        model.export_onnx(path, what)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options)


def images(batch, height, width, channels):
    """Cuts images in 0..1 out of the bundled portrait."""
    whole = portrait(channels) / np.float32(255)
    return np.stack([whole[50 + n :][:height, 180 + n :][:, :width] for n in range(batch)])


def compare(model, what, runtime):
    """Returns the largest difference relative to the range, and the share of differing codes."""
    differences, spans, others = {}, {}, 0.0
    for shape in SHAPES:
        given = images(*shape, model.channels)
        inputs = model.encode(given) if what == "decode" else {"images": given}
        expected = getattr(model, what)(inputs if what == "decode" else given)
        names = [output.name for output in runtime.get_outputs()]
        wanted = {item.name: inputs[item.name] for item in runtime.get_inputs()}
        outputs = dict(zip(names, runtime.run(names, wanted), strict=True))
        if not isinstance(expected, dict):
            expected = {names[0]: expected}
        for name, values in expected.items():
            if values.dtype.kind == "i":
                others = max(others, float(np.mean(outputs[name] != values)))
            else:
                difference = np.abs(outputs[name] - values).max()
                differences[name] = max(differences.get(name, 0), difference)
                spans[name] = max(spans.get(name, 0), np.ptp(values))
    return max((differences[name] / spans[name] for name in spans), default=0), others


def check(models, folder, whats):
    print("| preset | of | largest difference, of the range | other indices |")
    print("|---|---|---|---|")
    for name, model in models:
        for what in [what for what in model.graphs if not whats or what in whats]:
            largest, others = compare(model, what, session(model, name, what, folder))
            print(f"| `{name}` | {what} | {largest:.1e} | {others:.2%} |", flush=True)


def clock(models, folder, threads):
    import torch

    torch.set_num_threads(threads)
    now = time.process_time if threads == 1 else time.perf_counter
    print("| preset | Keras on PyTorch, s | ONNX Runtime, s | ratio |")
    print("|---|---|---|---|")
    for name, model in models:
        if "embed" not in model.graphs:
            continue
        given = portrait(model.channels)[None] / np.float32(255)
        runtime = session(model, name, "embed", folder, threads)
        runs = partial(model.embed, given), partial(runtime.run, None, {"images": given})
        times = np.empty((ROUNDS, 2))
        for turn in times:
            for index, run in enumerate(runs):
                start = now()
                run()
                turn[index] = now() - start
        keras_time, runtime_time = times[1:].min(axis=0)
        ratio = runtime_time / keras_time
        print(f"| `{name}` | {keras_time:.3f} | {runtime_time:.3f} | {ratio:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the ONNX files")
    parser.add_argument("--presets", default="*", help="pattern of names of presets")
    parser.add_argument("--what", nargs="+", help="graphs to compare (default: all)")
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    print(f"backend {keras.backend.backend()}, onnxruntime {onnxruntime.__version__}\n")
    models = (
        (row["name"], getattr(uk, row["class"]).from_preset(row["name"]))
        for row in uk.list_presets(args.presets)
    )
    if args.time:
        clock(models, args.folder, args.threads)
    else:
        check(models, args.folder, args.what)


if __name__ == "__main__":
    main()
