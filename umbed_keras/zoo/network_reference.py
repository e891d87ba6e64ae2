"""What a preset states of the networks of other libraries in it."""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from umbed_keras.zoo.format import METADATA
from umbed_keras.zoo.weights import update_by_weights

# Attributes of a model that may hold a network, or a part that does.
_PARTS = ("backbone",)


def networks(part: Any, name: str = "") -> Iterator[tuple[str, keras.Model]]:
    """Yields the networks of other libraries in a model.

    A class that holds some names their attributes in `preset_networks`.

    Args:
        part: model or layer.
        name: str, the attributes that lead to it, with dots.

    Yields:
        The attributes that lead to a network, with dots, and the network.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> model = uk.PixelEmbedder(4, widths=(4,), backbone=uk.layers.ModelBackbone(network))
        >>> [(name, found is network) for name, found in networks(model)]
        [('backbone.model', True)]
    """
    for attribute in getattr(part, "preset_networks", ()):
        yield f"{name}{attribute}", getattr(part, attribute)
    for attribute in _PARTS:
        inner = getattr(part, attribute, None)
        if inner is not None:
            yield from networks(inner, f"{name}{attribute}.")


def network_references(model: Any) -> dict[str, dict[str, str]]:
    """Returns by what a preset names the networks of a model.

    Args:
        model: model or layer.

    Returns:
        Dictionary from the attributes that lead to a network, with dots, to its `library`, the
        `version` of that, its `class` and `name`, and the `sha256` of its weights. Empty if there
        are no networks of other libraries.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> reference = network_references(uk.layers.ModelBackbone(network))["model"]
        >>> reference["library"], reference["class"]
        ('keras', 'Sequential')
    """
    references = {}
    for name, network in networks(model):
        library = type(network).__module__.partition(".")[0]
        references[name] = {
            "library": library,
            "version": _version(library),
            "class": type(network).__name__,
            "name": network.name,
            "sha256": _digest(network),
        }
    return references


def check_references(model: Any, metadata: Mapping[str, Any]) -> None:
    """Checks that the networks of a model have the weights that its preset states.

    Weights that another version of a library puts elsewhere are noticed by this.

    Args:
        model: model whose weights were read from the preset.
        metadata: dictionary, the content of `metadata.json`.

    Raises:
        ValueError: if the SHA-256 of a network's weights is another, or the metadata state none.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> backbone = uk.layers.ModelBackbone(network)
        >>> metadata = {"networks": network_references(backbone)}
        >>> check_references(backbone, metadata)
        >>> _ = network.layers[-1].kernel.assign_add(np.ones((1, 1, 3, 4)))
        >>> check_references(backbone, metadata)
        Traceback (most recent call last):
        ValueError: The weights of the network 'sequential...
    """
    stated = metadata.get("networks", {})
    if not isinstance(stated, dict) or not all(isinstance(one, dict) for one in stated.values()):
        raise ValueError(f"`networks` of {METADATA} must be an object of objects.")
    for name, network in networks(model):
        expected = stated.get(name, {}).get("sha256")
        if expected is None:
            raise ValueError(
                f"`networks` of {METADATA} must state the `sha256` of the weights of the network "
                f"{network.name!r} as {name!r}, as `save_to_preset` does. Stated: {sorted(stated)}"
            )
        digest = _digest(network)
        if digest != expected:
            library = type(network).__module__.partition(".")[0]
            raise ValueError(
                f"The weights of the network {network.name!r} have another SHA-256 than "
                f"{METADATA} states. Loaded: {digest}, by {library} {_version(library)}. Stated: "
                f"{str(expected)[:64]}, by {str(stated[name].get('library'))[:32]} "
                f"{str(stated[name].get('version'))[:32]}"
            )


def _version(library: str) -> str:
    return str(getattr(importlib.import_module(library), "__version__", ""))


def _digest(network: keras.Model) -> str:
    digest = hashlib.sha256()
    update_by_weights(digest, network)
    return digest.hexdigest()
