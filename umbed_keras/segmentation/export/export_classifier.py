"""The model that a pixel classifier's ONNX file holds."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from umbed_keras.images.scaling import Scaling
from umbed_keras.models.base.onnx_export import in_single_precision
from umbed_keras.segmentation.export.class_mixture import class_mixture
from umbed_keras.segmentation.export.exported_classifier import ExportedClassifier
from umbed_keras.segmentation.export.image_traits import ImageTraits
from umbed_keras.segmentation.smoothing import as_smoothing

_DTYPES = ("uint8", "float32")


def exported_classifier(
    classifier: Any,
    features: np.ndarray,
    guide: np.ndarray,
    dtype: str = "uint8",
    scaling: Scaling | None = None,
    channels: int | None = None,
    class_names: Mapping[int, str] | None = None,
) -> ExportedClassifier:
    """Returns a fitted classifier as one model from images to probabilities.

    Args:
        classifier: fitted `PixelClassifier`.
        features: float32 array `(n, features)` of its labelled pixels.
        guide: float32 array `(channels, at most 3)`, the matrix of its `Guide`.
        dtype, scaling, channels, class_names: as in `PixelClassifier.export_onnx`.

    Raises:
        ValueError: as `PixelClassifier.export_onnx`.

    Examples:
        >>> image, labels = np.zeros((16, 16), "uint8"), np.zeros((16, 16), int)
        >>> image[:, 8:], labels[2:14, 2], labels[2:14, 13] = 200, 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> features = np.zeros((1, 19), "float32")
        >>> model = exported_classifier(classifier, features, np.eye(3, dtype="float32"))
        >>> tuple(model(image[None, ..., None]).shape)
        (1, 16, 16, 2)
    """
    if dtype not in _DTYPES:
        raise ValueError(f"`dtype` must be one of {_DTYPES}. Received: {dtype!r}")
    traits = _traits(classifier)
    channels = _checked_channels(classifier, features, channels, traits)
    limits = _limits(classifier, dtype, scaling, channels, traits)
    names = _checked_names(classifier.classes_, class_names)
    low, high = ([f"{pair[end]:g}" for pair in limits] for end in (0, 1))
    numbers = f"from {', '.join(low)} to {', '.join(high)}"
    which = "" if classifier.channels_ is None else f" {list(classifier.channels_)}, in this order"
    notes = {
        "class": "PixelClassifier",
        "classes": json.dumps(classifier.classes_.tolist()),
        "class_names": json.dumps(names),
        "preprocessing": f"Images are {dtype} (batch, height, width, {channels}), channels{which}, "
        f"in their own numbers {numbers}, which the file scales. All pixels count as data.",
    }
    return ExportedClassifier(
        in_single_precision(classifier.embedder_),
        class_mixture(classifier.classifier_, features),
        limits,
        channels,
        dtype,
        None if channels == 1 else guide.tolist(),
        as_smoothing(classifier.smoothing) if classifier.smoothing != "guided" else "guided",
        notes,
    )


def _traits(classifier: Any) -> list[ImageTraits]:
    """The traits of all labelled images, none if those of some are unknown."""
    known = vars(classifier).get("_traits", {})  # pickles of earlier versions lack them
    return list(known.values()) if known.keys() == classifier._labelled.keys() else []


def _checked_channels(
    classifier: Any, features: np.ndarray, channels: int | None, traits: Sequence[ImageTraits]
) -> int:
    """The number of channels of the file's images."""
    embedder, num_features = classifier.embedder_, features.shape[1]
    together = embedder.channels
    if num_features != together + embedder.latent_dim:  # they are embedded one by one
        possible = [num_features // (1 + embedder.latent_dim)]
    elif together == 3:
        copies = np.array_equal(features[:, :2], features[:, 1:3])
        possible = [1, 3] if copies else [3, 1]
    else:
        possible = [together]
    if channels is None:
        return max((len(image.channels) for image in traits), default=possible[0])
    if channels not in possible:
        raise ValueError(f"`channels` must be one of {sorted(possible)}. Received: {channels!r}")
    return int(channels)


def _limits(
    classifier: Any,
    dtype: str,
    scaling: Scaling | None,
    channels: int,
    traits: Sequence[ImageTraits],
) -> list[tuple[float, float]]:
    """The numbers of each channel that become 0 and 1."""
    own = scaling is None
    scaling = scaling or classifier.scaling_
    limits = scaling.limits
    # Of images that are unknown it is known what `predict` makes of uint8.
    natural = all(image.is_natural for image in traits) if traits else dtype == "uint8"
    if (limits == "auto" and natural) or (limits == "dtype" and dtype == "uint8"):
        return [(0.0, 255.0 if dtype == "uint8" else 1.0)]
    if isinstance(limits, str):
        raise _without_limits(scaling, dtype, traits)
    if own and len(limits) > 1:
        limits = _of_used_channels(classifier, limits, traits)
    if len(limits) not in (1, channels):
        raise ValueError(
            f"`scaling` must have one pair of limits, or one for each of the {channels} channels "
            f"of the file, in their order. Received: {scaling!r}"
        )
    return [(float(low), float(high)) for low, high in limits]


def _without_limits(scaling: Scaling, dtype: str, traits: Sequence[ImageTraits]) -> ValueError:
    limits, reason, chosen = scaling.limits, "", ""
    if limits == "auto":
        reason = (
            ", while each image of `fit` that is neither uint8 nor in 0..1 was scaled by itself"
            if traits
            else ", while the numbers of the images of `fit` are unknown"
        )
    used = {image.channels for image in traits}
    if len(used) == 1 and used != {tuple(range(len(min(used))))}:
        chosen = f".of_channels({list(used.pop())})"
    return ValueError(
        f"`scaling` must have limits for a file of {dtype} images, which scales all images "
        f"alike{reason}: `Scaling((low, high))`, or `Scaling({limits!r}).fit(images){chosen}`. "
        f"Received: {scaling!r}"
    )


def _of_used_channels(
    classifier: Any, limits: Sequence[tuple[float, float]], traits: Sequence[ImageTraits]
) -> Sequence[tuple[float, float]]:
    """Of a scaling of all channels of an image the limits of those that are used, in order."""
    chosen, used = classifier.channels_, {image.channels for image in traits}
    if not used:
        if chosen is None:
            return limits
        if all(not isinstance(at, str) for at in chosen):
            used = {tuple(chosen)}
    pairs = {tuple(limits[at] for at in channels) for channels in used}
    if len(pairs) != 1:
        raise ValueError(
            f"`scaling` must be passed, with one pair of limits for each of the channels {chosen}, "
            "in this order: where they stand in the images of `fit` differs or is unknown. "
            f"The classifier's is {classifier.scaling_!r}"
        )
    return pairs.pop()


def _checked_names(classes: np.ndarray, names: Mapping[int, str] | None) -> list[str]:
    """The names of classes, in the order of the probabilities."""
    if names is None:
        return [str(number) for number in classes.tolist()]
    missing = [number for number in classes.tolist() if number not in names]
    if missing:
        raise ValueError(f"`class_names` must name all classes. Missing: {missing}")
    return [str(names[number]) for number in classes.tolist()]
