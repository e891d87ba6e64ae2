"""Pure functions on tensors: sparse coding, patch pyramids, quantisation and the rate of codes.

Public are the sparse coders, `sparse_decode`, `patch_pyramid`, `overlap_add` and `guided_filter`.
The other modules serve the rest of the package: `bilinear`, `reflect` and `sobel_edges` work on
maps and images, `latent_patches` on maps of latents, `quantize` and `rate` on codes, and `checks`
on arguments.
"""

from umbed_keras.ops.guided_filter import guided_filter
from umbed_keras.ops.overlap_add import overlap_add
from umbed_keras.ops.patch_pyramid import patch_pyramid
from umbed_keras.ops.sparse_coding.iterative_hard_thresholding import iterative_hard_thresholding
from umbed_keras.ops.sparse_coding.matching_pursuit import matching_pursuit
from umbed_keras.ops.sparse_coding.orthogonal_matching_pursuit import orthogonal_matching_pursuit
from umbed_keras.ops.sparse_coding.sparse_decode import sparse_decode
from umbed_keras.ops.sparse_coding.top_k import top_k

__all__ = [
    "guided_filter",
    "iterative_hard_thresholding",
    "matching_pursuit",
    "orthogonal_matching_pursuit",
    "overlap_add",
    "patch_pyramid",
    "sparse_decode",
    "top_k",
]
