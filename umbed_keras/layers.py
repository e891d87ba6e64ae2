"""Layers: bottlenecks, backbones and the parts of models."""

from umbed_keras.backbones.backbone import Backbone
from umbed_keras.backbones.efficientnet_lite0 import EfficientNetLite0
from umbed_keras.backbones.model_backbone import ModelBackbone
from umbed_keras.backbones.multi_scale_backbone import MultiScaleBackbone
from umbed_keras.backbones.vision_transformer_backbone import VisionTransformerBackbone
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.bottlenecks.entropy_models.entropy_model import EntropyModel, Symbol
from umbed_keras.bottlenecks.entropy_models.integer_codes import IntegerCodes
from umbed_keras.bottlenecks.factorized_density import FactorizedDensity
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.models.image_autoencoder.image_decoder import ImageDecoder
from umbed_keras.models.image_autoencoder.image_encoder import ImageEncoder
from umbed_keras.models.image_autoencoder.lapped_transform import LappedTransform
from umbed_keras.models.image_autoencoder.patch_transform import PatchTransform
from umbed_keras.models.image_autoencoder.post_filter import PostFilter
from umbed_keras.models.image_autoencoder.residual_block import ResidualBlock
from umbed_keras.models.pixel_embedder.feature_projection import FeatureProjection
from umbed_keras.models.pixel_embedder.patch_decoder import PatchDecoder
from umbed_keras.models.pixel_embedder.pyramid_projection import PyramidProjection
from umbed_keras.models.pixel_embedder.unet import UNet

__all__ = [
    "Backbone",
    "Bottleneck",
    "DictionaryBottleneck",
    "EfficientNetLite0",
    "EntropyModel",
    "FactorizedDensity",
    "FeatureProjection",
    "FiniteScalarQuantizer",
    "GaussianBottleneck",
    "ImageDecoder",
    "ImageEncoder",
    "IntegerCodes",
    "LappedTransform",
    "ModelBackbone",
    "MultiScaleBackbone",
    "PatchDecoder",
    "PatchTransform",
    "PostFilter",
    "PyramidProjection",
    "ResidualBlock",
    "ResidualVectorQuantizer",
    "ScalarContext",
    "ScalarQuantizer",
    "Symbol",
    "UNet",
    "VectorQuantizer",
    "VisionTransformerBackbone",
]
