"""Loading, saving, listing and publishing presets."""

import fnmatch
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import keras

from umbed_keras.files import present, replaced, written_whole
from umbed_keras.version import __version__
from umbed_keras.zoo.arrays import deflate_arrays, read_arrays, write_arrays
from umbed_keras.zoo.cards import card_text, is_generated, last_values, write_card
from umbed_keras.zoo.format import (
    CARD,
    CODEC,
    CONFIG,
    FIGURE,
    FILES,
    METADATA,
    WEIGHTS,
    check_config,
    check_weights,
    file_entry,
    known_classes,
    newer,
    read_json,
    read_preset,
)
from umbed_keras.zoo.locations import (
    INDEX,
    VARIABLE,
    builtin_presets,
    find_preset,
    hugging_face,
    hugging_face_parts,
    presets_folder,
    presets_in,
    read_index,
)
from umbed_keras.zoo.table import Table

# Columns of the table of presets that are shown.
SHOWN = ("name", "class", "parameters", "size", "license", "metrics")
# What a card says that new weights don't change.
LASTING = ("description", "license", "data")
WEIGHTS_DTYPES = ("bfloat16", "float16", "float32", "float64")


class _Presets:
    """A class's built-in presets, looked up when asked for: a property of the class."""

    def __get__(self, instance, owner):
        builtin = builtin_presets()
        return {
            row["name"]: {**row, "path": str(builtin[row["name"]])}
            for row in preset_table(_builtin_index())
            if row["class"] == owner.__name__
        }


