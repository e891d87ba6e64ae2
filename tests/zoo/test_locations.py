"""Presets from servers: checked, kept, and whole whatever happens."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import umbed_keras as uk
from umbed_keras.zoo import index_presets
from umbed_keras.zoo.cards import card_text
from umbed_keras.zoo.locations import find_preset
from umbed_keras.zoo.preset_checks import read_preset

ROOT = Path(uk.__file__).parents[1]
NAME = "tiny_vae"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / NAME
    model = uk.PixelEmbedder(2, patch_size=4, pyramid_levels=1, widths=(8, 8), hidden_units=(8,))
    model.save_to_preset(folder)
    return folder


@pytest.fixture
def zoo(tiny, tmp_path, monkeypatch):
    """A folder of one preset with its index, and an empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    shutil.copytree(tiny, tmp_path / "zoo" / NAME)
    index_presets(tmp_path / "zoo")
    return tmp_path / "zoo"


def renew(zoo, number):
    """Puts another version of the preset on the server."""
    path = zoo / NAME / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "date_saved": str(number)}))
    index_presets(zoo)


def version(folder):
    return read_preset(folder)[1]["date_saved"]


def cached(tmp_path):
    home = tmp_path / "home" / "models" / "umbed_keras" / NAME
    return {path.name for path in home.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("handle", ["name", "address"])
def test_a_preset_is_downloaded_once_and_works_offline(zoo, web, monkeypatch, handle):
    address, asked = web(zoo)
    monkeypatch.setenv("UMBED_PRESETS_URL", address + "/")
    handle = NAME if handle == "name" else f"{address}/{NAME}/"
    assert uk.PixelEmbedder.from_preset(handle).latent_dim == 2
    weights = f"/{NAME}/model.weights.h5"
    assert asked.count(weights) == 1
    folder = find_preset(handle)
    assert asked.count(weights) == 1
    zoo.rename(zoo.with_name("gone"))  # the server answers 404: the preset isn't there any more
    with pytest.raises(ValueError, match="404"):
        find_preset(handle)
    monkeypatch.setattr("socket.socket.connect", unreachable)
    assert find_preset(handle) == folder
    with pytest.raises(OSError, match="reached"):
        find_preset(f"{address}/another")


def unreachable(*args):
    raise OSError("network is unreachable")


def test_built_in_presets_ask_nobody(zoo, web, monkeypatch):
    address, asked = web(zoo)
    monkeypatch.setenv("UMBED_PRESETS_URL", address)
    assert "celeba_vae_d16" in uk.PixelEmbedder.presets
    assert find_preset("celeba_vae_d16") == ROOT / "presets" / "celeba_vae_d16"
    assert asked == []


def test_listed_beside_the_built_in_ones(zoo, web, monkeypatch):
    monkeypatch.setenv("UMBED_PRESETS_URL", web(zoo)[0])
    rows = {row["name"]: row for row in uk.list_presets("*vae*")}
    assert {NAME, "celeba_vae_d16"} <= set(rows)
    assert "celeba_vq_k16" not in rows
    assert rows[NAME]["class"] == "PixelEmbedder"
    assert rows[NAME]["size"] == sum(path.stat().st_size for path in (zoo / NAME).iterdir())
    assert NAME in repr(uk.list_presets(NAME))
    with pytest.raises(ValueError, match=NAME):  # an unknown name suggests it
        uk.PixelEmbedder.from_preset("tiny_vee")


def test_a_wrong_hash_is_an_error_and_keeps_what_was_there(zoo, web, monkeypatch, tmp_path):
    monkeypatch.setenv("UMBED_PRESETS_URL", web(zoo)[0])
    old = find_preset(NAME)
    before = version(old)
    renew(zoo, 1)
    (zoo / NAME / "model.weights.h5").write_bytes(b"something else")
    for _ in range(2):
        with pytest.raises(ValueError, match="SHA-256"):
            find_preset(NAME)
    assert cached(tmp_path) == {old.name}
    monkeypatch.setattr("socket.socket.connect", unreachable)
    assert version(find_preset(NAME)) == before


def test_a_server_sends_no_more_than_it_promised(zoo, web, monkeypatch, tmp_path):
    monkeypatch.setenv("UMBED_PRESETS_URL", web(zoo)[0])
    with (zoo / NAME / "model.weights.h5").open("r+b") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="SHA-256"):
        find_preset(NAME)
    home = tmp_path / "home"
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) < 1 << 22


