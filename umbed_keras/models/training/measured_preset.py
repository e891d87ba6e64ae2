"""Presets of trained models, with the quality of the stored weights in their cards."""

import io
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps

from umbed_keras.models.base.image_model import ImageModel
from umbed_keras.typing import PathLike
from umbed_keras.zoo import write_card


def save_measured(
    model: ImageModel,
    preset: PathLike,
    held_out: np.ndarray,
    quality: ModuleType,
    figure: np.ndarray | None = None,
    card: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Saves a model as a preset in float16, whose card states the quality of the stored weights.

    Args:
        model: trained model, of any precision; the preset is used in float32.
        preset: path of the folder of the preset.
        held_out: images that are held out in training, which the quality is measured on.
        quality: module `umbed_keras.models.training.pixel_quality` or `autoencoder_quality`.
        figure: image `(height, width, channels)` that the figure of the card shows; None for none.
        card: further entries of the card, as `umbed_keras.zoo.write_card` takes them.

    Returns:
        Name of each measured figure to its value.

    Raises:
        OSError: if the preset can't be written.
        ImportError: if there is a figure to draw, and matplotlib is not installed.

    Examples:
        >>> from umbed_keras.models.training import pixel_quality
        >>> model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), pyramid_levels=1)
        >>> held_out = np.zeros((1, 16, 16, 3), "uint8")
        >>> figures = save_measured(model, "mine", held_out, pixel_quality, card={"license": "CC0"})
        >>> f"| PSNR, dB | {figures['PSNR, dB']:.4g} |" in Path("mine/README.md").read_text()
        True
    """
    weights = model.get_weights()
    model = type(model).from_config({**model.get_config(), "dtype": "float32"})
    model.set_weights(weights)
    model.save_to_preset(preset, weights_dtype="float16")
    stored = type(model).from_preset(preset)
    metrics = quality.measure(stored, held_out)
    if figure is not None:
        _save_figure(quality.draw(stored, figure), Path(preset) / "figure.png")
    write_card(preset, **(card or {}), protocol=quality.PROTOCOL, metrics=metrics)
    return metrics


def _save_figure(figure: Any, path: Path) -> None:
    """Saves a figure with six bits per channel, which halves its size."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=40)
    PIL.ImageOps.posterize(PIL.Image.open(drawn).convert("RGB"), 6).save(path, optimize=True)
