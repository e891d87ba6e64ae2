"""Bottlenecks and the parts of models."""

from umbed_keras.layers.backbone import Backbone
from umbed_keras.layers.bottleneck import Bottleneck
from umbed_keras.layers.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.layers.efficientnet_lite0 import EfficientNetLite0
from umbed_keras.layers.factorized_density import FactorizedDensity
from umbed_keras.layers.feature_projection import FeatureProjection
from umbed_keras.layers.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.layers.image_decoder import ImageDecoder
from umbed_keras.layers.image_encoder import ImageEncoder
from umbed_keras.layers.lapped_transform import LappedTransform
from umbed_keras.layers.model_backbone import ModelBackbone
from umbed_keras.layers.patch_decoder import PatchDecoder
from umbed_keras.layers.patch_transform import PatchTransform
from umbed_keras.layers.post_filter import PostFilter
from umbed_keras.layers.pyramid_projection import PyramidProjection
from umbed_keras.layers.residual_block import ResidualBlock
from umbed_keras.layers.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.layers.scalar_context import ScalarContext
from umbed_keras.layers.scalar_quantizer import ScalarQuantizer
from umbed_keras.layers.unet import UNet
from umbed_keras.layers.vector_quantizer import VectorQuantizer

__all__ = [
    "Backbone",
    "Bottleneck",
    "DictionaryBottleneck",
    "EfficientNetLite0",
    "FactorizedDensity",
    "FeatureProjection",
    "GaussianBottleneck",
    "ImageDecoder",
    "ImageEncoder",
    "LappedTransform",
    "ModelBackbone",
    "PatchDecoder",
    "PatchTransform",
    "PostFilter",
    "PyramidProjection",
    "ResidualBlock",
    "ResidualVectorQuantizer",
    "ScalarContext",
    "ScalarQuantizer",
    "UNet",
    "VectorQuantizer",
]
