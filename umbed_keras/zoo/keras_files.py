"""Models in `.keras` files, which are taken wherever presets are."""

import contextlib
from pathlib import Path
from typing import Any

import keras

from umbed_keras.extras import import_extra
from umbed_keras.zoo.format import KERAS
from umbed_keras.zoo.preset_checks import known_classes
from umbed_keras.zoo.weights import check_finite

# Packages whose classes every process with this package has, or imports by name.
_PACKAGES = ("keras", "keras_hub", "umbed_keras")


def is_keras_file(path: Path) -> bool:
    """Returns whether a path is that of a `.keras` file.

    Args:
        path: `pathlib.Path`.

    Examples:
        >>> is_keras_file(Path("none.keras"))
        False
    """
    return path.suffix == KERAS and path.is_file()


def reason(error: Exception) -> str:
    """Returns why Keras could not make an object, without the configurations around it.

    Args:
        error: what `keras.saving.deserialize_keras_object` or `keras.saving.load_model` raised.

    Examples:
        >>> reason(TypeError("<class Dense> could not be ... Exception encountered: no units"))
        'no units'
    """
    return str(error).rpartition("Exception encountered: ")[2][:2000]


def load_keras_file(path: Path, kind: type, load_weights: bool = True, **kwargs: Any) -> Any:
    """Loads a model that `model.save` wrote, in the safe mode of Keras: no code in it is run.

    Args:
        path: `pathlib.Path` of the file.
        kind: class that the model must be of.
        load_weights: bool; False gives a model with new weights.
        **kwargs: arguments of the constructor that replace those of the file, such as `dtype`.

    Returns:
        An instance of `kind`, which is not compiled.

    Raises:
        ValueError: if the file can't be loaded in safe mode, or holds a model of another class.
        ValueError: if a weight is NaN or infinite.
        ImportError: if it holds a network of KerasHub, which is not installed.

    Examples:
        >>> uk.PixelEmbedder(latent_dim=4, widths=(4,)).save("mine.keras")
        >>> load_keras_file(Path("mine.keras"), uk.PixelEmbedder).latent_dim
        4
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        if "keras_hub" in str(error):
            import_extra("keras_hub", "keras-hub")
        raise ValueError(f"{path} can't be loaded: {reason(error)}") from error
    name = type(model).__name__
    if not isinstance(model, kind):
        known = known_classes().values()
        names = sorted(one.__name__ for one in known if issubclass(one, kind))
        several = names and kind not in known
        taken = f"one of the models {', '.join(names)}" if several else f"a {kind.__name__}"
        raise ValueError(f"{path} holds a {name}, not {taken} of umbed_keras.")
    if load_weights:
        try:
            check_finite(model, model)
        except ValueError as error:
            raise ValueError(f"{path} can't be loaded: {error}") from error
        if not kwargs:
            return model
    changed = type(model).from_config({**model.get_config(), **kwargs})
    if load_weights:
        for weight, value in zip(changed.weights, model.weights, strict=True):
            weight.assign(keras.ops.cast(value, weight.dtype))
        # As in presets, tables that do not fit other arguments are left out.
        with contextlib.suppress(ValueError):
            changed.codec_arrays = model.codec_arrays
    return changed


def foreign_class(config: Any) -> str | None:
    """Returns the first class in a configuration that a new process does not know, or None.

    Args:
        config: what `keras.saving.serialize_keras_object` returned.

    Examples:
        >>> layer = keras.layers.Dense(3)
        >>> foreign_class(keras.saving.serialize_keras_object(layer))
        >>> foreign_class({"module": "mine", "class_name": "Layer", "config": {}})
        'mine.Layer'
    """
    if isinstance(config, list | tuple):
        return next(filter(None, map(foreign_class, config)), None)
    if not isinstance(config, dict):
        return None
    name, module = config.get("class_name"), config.get("module")
    if name in ("Lambda", "__lambda__"):
        return "Lambda"
    if isinstance(module, str) and module.partition(".")[0] not in _PACKAGES:
        return f"{module}.{name}"
    return foreign_class(list(config.values()))
