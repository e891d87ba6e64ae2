"""Writing preset folders."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np

from umbed_keras.files import present, replaced
from umbed_keras.typing import PathLike
from umbed_keras.version import __version__
from umbed_keras.zoo.arrays import deflate_arrays, write_arrays
from umbed_keras.zoo.cards import is_generated, last_values, write_card
from umbed_keras.zoo.format import (
    CARD,
    CODEC,
    CONFIG,
    FIGURE,
    FILES,
    METADATA,
    WEIGHTS,
    file_entry,
    read_json,
)
from umbed_keras.zoo.preset_checks import check_config, read_preset

# Entries of a card that stay true with new weights.
LASTING = ("description", "license", "data")
WEIGHTS_DTYPES = ("bfloat16", "float16", "float32", "float64")


def write_preset(
    model: Any,
    folder: PathLike,
    weights_dtype: str | None = None,
    history: keras.callbacks.History | Mapping[str, list[float]] | None = None,
) -> None:
    """Writes a model to a preset folder: see `PresetMixin.save_to_preset`.

    Args:
        model: a built model, a `PresetMixin`.
        folder: path of the folder.
        weights_dtype: str, the type to store the weights in, or None for their own.
        history: what `fit` returned, or its attribute `history`; the card states its last values.

    Raises:
        ValueError: if `weights_dtype` is not a known type.
        ValueError: if the folder holds files that do not belong to a preset.
        ValueError: if a part of the model can't be part of a preset.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> write_preset(model, "tiny", weights_dtype="float16")
        >>> sorted(path.name for path in Path("tiny").iterdir())
        ['README.md', 'config.json', 'metadata.json', 'model.weights.h5']
    """
    if weights_dtype not in (None, *WEIGHTS_DTYPES):
        raise ValueError(
            f"`weights_dtype` must be None or one of {WEIGHTS_DTYPES}. Received: {weights_dtype!r}"
        )
    folder = Path(folder).resolve()
    old = present(folder)
    others = {path.name for path in old.iterdir()} if old.is_dir() else set()
    strangers = {name for name in others if not name.startswith(".")} - set(FILES)
    if strangers:
        raise ValueError(
            f"`folder` must be new, empty or a preset; {folder} holds other files, such as "
            f"{min(strangers)!r}."
        )
    text = _checked_config(model)
    stored = model
    if weights_dtype:
        # Statistics have a fixed type, so a copy of another type casts the weights alone.
        stored = type(model).from_config({**model.get_config(), "dtype": weights_dtype})
        for target, source in zip(stored.weights, model.weights, strict=True):
            target.assign(keras.ops.cast(source, target.dtype))
    old_metadata = _readable_metadata(old)
    old_card = old_metadata.get("card", {})
    card = {name: old_card[name] for name in LASTING if name in old_card}
    if history is not None:
        card["history"] = last_values(history)
    kept = others & {CARD, FIGURE}
    if CARD in kept and is_generated(old, old_metadata):
        kept.remove(CARD)
    with replaced(folder) as new:
        (new / CONFIG).write_text(text, encoding="utf-8")
        stored.save_weights(new / WEIGHTS)
        deflate_arrays(new / WEIGHTS)
        if model.codec_arrays:
            write_arrays(new / CODEC, model.codec_arrays)
        written = [name for name in (CONFIG, WEIGHTS, CODEC) if (new / name).exists()]
        metadata = {
            "keras_version": keras.version(),
            "umbed_keras_version": __version__,
            "parameter_count": model.count_params(),
            "weights_dtype": weights_dtype or model.dtype_policy.variable_dtype,
            "date_saved": datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S"),
            "files": {name: file_entry(new / name) for name in written},
            "card": card,
        }
        _write_metadata(new, metadata)
        for name in kept:
            (new / name).write_bytes((present(folder) / name).read_bytes())
        if CARD not in kept:
            write_card(new, name=folder.name)


def write_codec(folder: PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Adds the tables of the entropy coder to a preset, or replaces them.

    Args:
        folder: path of a preset.
        arrays: name to NumPy array, `codec_arrays` of the preset's model.

    Raises:
        ValueError: if the folder holds no valid preset.
        ValueError: if `arrays` is empty, because the model needs no tables.

    Examples:
        >>> images = np.random.default_rng(0).random((2, 16, 16, 3))
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> model.adapt(images)
        >>> model.save_to_preset("tiny")
        >>> model.adapt_codec(images, verbose=0)
        >>> uk.zoo.write_codec("tiny", model.codec_arrays)
        >>> Path("tiny/codec.h5").exists()
        True
    """
    if not arrays:
        raise ValueError(f"`arrays` must be those of a codec; this model needs none: {arrays!r}")
    folder = present(folder)
    _, metadata = read_preset(folder)
    with replaced(folder) as new:
        for name in FILES:
            if (folder / name).is_file():
                (new / name).write_bytes((folder / name).read_bytes())
        write_arrays(new / CODEC, arrays)
        metadata["files"] = {**metadata.get("files", {}), CODEC: file_entry(new / CODEC)}
        _write_metadata(new, metadata)


def _checked_config(model):
    """The configuration of a model as JSON; ValueError if a preset may not hold it."""
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    text = json.dumps(config, indent=2) + "\n"
    try:
        check_config(json.loads(text))
    except ValueError as error:
        raise ValueError(f"{error} `model.save('model.keras')` keeps such a model.") from error
    return text


def _readable_metadata(folder):
    """The metadata of a preset that is to be replaced; empty if they are missing or broken."""
    try:
        metadata = read_json(folder / METADATA)
    except (OSError, ValueError):
        return {}
    return metadata if isinstance(metadata.get("card", {}), dict) else {}


def _write_metadata(folder, metadata):
    (folder / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