def test_a_silent_server_is_given_up(zoo, monkeypatch):
    monkeypatch.setattr("umbed_keras.zoo.locations.SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("UMBED_PRESETS_URL", address)
        with pytest.raises(OSError, match="reached"):
            find_preset(NAME)


def test_what_rotted_in_the_cache_is_fetched_again(zoo, web, monkeypatch):
    address, asked = web(zoo)
    monkeypatch.setenv("UMBED_PRESETS_URL", address)
    weights = find_preset(NAME) / "model.weights.h5"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert find_preset(NAME) == weights.parent
    assert weights.read_bytes() == whole
    assert asked.count(f"/{NAME}/model.weights.h5") == 2


def test_a_folder_of_a_built_in_name(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny, tmp_path / "celeba_vae_d16")
    assert uk.PixelEmbedder.from_preset(Path("celeba_vae_d16")).latent_dim == 2
    assert uk.PixelEmbedder.from_preset("celeba_vae_d16").latent_dim == 16


def test_a_newer_version_takes_the_old_ones_place(zoo, web, monkeypatch, tmp_path):
    monkeypatch.setenv("UMBED_PRESETS_URL", web(zoo)[0])
    old = find_preset(NAME)
    renew(zoo, 1)
    assert version(find_preset(NAME)) == "1"
    assert old.is_dir()
    assert len(cached(tmp_path)) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.pop("presets"),
        lambda index: index["presets"].update({"../evil": index["presets"][NAME]}),
        lambda index: index["presets"].update({NAME: {}}),
        lambda index: index["presets"][NAME]["files"].update({"../../x": {}}),
        lambda index: index["presets"][NAME]["files"]["config.json"].update(sha256="0"),
        lambda index: index["presets"][NAME]["files"]["config.json"].update(size=-1),
    ],
)
def test_a_hostile_index_is_refused(zoo, web, monkeypatch, tmp_path, change):
    monkeypatch.setenv("UMBED_PRESETS_URL", web(zoo)[0])
    index = json.loads((zoo / "index.json").read_text())
    change(index)
    (zoo / "index.json").write_text(json.dumps(index))
    for ask in (uk.list_presets, lambda: find_preset(NAME)):
        with pytest.raises(ValueError, match=r"index\.json"):
            ask()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "handle",
    [
        "hf://nobody",
        "hf://a/b/../../c",
        "hf://a/b@c@d/",
        "hf:///etc/passwd",
        "https://",
        "http://127.0.0.1:1/..",
        "https://host/%2e%2e",
        "../../no/folder",
    ],
)
def test_handles_that_mean_nothing(zoo, handle):
    with pytest.raises(ValueError, match=r"preset|hf://"):
        find_preset(handle)


def test_hugging_face_needs_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"umbed_keras\[hub\]"):
        find_preset("hf://me/zoo")


def run(code, *arguments, **environment):
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


HUGGING_FACE = """
import sys
import umbed_keras as uk

handle = uk.upload_preset("hf://me/zoo/tiny", sys.argv[1])
print(handle)
for handle in (handle, "hf://me/zoo/tiny"):
    print(uk.PixelEmbedder.from_preset(handle).latent_dim)
"""


def hub(address, home):
    """The environment in which handles of Hugging Face are those of a server."""
    return {
        "HF_ENDPOINT": address,
        "HF_HOME": str(home),
        "HF_TOKEN": "hf_none",
        "HF_HUB_DISABLE_XET": "1",
    }


def test_to_hugging_face_and_back(tiny, hugging_face, tmp_path):
    lines = run(HUGGING_FACE, tiny, **hub(hugging_face, tmp_path / "home"))
    assert lines == [f"hf://me/zoo@{'a' * 40}/tiny", "2", "2"]


UPLOADS = """
import sys
import umbed_keras as uk

for handle, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    uk.upload_preset(handle, folder)
"""


