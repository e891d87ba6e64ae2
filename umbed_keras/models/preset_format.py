"""What a preset folder holds, and reading it without trusting it.

A preset is what KerasHub calls one: `config.json`, a Keras configuration; `metadata.json`;
`model.weights.h5`; and, of its author, `README.md`, the card, with `figure.png`. Nothing in it is
run: objects are made from classes of this package alone, and no array is allocated for a model
that the weights file isn't large enough for.
"""

import hashlib
import json
import math
import re

import h5py
import keras

from umbed_keras._version import __version__

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CARD, FIGURE = "README.md", "figure.png"
FILES = (CONFIG, METADATA, WEIGHTS, CARD, FIGURE)

PACKAGE = "umbed_keras>"
# No text of a preset is as long.
MAX_JSON = 1 << 20
MAX_DEPTH, MAX_LENGTH = 16, 256
# The largest integers of a configuration: of what is made one by one, of seeds, of sizes.
MAX_COUNTS = {
    "coefficient_bits": 32,
    "downsamplings": 16,
    "num_quantizers": 256,
    "patch_size": 256,
    "pyramid_levels": 16,
    "residual_blocks": 256,
}
MAX_SEED, MAX_SIZE = 1 << 63, 1 << 20
NO_SIZES = {"seed", "pixels_per_image"}
# Numbers that two sizes may ask for, for each that the weights file holds.
SLACK = 64
POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")


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
    try:
        for name, entry in checked_files(metadata.get("files", {}), folder / METADATA).items():
            if not (folder / name).is_file() or file_entry(folder / name) != entry:
                raise ValueError(
                    f"{folder / name} is damaged: it is not the file that was saved (SHA-256)."
                )
        _check_object(config)
    except ValueError as error:
        raise ValueError(f"{error}{_newer(metadata)}") from error
    return config, metadata


def checked_files(files, where):
    """A dictionary of file names to sizes and SHA-256, as it came; ValueError otherwise."""
    if not isinstance(files, dict):
        raise ValueError(f"`files` of {where} must be an object.")
    for name, entry in files.items():
        if name not in FILES:
            raise ValueError(f"`files` of {where} names {name!r}; a preset holds {FILES}.")
        known = isinstance(entry, dict) and set(entry) == {"size", "sha256"}
        digest = entry["sha256"] if known else None
        if not (
            known
            and isinstance(entry["size"], int)
            and isinstance(digest, str)
            and len(digest) == 64
            and set(digest) <= set("0123456789abcdef")
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
    if _largest_product(config) > SLACK * stored:
        raise ValueError(
            f"{path} holds {stored:,} numbers, far fewer than the sizes in {CONFIG} ask for."
        )
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


def _check_object(node):
    """Raises ValueError unless a serialised object is of a known class and holds plain values."""
    name = node.get("registered_name")
    if node.get("module") == "keras" and node.get("class_name") == "DTypePolicy":
        policy = node.get("config")
        known = isinstance(policy, dict) and policy.get("name") in POLICIES
        if not known or set(policy) > {"name", "source_name"} or name is not None:
            raise ValueError(f"`dtype` of {CONFIG} must be one of {POLICIES}.")
        return
    found = known_classes().get(name) if isinstance(name, str) else None
    if found is None or node.get("class_name") != found.__name__:
        raise ValueError(
            f"{CONFIG} asks for {node.get('module')}.{node.get('class_name')} ({name}), which is "
            "no class of umbed_keras: presets hold no others, and no code is loaded from them."
        )
    if not isinstance(node.get("config"), dict):
        raise ValueError(f"{CONFIG} has no `config` of {node['class_name']}.")
    _check_value(node["config"], "config", MAX_DEPTH)


def _check_value(value, name, depth):
    """Raises ValueError unless a value is plain and small, or a known object."""
    if not depth:
        raise ValueError(f"{CONFIG} is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, (dict, list, str)) and len(value) > MAX_LENGTH:
        raise ValueError(f"`{name}` in {CONFIG} is longer than {MAX_LENGTH}.")
    if isinstance(value, dict):
        if "class_name" in value:
            _check_object(value)
            return
        for key, part in value.items():
            _check_value(part, key, depth - 1)
    elif isinstance(value, list):
        for part in value:
            _check_value(part, name, depth - 1)
    elif isinstance(value, int):
        limit = MAX_SEED if name == "seed" else MAX_COUNTS.get(name, MAX_SIZE)
        if abs(value) > limit:
            raise ValueError(f"`{name}` in {CONFIG} must be at most {limit}. Received: {value}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` in {CONFIG} must be finite. Received: {value}")


def _largest_product(node):
    """The largest product of two sizes that one object of a configuration has."""
    products, sizes = [0], [1, 1]
    for name, value in node["config"].items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict) and isinstance(part.get("config"), dict):
                products.append(_largest_product(part))
            elif isinstance(part, int) and name not in NO_SIZES:
                sizes.append(abs(part))
    return max(*products, math.prod(sorted(sizes)[-2:]))


def _stored_numbers(path):
    """How many numbers a weights file holds; ValueError unless they are plain arrays."""
    try:
        with h5py.File(path) as file:
            return _numbers_in(file, set())
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path} is not a weights file: {error}") from error


def _numbers_in(group, seen):
    total = 0
    for name in group:
        # Links could lead to other files, or to what holds them.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{group.file.filename} holds the link {name!r}; it must not.")
        item = group[name]
        if item.id in seen:
            raise ValueError(f"{group.file.filename} holds {name!r} more than once.")
        seen.add(item.id)
        if isinstance(item, h5py.Group):
            total += _numbers_in(item, seen)
        # What is compressed, sparse or elsewhere may be larger than the file.
        elif (
            item.dtype.kind not in "fiu"
            or item.id.get_storage_size() != item.nbytes
            or (item.external)
        ):
            raise ValueError(
                f"{group.file.filename} must hold uncompressed arrays of numbers; {name!r} is none."
            )
        else:
            total += item.size
    return total


def _numbers_of(make):
    """How many numbers the weights of a model have; nothing is allocated for them."""
    # Keras has no public way to forget variables that were never given values.
    from keras.src.backend.common import global_state

    try:
        with keras.StatelessScope(initialize_variables=False):
            return sum(math.prod(weight.shape) for weight in make().weights)
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


def _newer(metadata):
    """What to add to an error about a preset that a newer version saved."""
    saved = str(metadata.get("umbed_keras_version", ""))[:32]
    ours, theirs = ([int(part) for part in re.findall(r"\d+", it)] for it in (__version__, saved))
    if theirs <= ours:
        return ""
    return (
        f" It was saved by umbed_keras {saved}, newer than this {__version__}: "
        "`pip install --upgrade umbed_keras` may read it."
    )
