"""Methods that learn K atoms and code a vector by S of them: ours and others'.

A learner is called with vectors `(n, dim)`, K, S and a seed, and returns `Atoms`.
"""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from keras import ops

import umbed_keras as uk

INSTALL = "pip install --no-deps overcomplete einops"
# Training of overcomplete's autoencoders, as in its documentation.
EPOCHS, BATCH, LEARNING_RATE = 20, 1024, 5e-4
# Weight of the L1 norm of scikit-learn's codes, relative to the root of the mean squared norm of
# the vectors; with it codes have about as many entries as ours.
SCIKIT_LEARN_ALPHA = 0.3
# Vectors that an autoencoder codes at once: its codes are dense.
CHUNK = 4096


class Atoms(NamedTuple):
    """Learned atoms.

    Attributes:
        directions: float32 `(K, dim)`, of unit length.
        code: function from vectors `(n, dim)` to int32 indices and float32 coefficients
            `(n, S)`.
    """

    directions: np.ndarray
    code: Callable

    def rebuild(self, vectors):
        """Returns vectors `(n, dim)` as their codes rebuild them."""
        return ops.convert_to_numpy(uk.ops.sparse_decode(*self.code(vectors), self.directions))


def dictionary(vectors, num_atoms, sparsity, seed):
    """`DictionaryBottleneck.adapt`."""
    layer = uk.layers.DictionaryBottleneck(num_atoms, vectors.shape[1], sparsity, seed=seed)
    layer.adapt(vectors)
    return _pursued(ops.convert_to_numpy(layer.dictionary), sparsity)


def scikit_learn(vectors, num_atoms, sparsity, seed):
    """One pass of scikit-learn's `MiniBatchDictionaryLearning`; its atoms code by OMP."""
    from sklearn.decomposition import MiniBatchDictionaryLearning

    alpha = SCIKIT_LEARN_ALPHA * np.sqrt(np.mean(np.sum(vectors**2, axis=1)))
    learner = MiniBatchDictionaryLearning(num_atoms, alpha=alpha, max_iter=1, random_state=seed)
    return _pursued(learner.fit(vectors).components_.astype("float32"), sparsity)


def top_k_autoencoder(vectors, num_atoms, sparsity, seed):
    """overcomplete's `TopKSAE` (Gao et al. 2024)."""
    return _autoencoder("TopKSAE", vectors, num_atoms, sparsity, seed)


def matching_pursuit_autoencoder(vectors, num_atoms, sparsity, seed):
    """overcomplete's `MpSAE` (Costa et al. 2025)."""
    return _autoencoder("MpSAE", vectors, num_atoms, sparsity, seed)


LEARNERS = {
    "DictionaryBottleneck": dictionary,
    "MiniBatchDictionaryLearning": scikit_learn,
    "TopKSAE": top_k_autoencoder,
    "MpSAE": matching_pursuit_autoencoder,
}


def _pursued(directions, sparsity):
    """Returns atoms whose codes are those of orthogonal matching pursuit."""

    def code(vectors):
        codes = uk.ops.orthogonal_matching_pursuit(vectors, directions, sparsity)
        return [ops.convert_to_numpy(part) for part in codes]

    return Atoms(directions, code)


def _overcomplete():
    """Imports the autoencoders of overcomplete.

    The package itself imports torchvision and timm, which its autoencoders do not need. It is
    replaced by an empty module with the same folder.
    """
    if sys.modules.get("overcomplete") is None:
        spec = importlib.util.find_spec("overcomplete")
        if spec is None or importlib.util.find_spec("einops") is None:
            raise ImportError(f"overcomplete is not installed: {INSTALL}")
        empty = importlib.machinery.ModuleSpec("overcomplete", None, is_package=True)
        empty.submodule_search_locations = spec.submodule_search_locations
        sys.modules["overcomplete"] = importlib.util.module_from_spec(empty)
    return importlib.import_module("overcomplete.sae")


def _autoencoder(name, vectors, num_atoms, sparsity, seed):
    """Trains a class of overcomplete.sae by its own loop, on the squared error."""
    library = _overcomplete()
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(seed)
    model = getattr(library, name)(vectors.shape[1], num_atoms, sparsity)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def squared_error(vectors, rebuilt, *_):
        return torch.mean((vectors - rebuilt) ** 2)

    batches = DataLoader(TensorDataset(torch.from_numpy(vectors)), BATCH, shuffle=True)
    library.train_sae(model, batches, squared_error, optimizer, nb_epochs=EPOCHS, monitoring=0)
    model.eval()
    with torch.no_grad():
        directions = model.get_dictionary().numpy()
    norms = np.linalg.norm(directions, axis=1)

    @torch.no_grad()
    def code(vectors):
        parts = []
        for start in range(0, len(vectors), CHUNK):
            _, codes = model.encode(torch.from_numpy(vectors[start : start + CHUNK]))
            indices = torch.topk(codes.abs(), sparsity).indices
            coefficients = torch.gather(codes, 1, indices).numpy()
            indices = indices.numpy().astype("int32")
            parts.append((indices, coefficients * norms[indices]))
        return [np.concatenate(part) for part in zip(*parts, strict=True)]

    return Atoms(directions / norms[:, None], code)
