"""Classes for all pixels from a few labelled ones, or from none."""

from umbed_keras.extras import import_extra

import_extra("sklearn", "segmentation")

from umbed_keras.segmentation.advice.held_out import HeldOut  # noqa: E402
from umbed_keras.segmentation.advice.suggestions import Suggestion  # noqa: E402
from umbed_keras.segmentation.few_labels import FewLabelsClassifier  # noqa: E402
from umbed_keras.segmentation.measurements.class_fractions import class_fractions  # noqa: E402
from umbed_keras.segmentation.measurements.instances import instances  # noqa: E402
from umbed_keras.segmentation.measurements.measure import measure  # noqa: E402
from umbed_keras.segmentation.measurements.table import Measurements  # noqa: E402
from umbed_keras.segmentation.pixel_classifier import PixelClassifier  # noqa: E402
from umbed_keras.segmentation.pixel_features import features_func  # noqa: E402
from umbed_keras.segmentation.project.label_class import LabelClass  # noqa: E402
from umbed_keras.segmentation.project.project import Project  # noqa: E402
from umbed_keras.segmentation.smoothing import GuidedSmoothing  # noqa: E402
from umbed_keras.segmentation.unlabelled import cluster_pixels, similar_pixels  # noqa: E402

__all__ = [
    "FewLabelsClassifier",
    "GuidedSmoothing",
    "HeldOut",
    "LabelClass",
    "Measurements",
    "PixelClassifier",
    "Project",
    "Suggestion",
    "class_fractions",
    "cluster_pixels",
    "features_func",
    "instances",
    "measure",
    "similar_pixels",
]
