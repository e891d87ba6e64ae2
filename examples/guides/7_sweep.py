"""
Sweep over sizes and bottlenecks
================================

How many numbers should a vector have, how many codes a codebook? More are better and cost more,
and nobody can tell from theory what your images need. A sweep trains a model for each setting and
shows the price: error over bits.
"""

import numpy as np
from skimage import data

import umbed_keras as uk

# %%
# The space
# ---------
# Each argument of `umbed_keras.tuning.PixelEmbedderHyperModel` is a value, or a list of values to
# try. Here a pixel is S of K atoms, for two K and three S.

space = uk.tuning.PixelEmbedderHyperModel(latent_dim=8, num_entries=[16, 64], sparsity=[1, 2, 4])

# %%
# The sweep
# ---------
# KerasTuner runs the trials. The grid has six, of one epoch each, on few small squares, so that
# this page takes seconds; on yours take more of each. If the process is killed, the same call goes
# on where it stopped, and several processes can share the work.

random = np.random.default_rng(0)
cat = data.chelsea()
corners = zip(random.integers(250, size=32), random.integers(400, size=32), strict=True)
images = np.stack([cat[row : row + 48, col : col + 48] for row, col in corners])
result = uk.tuning.sweep(
    images,
    space,
    algorithm="grid",
    max_trials=6,
    epochs=1,
    batch_size=8,
    directory="my_sweep",
    verbose=0,
)

# %%
# The table has a row for each trial: its setting, its error and its bits.

print(f"{'K':>4} {'S':>4} {'bits per pixel':>14} {'error':>8}")
for row in result.table:
    print(
        f"{row['num_entries']:>4} {row['sparsity']:>4} {row['bits_per_pixel']:>14.1f} "
        f"{row['error']:>8.4f}"
    )

# %%
# The figures
# -----------
# The front shows which settings are worth their bits: no other has less error for as few. The
# heat map shows what each parameter does.

figures = result.figures()

# %%
# Then take the best model that you can afford. It is trained like the trials; go on with ``fit``.

model = result.best_model(max_bits=30)
print(model.bottleneck)
