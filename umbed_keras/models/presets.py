"""Presets: folders that hold a trained model."""

import difflib
import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import keras

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# What a preset's author adds, which saving it again keeps.
CARD, FIGURE = "README.md", "figure.png"


def presets_folder():
    """Where the built-in presets lie: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_presets"
    return installed if installed.is_dir() else package.parent / "presets"


def builtin_presets():
    """Name to folder of every built-in preset."""
    return {path.parent.name: path.parent for path in sorted(presets_folder().glob(f"*/{CONFIG}"))}


def find_preset(handle):
    """The folder of a preset.

    Args:
        handle: name of a built-in preset, or a folder that `save_to_preset` wrote.

    Raises:
        ValueError: there is no such preset.
    """
    builtin = builtin_presets()
    if str(handle) in builtin:
        return builtin[str(handle)]
    folder = Path(handle)
    if folder.is_dir():
        missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
        if missing:
            raise ValueError(f"The preset folder {folder} lacks {' and '.join(missing)}.")
        return folder
    near = difflib.get_close_matches(str(handle), builtin, n=3, cutoff=0.4) or list(builtin)
    raise ValueError(
        f"No preset {str(handle)!r}: it is neither a built-in name nor a folder. "
        f"Nearest built-in names: {', '.join(near)}."
    )


class _Presets:
    """A class's built-in presets, looked up when asked for: a property of the class."""

    def __get__(self, instance, owner):
        registered = keras.saving.get_registered_name(owner)
        return {
            name: {"class": owner.__name__, "path": str(folder)}
            for name, folder in builtin_presets().items()
            if json.loads((folder / CONFIG).read_text())["registered_name"] == registered
        }


class PresetMixin:
    """Loading from and saving to preset folders, in the format of KerasHub."""

    # Name to class and path of each built-in preset of the class.
    presets = _Presets()

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Loads a model.

        Args:
            preset: name of a built-in preset (see `presets`), or a folder that `save_to_preset`
                wrote.
            load_weights: bool; False gives the architecture with new weights.
            **kwargs: replace entries of the model's configuration, such as `dtype`.

        Returns:
            An instance of the class.

        Raises:
            ValueError: no such preset, a preset of another class, or broken files.
        """
        folder = find_preset(preset)
        try:
            config = json.loads((folder / CONFIG).read_text())
            name = config["registered_name"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{folder / CONFIG} is not a model's configuration.") from error
        if name != keras.saving.get_registered_name(cls):
            raise ValueError(
                f"The preset {str(preset)!r} holds a {name.split('>')[-1]}, not a {cls.__name__}."
            )
        model = cls.from_config({**config["config"], **kwargs})
        if load_weights:
            try:
                model.load_weights(folder / WEIGHTS)
            except Exception as error:
                raise ValueError(
                    f"The weights of the preset {str(preset)!r} can't be read "
                    f"({folder / WEIGHTS}): {error}"
                ) from error
        return model

    def save_to_preset(self, folder, weights_dtype=None):
        """Saves the model as a preset folder.

        `keras.saving.load_model(folder)` reads it too. A preset that is there stays whole until
        the new one is complete; its card (README.md) and the card's figure.png are kept.

        Args:
            folder: path, made if need be.
            weights_dtype: `"float16"` to store the weights in half the space; statistics stay
                float32. None keeps their type.

        Raises:
            ValueError: the folder holds files that are no preset's.
        """
        folder = Path(folder)
        others = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        strangers = others - {CONFIG, METADATA, WEIGHTS, CARD, FIGURE}
        if strangers:
            raise ValueError(
                f"`folder` must be new, empty or a preset; {folder} holds other files, such as "
                f"{min(strangers)!r}."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        config = keras.saving.serialize_keras_object(self)
        config.pop("compile_config", None)
        metadata = {
            "keras_version": keras.version(),
            "parameter_count": self.count_params(),
            "date_saved": datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S"),
        }
        stored = self
        if weights_dtype:
            # Statistics have a fixed type, so a twin of another type casts the weights alone.
            stored = type(self).from_config({**self.get_config(), "dtype": weights_dtype})
            for target, source in zip(stored.weights, self.weights, strict=True):
                target.assign(keras.ops.cast(source, target.dtype))
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            (temporary / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
            (temporary / METADATA).write_text(json.dumps(metadata, indent=2) + "\n")
            stored.save_weights(temporary / WEIGHTS)
            for kept in others & {CARD, FIGURE}:
                shutil.copy2(folder / kept, temporary / kept)
            _swap_in(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _swap_in(new, folder):
    """Puts a finished folder in another's place; what was there comes back if that fails."""
    old = new.with_name(new.name + "-old")
    replaces = folder.exists()
    if replaces:
        folder.rename(old)
    try:
        # Made by mkdtemp for its owner alone.
        new.chmod(0o755)
        new.rename(folder)
    except OSError:
        if replaces:
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
