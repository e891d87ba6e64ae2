import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.apps.command import main


def test_an_exported_preset_gives_its_vectors(tmp_path, capsys):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "embed.onnx"
    assert main(["export", "celeba_vae_d16", str(path)]) == 0
    size = path.stat().st_size
    line = f"embed of celeba_vae_d16, PixelEmbedder: {path}, {size:,} bytes"
    assert capsys.readouterr().out.splitlines()[-1] == line
    images = np.random.default_rng(0).random((1, 24, 32, 3), "float32")
    session = runtime.InferenceSession(path)
    (vectors,) = session.run(None, {"images": images})
    expected = uk.PixelEmbedder.from_preset("celeba_vae_d16").embed(images)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_what_the_model_does_not_have_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as status:
        main(["export", "celeba_vqvae_k512", str(tmp_path / "a.onnx"), "--what", "embed"])
    assert status.value.code == 2
    assert "umbed-keras export: error: `what` must be one of" in capsys.readouterr().err


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a project of one image, and a classifier of its strokes."""
    folder = tmp_path_factory.mktemp("project")
    image, labels = np.zeros((20, 24), "uint16"), np.zeros((20, 24), int)
    image[:, 12:] = 3000
    labels[2:18, 2], labels[2:18, 20] = 1, 2
    np.save(folder / "image.npy", image)
    project = uk.segmentation.Project({1: "dark", 2: "bright"}, "celeba_vae_d16", smoothing=0)
    project.set_strokes(project.add_image(folder / "image.npy"), labels)
    project.save(folder / "project.umbed")
    project.fit().save(folder / "classifier.npz")
    return folder


def test_an_exported_project_gives_its_classes_by_name(project, tmp_path, capsys):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path, options = tmp_path / "classes.onnx", ["--dtype", "float32", "--scaling", "0,3000"]
    assert main(["export", str(project / "project.umbed"), str(path), *options]) == 0
    assert "probabilities of 2 classes of" in capsys.readouterr().out
    session = runtime.InferenceSession(path)
    assert session.get_modelmeta().custom_metadata_map["class_names"] == '["dark", "bright"]'
    image = np.load(project / "image.npy")
    (probabilities,) = session.run(None, {"images": image[None, ..., None].astype("float32")})
    expected = uk.segmentation.Project.load(project / "project.umbed").fit()
    expected.scaling_ = uk.Scaling((0, 3000))
    np.testing.assert_array_equal(probabilities[0].argmax(-1) + 1, expected.predict(image))


def test_options_that_do_not_suit_are_refused(project, tmp_path, capsys):
    path = str(tmp_path / "a.onnx")
    for arguments, message in (
        (["classifier.npz", path, "--what", "embed"], "--what is for presets"),
        (["none.npz", path], "none.npz: No such file"),
        (["classifier.npz", path, "--scaling", "1"], "argument --scaling: invalid"),
    ):
        with pytest.raises(SystemExit):
            main(["export", str(project / arguments[0]), *arguments[1:]])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", "celeba_vae_d16", path, "--dtype", "uint8"])
    assert "--dtype is for classifiers and projects" in capsys.readouterr().err
