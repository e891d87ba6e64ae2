"""What a preset folder holds, and reading it without trusting it.

A preset is what KerasHub calls one: `config.json`, a Keras configuration; `metadata.json`;
`model.weights.h5`; where its codes can be made bytes, `codec.h5`, how probable they are; and, of
its author, `README.md`, the card, with `figure.png`. Nothing in it is run: objects are made from
classes of this package alone, and no array is allocated for a model that the weights file isn't
large enough for.
"""

import hashlib
import json
import math
import re

import keras

from umbed_keras.version import __version__
from umbed_keras.zoo.arrays import plain_arrays

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CODEC = "codec.h5"
CARD, FIGURE = "README.md", "figure.png"
FILES = (CONFIG, METADATA, WEIGHTS, CODEC, CARD, FIGURE)

PACKAGE = "umbed_keras>"
# What a serialised object may say; `compile_config` could name any class of Keras.
KEYS = {"module", "class_name", "config", "registered_name", "build_config"}
# Entries of a model's configuration that may hold an object, of the `preset_role` so called.
PARTS = ("bottleneck", "backbone", "context")
POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
# No text and no list of a preset is longer.
MAX_JSON, MAX_LENGTH = 1 << 20, 256
# The largest numbers of a configuration: of what is made one by one, of seeds, of the rest.
MAX_COUNTS = {
    "coefficient_bits": 32,
    "downsamplings": 16,
    "num_quantizers": 256,
    "patch_size": 256,
    "pyramid_levels": 16,
    "residual_blocks": 256,
}
MAX_SEED, MAX_NUMBER = 1 << 63, 1 << 20
NAME = re.compile(r"\w[\w.-]{0,99}")


def parse_json(text, where):
    """The object that bytes or text hold; ValueError, which begins with `where`, otherwise."""

    def refuse(constant):
        raise ValueError(f"{constant} is no number")

    if len(text) > MAX_JSON:
        raise ValueError(f"{where} is larger than {MAX_JSON:,} bytes.")
    try:
        found = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where} must hold an object. Received: {type(found).__name__}")
    return found


def read_json(path):
    """The object in a JSON file; ValueError, which names the file, otherwise."""
    with path.open("rb") as file:
        return parse_json(file.read(MAX_JSON + 1), path)


def file_entry(path):
    """Size and SHA-256 of a file, as indices and metadata state them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def read_preset(folder):
    """The checked configuration and the metadata of a preset folder.

    Raises:
        ValueError: files are missing, broken, not those that the metadata names, of a newer
            version of this package, or ask for what a preset may not.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"The preset folder {folder} lacks {' and '.join(missing)}.")
    config = read_json(folder / CONFIG)
    metadata = read_json(folder / METADATA) if (folder / METADATA).is_file() else {}
    if not isinstance(metadata.get("card", {}), dict):
        raise ValueError(f"`card` of {folder / METADATA} must be an object.")
    files = checked_files(metadata.get("files", {}), folder / METADATA)
    for name, entry in files.items():
        if name in FILES and not is_whole(folder, {name: entry}):
            raise ValueError(
                f"{folder / name} is damaged: it is not the file that was saved (SHA-256)."
            )
    try:
        check_config(config)
    except ValueError as error:
        raise ValueError(f"{error}{newer(metadata)}") from error
    return config, metadata


def is_whole(folder, files):
    """Whether a folder holds these files, by size and SHA-256."""
    return all(
        (folder / name).is_file() and file_entry(folder / name) == entry
        for name, entry in files.items()
    )


def checked_files(files, where):
    """A dictionary of file names to sizes and SHA-256, as it came; ValueError otherwise."""
    if not isinstance(files, dict):
        raise ValueError(f"`files` of {where} must be an object.")
    for name, entry in files.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"`files` of {where} names {name!r}, which is no file's plain name.")
        known = isinstance(entry, dict) and set(entry) == {"size", "sha256"}
        if not (
            known
            and isinstance(entry["size"], int)
            and entry["size"] >= 0
            and re.fullmatch("[0-9a-f]{64}", str(entry["sha256"]))
        ):
            raise ValueError(f"`files` of {where} must give size and SHA-256 of {name!r}.")
    return files


