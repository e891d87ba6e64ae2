"""Models as ONNX files, which run where there is neither Keras nor a backend of its."""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import keras
from keras import backend, ops

from umbed_keras.extras import check_extra
from umbed_keras.files import written_whole
from umbed_keras.version import __version__

# Sizes that the exporter follows the graph with. None of a map's sizes on the way becomes 1, which
# it would take for a fact.
EXAMPLE = {"batch": 2, "height": 37, "width": 53}


class Graph(NamedTuple):
    """A function of tensors `(batch, height, width, ...)`, to be written down.

    Args:
        inputs: name to trailing shape and dtype of each of its arguments.
        outputs: names of the tensors that it gives.
        run: the function; gives a tensor, or a dictionary of them.
    """

    inputs: dict
    outputs: tuple
    run: object


def export_onnx(model, path, what):
    """Writes one of a model's graphs: see `ImageModel.export_onnx`."""
    path = Path(path)
    if what not in model.graphs:
        raise ValueError(
            f"`what` must be one of {sorted(model.graphs)} for {type(model).__name__}. "
            f"Received: {what!r}"
        )
    if not path.parent.is_dir():
        raise ValueError(f"`path` must lie in a folder that is there. Received: {str(path)!r}")
    for package in ("torch", "onnx", "onnxscript"):
        check_extra(package, "onnx")
    if backend.backend() != "torch":
        _export_elsewhere(model, path, what)
        return
    if model.compute_dtype != "float32":
        whole = type(model).from_config({**model.get_config(), "dtype": "float32"})
        whole.set_weights(model.get_weights())
        whole.origin = model.origin
        model = whole
    program = _program(model, model.graphs[what])
    program.model.graph.name = type(model).__name__
    program.model.metadata_props.update(metadata(model, what))
    with written_whole(path) as new:
        program.save(new)


def metadata(model, what):
    """What a file says of itself, name to text."""
    colours = {1: "gray", 3: "RGB"}.get(model.channels, f"{model.channels} channels")
    known = {
        "class": type(model).__name__,
        "what": what,
        "umbed_keras_version": __version__,
        **model.origin,
        "preprocessing": f"Images are float32 (batch, height, width, {model.channels}), {colours}, "
        "from 0 to 1: uint8 divided by 255, and nothing else.",
        **{name: str(value) for name, value in model.tiling.items()},
    }
    return {name: text for name, text in known.items() if text}


def _program(model, graph):
    """A graph as the exporter of PyTorch writes it down."""
    import torch
    from onnx_ir.passes import common

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model  # whose weights these are

        def forward(self, tensors):
            with keras.StatelessScope():  # layers keep none of the losses that they add
                results = graph.run(**tensors)
            if isinstance(results, dict):
                return tuple(results[name] for name in graph.outputs)
            return results

    sizes = tuple(EXAMPLE.values())
    tensors = {
        name: ops.zeros((*sizes, *trailing), dtype)
        for name, (trailing, dtype) in graph.inputs.items()
    }
    free = dict.fromkeys(range(len(EXAMPLE)), torch.export.Dim.DYNAMIC)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own insides
        # It names each operator of a package that isn't needed.
        logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
        followed = torch.export.export(
            Module().eval(), (tensors,), dynamic_shapes=(dict.fromkeys(tensors, free),)
        )
        program = torch.onnx.export(
            followed,
            input_names=list(tensors),
            output_names=list(graph.outputs),
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        # Nothing twice: onnxscript 0.7 confuses the limits of a value that is clipped twice.
        for once in (
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
            common.DeduplicateInitializersPass(),
            common.CommonSubexpressionEliminationPass(),
        ):
            once(program.model)
        program.optimize()
    _name_sizes(program.model.graph)
    return program


def _name_sizes(graph):
    """Calls unknown sizes by the names in `EXAMPLE`, wherever they stand."""
    import onnx_ir

    names = {
        size.value: name
        for value in graph.inputs
        for size, name in zip(value.shape, EXAMPLE, strict=False)
    }
    inside = [value for node in graph for value in node.outputs]
    for value in (*graph.inputs, *inside):
        if value.shape is not None:
            value.shape = onnx_ir.Shape(
                re.sub(r"\bs\d+\b", lambda found: names[found[0]], size.value)
                if getattr(size, "value", None)
                else size
                for size in value.shape
            )


def _export_elsewhere(model, path, what):
    """Exports in a process of its own, on PyTorch, for a model of another backend."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_to_preset(Path(folder, "preset"))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from umbed_keras.models.base.onnx_export import main; main()",
                Path(folder, "preset"),
                path.resolve(),
                what,
                json.dumps(model.origin),
            ],
            env={
                **os.environ,
                "KERAS_BACKEND": "torch",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise RuntimeError(
            "The export failed, which runs on PyTorch in a process of its own. It said:\n"
            + done.stderr[-3000:]
        )


def main():
    """Exports a preset: folder, path, what, and what is known of its origin, as JSON."""
    from umbed_keras.zoo.preset_checks import known_classes, read_preset

    folder, path, what, origin = sys.argv[1:]
    config, _ = read_preset(Path(folder))
    model = known_classes()[config["registered_name"]].from_preset(Path(folder))
    model.origin = json.loads(origin)
    export_onnx(model, path, what)
