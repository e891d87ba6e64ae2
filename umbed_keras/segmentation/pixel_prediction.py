"""Prediction of the classes of pixels by a fitted classifier."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics import jaccard_score
from sklearn.utils.validation import check_is_fitted

from umbed_keras.images.image import Image
from umbed_keras.images.scaling import Scaling
from umbed_keras.images.tiled_map import output_array, tiled_map
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.base.onnx_export import export_onnx
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.segmentation.export.export_classifier import exported_classifier
from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.segmentation.guide import Guide
from umbed_keras.segmentation.image_lists import (
    as_images,
    as_label_images,
    join_planes,
    lazy_image,
)
from umbed_keras.segmentation.pixel_features import PixelFeatures
from umbed_keras.segmentation.probability_map import probability_map, relative_entropy
from umbed_keras.segmentation.self_training import confident_guesses, positions, taught
from umbed_keras.segmentation.smoothing import Smoothing, as_smoothing
from umbed_keras.segmentation.window_classifier import WindowClassifier
from umbed_keras.typing import ArrayLike, PathLike

# One image, a list of images or a batch, and likewise label images: paths or arrays.
ImageLike: TypeAlias = Image | PathLike | ArrayLike
LabelLike: TypeAlias = PathLike | ArrayLike


class PixelPrediction(BaseEstimator):
    """The half of `PixelClassifier` that predicts, whole or by windows.

    Attributes that `fit` of the other half sets:
        classifier_: fitted scikit-learn classifier of features.
        classes_: int array of the sorted classes.
        num_features_: int, features of a pixel that the classifier was fitted to.

    Examples:
        >>> issubclass(uk.segmentation.PixelClassifier, PixelPrediction)
        True
    """

    embedder: PixelEmbedder | PathLike
    classifier: BaseEstimator | None
    smoothing: float | str | Smoothing
    seed: int
    scaling: Scaling | None
    channels: Sequence[int | str] | None
    classifier_: Any
    classes_: np.ndarray
    num_features_: int
    _fitted_embedder: PixelEmbedder | PathLike
    _guide: Guide
    _training: tuple[np.ndarray, np.ndarray]

    @property
    def features(self) -> PixelFeatures:
        """The `PixelFeatures` of the embedder, which load a preset when they are first used."""
        fitted = vars(self)
        scaling = fitted.get("scaling_", self.scaling or Scaling())
        return self._features_in(scaling, fitted.get("channels_", self.channels))

    def _features_in(self, scaling: Scaling, channels: Sequence[int | str] | None) -> PixelFeatures:
        features = vars(self).get("_features")
        if features is None or features.source != self.embedder:
            features = self._features = PixelFeatures(self.embedder)
        # Classifiers that share an embedder may differ in their scaling.
        return features.with_options(scaling, channels)

    def predict(
        self, images: ImageLike, axes: str | None = None, adapt: bool = False
    ) -> np.ndarray | list[np.ndarray]:
        """Returns the class of every pixel.

        Args:
            images, axes: as in `fit`.
            adapt: bool, True learns from the confident pixels of each plane before its classes are
                predicted again. It helps on images that differ from those of `fit`, and takes more
                than twice as long. What is learned is forgotten afterwards.

        Returns:
            Int array with the axes of the image but the channels, of elements of `classes_`, and
            0 where there are no data. For a list of images a list of arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`, or if `embedder` was changed after it.
            TypeError: if `images` are no numbers.
            ValueError: if an image has axes that have no one meaning, or another number of channels
                than those of `fit`.
            ValueError: if `adapt` is True and `classifier` is not None.
        """
        return self._map_images(self.most_likely, images, axes, adapt)

    def predict_proba(
        self, images: ImageLike, axes: str | None = None, adapt: bool = False
    ) -> np.ndarray | list[np.ndarray]:
        """Returns the probability of every class at every pixel.

        Args:
            images, axes: as in `fit`.
            adapt: as in `predict`.

        Returns:
            float32 array with the axes of the image but the channels, and the classes last, in the
            order of `classes_`; NaN where there are no data. For a list of images a list of
            arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
        """
        return self._map_images(lambda probabilities: probabilities, images, axes, adapt)

    def plane_probabilities(self, image: Image, plane: tuple[int, ...] = ()) -> np.ndarray:
        """Returns the probability of every class at every pixel of one plane of an image.

        Args:
            image: `Image`, by all planes of which numbers are scaled.
            plane: index along the image's `plane_axes`.

        Returns:
            float32 array `(height, width, classes)`; NaN where there are no data.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            ValueError: as `predict`; or if `plane` has not one index for each of `plane_axes`.
        """
        self._check_fitted()
        vectors = self._vectors(image)
        return self.probabilities_of(self.features.of_plane(vectors, plane)[0], vectors)

    def uncertainty(
        self, images: ImageLike, axes: str | None = None, adapt: bool = False
    ) -> np.ndarray | list[np.ndarray]:
        """Returns the uncertainty of every pixel's class: the entropy of its probabilities.

        Args:
            images, axes: as in `fit`.
            adapt: as in `predict`.

        Returns:
            float32 array with the axes of the image but the channels, from 0 where one class is
            certain to 1 where all classes are equally likely; NaN where there are no data. For a
            list of images a list of arrays, for a batch a batch.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`.
        """
        return self._map_images(relative_entropy, images, axes, adapt)

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
        memory_budget: int = 1 << 31,
        verbose: int = 1,
        axes: str | None = None,
        adapt: bool = False,
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
            adapt: as in `predict`; the image is read twice.

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
        if adapt:
            self._check_adapts()
            window.students = {
                plane: self._adapted(*window.sampled(plane, int(self.seed)))
                for plane in image.planes()
            }

        def classes(*slices):
            return self.most_likely(window(dict(zip(letters, slices, strict=True))))

        return tiled_map(
            classes, size, [tile.get(axis, 1) for axis in letters], out, verbose=verbose
        )

    def export_onnx(
        self,
        path: PathLike,
        dtype: str = "uint8",
        scaling: Scaling | None = None,
        channels: int | None = None,
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        """Writes the fitted classifier to an ONNX file, which gives masks without Keras.

        The file takes `images`, `(batch, height, width, channels)` of any batch, height and width
        in their own numbers, and returns `probabilities`, float32
        `(batch, height, width, classes)`: those of `predict_proba`, up to rounding. Scaling,
        embedder, classifier and filter are in the file. Its metadata name the `classes` and
        `class_names`, JSON lists in the order of the last axis, what the numbers mean
        (`preprocessing`), and the `preset` and `license` of the embedder.

        Not in the file: pixels without data (all are taken for data: NaN spreads); the choice of
        channels and the colours of palettes and transparent pixels (images have the `channels` of
        the classifier, in their order); percentiles of single images (see `scaling`);
        `predict(adapt=True)`; and the division of large images into tiles. With
        `smoothing="guided"` the filter depends on the size of the image, which is computed as a
        whole; with another smoothing, such as `GuidedSmoothing()`, tiles that begin at multiples
        of the metadata entry `stride` and are extended by `margin` pixels give what the whole
        gives, unless the embedder needs whole images, see `examples/onnx_embed.py`.

        Args:
            path: path of the file, which is replaced as a whole or not at all.
            dtype: type of the file's images, `"uint8"` or `"float32"`, which also holds integers
                of 16 bits exactly.
            scaling: `Scaling` with limits: numbers that become 0 and 1, one pair or one for each
                channel of the file, in their order. None is that of the classifier, of which the
                channels that it uses are taken; where it is fitted to each image by itself, images
                are those whose limits need no fit, uint8 from 0 to 255, or floats in 0..1, and
                those of `fit` must have been such, too.
            channels: int, 1 or 3 where an embedder of colours takes both; None is the number of
                channels of the images of `fit`: 3 if there were both, and, where the file of an
                earlier version does not tell, 1 if all labelled pixels were grey.
            class_names: number of each class to its name; None names the numbers.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`, or if `embedder` was changed after it.
            ValueError: if `classifier` is one that can't be exported; the message lists which can.
            ValueError: if `dtype` is none of these, `scaling` has no limits that serve all images,
                `channels` is a number that the classifier does not take, or `class_names` lacks
                a class.
            ValueError: if the folder of `path` does not exist.
            ImportError: if torch, onnx or onnxscript is not installed.
            RuntimeError: as `PixelEmbedder.export_onnx`.
        """
        self._check_fitted()
        model = exported_classifier(
            self,
            self._training[0],
            self._guide.matrix,
            dtype,
            scaling,
            channels,
            class_names,
        )
        export_onnx(model, path, "predict_proba")

    def window_classifier(
        self, image: Image | ImageVectors, memory_budget: int = 1 << 31
    ) -> WindowClassifier:
        """Returns what computes the probabilities of windows of an image.

        Args:
            image: `Image`, or its `ImageVectors` in a scaling of their own.
            memory_budget: int, bytes to use beside models and `image`.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            ValueError: if `memory_budget` is too small for any tile.
        """
        self._check_fitted()
        vectors = self._vectors(image)
        return WindowClassifier(
            self.probabilities_of,
            len(self.classes_),
            self.features,
            vectors,
            self._smoothing(vectors.image).halo,
            memory_budget,
        )

    def _map_images(
        self,
        function: Callable[[np.ndarray], Any],
        images: ImageLike,
        axes: str | None,
        adapt: bool,
    ) -> Any:
        """Applies a function to the probabilities of each image; arranges results as `images`."""
        self._check_fitted()
        images, arrange = as_images(images, axes)
        if adapt:
            self._check_adapts()
        return arrange([self._map_planes(function, image, adapt) for image in images])

    def _map_planes(
        self, function: Callable[[np.ndarray], Any], image: Image, adapt: bool
    ) -> np.ndarray:
        vectors = self._vectors(image)
        parts = []
        for plane in image.planes():
            features = self.features.of_plane(vectors, plane)[0]
            probabilities = self.probabilities_of(features, vectors)
            if adapt:
                rows, cols = positions(image.height, image.width, int(self.seed))
                student = self._adapted(probabilities[rows, cols], features[rows, cols])
                probabilities = self.probabilities_of(features, vectors, student)
            parts.append(function(probabilities))
        return join_planes(image, parts)

    def _vectors(self, image: Image | ImageVectors) -> ImageVectors:
        """Returns the `ImageVectors` of an image with as many channels as those of `fit`."""
        vectors = image if isinstance(image, ImageVectors) else self.features.of_image(image)
        if vectors.num_features != self.num_features_:
            given, fitted = vectors.num_features, self.num_features_
            raise ValueError(
                "`images` must have as many channels as those of `fit`. Received: "
                f"{vectors.image!r}, with {given} features of a pixel in place of {fitted}"
            )
        return vectors

    def _adapted(self, probabilities: np.ndarray, features: np.ndarray) -> FewLabelsClassifier:
        """Returns a classifier that has learned from the confident ones of some pixels."""
        guesses = confident_guesses(probabilities, features, self.classes_, int(self.seed))
        return taught(self.classifier_, *self._training, [guesses])

    def _check_adapts(self) -> None:
        if self.classifier is not None:
            raise ValueError(
                "`adapt` needs the default classifier (`classifier=None`). "
                f"Received: {self.classifier!r}"
            )

    def probabilities_of(
        self,
        features: np.ndarray,
        vectors: ImageVectors,
        classifier: Any = None,
        smoothing: Smoothing | None = None,
    ) -> np.ndarray:
        """Computes the smoothed probabilities of features.

        Args:
            features: float32 array `(height, width, features)` of a plane or a window.
            vectors: `ImageVectors` of the image.
            classifier: fitted classifier of features; None is `classifier_`.
            smoothing: the filter; None is that of the image.

        Returns:
            float32 array `(height, width, classes)`; NaN where there are no data.
        """
        classifier = classifier or self.classifier_
        smoothing = smoothing or self._smoothing(vectors.image)
        channels = features[..., : self.features.num_channels(features.shape[-1])]
        guide = self._guide(channels, vectors.is_grey)
        return probability_map(classifier, features, smoothing, guide)

    def _smoothing(self, image: Image) -> Smoothing:
        return as_smoothing(self.smoothing, min(image.height, image.width))

    def most_likely(self, probabilities: np.ndarray) -> np.ndarray:
        """Returns the most likely class of each pixel.

        Args:
            probabilities: float array `(..., classes)`, as `predict_proba` returns it.

        Returns:
            Int array `(...)` of elements of `classes_`, 0 where probabilities are NaN.
        """
        without = np.isnan(probabilities[..., 0])
        if not without.any():
            return self.classes_[probabilities.argmax(axis=-1)]
        classes = self.classes_[np.nan_to_num(probabilities).argmax(axis=-1)]
        classes[without] = 0
        return classes

    def _check_fitted(self) -> None:
        check_is_fitted(self, msg="This %(name)s is not fitted: call `fit` first.")
        if self.embedder != self._fitted_embedder:
            raise NotFittedError("`embedder` was changed after `fit`: call `fit` again.")
