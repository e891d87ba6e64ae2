"""Presets that are broken or mean harm: one clear error each, and nothing touched."""

import json
import shutil
import zlib

import h5py
import keras
import numpy as np
import pytest

import umbed_keras as uk

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
VQVAE_MODULE = "umbed_keras.models.image_autoencoder.vqvae"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A preset without hashes, so that what is done to it is met by every later check."""
    folder = tmp_path_factory.mktemp("sound") / "preset"
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=2,
        bottleneck=uk.layers.DictionaryBottleneck(8, 4, 2),
        widths=(8, 8),
        hidden_units=(8,),
    )
    model.save_to_preset(folder)
    (folder / METADATA).unlink()
    return folder


def files(folder):
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def refused(folder, says=None, load=uk.PixelEmbedder.from_preset):
    before = files(folder.parent)
    with pytest.raises(ValueError, match=says):
        load(folder)
    assert files(folder.parent) == before


@pytest.fixture
def preset(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "preset")


def test_the_sound_preset_loads(preset):
    assert uk.PixelEmbedder.from_preset(preset).latent_dim == 4


def with_bottleneck(value):
    return lambda config: config["config"].update(bottleneck=value)


def with_arguments(**arguments):
    return lambda config: config["config"].update(arguments)


def in_bottleneck(**entries):
    return lambda config: config["config"]["bottleneck"].update(entries)


def with_size(name, value):
    return lambda config: config["config"]["bottleneck"]["config"].update({name: value})


def serialized(module, class_name, config=None, registered_name=None):
    return {
        "module": module,
        "class_name": class_name,
        "config": config or {},
        "registered_name": registered_name,
    }


LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wAAAAAAAAAA"}}
BACKBONE = serialized(
    "umbed_keras.backbones.efficientnet_lite0",
    "EfficientNetLite0",
    registered_name="umbed_keras>EfficientNetLite0",
)
CONFIGS = {
    "no class": lambda config: config.pop("registered_name"),
    "unknown class": lambda config: config.update(registered_name="umbed_keras>Nothing"),
    "class of another package": lambda config: config.update(registered_name="evil>PixelEmbedder"),
    "class name of another": lambda config: config.update(class_name="VQVAE"),
    "special class name": lambda config: config.update(class_name="__lambda__"),
    "no configuration": lambda config: config.pop("config"),
    "configuration a list": lambda config: config.update(config=[1]),
    "lambda": with_bottleneck(LAMBDA),
    "Lambda layer": with_bottleneck(serialized("keras.layers", "Lambda", {"function": LAMBDA})),
    "function": with_bottleneck(serialized("builtins", "function", "eval")),
    "operating system": with_bottleneck(serialized("os", "system", {"command": "touch /tmp/x"})),
    "subprocess": with_bottleneck(serialized("subprocess", "Popen", {"args": ["true"]})),
    "any Keras layer": with_bottleneck(serialized("keras.layers", "Dense", {"units": 4})),
    "stored tensor": with_bottleneck(serialized("builtins", "__tensor__", {"value": [1]})),
    "stored array": with_bottleneck(serialized("builtins", "__numpy__", {"value": [1]})),
    "another registered object": in_bottleneck(registered_name="keras>Dense"),
    "a metric as bottleneck": with_bottleneck(
        serialized("umbed_keras.metrics.psnr", "PSNR", registered_name="umbed_keras>PSNR")
    ),
    "a network that is downloaded": with_bottleneck(
        serialized("umbed_keras.metrics.fid", "FID", registered_name="umbed_keras>FID")
    ),
    "a model as bottleneck": with_bottleneck(
        serialized(
            "umbed_keras.models.image_autoencoder.vqvae",
            "VQVAE",
            registered_name="umbed_keras>VQVAE",
        )
    ),
    "a known object elsewhere": lambda config: config["config"].update(
        activity_regularizer=config["config"]["bottleneck"]
    ),
    "a metric in the model's place": lambda config: config.update(
        class_name="PSNR", registered_name="umbed_keras>PSNR"
    ),
    "a policy in the model's place": lambda config: config.update(
        module="keras", class_name="DTypePolicy", config={"name": "float32"}
    ),
    "what to compile with": lambda config: config.update(compile_config={"optimizer": "adam"}),
    "what to compile the bottleneck with": in_bottleneck(compile_config={"loss": LAMBDA}),
    "dtype by another name": with_arguments(dtype="complex64"),
    "more in dtype": with_arguments(
        dtype=serialized("keras", "DTypePolicy", {"name": "float32", "run": "this"})
    ),
    "huge fraction": with_arguments(pyramid_levels=1e7),
    "huge latent as a fraction": with_arguments(latent_dim=1e12),
    "code in dtype": with_arguments(dtype=serialized("os", "system")),
    "unknown dtype": with_arguments(dtype=serialized("keras", "DTypePolicy", {"name": "int4"})),
    "bottleneck as backbone": lambda config: config["config"].update(
        backbone=config["config"]["bottleneck"]
    ),
    "backbone as bottleneck": with_bottleneck(BACKBONE),
    "a model as backbone": with_arguments(
        backbone=serialized(
            "umbed_keras.models.image_autoencoder.vqvae",
            "VQVAE",
            registered_name="umbed_keras>VQVAE",
        )
    ),
    "any Keras layer as backbone": with_arguments(
        backbone=serialized("keras.layers", "Dense", {"units": 4})
    ),
    "any Keras model in a backbone": with_arguments(
        backbone=serialized(
            "umbed_keras.backbones.model_backbone",
            "ModelBackbone",
            {"model": serialized("keras", "Sequential", {"layers": [LAMBDA]})},
            "umbed_keras>ModelBackbone",
        )
    ),
    "subprocess as backbone": with_arguments(
        backbone=serialized("subprocess", "Popen", {"args": ["true"]})
    ),
    "backbone elsewhere": with_arguments(unet=BACKBONE),
    "backbone that isn't stored": with_arguments(backbone=BACKBONE),
    "backbone a text": with_arguments(backbone="EfficientNetLite0"),
    "backbone a number": with_arguments(backbone=7),
    "unknown argument of a backbone": with_arguments(
        backbone={**BACKBONE, "config": {"callback": "print"}}
    ),
    "more feature components than stored": with_arguments(
        backbone=BACKBONE, feature_components=1 << 20
    ),
    "no feature weight": with_arguments(feature_weight=-1.0),
    "bottleneck a text": with_bottleneck("os.system"),
    "bottleneck a number": with_bottleneck(7),
    "bottleneck without entries": in_bottleneck(config={}),
    "unknown argument": with_arguments(callback="print"),
    "text for a size": with_arguments(latent_dim="4" * 9),
    "none for a size": with_arguments(patch_size=None),
    "negative size": with_arguments(latent_dim=-4),
    "fraction for a size": with_arguments(pyramid_levels=1.5),
    "no widths": with_arguments(widths=[]),
    "name with a path": with_arguments(name="../../evil"),
    "long name": with_arguments(name="a" * 100_000),
    "endless size": with_arguments(latent_dim=10**30),
    "huge latent": lambda config: (
        config["config"].update(latent_dim=1 << 20),
        with_size("latent_dim", 1 << 20)(config),
    ),
    "huge dictionary": with_size("num_atoms", 1 << 20),
    "huge widths": with_arguments(widths=[1 << 20, 1 << 20]),
    "huge perceptron": with_arguments(hidden_units=[4096, 4096]),
    "many layers": with_arguments(hidden_units=[1] * 100_000),
    "some more layers than stored": with_arguments(hidden_units=[8] * 200),
    "many levels": with_arguments(pyramid_levels=1 << 20),
    "large patches": with_arguments(patch_size=1 << 16),
    "many channels": with_arguments(channels=1 << 20),
    "another geometry": with_arguments(patch_size=2),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configurations(preset, case):
    config = json.loads((preset / CONFIG).read_text())
    CONFIGS[case](config)
    (preset / CONFIG).write_text(json.dumps(config))
    refused(preset)


TEXTS = {
    "empty": "",
    "no JSON": "import os",
    "cut off": '{"module": "umbed_keras',
    "an array": "[]",
    "a number": "7",
    "not a number": '{"config": NaN}',
    "infinite": '{"registered_name": "umbed_keras>PixelEmbedder", "config": {"seed": 1e999}}',
    "nested deeply": "[" * 200_000 + "]" * 200_000,
    "objects nested deeply": '{"config":' * 90_000 + "1" + "}" * 90_000,
    "huge": '{"config": "' + "a" * (1 << 21) + '"}',
    "many digits": '{"config": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("case", TEXTS)
@pytest.mark.parametrize("name", [CONFIG, METADATA])
def test_texts(preset, name, case):
    (preset / name).write_text(TEXTS[case])
    if (name, case) != (METADATA, "infinite"):
        refused(preset, name)


@pytest.mark.parametrize("name", [CONFIG, METADATA])
def test_bytes_that_are_no_text(preset, name):
    (preset / name).write_bytes(bytes(range(256)))
    refused(preset, name)


def test_new_weights_are_checked_against_the_file_as_well(preset):
    config = json.loads((preset / CONFIG).read_text())
    config["config"]["hidden_units"] = [1 << 20, 1 << 20]
    (preset / CONFIG).write_text(json.dumps(config))
    refused(preset, load=lambda folder: uk.PixelEmbedder.from_preset(folder, load_weights=False))


def test_a_card_that_is_none(preset):
    (preset / METADATA).write_text('{"card": [1]}')
    refused(preset, "card")


def test_nesting_that_json_can_read(preset):
    config = json.loads((preset / CONFIG).read_text())
    value = 1
    for _ in range(100):
        value = {"a": value}
    config["config"]["seed"] = value
    (preset / CONFIG).write_text(json.dumps(config))
    refused(preset, "seed")


ENTRY = {"size": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    "named",
    [
        {"../../outside": ENTRY},
        {"/etc/passwd": ENTRY},
        {".hidden": ENTRY},
        {CONFIG: ENTRY},
        {CONFIG: {"size": 1}},
        {CONFIG: {**ENTRY, "sha256": "zz"}},
        {CONFIG: {**ENTRY, "size": "many"}},
        {CONFIG: {**ENTRY, "run": "this"}},
        {CONFIG: None},
        {"figure.png": ENTRY},
        [CONFIG],
        "all",
    ],
    ids=str,
)
def test_files_named_in_metadata(preset, named):
    (preset / METADATA).write_text(json.dumps({"files": named}))
    refused(preset, r"metadata\.json|damaged")


@pytest.fixture(scope="module")
def hashed(sound, tmp_path_factory):
    """The sound preset with its hashes."""
    folder = tmp_path_factory.mktemp("hashed") / "preset"
    uk.PixelEmbedder.from_preset(sound).save_to_preset(folder)
    return folder


@pytest.mark.parametrize("seed", range(20))
def test_one_flipped_bit_is_found(hashed, tmp_path, seed):
    folder = shutil.copytree(hashed, tmp_path / "preset")
    random = np.random.default_rng(seed)
    path = folder / (CONFIG, WEIGHTS)[seed % 2]
    content = bytearray(path.read_bytes())
    content[random.integers(len(content))] ^= 1 << random.integers(8)
    path.write_bytes(content)
    refused(folder)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.99])
def test_weights_cut_off(preset, share):
    content = (preset / WEIGHTS).read_bytes()
    (preset / WEIGHTS).write_bytes(content[: int(share * len(content))])
    refused(preset, "weights")


@pytest.mark.parametrize("content", [b"\x80\x04cos\nsystem\n(S'true'\ntR.", b"PK\x03\x04" * 100])
def test_weights_of_another_kind(preset, content):
    (preset / WEIGHTS).write_bytes(content)
    refused(preset, "weights")


def arrays(file):
    found = []
    file.visititems(
        lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return found


def replace(make):
    """Does something in place of the first array of a file."""

    def change(file, folder):
        name = arrays(file)[0]
        shape = file[name].shape
        del file[name]
        make(file, name, shape, folder)

    return change


def outside(file, name, shape, folder):
    with h5py.File(folder.parent / "outside.h5", "w") as other:
        other["secret"] = np.ones(shape, "float32")
    file[name] = h5py.ExternalLink(str(folder.parent / "outside.h5"), "secret")


def elsewhere(file, name, shape, folder):
    (folder.parent / "secret.bin").write_bytes(bytes(4096))
    place = [(str(folder.parent / "secret.bin"), 0, 4096)]
    file.create_dataset(name, shape, "float32", external=place)


def virtual(file, name, shape, folder):
    layout = h5py.VirtualLayout(shape, "float32")
    layout[...] = h5py.VirtualSource(str(folder.parent / "outside.h5"), "secret", shape)
    file.create_virtual_dataset(name, layout)


def deflated(make, **layout):
    """A dataset of the right shape whose bytes in the file are others."""

    def change(file, name, shape, folder):
        layout_of = {"chunks": shape, "shuffle": True, "compression": "gzip", **layout}
        item = file.create_dataset(name, shape, "float32", **layout_of)
        mask, chunk = make(item.nbytes)
        item.id.write_direct_chunk((0,) * len(shape), chunk, mask)

    return replace(change)


def noise(size):
    return np.random.default_rng(0).bytes(size)


HDF5 = {
    "deflated to more": deflated(lambda size: (0, zlib.compress(bytes(1 << 25)))),
    "deflated to a little more": deflated(lambda size: (0, zlib.compress(noise(size) + b"more"))),
    "deflated to less": deflated(lambda size: (0, zlib.compress(noise(size - 4)))),
    "deflated and cut": deflated(lambda size: (0, zlib.compress(noise(size))[: size // 2])),
    "deflated by name alone": deflated(lambda size: (0, noise(size))),
    "not deflated in truth": deflated(lambda size: (3, noise(size))),
    "deflated otherwise": deflated(
        lambda size: (0, zlib.compress(bytes(size))), shuffle=False, compression="lzf"
    ),
    "array missing": replace(lambda file, name, shape, folder: None),
    "another shape": replace(
        lambda file, name, shape, folder: file.create_dataset(name, data=np.ones((7, 5, 3)))
    ),
    "link to another file": replace(outside),
    "soft link": replace(lambda file, name, shape, folder: file.update({name: h5py.SoftLink("/")})),
    "group that holds itself": lambda file, folder: file.update({"again": file["/"]}),
    "array twice": lambda file, folder: file.update({"again": file[arrays(file)[0]]}),
    "data in another file": replace(elsewhere),
    "virtual array": replace(virtual),
    "compressed": replace(
        lambda file, name, shape, folder: file.create_dataset(
            name, data=np.zeros((1000, 1000), "float32"), compression="gzip"
        )
    ),
    "a terabyte of nothing": replace(
        lambda file, name, shape, folder: file.create_dataset(
            name, (1 << 20, 1 << 18), "float32", chunks=(1024, 1024)
        )
    ),
    "texts": replace(
        lambda file, name, shape, folder: file.create_dataset(name, data=["import os"] * 4)
    ),
    "another model's": lambda file, folder: [file.__delitem__(name) for name in list(file)],
}


@pytest.mark.parametrize("case", HDF5)
def test_weights_that_are_not_plain_arrays_of_this_model(preset, case):
    with h5py.File(preset / WEIGHTS, "r+") as file:
        HDF5[case](file, preset)
    refused(preset, "weights")


NOT_FINITE = {
    "NaN in halves": ("float16", np.float16("nan")),
    "infinity in halves": ("float16", np.float16("inf")),
    # As NumPy knows bfloat16: two bytes.
    "NaN in bfloat16": ("bfloat16", np.uint16(0xFFC0).view("V2")),
    "infinity in bfloat16": ("bfloat16", np.uint16(0x7F80).view("V2")),
    "NaN": ("float32", np.float32("nan")),
    "minus infinity": ("float32", np.float32("-inf")),
    "larger than any float32": ("float32", np.float64(1e300)),
}


@pytest.mark.parametrize("case", NOT_FINITE)
def test_weights_that_are_not_finite(sound, tmp_path, case):
    dtype, value = NOT_FINITE[case]
    preset = tmp_path / "preset"
    uk.PixelEmbedder.from_preset(sound).save_to_preset(preset, weights_dtype=dtype)
    uk.PixelEmbedder.from_preset(preset)
    with h5py.File(preset / WEIGHTS, "r+") as file:
        kind = "V2" if dtype == "bfloat16" else dtype
        name = next(name for name in arrays(file) if file[name].dtype == kind)
        values = file[name][()].astype(value.dtype)
        values[(-1,) * values.ndim] = value
        del file[name]
        file[name] = values
    (preset / METADATA).unlink()
    refused(preset, rf"The preset '.*preset'.*NaN or infinite.*'{name}'")


@pytest.mark.parametrize(
    ("class_name", "arguments"),
    [
        ("VQVAE", {"downsamplings": 1 << 19}),
        ("VQVAE", {"residual_blocks": 1 << 19}),
        ("VQVAE", {"filters": 1 << 19}),
        ("VQVAE", {"residual_blocks": 1e7}),
        ("VQVAE", {"num_embeddings": 500, "latent_dim": 500, "patch_size": 256}),
        ("RVQVAE", {"num_quantizers": 1 << 19}),
        ("DLVAE", {"num_atoms": 1 << 19, "latent_dim": 1 << 19}),
    ],
    ids=str,
)
def test_huge_autoencoders(tmp_path, class_name, arguments):
    make = getattr(uk, class_name)
    make(8, latent_dim=4, filters=8, residual_units=4).save_to_preset(tmp_path / "preset")
    (tmp_path / "preset" / METADATA).unlink()
    config = json.loads((tmp_path / "preset" / CONFIG).read_text())
    config["config"] |= arguments
    (tmp_path / "preset" / CONFIG).write_text(json.dumps(config))
    refused(tmp_path / "preset", load=make.from_preset)


@keras.saving.register_keras_serializable(package="umbed_keras")
class OddlyNamed(uk.layers.Bottleneck):
    """A bottleneck that allocates when it is made, and whose sizes have names of their own."""

    preset_sizes = ("latent_dim", "prototypes")
    largest = 0

    def __init__(self, latent_dim, prototypes=4, copies=2, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.prototypes, self.copies = prototypes, copies
        OddlyNamed.largest = max(self.largest, prototypes, copies)
        self.tables = [np.zeros((prototypes, latent_dim)) for _ in range(copies)]

    def build(self, input_shape=None):
        shape = (self.prototypes, self.latent_dim)
        self.entries = self.add_weight(shape=shape, name="entries")

    def get_config(self):
        config = {"prototypes": self.prototypes, "copies": self.copies}
        return {**super().get_config(), **config}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        # A factor of a size is compared with the weights file,
        ("prototypes", "too few for config.json"),
        # and a number that the class does not declare is small.
        ("copies", "`copies` in config.json must be at most 256"),
    ],
)
@pytest.mark.parametrize("value", [1 << 20, 1 << 40, 1e6])
def test_sizes_of_any_name_are_checked_before_anything_is_made(
    tmp_path, monkeypatch, name, says, value
):
    # As if it were a class of the package.
    monkeypatch.setattr(OddlyNamed, "__module__", "umbed_keras.bottlenecks.oddly_named")
    monkeypatch.setattr(OddlyNamed, "largest", 0)
    folder = tmp_path / "preset"
    bottleneck = OddlyNamed(4)
    model = uk.PixelEmbedder(4, 4, 1, bottleneck, widths=(4,), hidden_units=(4,))
    model.save_to_preset(folder)
    (folder / METADATA).unlink()
    assert uk.PixelEmbedder.from_preset(folder).bottleneck.prototypes == 4
    config = json.loads((folder / CONFIG).read_text())
    config["config"]["bottleneck"]["config"][name] = value
    (folder / CONFIG).write_text(json.dumps(config))
    if value == 1 << 40 or (name, value) == ("prototypes", 1e6):
        says = "must be"
    refused(folder, says)
    assert OddlyNamed.largest == 4


def test_what_a_class_does_not_declare_is_not_saved_either(tmp_path, monkeypatch):
    monkeypatch.setattr(OddlyNamed, "__module__", "umbed_keras.bottlenecks.oddly_named")
    bottleneck = OddlyNamed(4, copies=257)
    model = uk.PixelEmbedder(4, 4, 1, bottleneck, widths=(4,), hidden_units=(4,))
    with pytest.raises(ValueError, match=r"`copies`.*at most 256.*model\.keras"):
        model.save_to_preset(tmp_path / "preset")
    assert not (tmp_path / "preset").exists()
