"""Classes for all pixels of images from a few that are labelled."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import jaccard_score

from umbed_keras.images.stored_image import StoredImage
from umbed_keras.images.tiled_map import output_array, tiled_map
from umbed_keras.ops.checks import check_integers
from umbed_keras.segmentation.classifier_file import (
    fingerprint,
    read_labelled,
    write_labelled,
)
from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.segmentation.image_lists import as_list
from umbed_keras.segmentation.labelled_pixels import LabelledPixels, training_set
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET, PixelFeatures, content_key

# How far the Gaussian of the smoothing reaches, in standard deviations.
REACH = 4
# Pixels that are asked about at once, to bound memory.
CHUNK = 1 << 18


class PixelClassifier:
    """Learns classes from a few labelled pixels and gives them to all, in scikit-learn's manner.

    A classifier sees each pixel's channels and vector, and what it says of neighbours is averaged
    by a Gaussian. Vectors of the last images are kept: more strokes on an image cost the
    classifier's time alone.

    Args:
        embedder: `PixelEmbedder`, or what `PixelEmbedder.from_preset` takes.
        classifier: a scikit-learn classifier with `predict_proba`, of which a copy is fitted to
            features `(n, channels + vector)`; None is `FewLabelsClassifier`.
        smoothing: float, standard deviation of the Gaussian, in pixels; 0 for none.
        seed: int, of what is random in learning.

    Attributes:
        classes_: the sorted classes, once fitted.
        classifier_: the fitted copy.

    Raises:
        TypeError, ValueError: arguments not as described.
    """

    def __init__(self, embedder=DEFAULT_PRESET, classifier=None, smoothing=1.5, seed=0):
        if classifier is not None and not hasattr(classifier, "predict_proba"):
            raise TypeError(
                "`classifier` must be a scikit-learn classifier with `predict_proba`. "
                f"Received: {classifier!r}"
            )
        if not 0 <= smoothing < np.inf:
            raise ValueError(
                f"`smoothing` must be at least 0, in pixels, and finite. Received: {smoothing}"
            )
        check_integers(seed=(0, seed))
        self.features = PixelFeatures(embedder)
        self.classifier, self.smoothing, self.seed = classifier, float(smoothing), int(seed)
        # Labelled pixels by what tells images apart.
        self._labelled = {}

    @property
    def embedder(self):
        """The `PixelEmbedder`."""
        return self.features.embedder

    # Learning.

    def fit(self, images, labels):
        """Learns from labelled pixels, and from these alone.

        Args:
            images: one image, uint8 or floats in 0..1, `(height, width)` or
                `(height, width, channels)`; several as a list, of any sizes, or a batch.
            labels: ints of the same heights and widths, in the same arrangement: 0 where there is
                no label, any other number is a class.

        Returns:
            `self`.

        Raises:
            TypeError, ValueError: arguments not as described, or fewer than two classes.
        """
        return self._learn({}, images, labels)

    def partial_fit(self, images, labels):
        """Learns from more labelled pixels, beside those of before.

        Args:
            images, labels: as in `fit`. Labels of a known image count beside its old ones, and
                instead of them where both are.

        Returns:
            `self`.

        Raises:
            TypeError, ValueError: as `fit`.
        """
        return self._learn(dict(self._labelled), images, labels)

    def _learn(self, labelled, images, labels):
        """Learns from labelled pixels by what tells images apart, and others."""
        for image, label in self._checked(images, labels):
            if label.any():
                pixels = LabelledPixels.of(label, self.features(image))
                key = content_key(image)
                labelled[key] = labelled[key].updated(pixels) if key in labelled else pixels
        if not labelled:
            raise ValueError("`labels` must label some pixels: all are 0.")
        if len({pixels.features.shape[1] for pixels in labelled.values()}) > 1:
            raise ValueError("`images` must all have the same number of channels.")
        return self._refit(labelled)

    def _refit(self, labelled):
        features, classes, groups = training_set(list(labelled.values()), self.seed)
        if len(np.unique(classes)) < 2:
            raise ValueError(
                "`labels` must hold two classes or more, beside 0, which is no class. "
                f"Received: {np.unique(classes).tolist()}"
            )
        if self.classifier is None:
            channels = self.features.num_channels(features.shape[1])
            fitted = FewLabelsClassifier(channels, seed=self.seed).fit(features, classes, groups)
        else:
            fitted = clone(self.classifier)
            random = [name for name in fitted.get_params() if name.endswith("random_state")]
            fitted.set_params(**dict.fromkeys(random, self.seed)).fit(features, classes)
        self._labelled, self.classifier_, self.classes_ = labelled, fitted, fitted.classes_
        return self

    # Telling.

    def predict(self, images):
        """The class of every pixel.

        Args:
            images: as in `fit`.

        Returns:
            Array of classes `(height, width)`; of a list a list, of a batch a batch.
        """
        return self._each(lambda said: self.classes_[said.argmax(axis=-1)], images)

    def predict_proba(self, images):
        """The probability of every class at every pixel.

        Args:
            images: as in `fit`.

        Returns:
            float32 array `(height, width, classes)` in the order of `classes_`; of a list a list,
            of a batch a batch.
        """
        return self._each(lambda said: said, images)

    def uncertainty(self, images):
        """How uncertain the class of every pixel is: the entropy of its probabilities.

        Args:
            images: as in `fit`.

        Returns:
            float32 array `(height, width)`, 0 where one class is certain to 1 where all are
            equally likely; of a list a list, of a batch a batch.
        """
        return self._each(_entropy, images)

    def score(self, images, labels):
        """The mean over classes of intersection over union, of all labelled pixels together.

        Args:
            images, labels: as in `fit`; pixels of label 0 don't count.

        Returns:
            Float in 0..1, the mean over the classes in `labels`.
        """
        pairs = self._checked(images, labels)
        true = np.concatenate([label[label != 0] for _, label in pairs])
        if not len(true):
            raise ValueError("`labels` must label some pixels: all are 0.")
        found = np.concatenate([self.predict(image)[label != 0] for image, label in pairs])
        return jaccard_score(true, found, labels=np.unique(true), average="macro")

    def predict_large(self, image, out=None, memory_budget=1 << 30, verbose=1):
        """The class of every pixel of an image larger than memory, tile by tile.

        The same as `predict` gives, but for classes whose probabilities are equal to rounding.

        Args:
            image: `(height, width, channels)`, uint8 or floats in 0..1, of the embedder's
                channels: a NumPy array or memory map, a Zarr array, or anything else with
                `shape`, `dtype` and slices.
            out: the same kind of thing, integers `(height, width)`, to write to; None makes a
                NumPy array.
            memory_budget: int, bytes to work with, beyond models, `image` and `out`.
            verbose: 1 shows a progress bar, 0 nothing.

        Returns:
            `out`.

        Raises:
            TypeError, ValueError: arguments not as described, or a budget too small for any tile.
        """
        self._check_fitted()
        source = StoredImage(image, self.embedder.channels)
        size = source.shape[1:3]
        out = output_array(out, size, self.classes_.dtype, values=self.classes_)
        stride = self.embedder.stride
        margin = -(-int(REACH * self.smoothing + 0.5) // stride) * stride
        # One half is the embedder's, the other the classifier's.
        tile_size = max(stride, self.embedder.largest_tile(memory_budget // 2) - 2 * margin)

        def classes(rows, cols):
            vectors = self.embedder.embed_window(image, rows, cols)
            features = self.features.describe(source[0, rows, cols][0], lambda _: vectors[None])
            return self.classes_[self._probabilities(features).argmax(axis=-1)]

        return tiled_map(classes, size, (tile_size, tile_size), out, halo=margin, verbose=verbose)

    def _each(self, function, images):
        """A function of the probabilities of each image, arranged as the images are."""
        self._check_fitted()
        images, arrange = as_list(images, "images")
        return arrange([function(self._probabilities(self._known(image))) for image in images])

    def _known(self, image):
        """The features of an image, as many as were learned from."""
        features = self.features(image)
        learned = next(iter(self._labelled.values())).features.shape[1]
        if features.shape[-1] != learned:
            raise ValueError(
                "`images` must have as many channels as those learned from. Received: "
                f"{features.shape[-1]} features of a pixel in place of {learned}"
            )
        return features

    def _probabilities(self, features):
        """Smoothed probabilities `(height, width, classes)` of features `(height, width, n)`."""
        height, width, count = features.shape
        said = np.empty((height, width, len(self.classes_)), "float32")
        step = max(1, CHUNK // width)
        for start in range(0, height, step):
            rows = features[start : start + step]
            found = self.classifier_.predict_proba(rows.reshape(-1, count))
            said[start : start + step] = found.reshape(*rows.shape[:2], -1)
        if self.smoothing:
            deviations = (self.smoothing, self.smoothing, 0)
            said = gaussian_filter(said, deviations, truncate=REACH)
        return said

    # Keeping.

    def save(self, path):
        """Writes the labelled pixels, from which `load` learns again: no code, no pickle.

        Args:
            path: path of a file, .npz by custom. A file that is there stays whole until the new
                one is complete.
        """
        self._check_fitted()
        settings = {
            "preset": None if self.features.preset is None else str(self.features.preset),
            "weights": fingerprint(self.embedder),
            "classifier": _name(self.classifier),
            "smoothing": self.smoothing,
            "seed": self.seed,
        }
        write_labelled(path, settings, self._labelled)

    @classmethod
    def load(cls, path, embedder=None, classifier=None):
        """The classifier that `save` wrote, learned again.

        Args:
            path: path of the file.
            embedder: as in the class; None takes the preset that was used.
            classifier: the scikit-learn classifier, where one was passed to the class.

        Returns:
            A fitted `PixelClassifier`.

        Raises:
            ValueError: another file, another embedder, or an embedder or classifier that the file
                can't name.
        """
        settings, labelled = read_labelled(path)
        if embedder is None:
            embedder = settings["preset"]
        if embedder is None:
            raise ValueError(f"`embedder` must be passed: that of {path} is no preset.")
        if _name(classifier) != settings["classifier"]:
            raise ValueError(
                f"`classifier` must be passed as it was to the class: {settings['classifier']}. "
                f"Received: {classifier!r}"
            )
        self = cls(embedder, classifier, settings["smoothing"], settings["seed"])
        if fingerprint(self.embedder) != settings["weights"]:
            raise ValueError(f"`embedder` has other weights than that with which {path} was made.")
        return self._refit(labelled)

    def _check_fitted(self):
        if not hasattr(self, "classifier_"):
            raise NotFittedError("This PixelClassifier is not fitted: call `fit` first.")

    def _checked(self, images, labels):
        """Pairs of an image and its labels, checked."""
        images, _ = as_list(images, "images")
        labels, _ = as_list(labels, "labels", rank=2)
        if len(images) != len(labels):
            raise ValueError(
                f"`labels` must be as many as `images`. Received: {len(labels)} and {len(images)}"
            )
        pairs = []
        for image, label in zip(images, labels, strict=True):
            image = self.features.channels_last(image)
            if not np.issubdtype(label.dtype, np.integer):
                raise TypeError(f"`labels` must be integers. Received: dtype={label.dtype}")
            if label.shape != image.shape[:2]:
                raise ValueError(
                    f"`labels` must have the height and width of their image, {image.shape[:2]}. "
                    f"Received: shape={label.shape}"
                )
            pairs.append((image, label))
        return pairs


def _name(classifier):
    return None if classifier is None else type(classifier).__name__


def _entropy(said):
    return (entropy(said, axis=-1) / np.log(said.shape[-1])).astype("float32")
