import itertools
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk

pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

EXAMPLES = Path(__file__).parents[2] / "examples"
PRESET = "natural_lite0_vae_d32"


@pytest.fixture(scope="module")
def concepts():
    """The names of the script, and those of `concept_learners`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        names = runpy.run_path(str(EXAMPLES / "concepts.py"))
        import concept_learners.learners

        return types.SimpleNamespace(**{**vars(concept_learners.learners), **names})


@pytest.fixture(scope="module")
def model():
    return uk.PixelEmbedder.from_preset(PRESET)


@pytest.fixture
def folder(tmp_path):
    """Ten smooth images in a folder."""
    random = np.random.default_rng(0)
    for number in range(10):
        blocks = random.integers(0, 256, (4, 5, 3), "uint8")
        image = Image.fromarray(blocks).resize((40, 32), Image.Resampling.BICUBIC)
        (tmp_path / "images").mkdir(exist_ok=True)
        image.save(tmp_path / "images" / f"{number}.png")
    return tmp_path / "images"


def unit_rows(count, dim, seed):
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_stability_is_that_of_the_best_of_all_matchings(concepts):
    one, other = unit_rows(5, 3, 0), unit_rows(5, 3, 1)
    cosines = np.abs(one @ other.T)
    best = max(
        np.mean([cosines[row, col] for row, col in enumerate(order)])
        for order in itertools.permutations(range(5))
    )
    assert concepts.stability([one, other]) == pytest.approx(best)
    turned = -one[[3, 1, 4, 0, 2]]
    assert concepts.stability([one, turned]) == pytest.approx(1)
    assert concepts.stability([one, turned, other]) == pytest.approx((1 + 2 * best) / 3)


def test_explained_is_the_r2_score_of_scikit_learn(concepts):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    vectors, rebuilt = random.normal(size=(2, 50, 4)) * [1, 2, 3, 4]
    expected = metrics.r2_score(vectors, rebuilt, multioutput="variance_weighted")
    assert concepts.explained(vectors, rebuilt) == pytest.approx(expected)


def test_maps_stand_side_by_side_with_their_shares_of_the_variance(concepts, model):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), "uint8")
    features = concepts.FeatureVectors(model, "maps")
    fitted = features.fit(images, 10**6)
    assert fitted.shape == (3 * 8 * 12, 176)
    np.testing.assert_allclose(fitted.mean(axis=0), 0, atol=1e-5)
    parts = np.split(fitted.var(axis=0), np.cumsum(model.backbone.channels)[:-1])
    shares = [part.sum() / 176 for part in parts]
    np.testing.assert_allclose(shares, model.backbone.shares, rtol=1e-4)
    finest = model.backbone(images[:1] / np.float32(255))[0]
    grid = features.grid(images[:1])[..., :24] / features.scale[:24] + features.mean[:24]
    np.testing.assert_allclose(grid, concepts.ops.convert_to_numpy(finest), atol=1e-4)


def test_only_the_atoms_of_the_photograph_keep_their_coefficients(concepts):
    indices = np.array([[[[0, 1]], [[2, 0]]], [[[1, 2]], [[1, 0]]]])
    coefficients = np.array([[[[5.0, -1]], [[2, 1]]], [[[-3, 2]], [[1, 0.5]]]])
    kept = concepts.of_photograph(indices, coefficients, 2)
    # Of the last image, energies are 9 (atom 1 -), 4 (atom 2 +), 1 (atom 1 +) and 0.25 (atom 0 +).
    assert kept.tolist() == [[[[0, -1]], [[2, 0]]], [[[-3, 2]], [[0, 0]]]]


@pytest.mark.parametrize("vectors", ["maps", "preset"])
def test_script_prints_a_table_and_draws_a_figure(vectors, folder, monkeypatch, capsys):
    monkeypatch.syspath_prepend(EXAMPLES)
    output = folder.parent / "out"
    arguments = f"{folder} --output {output} --vectors {vectors} --preset {PRESET} --size 32 "
    arguments += "--atoms 12 --sparsity 2 --pixels 300 --rows 3 --examples 2"
    arguments += " --learners DictionaryBottleneck TopKSAE"
    monkeypatch.setattr(sys, "argv", ["concepts.py", *arguments.split()])
    # None in place of a module: it can't be imported.
    monkeypatch.setitem(sys.modules, "overcomplete", None)
    runpy.run_path(str(EXAMPLES / "concepts.py"), run_name="__main__")
    dim = {"maps": 176, "preset": 32}[vectors]
    table = capsys.readouterr().out.splitlines()
    assert table[0].startswith(f"300 vectors of {dim} numbers of 9 images, 64 of 1 held-out")
    ours, theirs = table[4:6]
    score, used, agreement, _ = ours.strip("|").split("|")[1:]
    assert 0 < float(score) < 1
    assert 0 < int(used) <= 12
    assert 0 < float(agreement) <= 1
    assert "pip install --no-deps overcomplete einops" in theirs
    with Image.open(output / "DictionaryBottleneck.png") as figure:
        assert figure.width > figure.height
    assert not (output / "TopKSAE.png").exists()


@pytest.mark.parametrize("name", ["TopKSAE", "MpSAE"])
def test_codes_of_an_autoencoder_rebuild_what_it_rebuilds(name, concepts, monkeypatch):
    for needed in ("overcomplete", "einops"):
        if concepts.importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    import torch

    library, made = concepts._overcomplete(), []
    cls = getattr(library, name)

    def make(*args):
        made.append(cls(*args))
        return made[-1]

    monkeypatch.setattr(library, name, make)
    vectors = np.random.default_rng(0).normal(size=(200, 6)).astype("float32")
    atoms = concepts.LEARNERS[name](vectors, 9, 3, seed=0)
    with torch.no_grad():
        *_, expected = made[0](torch.from_numpy(vectors))
    np.testing.assert_allclose(np.linalg.norm(atoms.directions, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(atoms.rebuild(vectors), expected.numpy(), atol=1e-5)
