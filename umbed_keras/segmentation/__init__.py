"""Classes for all pixels from a few labelled ones, or from none."""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "umbed_keras.segmentation needs scikit-learn: pip install 'umbed_keras[segmentation]'"
    ) from error

from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.segmentation.pixel_classifier import PixelClassifier
from umbed_keras.segmentation.pixel_features import features_func
from umbed_keras.segmentation.unlabelled import cluster_pixels, similar_pixels

__all__ = [
    "FewLabelsClassifier",
    "PixelClassifier",
    "cluster_pixels",
    "features_func",
    "similar_pixels",
]