def check_weights(path, config, make):
    """Raises ValueError where a weights file can't hold what a configuration asks for.

    Args:
        path: of the weights file.
        config: what `read_preset` gives.
        make: makes the model.
    """
    stored = _stored_numbers(path)
    # What making a model computes at once is no larger than a codebook, which is stored.
    outer = config["config"]
    inner = outer["bottleneck"]["config"] if isinstance(outer.get("bottleneck"), dict) else {}
    for sizes in (outer, inner):
        entries = sizes.get("num_embeddings") or sizes.get("num_atoms") or 1
        factors = (entries, sizes.get("latent_dim") or 1, (sizes.get("patch_size") or 1) ** 2)
        if not all(isinstance(factor, int) for factor in factors) or math.prod(factors) > stored:
            raise ValueError(f"{path} holds {stored:,} numbers, too few for {CONFIG}.")
    needed = _numbers_of(make)
    if needed > stored:
        raise ValueError(f"{path} holds {stored:,} numbers; the model of {CONFIG} has {needed:,}.")


def known_classes():
    """Registered name to class of what presets are made of."""
    return {
        name: found
        for name, found in keras.saving.get_custom_objects().items()
        if name.startswith(PACKAGE) and found.__module__.startswith("umbed_keras.")
    }


def check_config(config):
    """Raises ValueError unless a model's serialised configuration is one that presets may hold."""
    _check_object(config, "model")


def _check_object(node, role):
    """Raises ValueError unless a serialised object is of a known class and holds plain values.

    Args:
        node: dictionary.
        role: str, what may stand here: the `preset_role` of its class.
    """
    name = node.get("registered_name")
    found = known_classes().get(name) if isinstance(name, str) else None
    if (
        found is None
        or getattr(found, "preset_role", None) != role
        or node.get("class_name") != found.__name__
    ):
        raise ValueError(
            f"{CONFIG} asks for {node.get('module')}.{node.get('class_name')} ({name}), which is "
            "no class of umbed_keras that may stand there: no code is loaded from presets."
        )
    if not set(node) <= KEYS or not isinstance(node.get("config"), dict):
        raise ValueError(f"{CONFIG} must say {sorted(KEYS)} of {found.__name__}, and no more.")
    for name, value in node["config"].items():
        if name == "dtype":
            _check_dtype(value)
        elif name in PARTS and isinstance(value, dict):
            _check_object(value, name)
        elif isinstance(value, list) and len(value) <= MAX_LENGTH:
            for part in value:
                _check_value(part, name)
        else:
            _check_value(value, name)


def _check_dtype(value):
    """Raises ValueError unless a `dtype` is a plain policy, serialised or by name."""
    if isinstance(value, dict):
        policy = value.get("config")
        plain = (value.get("module"), value.get("class_name")) == ("keras", "DTypePolicy")
        plain &= set(value) <= KEYS and value.get("registered_name") is None
        plain &= isinstance(policy, dict) and set(policy) <= {"name", "source_name"}
        value = policy.get("name") if plain else NotImplemented
    if value is not None and value not in POLICIES:
        raise ValueError(f"`dtype` in {CONFIG} must be one of {POLICIES}.")


def _check_value(value, name):
    """Raises ValueError unless a value is a small number, a short text, a truth value or None."""
    if isinstance(value, (int, float)):
        limit = MAX_SEED if name == "seed" else MAX_COUNTS.get(name, MAX_NUMBER)
        if not abs(value) <= limit:
            raise ValueError(f"`{name}` in {CONFIG} must be at most {limit}. Received: {value}")
    elif value is not None and not (isinstance(value, str) and len(value) <= MAX_LENGTH):
        raise ValueError(
            f"`{name}` in {CONFIG} must be a number, a text of at most {MAX_LENGTH} characters, "
            f"or a list of at most as many. Received: {type(value).__name__}"
        )


def _stored_numbers(path):
    """How many numbers a weights file holds; ValueError unless they are finite, in plain arrays."""
    with plain_arrays(path) as arrays:
        return sum(item.size for item in arrays)


def _numbers_of(make):
    """How many numbers the weights of a model have; nothing is allocated for them."""
    # Keras has no public way to forget variables that were never given values.
    from keras.src.backend.common import global_state

    try:
        with keras.StatelessScope(initialize_variables=False):
            return sum(math.prod(weight.shape) for weight in make().weights)
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


def newer(metadata):
    """What to add to an error about a preset that a newer version saved."""
    saved = str(metadata.get("umbed_keras_version", ""))[:32]
    ours, theirs = ([int(part) for part in re.findall(r"\d+", it)] for it in (__version__, saved))
    if theirs <= ours:
        return ""
    return (
        f" It was saved by umbed_keras {saved}, newer than this {__version__}: "
        "`pip install --upgrade umbed_keras` may read it."
    )
