"""Segmentation of images from a few labelled pixels."""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, clone

from umbed_keras.images.labels import warn_of_soft_edges, warn_of_void_class
from umbed_keras.images.scaling import Scaling
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.ops.checks import check_integers
from umbed_keras.segmentation.advice.label_advice import LabelAdvice
from umbed_keras.segmentation.classifier_file import read_labelled, write_labelled
from umbed_keras.segmentation.export.image_traits import ImageTraits
from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.segmentation.guide import Guide
from umbed_keras.segmentation.image_lists import as_images, as_label_images, label_planes
from umbed_keras.segmentation.labelled_part import LabelledPart
from umbed_keras.segmentation.labelled_pixels import LabelledPixels, training_set
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET, PixelFeatures, fingerprint
from umbed_keras.segmentation.pixel_prediction import ImageLike, LabelLike
from umbed_keras.segmentation.self_training import (
    POSITIONS,
    Guesses,
    confident_guesses,
    positions,
    taught,
)
from umbed_keras.segmentation.smoothing import (
    Smoothing,
    as_smoothing,
    at_half_size,
    smoothing_config,
    smoothing_from_config,
)
from umbed_keras.typing import PathLike


# No `ClassifierMixin`: with it scikit-learn would take label images for one label per image.
class PixelClassifier(LabelAdvice):
    """Segments images from a few labelled pixels.

    Label a few pixels of each class, for example by brush strokes. The classifier then gives every
    pixel a class: in the same image, and in other images of the same kind.

    Images may have any type of numbers, any channels and several planes: `Scaling` maps their
    numbers to 0..1, and channels that are not colours are embedded one by one. A stack is
    classified plane by plane. Pixels without data (NaN, infinite, nodata, transparent) get class 0,
    which is no class.

    A pixel is described by its colours and by a vector that summarises its neighbourhood, computed
    by a `PixelEmbedder`. A classifier learns from the descriptions of the labelled pixels, and its
    probabilities are smoothed by a filter that follows the edges of the image. The vectors of
    recent images are kept in memory: after further strokes on an image only the classifier is
    fitted again, which takes about a second.

    The classifier also learns from some of the unlabelled pixels of its images: those of which it
    is confident after a first fit (self-training). `predict(images, adapt=True)` does so for every
    new image.

    This is a scikit-learn estimator. `clone`, `set_params` and `GridSearchCV` work, with a list of
    images as `X` and a list of label images as `y`. A preset is loaded by `fit`. Clones share the
    embedder and the kept vectors, so a grid search embeds each image once.

    Args:
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        classifier: scikit-learn classifier with `predict_proba`, a clone of which is fitted to
            features `(n, channels + vector)`. None uses a `FewLabelsClassifier`.
        smoothing: `"guided"`, a guided filter, so that borders of classes follow edges of the
            image; or a float, the standard deviation of a Gaussian filter in pixels, 0 for none;
            or a `GuidedSmoothing` of other parameters.
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
        smoothing: float | str | Smoothing = "guided",
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
            ValueError: if `labels` contain fewer than two classes, or numbers that are negative or
                no integers.
            ValueError: if there is no preset `embedder`, `smoothing` is negative or not finite, or
                `seed` is no integer of at least 0.
        """
        return self._fit({}, {}, images, labels, axes)

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
            return self._fit({}, {}, images, labels, axes)
        self._check_fitted()
        return self._fit(dict(self._labelled), dict(self._guesses), images, labels, axes)

    def _fit(
        self,
        labelled: dict[str, LabelledPixels],
        guesses: dict[str, Guesses],
        images: ImageLike,
        labels: LabelLike,
        axes: str | None,
    ) -> Self:
        """Adds labelled pixels to a dictionary by the planes' content, and fits to all.

        The same dictionaries hold what earlier calls brought.
        """
        self._check_arguments()
        images, _ = as_images(images, axes)
        label_images = as_label_images(labels, images, axes)
        scaling = self.scaling_ if labelled else self.scaling or Scaling()
        if scaling.scope == "collection":
            scaling = scaling.fit(images)
        features = self._features_in(scaling, self.channels)
        parts: dict[str, LabelledPart] = {}
        for image, label in zip(images, label_images, strict=True):
            warn_of_soft_edges(label)
            warn_of_void_class(label)
            vectors = features.of_image(image)
            for plane, part in label_planes(image, label):
                # Planes without labels count if they had some.
                if part.any() or labelled:
                    key = features.key(vectors, plane)
                    if key in parts:  # planes of equal content are one, with the labels of both
                        part = np.where(part != 0, part, parts[key].labels)
                    if part.any() or key in labelled:
                        of_plane = partial(_features_of_plane, features, vectors, plane)
                        parts[key] = LabelledPart(key, vectors, part, of_plane)
        self._fit_parts(labelled, parts.values(), scaling)
        return self._self_train(guesses, parts.values())

    def fit_parts(
        self, parts: Sequence[LabelledPart], forgotten: Iterable[str], scaling: Scaling
    ) -> Self:
        """Fits the classifier to further labelled parts of planes and those of earlier calls.

        It is `partial_fit` for whoever keeps the features of parts, and answers in less time: it
        learns from labelled pixels alone. `self_train` makes up for the rest.

        Args:
            parts: each a `LabelledPart` with labels; one of an earlier call, known by its key, is
                replaced.
            forgotten: keys of parts of earlier calls that have no labels any more.
            scaling: the `Scaling`, as in the class.

        Returns:
            The classifier itself.

        Raises:
            ValueError: as `fit`; what an earlier fit left stays then, and `parts` do not count.
        """
        self._check_arguments()
        earlier, gone = vars(self).get("_labelled", {}), set(forgotten)
        kept = {key: pixels for key, pixels in earlier.items() if key not in gone}
        self._fit_parts(kept, parts, scaling)
        return self

    def self_train(self, parts: Sequence[LabelledPart]) -> Self:
        """Lets the classifier learn from unlabelled pixels, too, after `fit_parts`.

        Args:
            parts: those of all calls of `fit_parts` since the last self-training.

        Returns:
            The classifier itself.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit_parts`.
        """
        self._check_fitted()
        return self._self_train(vars(self).get("_guesses", {}), parts)

    def _fit_parts(
        self,
        labelled: dict[str, LabelledPixels],
        parts: Iterable[LabelledPart],
        scaling: Scaling,
    ) -> None:
        """Adds the labelled pixels of parts to a dictionary by their keys, and fits to all."""
        traits = dict(vars(self).get("_traits", {}))
        for part in parts:
            traits[part.key] = ImageTraits.of(part.vectors)
            if part.labels.any():
                pixels = LabelledPixels.from_label_image(
                    part.labels, part.features(), int(self.seed)
                )
                labelled[part.key] = pixels
            else:
                labelled.pop(part.key, None)
        if not sum(len(pixels.labels) for pixels in labelled.values()):
            raise ValueError(
                "`labels` must label some pixels with data: all are 0, or lie where there are none."
            )
        if len({pixels.features.shape[1] for pixels in labelled.values()}) > 1:
            raise ValueError("`images` must all have the same number of channels.")
        self._fit_labelled(labelled, scaling, traits)

    def _self_train(self, guesses: Mapping[str, Guesses], parts: Iterable[LabelledPart]) -> Self:
        """Teaches the classifier guesses about parts, and those of earlier calls about others."""
        kept = {key: part for key, part in guesses.items() if key in self._labelled}
        if self.classifier is None:
            kept |= {part.key: self._guess(part) for part in parts if part.key in self._labelled}
        return self._learn(kept)

    def _guess(self, part: LabelledPart) -> Guesses:
        """The pixels of a part without labels of which the classifier is confident."""
        features, labels, vectors = part.features(), part.labels, part.vectors
        smoothing = at_half_size(self._smoothing(vectors.image))
        if smoothing and labels.size >= 4 * POSITIONS:
            # A quarter of the pixels is as many as are looked at.
            features, labels = features[::2, ::2], labels[::2, ::2]
        else:
            smoothing = None
        probabilities = self.probabilities_of(features, vectors, smoothing=smoothing)
        rows, cols = positions(*labels.shape, int(self.seed))
        rows, cols = (side[labels[rows, cols] == 0] for side in (rows, cols))
        chosen = probabilities[rows, cols], features[rows, cols]
        return confident_guesses(*chosen, self.classes_, int(self.seed))

    def _learn(self, guesses: dict[str, Guesses]) -> Self:
        """Teaches the classifier guesses about its own images."""
        self._guesses = guesses
        if guesses:
            self.classifier_ = taught(self.classifier_, *self._training, list(guesses.values()))
        return self

    def _fit_labelled(
        self,
        labelled: dict[str, LabelledPixels],
        scaling: Scaling,
        traits: Mapping[str, ImageTraits],
    ) -> None:
        """Fits the classifier; what an earlier fit left stays if this one fails."""
        seed = int(self.seed)
        features, classes, groups, weights = training_set(list(labelled.values()), seed)
        if len(np.unique(classes)) < 2:
            raise ValueError(
                "`labels` must hold two classes or more, beside 0, which is no class. "
                f"Received: {np.unique(classes).tolist()}"
            )
        if self.classifier is None:
            channels = self.features.num_channels(features.shape[1])
            fitted = FewLabelsClassifier(channels, seed=seed)
            fitted.fit(features, classes, groups, weights)
        else:
            fitted = clone(self.classifier)
            random = [name for name in fitted.get_params() if name.endswith("random_state")]
            fitted.set_params(**dict.fromkeys(random, seed)).fit(features, classes)
        self._labelled, self.classifier_, self.classes_ = labelled, fitted, fitted.classes_
        # Those of labelled pixels of earlier versions' files are unknown.
        self._traits = {key: traits[key] for key in labelled if key in traits}
        self.scaling_, self.channels_ = scaling, self.channels
        self.num_features_ = features.shape[1]
        self._training, self._groups = (features, classes), groups
        self._guide = Guide(features[:, : self.features.num_channels(features.shape[1])])
        self._fitted_embedder, self.embedder_ = self.embedder, self.features.embedder

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
            "smoothing": smoothing_config(self.smoothing),
            "seed": int(self.seed),
            "scaling": self.scaling_.get_config(),
            "channels": None if self.channels_ is None else list(self.channels_),
            "traits": self._traits,
        }
        write_labelled(path, settings, self._labelled, self._guesses)

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
        settings, labelled, guesses = read_labelled(path)
        if embedder is None:
            preset = settings["preset"]
            if preset is None:
                raise ValueError(f"`embedder` must be passed: that of {path} is no preset.")
            if os.path.isabs(preset) and not os.path.exists(preset):
                raise ValueError(
                    f"`embedder` must be passed: that of {path}, {preset}, is not here."
                )
            embedder = preset
        same = settings.get("parameters") in (None, _parameters(classifier))
        if _class_name(classifier) != settings["classifier"] or not same:
            raise ValueError(
                f"`classifier` must be passed as it was to the class: {settings['classifier']} "
                f"with {settings.get('parameters')}. Received: {classifier!r}"
            )
        scaling = Scaling.from_config(settings["scaling"]) if "scaling" in settings else Scaling()
        options = {"scaling": scaling, "channels": settings.get("channels")}
        smoothing = smoothing_from_config(settings["smoothing"])
        self = cls(embedder, classifier, smoothing, settings["seed"], **options)
        self._check_arguments()
        if fingerprint(self.features.embedder) != settings["weights"]:
            raise ValueError(
                f"`embedder` has other weights than that with which {path} was made, or "
                "another `guided_features`."
            )
        self._fit_labelled(labelled, scaling, settings.get("traits", {}))
        return self._learn(guesses)

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

    def _check_arguments(self) -> None:
        if self.classifier is not None and not hasattr(self.classifier, "predict_proba"):
            raise TypeError(
                "`classifier` must be a scikit-learn classifier with `predict_proba`. "
                f"Received: {self.classifier!r}"
            )
        as_smoothing(self.smoothing)
        check_integers(seed=(0, self.seed))


def _features_of_plane(
    features: PixelFeatures, vectors: ImageVectors, plane: tuple[int, ...]
) -> np.ndarray:
    return features.of_plane(vectors, plane)[0]


def _class_name(classifier: BaseEstimator | None) -> str | None:
    return None if classifier is None else type(classifier).__name__


def _parameters(classifier: BaseEstimator | None) -> dict[str, str] | None:
    """The parameters of a classifier, as text that tells them apart."""
    if classifier is None:
        return None
    return {name: repr(value) for name, value in sorted(classifier.get_params().items())}
