"""The model that a pixel classifier's ONNX file holds."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from umbed_keras.images.scaling import Scaling
from umbed_keras.models.base.onnx_export import in_single_precision
from umbed_keras.segmentation.export.class_mixture import class_mixture
from umbed_keras.segmentation.export.exported_classifier import ExportedClassifier
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
    channels = _checked_channels(classifier, features, channels)
    limits = _limits(classifier, dtype, scaling, channels)
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


def _checked_channels(classifier: Any, features: np.ndarray, channels: int | None) -> int:
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
        return possible[0]
    if channels not in possible:
        raise ValueError(f"`channels` must be one of {sorted(possible)}. Received: {channels!r}")
    return int(channels)


def _limits(
    classifier: Any, dtype: str, scaling: Scaling | None, channels: int
) -> list[tuple[float, float]]:
    """The numbers of each channel that become 0 and 1."""
    scaling = scaling or classifier.scaling_
    limits, chosen = scaling.limits, classifier.channels_
    if limits == "auto" or (limits == "dtype" and dtype == "uint8"):
        return [(0.0, 255.0 if dtype == "uint8" else 1.0)]
    if isinstance(limits, str):
        raise ValueError(
            f"`scaling` must have limits for a file of {dtype} images, which scales all images "
            f"alike: `Scaling((low, high))`, or `Scaling({limits!r}).fit(images)`. "
            f"Received: {scaling!r}"
        )
    by_index = chosen is not None and all(not isinstance(at, str) for at in chosen)
    if len(limits) > 1 and by_index and max(chosen) < len(limits):
        limits = [limits[at] for at in chosen]
    if len(limits) not in (1, channels):
        raise ValueError(
            f"`scaling` must have one pair of limits, or one for each of the {channels} channels "
            f"of the file. Received: {scaling!r}"
        )
    return [(float(low), float(high)) for low, high in limits]


def _checked_names(classes: np.ndarray, names: Mapping[int, str] | None) -> list[str]:
    """The names of classes, in the order of the probabilities."""
    if names is None:
        return [str(number) for number in classes.tolist()]
    missing = [number for number in classes.tolist() if number not in names]
    if missing:
        raise ValueError(f"`class_names` must name all classes. Missing: {missing}")
    return [str(names[number]) for number in classes.tolist()]
