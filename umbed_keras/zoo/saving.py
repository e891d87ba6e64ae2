"""Writing preset folders."""

import json
import shutil
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
    KERAS,
    MAX_CONFIG,
    MAX_JSON,
    METADATA,
    WEIGHTS,
    file_entry,
    read_json,
)
from umbed_keras.zoo.keras_files import foreign_class
from umbed_keras.zoo.network_reference import network_references
from umbed_keras.zoo.preset_checks import (
    PACKAGE,
    check_config,
    read_preset,
    with_portable_networks,
)
from umbed_keras.zoo.weights import check_finite

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
        history: what `fit` returned, or its attribute `history`; the card states its last finite
            values.

    Raises:
        ValueError: if `weights_dtype` is not a known type.
        ValueError: if `folder` is a file, or holds files that do not belong to a preset of this
            package.
        ValueError: if a part of the model can't be part of a preset.
        ValueError: if a weight is NaN or infinite, or would be in `weights_dtype`.

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
    _check_replaceable(old)
    text = _checked_config(model)
    stored = model
    if weights_dtype:
        # Statistics have a fixed type, so a copy of another type casts the weights alone.
        stored = type(model).from_config({**model.get_config(), "dtype": weights_dtype})
        for target, source in zip(stored.weights, model.weights, strict=True):
            target.assign(keras.ops.cast(source, target.dtype))
    check_finite(model, stored)
    old_metadata = _readable_metadata(old)
    old_card = old_metadata.get("card", {})
    card = {name: old_card[name] for name in LASTING if name in old_card}
    if history is not None:
        card["history"] = last_values(history)
    # What the folder holds beside the preset, such as `.git`, stays.
    kept = {path.name for path in old.iterdir()} if old.is_dir() else set()
    kept -= {CONFIG, METADATA, WEIGHTS, CODEC}
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
        references = network_references(stored)
        if references:
            metadata["networks"] = references
        _write_metadata(new, metadata)
        for name in kept:
            _copy(present(folder) / name, new / name)
        if CARD not in kept:
            write_card(new, name=folder.name)


def write_for_processes(model: Any, folder: Path) -> Path:
    """Writes a model for other processes of this package, which load it by `load_preset`.

    Args:
        model: a built model, a `PresetMixin`.
        folder: `pathlib.Path`, which exists if it was written before.

    Returns:
        `folder`; or the path of a `.keras` file beside it, if the model can't be a preset.

    Raises:
        ValueError: if other processes can't know a class in it.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> write_for_processes(model, Path("shared")).name
        'shared'
    """
    file = folder.with_name(folder.name + KERAS)
    if folder.exists() or file.exists():
        return file if file.exists() else folder
    try:
        _checked_config(model)
    except ValueError as error:
        foreign = foreign_class(keras.saving.serialize_keras_object(model))
        if foreign:
            raise ValueError(
                f"Another process can't load the model: it does not know the class {foreign}. Only "
                "classes of Keras, KerasHub and umbed_keras are known there."
            ) from error
        model.save(file)
        return file
    write_preset(model, folder)
    return folder


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
        for path in folder.iterdir():
            _copy(path, new / path.name)
        write_arrays(new / CODEC, arrays)
        metadata["files"] = {**metadata.get("files", {}), CODEC: file_entry(new / CODEC)}
        _write_metadata(new, metadata)


def _check_replaceable(folder):
    """Raises ValueError unless a path is free, or a folder without files of someone else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ValueError(f"`folder` must be a folder. Received: {str(folder)!r}, which is a file.")
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    strangers = names - set(FILES)
    if not strangers and not _is_ours(folder):
        strangers = names - {CARD, FIGURE}
    if strangers:
        raise ValueError(
            f"`folder` must be new, empty or a preset of umbed_keras; {folder} holds other files, "
            f"such as {min(strangers)!r}."
        )


def _is_ours(folder):
    """Whether a folder is a preset that this package wrote, though it may be damaged."""
    name = _readable(folder / CONFIG).get("registered_name")
    ours = isinstance(name, str) and name.startswith(PACKAGE)
    return ours or "umbed_keras_version" in _readable(folder / METADATA)


def _copy(source, target):
    """Copies a file, a folder or a link."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _checked_config(model):
    """The configuration of a model as JSON; ValueError if a preset may not hold it."""
    try:
        config = keras.saving.serialize_keras_object(model)
        config.pop("compile_config", None)
        config = json.loads(json.dumps(with_portable_networks(config)))
        check_config(config)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{error} `model.save('model.keras')` keeps such a model.") from error
    text = json.dumps(config, indent=2) + "\n"
    # The graph of a network has thousands of lines.
    return text if len(text) < MAX_JSON else json.dumps(config) + "\n"


def _readable_metadata(folder):
    """The metadata of a preset that is to be replaced; empty if they are missing or broken."""
    metadata = _readable(folder / METADATA)
    return metadata if isinstance(metadata.get("card", {}), dict) else {}


def _readable(path):
    """The object of a JSON file; empty if it is missing or broken."""
    try:
        return read_json(path, MAX_CONFIG)
    except (OSError, ValueError):
        return {}


def _write_metadata(folder, metadata):
    (folder / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
