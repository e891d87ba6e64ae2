"""Runs parts of the script of px-umbed from a checkout."""

import ast
import sys
from pathlib import Path
from unittest import mock

import torch


class PxUmbed:
    """The model of px-umbed and the parts of its training loop.

    The script is one loop without functions, so its parts are cut out of its syntax tree and run
    unchanged.

    Args:
        checkout: path of a checkout of arnemileswinter/px-umbed.
        images: torch tensor `(batch, 3, side, side)`, floats in 0..1.
        pixels: int, number of pixels of the whole batch in a step.
    """

    def __init__(self, checkout, images, pixels):
        # The script is written for images of 512x512.
        source = (Path(checkout) / "patchwise-vae.py").read_text()
        tree = ast.parse(source.replace("512", str(images.shape[-1])))
        self._names = {
            "__name__": "px_umbed",
            "images": images,
            "device": images.device,
            "print": lambda *args, **kwargs: None,  # a dot a step
            **dict.fromkeys(("epoch_loss", "epoch_recon_loss", "epoch_kl_loss", "num_batches"), 0),
        }
        # The script uses torchvision only to load files and draw.
        with mock.patch.dict(sys.modules, torchvision=mock.MagicMock()):
            self._run(tree.body)
        main = tree.body[-1].body
        self._run(_cut(main, "patch_dim =", "optimizer ="))
        self._names["patch_batch_size"] = pixels
        loop = _find(tree, ast.For, lambda node: ast.unparse(node.target) == "images")
        *self._targets, steps = loop.body
        self._step = steps.body
        self.steps_per_pass = images[:, 0].numel() // pixels
        self._steps_taken = 0

        forward = _find(tree, ast.FunctionDef, lambda node: node.name == "forward").body
        unet = _cut(forward, "batch_size,", "mu =")
        head = _cut(forward, "x = self.reconstruction_head", "x = torch.sigmoid")
        self._define("unet(self, x)", unet, "return mu")
        self._define("head(self, z)", head, "return x")

    def build_targets(self):
        """Computes the patch pyramids of all pixels, as the loop does before its steps."""
        self._run(self._targets)

    def step(self):
        """Runs one training step, after `build_targets`."""
        # Every hundredth step would draw a figure.
        self._names["patch_batch_idx"] = self._steps_taken % min(self.steps_per_pass, 99)
        self._run(self._step)
        self._steps_taken += 1

    @torch.no_grad()
    def embed(self):
        """Computes the means of all pixels, without the log-variances."""
        return self._names["unet"](self._names["model"], self._names["images"])

    @torch.no_grad()
    def decode(self, latents):
        """Decodes latents `(n, 16)` to patch pyramids `(n, 9, 8, 8)`."""
        return self._names["head"](self._names["model"], latents)

    def _run(self, statements):
        module = ast.Module(list(statements), type_ignores=[])
        exec(compile(module, "px-umbed", "exec"), self._names)

    def _define(self, signature, statements, result):
        """Defines a function with the given signature, statements and result."""
        (function,) = ast.parse(f"def {signature}: {result}").body
        function.body = [*statements, *function.body]
        self._run([function])


def _find(tree, kind, fits):
    """Returns the first node of a kind that fulfils a condition."""
    return next(node for node in ast.walk(tree) if isinstance(node, kind) and fits(node))


def _cut(statements, first, last):
    """Returns the statements from the one starting with `first` to the one with `last`."""
    sources = [ast.unparse(statement) for statement in statements]
    start, stop = (
        next(index for index, source in enumerate(sources) if source.startswith(text))
        for text in (first, last)
    )
    return statements[start : stop + 1]
