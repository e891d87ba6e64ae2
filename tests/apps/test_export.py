import argparse

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.apps.command import main
from umbed_keras.apps.export import add_arguments


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
    """A folder with a project of one image of two channels, and a classifier of its strokes."""
    folder = tmp_path_factory.mktemp("project")
    embedder = uk.PixelEmbedder(4, patch_size=4, pyramid_levels=1, widths=(4,), hidden_units=(4,))
    image = np.random.default_rng(0).integers(2000, size=(2, 30, 34)).astype("uint16")
    image[:, :, 17:] += np.array([[[1500]], [[900]]], "uint16")
    embedder.adapt((image / 3500).transpose(1, 2, 0)[None, ..., [0, 0, 1]].astype("float32"))
    embedder.save_to_preset(folder / "preset")
    np.save(folder / "image.npy", image)
    labels = np.zeros((30, 34), int)
    labels[2:18, 2], labels[2:18, 30] = 1, 2
    project = uk.segmentation.Project({1: "dark", 2: "bright"}, folder / "preset", smoothing=1.5)
    project.set_strokes(project.add_image(folder / "image.npy", axes="cyx"), labels)
    project.save(folder / "project.umbed")
    project.fit().save(folder / "classifier.npz")
    return folder


def test_an_exported_project_gives_its_classes_by_name(project, tmp_path, capsys):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path, options = tmp_path / "classes.onnx", ["--dtype", "float32", "--scaling", "0,3500"]
    assert main(["export", str(project / "project.umbed"), str(path), *options]) == 0
    assert "probabilities of 2 classes of" in capsys.readouterr().out
    session = runtime.InferenceSession(path)
    known = session.get_modelmeta().custom_metadata_map
    assert known["class_names"] == '["dark", "bright"]'
    assert int(known["margin"]) >= 6
    image = np.load(project / "image.npy")
    pixels = image.transpose(1, 2, 0)[None].astype("float32")
    (probabilities,) = session.run(None, {"images": pixels})
    classifier = uk.segmentation.Project.load(project / "project.umbed").fit()
    classifier.scaling_ = uk.Scaling((0, 3500))
    expected = classifier.predict_proba(uk.Image(image, "cyx"))
    np.testing.assert_allclose(probabilities[0], expected, atol=1e-3)


def test_options_that_do_not_suit_are_refused(project, tmp_path, capsys):
    path = str(tmp_path / "a.onnx")
    for arguments, message in (
        (["classifier.npz", path, "--what", "embed"], "--what is for presets"),
        (["none.npz", path], "none.npz: No such file"),
        (["classifier.npz", path, "--scaling", "1"], "two numbers that rise, such as 0,4095. R"),
        (["classifier.npz", path, "--scaling", "5,5"], "such as 0,4095. Received: '5,5'"),
        (["classifier.npz", path, "--scaling", "0,nan"], "such as 0,4095. Received: '0,nan'"),
        (["project.umbed", path, "--dtype", "float32"], "`scaling` must have limits"),
    ):
        with pytest.raises(SystemExit):
            main(["export", str(project / arguments[0]), *arguments[1:]])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["export", "celeba_vae_d16", path, "--dtype", "uint8"])
    assert "--dtype is for classifiers and projects" in capsys.readouterr().err


def test_limits_may_be_negative():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = ["cells.umbed", "cells.onnx", "--scaling=-1000,3000"]
    assert parser.parse_args(arguments).scaling == (-1000, 3000)
    assert "a negative number needs --scaling=LOW,HIGH" in " ".join(parser.format_help().split())
