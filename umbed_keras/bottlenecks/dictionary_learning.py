"""Dictionary learning on the host, by the method of optimal directions on batches."""

from typing import Any

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.kmeans import spread_samples
from umbed_keras.ops import orthogonal_matching_pursuit

# Samples that are coded before the atoms move, and the same for each atom of a large dictionary.
BATCH, BATCH_PER_ATOM = 2048, 4
# The better of two starts takes at most this many times the steps that decide between them.
PROLONGED = 7
# Samples for each atom among which samples far apart are chosen.
CANDIDATES_PER_ATOM = 16
# An atom that a smaller share of samples uses is replaced.
LEAST_USE = 1e-4


def learn_dictionary(
    samples: np.ndarray,
    num_atoms: int,
    sparsity: int,
    selection: str = "omp",
    rounds: int = 15,
    seed: int | None = 0,
    min_gain: Any = None,
) -> np.ndarray:
    """Learns a dictionary by alternating sparse coding and least squares.

    The method of optimal directions (Engan, Aase & Husoy 1999). If there are many samples, each
    step codes a batch of them, and the least squares are those of running averages of codes and
    samples, as in online dictionary learning (Mairal, Bach, Ponce & Sapiro 2010).

    There are two starts: the principal axes of the samples, with samples far apart as further
    atoms if there are more atoms than axes; and samples far apart alone. The better one after
    `rounds` steps goes on until it has seen the samples `rounds` times, or for a few times as many
    steps. An atom that no sample
    uses is replaced by the sample that is coded worst.

    Args:
        samples: float32 `(n, dim)`.
        num_atoms: int, number of atoms.
        sparsity: int, largest number of atoms of a sample.
        selection: `"omp"` or `"ols"`, as in `umbed_keras.ops.orthogonal_matching_pursuit`.
        rounds: int, number of steps of each start.
        seed: int, of the starts and of the order of the samples.
        min_gain: float or scalar tensor, least decrease of the squared error by an atom; None for
            no limit.

    Returns:
        Atoms, float32 `(num_atoms, dim)`, of unit length.

    Examples:
        >>> samples = np.array([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0]], "float32")
        >>> atoms = learn_dictionary(samples, num_atoms=2, sparsity=1, rounds=1)
        >>> np.abs(atoms).round(3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    rng = np.random.default_rng(seed)
    size = min(len(samples), max(BATCH, BATCH_PER_ATOM * num_atoms))
    several = size < len(samples)
    order = rng.permutation(len(samples)) if several else np.arange(len(samples))
    _, axes = np.linalg.eigh(samples.T @ samples)
    candidates = samples[order[: max(size, CANDIDATES_PER_ATOM * num_atoms)]]
    far_apart = spread_samples(candidates, num_atoms, rng)
    along_axes = np.concatenate([axes.T[::-1], far_apart])[:num_atoms]
    options = {"sparsity": sparsity, "selection": selection, "min_gain": min_gain}
    runs = [_Learner(_unit(atoms, rng), options, rng) for atoms in (along_axes, far_apart)]

    kept, start = 1 - size / len(samples), 0
    steps = min(PROLONGED * rounds, rounds * len(samples) // size)
    for step in range(steps):
        if step == rounds:
            runs = [min(runs, key=lambda run: run.error)]
        batch = samples[np.take(order, np.arange(start, start + size), mode="wrap")]
        start = (start + size) % len(samples)
        for run in runs:
            # The first codes are those of atoms that have hardly learned.
            run.learn(batch, min(kept, step / (step + 3)))
    return min(runs, key=lambda run: run.error).atoms


class _Learner:
    """A dictionary and the normal equations of the least squares that its atoms solve.

    Attributes:
        atoms: float32 `(num_atoms, dim)`, of unit length.
        error: mean squared norm of the residuals of the last batch.
    """

    def __init__(self, atoms, options, rng):
        self.atoms, self.error = atoms, np.inf
        self._options, self._rng = options, rng
        self._code_moments = np.zeros((len(atoms), len(atoms)))
        self._signal_moments = np.zeros(atoms.shape)
        self._uses, self._count = np.zeros(len(atoms)), 0.0

    def learn(self, samples, kept):
        """Codes a batch and moves the atoms; earlier batches weigh `kept` times what they did."""
        num_atoms = len(self.atoms)
        indices, coefficients = (
            ops.convert_to_numpy(part)
            for part in orthogonal_matching_pursuit(samples, self.atoms, **self._options)
        )
        # Codes are sparse: the products of their entries are far fewer than those of dense codes.
        moments = sum(
            np.bincount(
                (indices[:, entry, None].astype("int64") * num_atoms + indices).ravel(),
                (coefficients[:, entry, None] * coefficients).ravel(),
                num_atoms**2,
            )
            for entry in range(indices.shape[1])
        )
        codes = np.zeros((len(samples), num_atoms), "float32")
        np.put_along_axis(codes, indices, coefficients, axis=1)
        for total, batch in (
            (self._code_moments, moments.reshape(num_atoms, num_atoms)),
            (self._signal_moments, codes.T @ samples),
            (self._uses, np.bincount(indices[coefficients != 0], minlength=num_atoms)),
        ):
            total *= kept
            total += batch
        self._count = kept * self._count + len(samples)

        ridge = 1e-6 * np.trace(self._code_moments) / num_atoms + 1e-12
        fitted = np.linalg.solve(
            self._code_moments + ridge * np.eye(num_atoms), self._signal_moments
        ).astype("float32")
        errors = np.sum((samples - codes @ fitted) ** 2, axis=1)
        self.atoms, self.error = _unit(fitted, self._rng), np.mean(errors)
        unused = np.flatnonzero(self._uses <= LEAST_USE * self._count)
        worst = np.argsort(-errors)[: len(unused)]
        replaced = unused[: len(worst)]
        self.atoms[replaced] = _unit(samples[worst], self._rng)
        # The moments of a replaced atom describe the atom that it was.
        self._code_moments[replaced] = self._code_moments[:, replaced] = 0
        self._signal_moments[replaced] = 0


def _unit(vectors, rng):
    """Rows scaled to unit length; rows of length 0 become random directions."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(norms > 1e-12, vectors, rng.normal(size=vectors.shape))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
