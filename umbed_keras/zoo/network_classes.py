"""Classes of Keras and KerasHub that a network in a preset may be made of."""

import re


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Layers of `keras.layers`. None of them runs code that a configuration names, and none computes an
# array when it is made that is larger than what its configuration lists.
LAYERS = _names(
    """
    Activation Add AdditiveAttention Attention Average AveragePooling1D AveragePooling2D
    BatchNormalization Concatenate Conv1D Conv2D Conv2DTranspose Cropping2D Dense DepthwiseConv2D
    Dot Dropout ELU EinsumDense Embedding Flatten GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D
    GroupNormalization GroupQueryAttention Identity InputLayer LayerNormalization LeakyReLU
    MaxPooling1D MaxPooling2D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU
    Permute RMSNormalization ReLU Rescaling Reshape Resizing SeparableConv2D Softmax
    SpatialDropout2D Subtract UnitNormalization UpSampling2D ZeroPadding2D
    """
)
# Functions of `keras.ops`, as nodes of a graph are named after them.
OPERATIONS = {
    "numpy": _names(
        """
        Abs Absolute Add Clip Concatenate Divide Exp ExpandDims GetItem Log Matmul Max Maximum Mean
        Min Minimum Multiply Negative Power Reciprocal Reshape Sqrt Square Squeeze Subtract Sum Tanh
        Transpose TrueDivide Var
        """
    ),
    "nn": _names(
        """
        AveragePool Elu Gelu HardSigmoid HardSilu LeakyRelu MaxPool Relu Relu6 Sigmoid Silu Softmax
        Softplus
        """
    ),
    "image": frozenset({"Resize"}),
    "math": frozenset({"Rsqrt"}),
}
# Layers that networks of `keras.applications` bring along.
APPLICATIONS = {"convnext": {"LayerScale"}, "inception_resnet_v2": {"CustomScaleLayer"}}
# Parts of layers.
PARTS = {
    "keras.initializers": _names(
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones
        RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
        """
    ),
    "keras.regularizers": frozenset({"L1", "L2", "L1L2"}),
    "keras.constraints": frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}),
}
# Networks of `keras_hub.models` that map an image to features.
HUB_NETWORKS = _names(
    """
    CLIPVisionEncoder CSPNetBackbone DINOV2Backbone DINOV3Backbone DeepLabV3Backbone DeiTBackbone
    DenseNetBackbone DepthAnythingBackbone EfficientNetBackbone HGNetV2Backbone
    MetaCLIP2VisionEncoder MiTBackbone MobileNetBackbone ResNetBackbone RetinaNetBackbone
    SegFormerBackbone SigLIPVisionEncoder SwinTransformerBackbone VGGBackbone ViTBackbone
    ViTDetBackbone XceptionBackbone
    """
)
_OPERATION = re.compile(r"keras\.(?:src\.)?ops\.(\w+)")
_APPLICATION = re.compile(r"keras\.(?:src\.)?applications\.(\w+)")
_FUNCTIONAL = re.compile(r"keras\.(?:src\.models\.functional|models)")
_HUB = re.compile(r"keras_hub(\.\w+)+")


def kind_of(module: object, name: object, registered_name: object) -> str | None:
    """Returns the kind of a class that a network in a preset names.

    Args:
        module: str, module that a serialised object names.
        name: str, name of the class.
        registered_name: str or None, name that the class is registered by.

    Returns:
        `"graph"`, `"sequence"`, `"hub"`, `"layer"`, `"operation"` or `"part"`; None if it is no
        class that a preset may name.

    Examples:
        >>> kind_of("keras.layers", "Conv2D", None), kind_of("keras.layers", "Lambda", None)
        ('layer', None)
        >>> kind_of("os", "Conv2D", None)
    """
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if _HUB.fullmatch(module):
        known = name in HUB_NETWORKS and registered_name == f"keras_hub>{name}"
        return "hub" if known else None
    # Classes outside the public modules of Keras are registered by their own name.
    if registered_name not in (None, name):
        return None
    operation, application = _OPERATION.fullmatch(module), _APPLICATION.fullmatch(module)
    if operation:
        return "operation" if name in OPERATIONS.get(operation[1], ()) else None
    if application:
        return "layer" if name in APPLICATIONS.get(application[1], ()) else None
    if name == "Functional" and _FUNCTIONAL.fullmatch(module):
        return "graph"
    if registered_name is not None:
        return None
    if (module, name) == ("keras", "Sequential"):
        return "sequence"
    if module == "keras.layers" and name in LAYERS:
        return "layer"
    return "part" if name in PARTS.get(module, ()) else None
