"""Segmentation of images from a few labelled pixels."""

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import jaccard_score
from sklearn.utils.validation import check_is_fitted

from umbed_keras.images.image import Image
from umbed_keras.images.labels import warn_of_soft_edges
from umbed_keras.images.scaling import Scaling
from umbed_keras.images.tiled_map import output_array, tiled_map
from umbed_keras.models import PixelEmbedder
from umbed_keras.ops.checks import check_integers
from umbed_keras.segmentation.classifier_file import read_labelled, write_labelled
from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.segmentation.image_lists import (
    as_images,
    as_label_images,
    join_planes,
    label_planes,
    lazy_image,
)
from umbed_keras.segmentation.labelled_pixels import LabelledPixels, training_set
from umbed_keras.segmentation.pixel_features import (
    DEFAULT_PRESET,
    PixelFeatures,
    fingerprint,
)
from umbed_keras.segmentation.probability_map import probability_map, relative_entropy
from umbed_keras.segmentation.window_classifier import WindowClassifier
from umbed_keras.typing import ArrayLike, PathLike

# One image, a list of images or a batch, and likewise label images: paths or arrays.
ImageLike: TypeAlias = Image | PathLike | ArrayLike
LabelLike: TypeAlias = PathLike | ArrayLike


# No `ClassifierMixin`: with it scikit-learn would take label images for one label per image.
class PixelClassifier(BaseEstimator):
    """Segments images from a few labelled pixels.

    Label a few pixels of each class, for example by brush strokes. The classifier then gives every
    pixel a class: in the same image, and in other images of the same kind.

    Images may have any type of numbers, any channels and several planes: `Scaling` maps their
    numbers to 0..1, and channels that are not colours are embedded one by one. A stack is
    classified plane by plane. Pixels without data (NaN, infinite, nodata, transparent) get class 0,
    which is no class.

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
        scaling: `umbed_keras.Scaling` of the images' numbers; None is `Scaling()`, fitted to each
            image by itself. One with `scope="collection"` is fitted to the images of `fit`.
        channels: indices or names of the channels to use, in order; None uses all.

    Attributes:
        classes_: int array of the sorted classes.
        classifier_: the fitted classifier of features.
        embedder_: the `PixelEmbedder`, loaded.
        scaling_: the `Scaling` that is applied to every image.

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
        scaling: Scaling | None = None,
        channels: Sequence[int | str] | None = None,
    ) -> None:
        self.embedder = embedder
        self.classifier = classifier
        self.smoothing = smoothing
        self.seed = seed
        self.scaling = scaling
        self.channels = channels

    @property
    def features(self) -> PixelFeatures:
        """The `PixelFeatures` of the embedder, which load a preset when they are first used."""
        features = vars(self).get("_features")
        if features is None or features.source != self.embedder:
            features = self._features = PixelFeatures(self.embedder)
        features.scaling = vars(self).get("scaling_") or self.scaling or Scaling()
        features.channels = self.channels
        return features

    def fit(self, images: ImageLike, labels: LabelLike, axes: str | None = None) -> Self:
        """Fits the classifier to labelled pixels; those of earlier calls are forgotten.

        Args:
            images: one image: an `umbed_keras.Image`, a path, or an array of numbers of any type,
                `(height, width)` or `(height, width, channels)`; or several, as a list of images of
                any sizes or as a batch.
            labels: label images, arranged as `images` are: paths, or arrays of integers, booleans
                or integral floats with the axes of the image but the channels. 0 means no label;
                every other number is a class. In a stack few planes need labels.
            axes: axes of arrays and files that do not name theirs, such as `"zyx"`.

        Returns:
            The classifier itself.

        Raises:
            TypeError: if `images` or `labels` are no numbers.
            TypeError: if the argument `classifier` has no `predict_proba`.
            ValueError: if `images` and `labels` differ in number or size, or images differ in
                their number of channels.
            ValueError: if an image has axes that have no one meaning, or a number of channels that
                the embedder does not take.
            ValueError: if `labels` contain fewer than two classes, or numbers that are no integers.
            ValueError: if there is no preset `embedder`, `smoothing` is negative or not finite, or
                `seed` is no integer of at least 0.
        """
        return self._fit({}, images, labels, axes)

    def partial_fit(self, images: ImageLike, labels: LabelLike, axes: str | None = None) -> Self:
        """Fits the classifier to further labelled images and those of earlier calls.

        Args:
            images, axes: as in `fit`. An image of an earlier call is recognised by its content.
            labels: as in `fit`. The labels of an image of an earlier call replace its earlier
                ones: what is 0 now has no label any more.

        Returns:
            The classifier itself.

        Raises:
            TypeError: as `fit`.
            ValueError: as `fit`, but earlier classes count.
            sklearn.exceptions.NotFittedError: if an argument was changed after `fit`.
        """
        if not self.__sklearn_is_fitted__():
            return self._fit({}, images, labels, axes)
        self._check_fitted()
        return self._fit(dict(self._labelled), images, labels, axes)

    def _fit(self, labelled: dict[str, LabelledPixels], images, labels, axes) -> Self:
        """Adds labelled pixels to a dictionary by the planes' content, and fits to all."""
        self._check_arguments()
        images, _ = as_images(images, axes)
        label_images = as_label_images(labels, images, axes)
        fitted_scaling = vars(self).pop("scaling_", None)
        try:
            scaling = self._scaling_of(images, fitted_scaling if labelled else None)
            features = self.features
            features.scaling = scaling
            for image, label in zip(images, label_images, strict=True):
                warn_of_soft_edges(label)
                vectors = features.of_image(image)
                for plane, part in label_planes(image, label):
                    if part.any():
                        values, key = features.of_plane(vectors, plane)
                        labelled[key] = LabelledPixels.from_label_image(
                            part, values, int(self.seed)
                        )
                    elif labelled:
                        labelled.pop(features.key(vectors, plane), None)
            if not labelled:
                raise ValueError("`labels` must label some pixels: all are 0.")
            if len({pixels.features.shape[1] for pixels in labelled.values()}) > 1:
                raise ValueError("`images` must all have the same number of channels.")
            self._fit_labelled(labelled)
        except BaseException:
            if fitted_scaling is not None:
                self.scaling_ = fitted_scaling
            raise
        self.scaling_ = scaling
        return self

    def _scaling_of(self, images: list[Image], fitted: Scaling | None) -> Scaling:
        """The scaling to apply: fitted to the images together if that is its scope."""
        if fitted is not None:
            return fitted
        scaling = self.scaling or Scaling()
        return scaling.fit(images) if scaling.scope == "collection" else scaling

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

    def predict(self, images: ImageLike, axes: str | None = None) -> np.ndarray | list[np.ndarray]:
        """Returns the class of every pixel.

        Args:
            images, axes: as in `fit`.

        Returns:
            Int array with the axes of the image but the channels, of elements of `classes_`, and
            0 where there are no data. For a list of images a list of arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`, or if `embedder` was changed after it.
            TypeError: if `images` are no numbers.
            ValueError: if an image has axes that have no one meaning, or another number of channels
                than those of `fit`.
        """
        return self._map_images(self._classes, images, axes)

    def predict_proba(
        self, images: ImageLike, axes: str | None = None
    ) -> np.ndarray | list[np.ndarray]:
        """Returns the probability of every class at every pixel.

        Args:
            images, axes: as in `fit`.

        Returns:
            float32 array with the axes of the image but the channels, and the classes last, in the
            order of `classes_`; NaN where there are no data. For a list of images a list of
            arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
        """
        return self._map_images(lambda probabilities: probabilities, images, axes)

    def uncertainty(
        self, images: ImageLike, axes: str | None = None
    ) -> np.ndarray | list[np.ndarray]:
        """Returns the uncertainty of every pixel's class: the entropy of its probabilities.

        Args:
            images, axes: as in `fit`.

        Returns:
            float32 array with the axes of the image but the channels, from 0 where one class is
            certain to 1 where all classes are equally likely; NaN where there are no data. For a
            list of images a list of arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
        """
        return self._map_images(relative_entropy, images, axes)

    def score(self, images: ImageLike, labels: LabelLike, axes: str | None = None) -> float:
        """Returns the mean intersection over union of the classes, over all labelled pixels.

        Args:
            images, axes: as in `fit`.
            labels: as in `fit`; pixels labelled 0, and those without data, do not count.

        Returns:
            Float in 0..1, the mean over the classes in `labels`.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `fit`.
            ValueError: as `predict`; or if `images` and `labels` differ in number or size, or no
                pixel is labelled.
        """
        self._check_fitted()
        images, _ = as_images(images, axes)
        true, predicted = [], []
        for image, label in zip(images, as_label_images(labels, images, axes), strict=True):
            classes = self.predict(image)
            counted = (label != 0) & (classes != 0)
            true.append(label[counted])
            predicted.append(classes[counted])
        true, predicted = np.concatenate(true), np.concatenate(predicted)
        if not len(true):
            raise ValueError("`labels` must label some pixels: all are 0.")
        return jaccard_score(true, predicted, labels=np.unique(true), average="macro")

    def predict_large(
        self,
        image: Image | PathLike | Any,
        out: Any = None,
        memory_budget: int = 1 << 30,
        verbose: int = 1,
        axes: str | None = None,
    ) -> Any:
        """Computes the class of every pixel of an image larger than memory, tile by tile.

        The classes are those of `predict`, except where the probabilities of two classes are equal
        up to rounding.

        Args:
            image: as in `fit`, one image; an array may be anything with `shape`, `dtype` and
                slices, such as a memory map or a Zarr array.
            out: integer array to write to, with the axes of the image but the channels, of one of
                these kinds. None allocates a NumPy array.
            memory_budget: int, bytes to use beside models, `image` and `out`.
            verbose: int, 1 shows a progress bar, 0 shows nothing.
            axes: as in `fit`.

        Returns:
            `out`, of elements of `classes_`, and 0 where there are no data.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
            ValueError: if `out` has another shape, or a dtype that does not hold the classes.
            ValueError: if `memory_budget` is too small for any tile; the message says how much is
                enough.
        """
        self._check_fitted()
        image = lazy_image(image, axes)
        window = self.window_classifier(image, memory_budget)
        letters = image.axes.replace("c", "")
        size = tuple(image.sizes[axis] for axis in letters)
        values = np.concatenate([self.classes_, [0]])
        out = output_array(out, size, self.classes_.dtype, values=values)
        tile = {"y": window.tile_size, "x": window.tile_size}

        def classes(*slices):
            return self._classes(window(dict(zip(letters, slices, strict=True))))

        return tiled_map(
            classes, size, [tile.get(axis, 1) for axis in letters], out, verbose=verbose
        )

    def window_classifier(self, image: Image, memory_budget: int = 1 << 30) -> WindowClassifier:
        """Returns what computes the probabilities of windows of an image.

        Args:
            image: `Image`.
            memory_budget: int, bytes to use beside models and `image`.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            ValueError: if `memory_budget` is too small for any tile.
        """
        self._check_fitted()
        return WindowClassifier(
            self.classifier_, self.features, image, float(self.smoothing), memory_budget
        )

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
        settings = {
            "preset": self.features.preset,
            "weights": fingerprint(self.embedder_),
            "classifier": _class_name(self.classifier),
            "parameters": _parameters(self.classifier),
            "smoothing": float(self.smoothing),
            "seed": int(self.seed),
            "scaling": self.scaling_.get_config(),
            "channels": None if self.channels is None else list(self.channels),
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
        same = settings.get("parameters") in (None, _parameters(classifier))
        if _class_name(classifier) != settings["classifier"] or not same:
            raise ValueError(
                f"`classifier` must be passed as it was to the class: {settings['classifier']} "
                f"with {settings.get('parameters')}. Received: {classifier!r}"
            )
        scaling = Scaling.from_config(settings["scaling"]) if "scaling" in settings else Scaling()
        options = {"scaling": scaling, "channels": settings.get("channels")}
        self = cls(embedder, classifier, settings["smoothing"], settings["seed"], **options)
        self._check_arguments()
        self.scaling_ = scaling
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

    def _map_images(
        self, function: Callable[[np.ndarray], Any], images: ImageLike, axes: str | None
    ) -> Any:
        """Applies a function to the probabilities of each image; arranges results as `images`."""
        self._check_fitted()
        images, arrange = as_images(images, axes)
        return arrange([self._map_planes(function, image) for image in images])

    def _map_planes(self, function: Callable[[np.ndarray], Any], image: Image) -> np.ndarray:
        vectors = self.features.of_image(image)
        parts = []
        for plane in image.planes():
            features = self._checked(self.features.of_plane(vectors, plane)[0])
            parts.append(
                function(probability_map(self.classifier_, features, float(self.smoothing)))
            )
        return join_planes(image, parts)

    def _checked(self, features: np.ndarray) -> np.ndarray:
        """Returns features; ValueError if they are more or fewer than in `fit`."""
        expected = next(iter(self._labelled.values())).features.shape[1]
        if features.shape[-1] != expected:
            raise ValueError(
                "`images` must have as many channels as those learned from. Received: "
                f"{features.shape[-1]} features of a pixel in place of {expected}"
            )
        return features

    def _classes(self, probabilities: np.ndarray) -> np.ndarray:
        """The most likely class of each pixel, 0 where there are no data."""
        without = np.isnan(probabilities[..., 0])
        if not without.any():
            return self.classes_[probabilities.argmax(axis=-1)]
        classes = self.classes_[np.nan_to_num(probabilities).argmax(axis=-1)]
        classes[without] = 0
        return classes

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


def _parameters(classifier: BaseEstimator | None) -> dict[str, str] | None:
    """The parameters of a classifier, as text that tells them apart."""
    if classifier is None:
        return None
    return {name: repr(value) for name, value in sorted(classifier.get_params().items())}
