"""Any Keras model as a backbone."""

import copy
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras

from umbed_keras.backbones.backbone import Backbone
from umbed_keras.backbones.model_outputs import as_inputs, output_shapes, with_outputs
from umbed_keras.backbones.preprocessing import (
    Preprocessing,
    checked_preprocessing,
    preprocessed,
)
from umbed_keras.typing import ArrayLike, Shape, Tensor

# Size of the image that strides are found with. No common network has a larger stride.
_HEIGHT, _WIDTH = 256, 512


@keras.saving.register_keras_serializable(package="umbed_keras")
class ModelBackbone(Backbone):
    """A backbone made of a `keras.Model`, which runs in inference mode and is not trained by it.

    The model itself is not changed: elsewhere it is as trainable as before. A backbone shares its
    weights, so that training it elsewhere changes the features.

    A model with such a backbone becomes a preset if the network consists of Keras's own layers, as
    those of `keras.applications` do, or is one of KerasHub. Any other is saved by `model.save` as a
    `.keras` file, because presets hold no code.

    Args:
        model: `keras.Model` that maps images `(batch, height, width, 3)` of any size to a feature
            map `(batch, height / stride, width / stride, channels)` or to a list of them, finest
            first.
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
        **kwargs: arguments of `keras.layers.Layer`: `name`, `dtype`.

    Raises:
        ValueError: if `preprocessing` is neither one of the five nor a pair of finite floats or
            lists of them, or a standard deviation is not above 0.
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
        "image_channels": 1 << 12,
    }

    def __init__(
        self,
        model: keras.Model,
        preprocessing: Preprocessing = "unit",
        layers: Sequence[str] | None = None,
        shares: Sequence[float] | None = None,
        reach: int | None = None,
        floats_per_pixel: int = 128,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.model = model
        self.layers = None if layers is None else list(layers)
        self._network = with_outputs(model, self.layers)
        self.preprocessing = checked_preprocessing(preprocessing)
        self.reach = reach
        self.floats_per_pixel = floats_per_pixel
        shapes = self._shapes_of_maps()
        self.channels = tuple(shape[-1] for shape in shapes)
        self.shares = tuple(shares or [1 / len(shapes)] * len(shapes))
        valid = all(0 <= share < math.inf for share in self.shares) and sum(self.shares)
        if len(self.shares) != len(shapes) or not valid:
            raise ValueError(
                f"`shares` must be floats at least 0, one for each of {len(shapes)} maps. "
                f"Received: {shares}"
            )

    def _shapes_of_maps(self):
        """Returns the shapes of the maps of an image, and sets `strides`."""
        shapes = output_shapes(self._network, _HEIGHT, _WIDTH)
        self.strides = tuple(_HEIGHT // shape[1] if shape[1] else 0 for shape in shapes)
        ordered = list(self.strides) == sorted(self.strides)
        whole = all(
            stride and shape[1:-1] == (_HEIGHT / stride, _WIDTH / stride)
            for stride, shape in zip(self.strides, shapes, strict=True)
        )
        if not (ordered and whole):
            raise ValueError(
                "`model` must give maps of whole strides, finest first. For transformers and "
                "models of one input size there is `umbed_keras.layers.VisionTransformerBackbone`. "
                f"Received: an image of {_HEIGHT}x{_WIDTH} pixels gives {shapes}"
            )
        return shapes

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates nothing: the model is built already."""

    def call(self, images: ArrayLike) -> list[Tensor]:
        """Maps images to the feature maps of the model; see `Backbone.call`."""
        return self._outputs(images)

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
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ModelBackbone":
        """Makes a layer from what `get_config` returned."""
        # Keras takes entries away from the configuration of a functional model.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config["model"]))
        return cls(**{**config, "model": model})
