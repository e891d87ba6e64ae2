"""Backbones: frozen pretrained networks whose features a model describes."""

from umbed_keras.backbones.backbone import Backbone
from umbed_keras.backbones.efficientnet_lite0 import EfficientNetLite0
from umbed_keras.backbones.from_name import from_name
from umbed_keras.backbones.model_backbone import ModelBackbone
from umbed_keras.backbones.multi_scale_backbone import MultiScaleBackbone
from umbed_keras.backbones.vision_transformer_backbone import VisionTransformerBackbone

__all__ = [
    "Backbone",
    "EfficientNetLite0",
    "ModelBackbone",
    "MultiScaleBackbone",
    "VisionTransformerBackbone",
    "from_name",
]
