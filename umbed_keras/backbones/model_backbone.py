"""Any Keras model as a backbone."""

import copy
import inspect
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import keras
from keras import ops

from umbed_keras.backbones.backbone import Backbone, plain_numbers
from umbed_keras.backbones.model_outputs import as_inputs, output_shapes, with_outputs
from umbed_keras.backbones.model_outputs import image_shape as image_shape_of
from umbed_keras.backbones.preprocessing import (
    Preprocessing,
    checked_preprocessing,
    preprocessed,
)
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.reflect import reflect_to_multiples
from umbed_keras.typing import ArrayLike, Shape, Tensor

# Side of the image that strides are found with, at least: a multiple of 14, 16, 32 and 64.
_SIDE = 448


@keras.saving.register_keras_serializable(package="umbed_keras")
class ModelBackbone(Backbone):
    """A backbone made of a `keras.Model`, which runs in inference mode and is not trained by it.

    The model itself is not changed: elsewhere it is as trainable as before. A backbone shares its
    weights, so that training it elsewhere changes the features.

    A model with such a backbone becomes a preset if the network consists of the layers and
    functions of Keras that `umbed_keras.zoo.network_classes` lists, as those of
    `keras.applications` do, or is a network of KerasHub that it lists. Any other, such as one with
    `SpectralNormalization` or a class of your own, is saved by `model.save` as a `.keras` file,
    because presets hold no code.

    Args:
        model: `keras.Model` that maps images `(batch, height, width, image_channels)` of any size
            to a feature map `(batch, height / stride, width / stride, channels)` or to a list of
            them, finest first. Its input says how many channels images have.
        preprocessing: the values that the model takes: `"unit"`, images in 0..1; `"byte"`, in
            0..255; `"tf"`, `"torch"` or `"caffe"`, the modes of `preprocess_input` in
            `keras.applications`; or a pair `(mean, standard deviation)` of images in 0..1, each a
            float or a float for each channel, which turns them into
            `(images - mean) / standard deviation`.
        layers: names of layers of the model, or of its `pyramid_outputs` (networks of KerasHub),
            whose outputs are the maps. None takes the outputs of the model.
        shares: floats >= 0, weight of each map among the features that a model describes; None
            gives all the same weight.
        reach: int, largest distance in pixels that a position of a map looks beyond its own
            pixels; None if it looks at the whole image (attention, squeeze-and-excite) or if this
            is not known. Then images are still embedded tile by tile, but the result differs from
            that of the whole image.
        floats_per_pixel: int, numbers in memory at once for each pixel while features are
            computed.
        strides: ints, pixels from one position of each map to the next, each a multiple of the one
            before. None finds them with an image whose sides are multiples of 448, which the
            strides must divide.
        multiple: int, number whose multiples the height and the width of an image must be for the
            model, such as 32 for a decoder of five levels. Images are reflected up to the next
            multiples, and what the maps have beyond the image is cut off. None takes the coarsest
            stride.
        **kwargs: arguments of `keras.layers.Layer`: `name`, `dtype`.

    Raises:
        TypeError: if `model` is not a `keras.Model` but, for example, a class or a name.
        TypeError: if `layers` is a string.
        ValueError: if the model takes images of one size: `VisionTransformerBackbone` is for those.
        ValueError: if `multiple` is not an integer of at least 1.
        ValueError: if `strides` are not integers of at least 1, each a multiple of the one before.
        ValueError: if `preprocessing` is neither one of the five nor a pair of finite floats or
            lists of them, one for each channel, or a standard deviation is not above 0, or
            it is `"torch"` or `"caffe"` and images do not have three channels.
        ValueError: if the model has no layer of one of these names, with those that it has.
        ValueError: if the maps do not divide images by whole strides, finest first.
        ValueError: if `shares` has another length than there are maps, a negative or infinite
            value, or the sum 0.

    Examples:
        >>> network = keras.applications.MobileNetV2(
        ...     input_shape=(None, None, 3), alpha=0.35, include_top=False, weights=None
        ... )
        >>> layers = ["block_1_expand_relu", "block_3_expand_relu"]
        >>> backbone = uk.layers.ModelBackbone(network, preprocessing="tf", layers=layers)
        >>> backbone.strides, backbone.channels
        ((2, 4), (48, 48))
    """

    # Arguments that are networks of other libraries: see `umbed_keras.zoo.network_checks`.
    preset_networks = ("model",)
    preset_limits: ClassVar = {
        "reach": 1 << 16,
        "floats_per_pixel": 1 << 20,
        "multiple": 1 << 11,
    }

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Preprocessing = "unit",
        layers: Sequence[str] | None = None,
        shares: Sequence[float] | None = None,
        reach: int | None = None,
        floats_per_pixel: int = 128,
        strides: Sequence[int] | None = None,
        multiple: int | None = None,
        **kwargs: Any,
    ):
        check_model(model)
        super().__init__(**kwargs)
        self.model = model
        self.image_channels = image_shape_of(model)[2] or 3
        self.given_strides = None if strides is None else _checked_strides(strides)
        check_integers(**({} if multiple is None else {"multiple": (1, multiple)}))
        self.multiple = None if multiple is None else int(multiple)
        self._network = with_outputs(model, layers)
        self.layers = None if layers is None else list(layers)
        self.preprocessing = checked_preprocessing(preprocessing, self.image_channels)
        self.reach = reach
        self.floats_per_pixel = floats_per_pixel
        shapes = self._shapes_of_maps()
        self.channels = tuple(shape[-1] for shape in shapes)
        equal = [1 / len(shapes)] * len(shapes)
        self.shares = plain_numbers(equal if shares is None else shares)
        valid = all(0 <= share < math.inf for share in self.shares) and sum(self.shares)
        if len(self.shares) != len(shapes) or not valid:
            raise ValueError(
                f"`shares` must be floats at least 0, one for each of {len(shapes)} maps. "
                f"Received: {shares}"
            )

    def _shapes_of_maps(self):
        """Returns the shapes of the maps of an image, and sets `strides` and `alignment`."""
        height, width, _ = image_shape_of(self.model)
        if height is not None or width is not None:
            raise ValueError(
                "`model` must take images of any size: build it for the shape (None, None, "
                f"{self.image_channels}), or use `umbed_keras.backbones.VisionTransformerBackbone`,"
                f" which cuts images into windows. Received: a model of {height}x{width} pixels"
            )
        unit = math.lcm(*(self.given_strides or (1,)), self.multiple or 1)
        height = -(-_SIDE // unit) * unit
        width = 2 * height
        shapes = output_shapes(self._network, height, width, self.image_channels)
        strides = self.given_strides
        if strides is None:
            strides = tuple(height // shape[1] if shape[1] else 0 for shape in shapes)
        ordered = list(strides) == sorted(strides) and len(strides) == len(shapes)
        whole = ordered and all(
            stride and shape[1:-1] == (height / stride, width / stride)
            for stride, shape in zip(strides, shapes, strict=True)
        )
        if not whole:
            stated = "" if self.given_strides is None else f" {self.given_strides}"
            raise ValueError(
                f"`model` must give maps of whole strides{stated}, finest first. For transformers "
                "there is `umbed_keras.backbones.VisionTransformerBackbone`; where strides do not "
                f"divide {_SIDE}, pass `strides`. Received: an image of {height}x{width} pixels "
                f"gives {shapes}"
            )
        self.strides = strides
        self.alignment = self.multiple or 1
        return shapes

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates nothing: the model is built already."""

    def call(self, images: ArrayLike) -> list[Tensor]:
        """Maps images to the feature maps of the model; see `Backbone.call`."""
        if self.multiple is None:
            return self._outputs(images)
        sizes = ops.shape(images)[1:3]
        maps = self._outputs(reflect_to_multiples(ops.convert_to_tensor(images), self.multiple))
        rows, cols = ([-(-size // stride) for stride in self.strides] for size in sizes)
        return [
            features[:, :height, :width]
            for features, height, width in zip(maps, rows, cols, strict=True)
        ]

    def _outputs(self, images):
        """Returns what the model gives for images in 0..1, as a list."""
        images = preprocessed(images, self.preprocessing)
        return keras.tree.flatten(self._network(as_inputs(self._network, images), training=False))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "preprocessing": self.preprocessing,
            "layers": self.layers,
            "shares": self.shares,
            "reach": self.reach,
            "floats_per_pixel": self.floats_per_pixel,
            "strides": self.given_strides,
            "multiple": self.multiple,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ModelBackbone":
        """Makes a layer from what `get_config` returned."""
        # Keras takes entries away from the configuration of a functional model.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config["model"]))
        return cls(**{**config, "model": model})


def check_model(model: object) -> None:
    """Checks that what is to become a backbone is a model of Keras.

    Args:
        model: what a user passed.

    Raises:
        TypeError: if it is not a `keras.Model`. The message says what to do.

    Examples:
        >>> check_model("resnet50")
        Traceback (most recent call last):
        TypeError: `model` must be a `keras.Model`. For a network by its name there is
        `umbed_keras.backbones.from_name("keras.applications:...")`. Received: 'resnet50'
    """
    if isinstance(model, keras.Model):
        return
    advice = ""
    if isinstance(model, str):
        advice = (
            " For a network by its name there is "
            '`umbed_keras.backbones.from_name("keras.applications:...")`.'
        )
    elif inspect.isclass(model) or inspect.isfunction(model):
        advice = f" Call {model.__name__} with its arguments, and pass what it returns."
    elif isinstance(model, keras.Layer):
        advice = " Put the layer into a `keras.Sequential([keras.Input((None, None, 3)), layer])`."
    raise TypeError(f"`model` must be a `keras.Model`.{advice} Received: {model!r}")


def _checked_strides(strides):
    """Returns strides as a tuple, if each is a multiple of the one before."""
    strides = tuple(strides) if isinstance(strides, Sequence) else (strides,)
    for stride in strides:
        check_integers(strides=(1, stride))
    if not strides or any(coarse % fine for fine, coarse in pairwise(strides)):
        raise ValueError(
            "`strides` must be ints, one for each map, each a multiple of the one before. "
            f"Received: {strides}"
        )
    return tuple(int(stride) for stride in strides)