def test_a_card_that_is_uploaded_says_how_to_load_it_from_there(tiny, hugging_face, tmp_path):
    generated, by_hand, without, uploaded = (
        shutil.copytree(tiny, tmp_path / name)
        for name in ("generated", "by_hand", "without", "uploaded")
    )
    card = (tiny / "README.md").read_text()
    (by_hand / "README.md").write_text(card + "\nOf my own images.\n")
    (without / "README.md").unlink()
    metadata = json.loads((uploaded / "metadata.json").read_text())
    (uploaded / "README.md").write_text(card_text(uploaded, "a", metadata, "hf://another/place/a"))
    folders = {
        "hf://me/zoo/small/one": generated,
        "hf://me/zoo": generated,
        "hf://me/zoo@dev/two": generated,
        "hf://me/zoo/three": by_hand,
        "hf://me/zoo/four": without,
        "hf://me/zoo/five": uploaded,
    }
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    arguments = [argument for pair in folders.items() for argument in pair]
    run(UPLOADS, *arguments, **hub(hugging_face, tmp_path / "home"))
    assert {path: path.read_bytes() for path in before} == before
    for handle, folder in folders.items():
        place = handle.removeprefix("hf://me/zoo").removeprefix("@dev")
        name = place.rpartition("/")[2] or "zoo"
        expected = card.replace(f"# {NAME}", f"# {name}").replace(f'"{NAME}"', f'"{handle}"')
        if folder == by_hand:
            expected = (by_hand / "README.md").read_text()
        with urllib.request.urlopen(f"{hugging_face}/resolve/main{place}/README.md") as response:
            assert response.read().decode() == expected


def test_a_card_from_elsewhere_is_no_card_written_by_hand(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "mine")
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "README.md").write_text(card_text(folder, "a", metadata, "hf://another/place/a"))
    uk.PixelEmbedder.from_preset(folder).save_to_preset(folder)
    assert 'from_preset("mine")' in (folder / "README.md").read_text()


# Children share what was imported, which takes seconds.
EIGHT = """
import os, sys
from umbed_keras.zoo.locations import find_preset

for _ in range(8):
    if not os.fork():
        sys.stdout = open(os.devnull, "w")
        find_preset(sys.argv[1])
        os._exit(0)
print([os.wait()[1] for _ in range(8)])
"""


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@forks
def test_eight_processes_download_once(zoo, web, tmp_path):
    address, asked = web(zoo, pause=0.05)
    lines = run(EIGHT, NAME, UMBED_PRESETS_URL=address)
    assert lines == [str([0] * 8)]
    files = [path for path in asked if path != "/index.json"]
    assert sorted(files) == sorted(f"/{NAME}/{path.name}" for path in (zoo / NAME).iterdir())
    assert len(cached(tmp_path)) == 1


KILLED = """
import json, os, pathlib, random, signal, sys, time
sys.path.insert(0, sys.argv[3])
from test_locations import renew, version
from umbed_keras.zoo.locations import find_preset

zoo, name, delays = pathlib.Path(sys.argv[1]), sys.argv[2], random.Random(0)
sys.stdout, output = open(os.devnull, "w"), sys.stdout


def unreachable(*args):
    raise OSError("network is unreachable")


import socket
connect = socket.socket.connect
have, interrupted = version(find_preset(name)), 0
for number in range(30):
    renew(zoo, number)
    child = os.fork()
    if not child:
        find_preset(name)
        os._exit(0)
    time.sleep(delays.uniform(0, 0.12))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    socket.socket.connect = unreachable
    found = version(find_preset(name))
    socket.socket.connect = connect
    assert found in (have, str(number)), (found, have, number)
    interrupted += status == signal.SIGKILL
    have = found
assert version(find_preset(name)) == "29"
print(interrupted, file=output)
"""


@forks
def test_kill_at_any_moment_of_a_download_leaves_a_whole_preset(zoo, web):
    address, _ = web(zoo, pause=0.03)
    lines = run(KILLED, zoo, NAME, Path(__file__).parent, UMBED_PRESETS_URL=address)
    assert int(lines[0]) > 10
