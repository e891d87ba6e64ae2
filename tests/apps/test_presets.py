import shutil

import pytest

import umbed_keras as uk
from umbed_keras.apps.command import main


def test_list(capsys):
    assert main(["presets", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = uk.list_presets()
    assert [line.split()[0] for line in lines[1:-1]] == [row["name"] for row in rows]
    assert lines[-1] == f"{len(rows)} presets"


def test_show(capsys):
    assert main(["presets", "show", "celeba_vq_k16"]) == 0
    shown = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert shown["class"] == "PixelEmbedder"
    assert shown["license"] == "CelebA: non-commercial research only"
    assert shown["entropy-coded bits per pixel"] == "3.824"


def test_damaged_presets_are_refused(tmp_path, capsys):
    folder = tmp_path / "mine"
    shutil.copytree(uk.PixelEmbedder.presets["celeba_vq_k16"]["path"], folder)
    assert main(["presets", "verify", str(folder)]) == 0
    assert "3 files are as they were saved" in capsys.readouterr().out
    weights = folder / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[5000] ^= 1
    weights.write_bytes(content)
    with pytest.raises(SystemExit) as status:
        main(["presets", "verify", str(folder)])
    assert status.value.code == 2
    assert "model.weights.h5 is damaged" in capsys.readouterr().err
