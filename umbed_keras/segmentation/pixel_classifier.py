"""Segmentation of images from a few labelled pixels."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import jaccard_score
from sklearn.utils.validation import check_is_fitted

from umbed_keras.images.stored_image import StoredImage
from umbed_keras.images.tiled_map import output_array, tiled_map
from umbed_keras.models import PixelEmbedder
from umbed_keras.ops.checks import check_integers
from umbed_keras.segmentation.classifier_file import read_labelled, write_labelled
from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.segmentation.image_lists import as_list
from umbed_keras.segmentation.labelled_pixels import (
    LabelledPixels,
    labelled_images,
    training_set,
)
from umbed_keras.segmentation.pixel_features import (
    DEFAULT_PRESET,
    PixelFeatures,
    content_key,
    fingerprint,
)
from umbed_keras.segmentation.probability_map import (
    probability_map,
    relative_entropy,
    smoothing_halo,
)
from umbed_keras.typing import ArrayLike, PathLike


# No `ClassifierMixin`: with it scikit-learn would take label images for one label per image.
class PixelClassifier(BaseEstimator):
    """Segments images from a few labelled pixels.

    Label a few pixels of each class, for example by brush strokes. The classifier then gives every
    pixel a class: in the same image, and in other images of the same kind.

    A pixel is described by its colours and by a vector that summarises its neighbourhood, computed
    by a `PixelEmbedder`. A classifier learns from the descriptions of the labelled pixels, and its
    probabilities are smoothed by a Gaussian filter. The vectors of recent images are kept in
    memory: after further strokes on an image only the classifier is fitted again, which takes
    about a second.

    This is a scikit-learn estimator. `clone`, `set_params` and `GridSearchCV` work, with a list of
    images as `X` and a list of label images as `y`. A preset is loaded by `fit`. Clones share the
    embedder and the kept vectors, so a grid search embeds each image once.

    Args:
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        classifier: scikit-learn classifier with `predict_proba`, a clone of which is fitted to
            features `(n, channels + vector)`. None uses a `FewLabelsClassifier`.
        smoothing: float, standard deviation of the Gaussian filter, in pixels; 0 does not smooth.
        seed: int, random seed of the classifier and of the selection of pixels.

    Attributes:
        classes_: int array of the sorted classes.
        classifier_: the fitted classifier of features.
        embedder_: the `PixelEmbedder`, loaded.

    Examples:
        >>> image = np.zeros((16, 16, 3), "uint8")
        >>> image[:, 8:] = 200
        >>> labels = np.zeros((16, 16), int)  # 0 is no label
        >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> classifier.predict(image)[8].tolist()
        [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]
    """

    def __init__(
        self,
        embedder: PixelEmbedder | PathLike = DEFAULT_PRESET,
        classifier: BaseEstimator | None = None,
        smoothing: float = 1.5,
        seed: int = 0,
    ) -> None:
        self.embedder = embedder
        self.classifier = classifier
        self.smoothing = smoothing
        self.seed = seed

    @property
    def features(self) -> PixelFeatures:
        """The `PixelFeatures` of the embedder, which load a preset when they are first used."""
        features = vars(self).get("_features")
        if features is None or features.source != self.embedder:
            features = self._features = PixelFeatures(self.embedder)
        return features

    def fit(self, images: ArrayLike, labels: ArrayLike) -> Self:
        """Fits the classifier to labelled pixels; those of earlier calls are forgotten.

        Args:
            images: one image, a uint8 array or floats in 0..1, `(height, width)` or
                `(height, width, channels)`; or several, as a list of images of any sizes or as a
                batch.
            labels: label images, int arrays `(height, width)`, arranged as `images` are. 0 means
                no label; every other number is a class.

        Returns:
            The classifier itself.

        Raises:
            TypeError: if `images` are neither uint8 nor floating, or `labels` are no integers.
            TypeError: if the argument `classifier` has no `predict_proba`.
            ValueError: if `images` and `labels` differ in number or size, or images differ in
                their number of channels.
            ValueError: if an image has values outside 0..1, or a number of channels that the
                embedder does not take.
            ValueError: if `labels` contain fewer than two classes.
            ValueError: if there is no preset `embedder`, `smoothing` is negative or not finite, or
                `seed` is no integer of at least 0.
        """
        return self._fit({}, images, labels)

    def partial_fit(self, images: ArrayLike, labels: ArrayLike) -> Self:
        """Fits the classifier to further labelled pixels and those of earlier calls.

        Args:
            images: as in `fit`. An image of an earlier call is recognised by its content.
            labels: as in `fit`. Where an image has an earlier label, the new one replaces it.

        Returns:
            The classifier itself.

        Raises:
            TypeError: as `fit`.
            ValueError: as `fit`, but earlier classes count.
            sklearn.exceptions.NotFittedError: if `embedder` was changed after `fit`.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit({}, images, labels)
        self._check_fitted()
        return self._fit(dict(self._labelled), images, labels)

    def _fit(self, labelled: dict[str, LabelledPixels], images, labels) -> Self:
        """Adds labelled pixels to a dictionary by the images' content, and fits to all."""
        self._check_arguments()
        for image, label in labelled_images(images, labels, self.features.channels_last):
            if label.any():
                pixels = LabelledPixels.from_label_image(label, self.features(image))
                key = content_key(image)
                labelled[key] = labelled[key].updated(pixels) if key in labelled else pixels
        if not labelled:
            raise ValueError("`labels` must label some pixels: all are 0.")
        if len({pixels.features.shape[1] for pixels in labelled.values()}) > 1:
            raise ValueError("`images` must all have the same number of channels.")
        return self._fit_labelled(labelled)

    def _fit_labelled(self, labelled: dict[str, LabelledPixels]) -> Self:
        seed = int(self.seed)
        features, classes, groups = training_set(list(labelled.values()), seed)
        if len(np.unique(classes)) < 2:
            raise ValueError(
                "`labels` must hold two classes or more, beside 0, which is no class. "
                f"Received: {np.unique(classes).tolist()}"
            )
        if self.classifier is None:
            channels = self.features.num_channels(features.shape[1])
            fitted = FewLabelsClassifier(channels, seed=seed).fit(features, classes, groups)
        else:
            fitted = clone(self.classifier)
            random = [name for name in fitted.get_params() if name.endswith("random_state")]
            fitted.set_params(**dict.fromkeys(random, seed)).fit(features, classes)
        self._labelled, self.classifier_, self.classes_ = labelled, fitted, fitted.classes_
        self._fitted_embedder, self.embedder_ = self.embedder, self.features.embedder
        return self

    def predict(self, images: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Returns the class of every pixel.

        Args:
            images: as in `fit`.

        Returns:
            Int array `(height, width)` of elements of `classes_`. For a list of images a list of
            arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`, or if `embedder` was changed after it.
            TypeError: if `images` are neither uint8 nor floating.
            ValueError: if an image has values outside 0..1, or another number of channels than
                those of `fit`.
        """
        return self._map_images(
            lambda probabilities: self.classes_[probabilities.argmax(axis=-1)], images
        )

    def predict_proba(self, images: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Returns the probability of every class at every pixel.

        Args:
            images: as in `fit`.

        Returns:
            Float32 array `(height, width, classes)`, in the order of `classes_`. For a list of
            images a list of arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
        """
        return self._map_images(lambda probabilities: probabilities, images)

    def uncertainty(self, images: ArrayLike) -> np.ndarray | list[np.ndarray]:
        """Returns the uncertainty of every pixel's class: the entropy of its probabilities.

        Args:
            images: as in `fit`.

        Returns:
            Float32 array `(height, width)`, from 0 where one class is certain to 1 where all
            classes are equally likely. For a list of images a list of arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
        """
        return self._map_images(relative_entropy, images)

    def score(self, images: ArrayLike, labels: ArrayLike) -> float:
        """Returns the mean intersection over union of the classes, over all labelled pixels.

        Args:
            images: as in `fit`.
            labels: as in `fit`; pixels labelled 0 do not count.

        Returns:
            Float in 0..1, the mean over the classes in `labels`.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `fit`.
            ValueError: as `predict`; or if `images` and `labels` differ in number or size, or no
                pixel is labelled.
        """
        self._check_fitted()
        pairs = labelled_images(images, labels, self.features.channels_last)
        true = np.concatenate([label[label != 0] for _, label in pairs])
        if not len(true):
            raise ValueError("`labels` must label some pixels: all are 0.")
        predicted = np.concatenate([self.predict(image)[label != 0] for image, label in pairs])
        return jaccard_score(true, predicted, labels=np.unique(true), average="macro")

    def predict_large(
        self, image: Any, out: Any = None, memory_budget: int = 1 << 30, verbose: int = 1
    ) -> Any:
        """Computes the class of every pixel of an image larger than memory, tile by tile.

        The classes are those of `predict`, except where the probabilities of two classes are equal
        up to rounding.

        Args:
            image: uint8 or floats in 0..1, `(height, width, channels)`, with the channels of the
                embedder: NumPy array, memory map, Zarr array, or anything else with `shape`,
                `dtype` and slices.
            out: integer array `(height, width)` to write to, of one of these kinds. None allocates
                a NumPy array.
            memory_budget: int, bytes to use beside models, `image` and `out`.
            verbose: int, 1 shows a progress bar, 0 shows nothing.

        Returns:
            `out`, of elements of `classes_`.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: if `image` is neither uint8 nor floating.
            ValueError: if `image` has another shape or values outside 0..1.
            ValueError: if `out` has another shape, or a dtype that does not hold the classes.
            ValueError: if `memory_budget` is too small for any tile.
        """
        self._check_fitted()
        source = StoredImage(image, self.embedder_.channels)
        size = source.shape[1:3]
        out = output_array(out, size, self.classes_.dtype, values=self.classes_)
        stride = self.embedder_.stride
        # Windows start at multiples of the embedder's stride.
        halo = -(-smoothing_halo(self.smoothing) // stride) * stride
        # The embedder may use one half of the memory, the classifier the other.
        tile_size = max(stride, self.embedder_.largest_tile(memory_budget // 2) - 2 * halo)

        def classes(rows, cols):
            vectors = self.embedder_.embed_window(image, rows, cols)
            features = self.features.describe(source[0, rows, cols][0], lambda _: vectors[None])
            return self.classes_[self._probability_map(features).argmax(axis=-1)]

        return tiled_map(classes, size, (tile_size, tile_size), out, halo=halo, verbose=verbose)

    def save(self, path: PathLike) -> None:
        """Writes the labelled pixels to a file, from which `load` fits the classifier again.

        The file holds arrays and JSON: no code, no pickle.

        Args:
            path: path of the file, by convention with the suffix .npz. An existing file is
                replaced when the new one is complete.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            OSError: if the file can't be written.
        """
        self._check_fitted()
        preset = self.features.preset
        settings = {
            "preset": None if preset is None else str(preset),
            "weights": fingerprint(self.embedder_),
            "classifier": _class_name(self.classifier),
            "smoothing": float(self.smoothing),
            "seed": int(self.seed),
        }
        write_labelled(path, settings, self._labelled)

    @classmethod
    def load(
        cls,
        path: PathLike,
        embedder: PixelEmbedder | PathLike | None = None,
        classifier: BaseEstimator | None = None,
    ) -> Self:
        """Reads a file that `save` wrote, and fits the classifier again.

        Args:
            path: path of the file.
            embedder: the `PixelEmbedder` or preset of the saved classifier. None takes the preset
                that the file names.
            classifier: the argument `classifier` of the saved classifier.

        Returns:
            A fitted `PixelClassifier`.

        Raises:
            ValueError: if the file has another format, or is truncated or altered.
            ValueError: if `embedder` is None and the file names no preset, or if the embedder's
                weights are not those of the saved classifier.
            ValueError: if `classifier` is of another class than that of the saved classifier.
            OSError: if the file can't be read.
        """
        settings, labelled = read_labelled(path)
        if embedder is None:
            embedder = settings["preset"]
        if embedder is None:
            raise ValueError(f"`embedder` must be passed: that of {path} is no preset.")
        if _class_name(classifier) != settings["classifier"]:
            raise ValueError(
                f"`classifier` must be passed as it was to the class: {settings['classifier']}. "
                f"Received: {classifier!r}"
            )
        self = cls(embedder, classifier, settings["smoothing"], settings["seed"])
        self._check_arguments()
        if fingerprint(self.features.embedder) != settings["weights"]:
            raise ValueError(f"`embedder` has other weights than that with which {path} was made.")
        return self._fit_labelled(labelled)

    def __repr__(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        arguments = self.get_params(deep=False).items()
        text = ", ".join(f"{name}={value!r}" for name, value in arguments)
        text = f"{type(self).__name__}({text})"
        if self.__sklearn_is_fitted__():
            count = sum(len(pixels.labels) for pixels in self._labelled.values())
            text += f" fitted to {count} labelled pixels of classes {self.classes_.tolist()}"
        return text

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classifier_")

    def __sklearn_clone__(self) -> Self:
        # scikit-learn would copy the embedder, which `fit` never changes.
        arguments = self.get_params(deep=False)
        twin = type(self)(**{**arguments, "classifier": clone(self.classifier, safe=False)})
        twin._features = self.features
        return twin

    def _map_images(self, function: Callable[[np.ndarray], Any], images: ArrayLike) -> Any:
        """Applies a function to the probabilities of each image; arranges results as `images`."""
        self._check_fitted()
        images, arrange = as_list(images, "images")
        return arrange(
            [function(self._probability_map(self._checked_features(image))) for image in images]
        )

    def _checked_features(self, image: np.ndarray) -> np.ndarray:
        """Returns the features of an image; ValueError if there are more or fewer than in `fit`."""
        features = self.features(image)
        expected = next(iter(self._labelled.values())).features.shape[1]
        if features.shape[-1] != expected:
            raise ValueError(
                "`images` must have as many channels as those learned from. Received: "
                f"{features.shape[-1]} features of a pixel in place of {expected}"
            )
        return features

    def _probability_map(self, features: np.ndarray) -> np.ndarray:
        return probability_map(self.classifier_, features, float(self.smoothing))

    def _check_arguments(self) -> None:
        if self.classifier is not None and not hasattr(self.classifier, "predict_proba"):
            raise TypeError(
                "`classifier` must be a scikit-learn classifier with `predict_proba`. "
                f"Received: {self.classifier!r}"
            )
        if not 0 <= self.smoothing < np.inf:
            raise ValueError(
                f"`smoothing` must be at least 0, in pixels, and finite. Received: {self.smoothing}"
            )
        check_integers(seed=(0, self.seed))

    def _check_fitted(self) -> None:
        check_is_fitted(self, msg="This %(name)s is not fitted: call `fit` first.")
        if self.embedder != self._fitted_embedder:
            raise NotFittedError("`embedder` was changed after `fit`: call `fit` again.")


def _class_name(classifier: BaseEstimator | None) -> str | None:
    return None if classifier is None else type(classifier).__name__
