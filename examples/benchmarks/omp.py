"""Time of orthogonal matching pursuit, a VQ lookup, and OMP of LASER and scikit-learn.

    python examples/benchmarks/omp.py --laser path/to/checkout

Ours runs on the backend of `KERAS_BACKEND`, the others on PyTorch (scikit-learn: NumPy). The
ratio is our time or memory divided by theirs.
"""

import importlib
import sys
import warnings
from dataclasses import dataclass, replace
from functools import partial

import _measure as measure
import numpy as np
import torch
from keras import ops
from skimage.data import astronaut
from sklearn.linear_model import orthogonal_mp_gram

from umbed_keras.ops import orthogonal_matching_pursuit

# Number of signals for scikit-learn; its time is scaled to all signals.
SUBSET = 1024
SKIPPED = "skipped: no --laser"


@dataclass(frozen=True)
class Problem:
    """A sparse coding problem: `count` signals, each coded by `sparsity` of `num_atoms` atoms."""

    count: int
    dim: int
    num_atoms: int
    sparsity: int

    def arrays(self):
        """Returns signals `(count, dim)`, pixels of a photograph if `dim` is 3, and unit atoms."""
        random = np.random.default_rng(0)
        atoms = random.normal(size=(self.num_atoms, self.dim))
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        if self.dim == 3:
            signals = np.resize(astronaut() / 127.5 - 1, (self.count, 3))
        else:
            signals = random.normal(size=(self.count, self.dim))
        return signals.astype("float32"), atoms.astype("float32")

    def tensors(self, device):
        return (torch.from_numpy(array).to(device) for array in self.arrays())

    def __str__(self):
        return f"{self.count:,} x {self.dim}, K {self.num_atoms}, S {self.sparsity}"


PROBLEMS = (Problem(262_144, 3, 16, 4), Problem(32_768, 64, 512, 5))


# Each contender returns a function that codes all signals of a problem.


def ours(problem, device):
    signals, atoms = (ops.convert_to_tensor(array) for array in problem.arrays())
    return partial(orthogonal_matching_pursuit, signals, atoms, problem.sparsity)


def vq_lookup(problem, device):
    signals, atoms = problem.tensors(device)

    def look_up():
        distances = torch.addmm(atoms.square().sum(1), signals, atoms.T, alpha=-2)
        indices = distances.argmin(1)
        return indices, atoms[indices]

    return look_up


def laser(problem, device, checkout):
    if checkout not in sys.path:
        sys.path.insert(0, checkout)
    learner = importlib.import_module("src.models.dictionary_learner").DictionaryLearning(
        problem.num_atoms, problem.dim, problem.sparsity
    )
    signals, atoms = problem.tensors(device)
    return torch.no_grad()(partial(learner.batch_omp_with_support, signals.T, atoms.T))


def scikit_learn(problem, device):
    signals, atoms = replace(problem, count=min(problem.count, SUBSET)).arrays()
    gram = atoms @ atoms.T

    def pursue():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # three atoms span RGB, where it stops early
            return orthogonal_mp_gram(gram, atoms @ signals.T, n_nonzero_coefs=problem.sparsity)

    return pursue


def compare(problem, device, repeats, checkout):
    """Returns rows of times: ours against each of the others; all alternate."""
    makers = [ours, vq_lookup, scikit_learn]
    if checkout:
        makers.append(partial(laser, checkout=checkout))
    times = measure.seconds(repeats, *(make(problem, device) for make in makers))
    our_time, vq_time, scikit_time, *laser_time = times
    coded = min(problem.count, SUBSET)
    rivals = {
        "VQ lookup (torch)": vq_time,
        f"scikit-learn orthogonal_mp_gram (CPU; {coded:,} signals, scaled)": (
            scikit_time * problem.count / coded
        ),
        "LASER batch OMP": laser_time[0] if laser_time else SKIPPED,
    }
    return [
        (f"time, {problem}: {name}", our_time, rival, measure.duration)
        for name, rival in rivals.items()
    ]


def compare_memory(problem, device, checkout):
    """Returns a row of peak memory beyond the inputs: ours against LASER."""

    def peak(make):
        warm_up = partial(make, replace(problem, count=64), device)
        count = measure.peak_bytes(device, warm_up, partial(make, problem, device))
        return "not measured here" if count is None else count

    theirs = peak(partial(laser, checkout=checkout)) if checkout else SKIPPED
    what = f"peak extra memory, {problem}: LASER batch OMP"
    return what, peak(ours), theirs, measure.size


def main():
    parser = measure.parser(__doc__.splitlines()[0])
    parser.add_argument("--laser", metavar="PATH", help="a checkout of helloimlixin/laser")
    args = parser.parse_args()
    problems = PROBLEMS
    if args.quick:
        problems = [replace(problem, count=problem.count // 64) for problem in problems]
    rows = []
    with measure.on(args.device):
        for problem in problems:
            rows += compare(problem, args.device, args.repeats, args.laser)
    rows.append(compare_memory(problems[-1], args.device, args.laser))
    measure.print_table(args.device, rows)


if __name__ == "__main__":
    main()