class PresetMixin:
    """Loading from and saving to preset folders, in the format of KerasHub."""

    # What an object of the class is to whatever holds it in a preset's configuration.
    preset_role = "model"
    # Name to row of `list_presets` and path of each built-in preset of the class.
    presets = _Presets()
    # What is known of where a model comes from: `preset` and `license`, name to text.
    origin = {}  # noqa: RUF012
    # Python source, lines in which `model` does what it is for.
    usage = ()
    # Name to array, how probable codes are; None where that isn't known.
    codec_arrays = None

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Loads a model. No code that a preset may hold is run.

        Args:
            preset: the name of a built-in preset (see `list_presets`); a folder that
                `save_to_preset` wrote (as a `Path`, whatever its name);
                `hf://org/repo[@revision][/subfolder]` on Hugging Face; `https://host/path/preset`
                on any web server; or the name of a preset in the index at the address in the
                environment variable `UMBED_PRESETS_URL`. What is downloaded is kept in
                `KERAS_HOME/models/umbed_keras` (of Hugging Face in its own cache), and does
                without network from then on.
            load_weights: bool; False gives the architecture with new weights.
            **kwargs: replace entries of the model's configuration, such as `dtype`.

        Returns:
            An instance of the class.

        Raises:
            ValueError: no such preset, a preset of another class, or files that are broken or
                hold what a preset may not, such as weights that are NaN or infinite.
            OSError: a server that can't be reached.
            ImportError: `hf://` without huggingface_hub.
        """
        folder = find_preset(preset)
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
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(
                f"The preset {str(preset)!r} can't be made: {error}{newer(metadata)}"
            ) from error
        if load_weights:
            try:
                model.load_weights(folder / WEIGHTS)
            except Exception as error:
                raise ValueError(
                    f"The weights of the preset {str(preset)!r} can't be read "
                    f"({folder / WEIGHTS}): {error}{newer(metadata)}"
                ) from error
            license_text = metadata.get("card", {}).get("license", "")
            model.origin = {"preset": str(preset), "license": license_text}
            if (folder / CODEC).is_file():
                model._read_codec(folder / CODEC, bool(kwargs))
        return model

    def _read_codec(self, path, changed):
        """Takes over what a preset's codec file holds; not if it doesn't fit a changed model."""
        arrays = read_arrays(path)
        try:
            self.codec_arrays = arrays
        except ValueError as error:
            if not changed:
                raise ValueError(f"{path} doesn't fit the model: {error}") from error

    def save_to_preset(self, folder, weights_dtype=None, history=None):
        """Saves the model as a preset folder.

        `keras.saving.load_model(folder)` reads it too. A preset that is there stays whole until
        the new one is complete, whenever the process ends. It gets a card (README.md) with what is
        known: what an old one says of data and licence, not what was measured. A card that
        someone wrote by hand is kept as it is, and so is figure.png.

        Args:
            folder: path, made if need be.
            weights_dtype: `"float16"` to store the weights in half the space; statistics stay
                float32. None keeps their type.
            history: what `fit` returned, or its `history`, whose last values the card is to name.

        Raises:
            ValueError: the folder holds files that are no preset's; another `weights_dtype`; a
                model with a part that is no preset's, such as a `ModelBackbone`.
        """
        if weights_dtype not in (None, *WEIGHTS_DTYPES):
            raise ValueError(
                f"`weights_dtype` must be None or one of {WEIGHTS_DTYPES}. "
                f"Received: {weights_dtype!r}"
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
        config = keras.saving.serialize_keras_object(self)
        config.pop("compile_config", None)
        text = json.dumps(config, indent=2) + "\n"
        try:
            check_config(json.loads(text))
        except ValueError as error:
            raise ValueError(f"{error} `model.save('model.keras')` keeps such a model.") from error
        stored = self
        if weights_dtype:
            # Statistics have a fixed type, so a twin of another type casts the weights alone.
            stored = type(self).from_config({**self.get_config(), "dtype": weights_dtype})
            for target, source in zip(stored.weights, self.weights, strict=True):
                target.assign(keras.ops.cast(source, target.dtype))
        known = _metadata(old)
        card = {name: text for name, text in known.get("card", {}).items() if name in LASTING}
        if history is not None:
            card["history"] = last_values(history)
        kept = others & {CARD, FIGURE}
        if CARD in kept and is_generated(old, known):
            kept.remove(CARD)
        with replaced(folder) as new:
            (new / CONFIG).write_text(text, encoding="utf-8")
            stored.save_weights(new / WEIGHTS)
            deflate_arrays(new / WEIGHTS)
            if self.codec_arrays:
                write_arrays(new / CODEC, self.codec_arrays)
            written = [name for name in (CONFIG, WEIGHTS, CODEC) if (new / name).exists()]
            metadata = {
                "keras_version": keras.version(),
                "umbed_keras_version": __version__,
                "parameter_count": self.count_params(),
                "weights_dtype": weights_dtype or self.dtype_policy.variable_dtype,
                "date_saved": datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S"),
                "files": {name: file_entry(new / name) for name in written},
                "card": card,
            }
            (new / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
            for name in kept:
                (new / name).write_bytes((present(folder) / name).read_bytes())
            if CARD not in kept:
                write_card(new, name=folder.name)


def load_preset(preset, **kwargs):
    """The model of a preset, of whichever class it is.

    Args:
        preset: as `from_preset` takes it.
        **kwargs: of `from_preset`.

    Raises:
        As `from_preset` does.
    """
    config, _ = read_preset(find_preset(preset))
    return known_classes()[config["registered_name"]].from_preset(preset, **kwargs)


def write_codec(folder, arrays):
    """Adds to a preset how probable its codes are; all else in it stays as it is.

    Args:
        folder: path of a preset.
        arrays: name to NumPy array, `codec_arrays` of its model.

    Raises:
        ValueError: a folder that holds no preset, or a model that needs no codec.
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
        (new / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")


def list_presets(pattern=None):
    """What presets there are: those built in, and those at the address in `UMBED_PRESETS_URL`.

    Args:
        pattern: str with `*` and `?`, which names must match; None for all.

    Returns:
        A list of dictionaries, printed as a table: `name`, `class`, `parameters`, `size` in
        bytes, `license` of the weights, `description`, and `metrics`, name to number as measured
        on the stored weights (printed: the first two).

    Raises:
        OSError, ValueError: the address can't be reached, or has no proper index.
    """
    presets = {}
    if os.environ.get(VARIABLE):
        presets |= read_index(os.environ[VARIABLE].rstrip("/"))
    presets |= _builtin_index()
    return preset_table({name: presets[name] for name in fnmatch.filter(presets, pattern or "*")})


def preset_table(presets):
    """The table of `list_presets` from an index's presets, name to entry."""
    rows = (
        {
            "name": name,
            "class": entry.get("class", ""),
            "parameters": entry.get("parameters", 0),
            "size": sum(file["size"] for file in entry["files"].values()),
            "license": entry.get("license", ""),
            "description": entry.get("description", ""),
            "metrics": entry.get("metrics", {}),
        }
        for name, entry in sorted(presets.items())
    )
    return Table(rows, SHOWN)


def index_presets(folder):
    """Writes `index.json` of a folder of presets, which makes it a zoo that a web server can host.

    Args:
        folder: path, whose subfolders are presets.

    Returns:
        Name to entry of every preset: `class`, `files` with sizes and SHA-256, `parameters`,
        `license`, `description` and `metrics`.

    Raises:
        ValueError: a preset that can't be read.
    """
    folder = Path(folder)
    presets = {}
    for name, path in presets_in(folder).items():
        config, metadata = read_preset(path)
        card = metadata.get("card", {})
        presets[name] = {
            "class": config["class_name"],
            "parameters": metadata.get("parameter_count", 0),
            "license": card.get("license", ""),
            "description": card.get("description", ""),
            "metrics": card.get("metrics", {}),
            "files": {file: file_entry(path / file) for file in FILES if (path / file).is_file()},
        }
    with written_whole(folder / INDEX) as new:
        new.write_text(json.dumps({"presets": presets}, indent=2) + "\n", encoding="utf-8")
    return presets


def upload_preset(handle, folder, private=False):
    """Publishes a preset folder on Hugging Face, in one commit.

    Its card says how to load it from there; one that someone wrote by hand goes as it is, and the
    folder stays as it is.

    Args:
        handle: `hf://org/repo[@revision][/subfolder]`; the repository is made if need be.
        folder: path of a preset, as `save_to_preset` writes it.
        private: bool, of a repository that is made.

    Returns:
        The handle of just what was uploaded, with its commit as revision.

    Raises:
        ValueError: no such handle, or a folder that `from_preset` would refuse.
        ImportError: huggingface_hub is missing.
    """
    repository, revision, subfolder = hugging_face_parts(handle)
    folder = present(folder)
    config, metadata = read_preset(folder)
    known_classes()[config["registered_name"]].from_preset(folder)
    hub = hugging_face()
    suffix = f"/{subfolder}" if subfolder else ""
    files = {name: folder / name for name in FILES if (folder / name).is_file()}
    if CARD not in files or is_generated(folder, metadata):
        there = f"hf://{repository}" + (f"@{revision}" if revision else "") + suffix
        name = (subfolder or repository).rpartition("/")[2]
        files[CARD] = card_text(folder, name, metadata, there).encode()
    hub.create_repo(repository, private=private, exist_ok=True)
    if revision:
        hub.create_branch(repository, branch=revision, exist_ok=True)
    prefix = f"{subfolder}/" if subfolder else ""
    commit = hub.create_commit(
        repository,
        [hub.CommitOperationAdd(prefix + name, content) for name, content in files.items()],
        revision=revision,
        commit_message=f"Preset {folder.name} of umbed_keras {__version__}",
    )
    return f"hf://{repository}@{commit.oid}" + suffix


def _builtin_index():
    return read_json(presets_folder() / INDEX)["presets"]


def _metadata(folder):
    """The metadata of a preset that is to be replaced; none if they are missing or broken."""
    try:
        found = read_json(folder / METADATA)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found.get("card", {}), dict) else {}
