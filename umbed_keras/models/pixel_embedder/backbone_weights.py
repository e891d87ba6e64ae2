"""The weights of a model that its optimizer leaves alone."""

import keras


class BackboneWeightsMixin:
    """Counts the weights of a backbone as not trainable in the model that describes its features.

    The variables themselves are not changed, because a network may be trained elsewhere, too.

    Examples:
        >>> network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 1)])
        >>> backbone = uk.layers.ModelBackbone(network)
        >>> model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), backbone=backbone)
        >>> len(network.trainable_weights)
        2
        >>> any(weight is network.weights[0] for weight in model.trainable_weights)
        False
    """

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Variables that an optimizer changes."""
        return self._outside_backbone(super().trainable_variables)

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """Variables that no optimizer changes."""
        return self._without(super().variables, self.trainable_variables)

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """Weights that an optimizer changes."""
        return self._outside_backbone(super().trainable_weights)

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """Weights that no optimizer changes."""
        return self._without(super().weights, self.trainable_weights)

    def _outside_backbone(self, variables):
        backbone = getattr(self, "backbone", None)  # Keras asks before it is set, too
        return self._without(variables, backbone.variables if backbone else ())

    def _without(self, variables, others):
        known = {id(variable) for variable in others}
        return [variable for variable in variables if id(variable) not in known]
