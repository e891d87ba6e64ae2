"""The graphs of a pixel embedder that are exported to ONNX."""

from umbed_keras.models.base.onnx_export import TRACED_SIZE, Graph
from umbed_keras.models.pixel_embedder.overlapping_patches import average_overlaps
from umbed_keras.ops.patch_pyramid import pyramid_radius


class ExportedGraphsMixin:
    """Describes the graphs that `export_onnx` writes, and how to run them on tiles.

    Examples:
        >>> model = uk.PixelEmbedder(latent_dim=4, patch_size=4, pyramid_levels=1, widths=(4, 4))
        >>> sorted(model.graphs)
        ['decode', 'embed', 'encode', 'reconstruct']
        >>> model.tiling
        {'stride': 4, 'margin': 16}
    """

    @property
    def graphs(self) -> dict[str, Graph]:
        """Name to graph of what `export_onnx` writes, of whole images of any size."""
        images, codes = {"images": ((self.channels,), "float32")}, self.bottleneck.code_spec()
        traced_size = (self.backbone and self.backbone.traced_size) or TRACED_SIZE
        vectors_of = self._embedding(quantized=True)

        def embed(images):
            return vectors_of(*self._as_one_tile(images))

        def encode(images):
            return self._codes(*self._as_one_tile(images))

        def decode(**codes):
            return average_overlaps(self._sum_of_codes(codes), self.patch_size)

        def reconstruct(images):
            return average_overlaps(self._sum_of_latents(embed(images)), self.patch_size)

        return {
            "embed": Graph(images, ("vectors",), embed, traced_size=traced_size),
            "encode": Graph(images, tuple(codes), encode, traced_size=traced_size),
            "decode": Graph(codes, ("rebuilt",), decode),
            "reconstruct": Graph(images, ("rebuilt",), reconstruct, traced_size=traced_size),
        }

    @property
    def tiling(self) -> dict[str, int]:
        """`stride` and `margin` in pixels by which an exported graph may be run on tiles.

        Empty if a vector may depend on the whole image.
        """
        if self.radius is None:
            return {}
        reach = max(self.radius, pyramid_radius(self.patch_size, self.pyramid_levels))
        return {"stride": self.stride, "margin": -(-reach // self.stride) * self.stride}
