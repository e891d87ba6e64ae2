"""Models that load from and save to preset folders."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import keras
import numpy as np

from umbed_keras.typing import PathLike
from umbed_keras.zoo.arrays import read_arrays
from umbed_keras.zoo.format import CODEC, WEIGHTS, newer_version_hint
from umbed_keras.zoo.keras_files import is_keras_file, load_keras_file, reason
from umbed_keras.zoo.listing import BuiltinPresets
from umbed_keras.zoo.locations import find_preset, lasting_handle
from umbed_keras.zoo.network_reference import check_references
from umbed_keras.zoo.preset_checks import check_weights, known_classes, read_preset
from umbed_keras.zoo.saving import write_preset


class PresetMixin:
    """Base class of models that load from and save to preset folders, in the format of KerasHub.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_units=2)
        >>> model.save_to_preset("tiny")
        >>> uk.VQVAE.from_preset("tiny").latent_dim
        2
    """

    # See `preset_checks`.
    preset_role = "model"
    preset_sizes: ClassVar[tuple[str, ...]] = ()
    preset_limits: ClassVar[Mapping[str, int]] = {}
    # Name to row of `list_presets`, with `path`, of each built-in preset of the class.
    presets = BuiltinPresets()
    # Where the weights come from: `preset`, the handle, and `license`. Empty for new weights.
    origin: Mapping[str, str] = {}
    # Lines of Python that show in a card how `model` is used.
    usage: ClassVar[tuple[str, ...]] = ()
    # Tables of the entropy coder, name to array; None as long as `adapt_codec` was not called.
    codec_arrays: Mapping[str, np.ndarray] | None = None

    @classmethod
    def from_preset(cls, preset: PathLike, load_weights: bool = True, **kwargs: Any) -> Self:
        """Loads a model from a preset. Code in a preset is never run.

        Args:
            preset: str, the name of a built-in preset (see `list_presets`); a folder that
                `save_to_preset` wrote (as a `pathlib.Path` if it has the name of a preset); a
                `.keras` file that `save` wrote, which is read in the safe mode of Keras;
                `hf://org/repo[@revision][/subfolder]` on Hugging Face; `https://host/path/preset`
                on any web server; or the name of a preset in the index of the server in the
                environment variable `UMBED_PRESETS_URL`. Downloads are kept in
                `KERAS_HOME/models/umbed_keras` (those of Hugging Face in its own cache) and need
                no network the next time.
            load_weights: bool; False gives a model with new weights.
            **kwargs: arguments of the constructor that replace those of the preset, such as
                `dtype`.

        Returns:
            An instance of the class.

        Raises:
            ValueError: if there is no such preset.
            ValueError: if the preset holds a model of another class.
            ValueError: if files are damaged, or hold something that a preset may not, such as
                weights that are NaN or infinite.
            ValueError: if the weights of a network of another library are not those that the
                preset states.
            OSError: if a server can't be reached.
            ImportError: if a handle starts with `hf://` and huggingface_hub is not installed, or
                the preset has a network of KerasHub and that is not installed.
        """
        folder = find_preset(preset)
        if is_keras_file(folder):
            model = load_keras_file(folder, cls, load_weights, **kwargs)
            if load_weights:
                model.origin = {"preset": lasting_handle(preset), "license": ""}
            return model
        config, metadata = read_preset(folder)
        if config["registered_name"] != keras.saving.get_registered_name(cls):
            name = config["class_name"]
            raise ValueError(
                f"The preset {str(preset)!r} holds a {name}, not a {cls.__name__}: "
                f"`umbed_keras.{name}.from_preset` loads it."
            )
        try:
            check_weights(folder / WEIGHTS, config, lambda: cls.from_config({**config["config"]}))
            model = cls.from_config({**config["config"], **kwargs})
        except ImportError:
            raise
        except Exception as error:
            raise ValueError(
                f"The preset {str(preset)!r} can't be made: {reason(error)}"
                f"{newer_version_hint(metadata)}"
            ) from error
        if load_weights:
            try:
                model.load_weights(folder / WEIGHTS)
            except Exception as error:
                raise ValueError(
                    f"The weights of the preset {str(preset)!r} can't be read "
                    f"({folder / WEIGHTS}): {error}{newer_version_hint(metadata)}"
                ) from error
            check_references(model, metadata)
            license_text = metadata.get("card", {}).get("license", "")
            model.origin = {"preset": lasting_handle(preset), "license": license_text}
            if (folder / CODEC).is_file():
                model._read_codec(folder / CODEC, bool(kwargs))
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        # Keras's pickles hold configuration and weights alone.
        arrays = self.codec_arrays
        codec = None if arrays is None else dict(arrays)
        return _restored, (*super().__reduce__(), dict(self.origin), codec)

    def save_to_preset(
        self,
        folder: PathLike,
        weights_dtype: str | None = None,
        history: keras.callbacks.History | Mapping[str, list[float]] | None = None,
    ) -> None:
        """Saves the model to a preset folder.

        `keras.saving.load_model(folder)` reads it too. An old preset in the folder stays complete
        until the new one is, even if the process is killed. Description, data and licence of its
        card are taken over; its measured quality is not. A card that someone edited is kept, and
        so are figure.png and hidden files, such as `.git`.

        Args:
            folder: path of the folder, created if it does not exist.
            weights_dtype: str, such as `"float16"`, the type to store the weights in. Statistics
                stay float32, and networks of other libraries keep their type. None stores the
                weights in their own type.
            history: what `fit` returned, or its attribute `history`; the card states its last
                finite values.

        Raises:
            ValueError: if `weights_dtype` is not a known type.
            ValueError: if `folder` is a file, or holds files that do not belong to a preset of
                this package.
            ValueError: if a part of the model can't be part of a preset, such as a network with a
                `Lambda` or a class of your own.
            ValueError: if a weight is NaN or infinite, or would be in `weights_dtype`.
        """
        write_preset(self, folder, weights_dtype, history)

    def _read_codec(self, path, changed):
        """Reads `codec.h5`; ignores it if the model was changed and the tables don't fit it."""
        arrays = read_arrays(path)
        try:
            self.codec_arrays = arrays
        except ValueError as error:
            if not changed:
                raise ValueError(f"{path} doesn't fit the model: {error}") from error


def _restored(
    restore: Callable[..., Any],
    arguments: Sequence[Any],
    origin: Mapping[str, str],
    codec: Mapping[str, np.ndarray] | None,
) -> Any:
    """Returns the model of a pickle."""
    model = restore(*arguments)
    model.origin = origin
    if codec is not None:
        model.codec_arrays = codec
    return model


def load_preset(preset: PathLike, **kwargs: Any) -> Any:
    """Loads the model of a preset, whatever its class.

    Args:
        preset: str or path, as `from_preset` takes it.
        **kwargs: other arguments of `from_preset`.

    Returns:
        A model of the class that the preset or `.keras` file names.

    Raises:
        ValueError: if there is no such preset, or it is damaged.
        OSError: if a server can't be reached.
        ImportError: if a handle starts with `hf://` and huggingface_hub is not installed.

    Examples:
        >>> type(uk.zoo.load_preset("natural_vae_d16")).__name__
        'PixelEmbedder'
    """
    folder = find_preset(preset)
    if is_keras_file(folder):
        return PresetMixin.from_preset(preset, **kwargs)
    config, _ = read_preset(folder)
    return known_classes()[config["registered_name"]].from_preset(preset, **kwargs)
