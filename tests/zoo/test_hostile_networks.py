"""Presets whose network of another library means harm: one clear error each, nothing allocated."""

import json
import resource
import shutil

import keras
import pytest
from keras import layers

import umbed_keras as uk
from umbed_keras.zoo.network_checks import check_network, check_tensors, portable

LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wAAAAAAAAAA"}}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A preset without hashes whose network has a convolution and a normalization."""
    folder = tmp_path_factory.mktemp("network") / "preset"
    inputs = keras.Input((None, None, 3), name="images")
    maps = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 1.0, 2.0])(inputs)
    maps = layers.Conv2D(4, 3, 2, "same", name="convolution")(maps)
    maps = layers.UpSampling2D(1)(maps)
    uk.PixelEmbedder(
        latent_dim=4,
        patch_size=2,
        pyramid_levels=1,
        widths=(4,),
        hidden_units=(4,),
        feature_components=4,
        backbone=uk.layers.ModelBackbone(keras.Model(inputs, maps)),
    ).save_to_preset(folder)
    (folder / "metadata.json").unlink()
    return folder


def serialized(module, class_name, config=None, registered_name=None):
    return {
        "module": module,
        "class_name": class_name,
        "config": config or {},
        "registered_name": registered_name,
    }


def of(index, **arguments):
    """Replaces arguments of a layer."""
    return lambda network: network["config"]["layers"][index]["config"].update(arguments)


def layer(index, **entries):
    """Replaces entries of a layer, such as its class."""
    return lambda network: network["config"]["layers"][index].update(entries)


def whole(**entries):
    return lambda network: network.update(entries)


def nested(depth):
    def change(network):
        inside = json.loads(json.dumps(network))
        for _ in range(depth):
            outer = json.loads(json.dumps(network))
            outer["config"]["layers"][2] = {**inside, "name": "inside", "inbound_nodes": []}
            inside = outer
        network.update(inside)

    return change


def doubled(network):
    """Each of 60 layers has twice the channels of the one before."""
    last = network["config"]["layers"][-1]
    tensor = last["inbound_nodes"][0]["args"][0]
    name = last["config"]["name"]
    for number in range(60):
        tensor = json.loads(json.dumps(tensor))
        tensor["config"]["keras_history"] = [name, 0, 0]
        name = f"twice_{number}"
        twice = serialized("keras.layers", "Concatenate", {"name": name, "axis": -1})
        twice.update(name=name, inbound_nodes=[{"args": [[tensor, tensor]], "kwargs": {}}])
        network["config"]["layers"].append(twice)
    network["config"]["output_layers"] = [name, 0, 0]


def enlarged(network):
    """Four layers in turn enlarge each side 64 times."""
    up = network["config"]["layers"].pop()
    name = "convolution"
    for number in range(4):
        up = json.loads(json.dumps(up))
        up["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = [name, 0, 0]
        name = f"up_{number}"
        up["name"] = name
        up["config"].update(name=name, size=[64, 64])
        network["config"]["layers"].append(up)
    network["config"]["output_layers"] = [name, 0, 0]


def mismatched(network):
    """A layer that fails on 10^9 numbers, which Keras then computes to find its shape."""
    network["config"]["layers"][0]["config"]["batch_shape"] = [None, 512, 512, 3]
    up = network["config"]["layers"][-1]
    up["config"]["size"] = [64, 64]
    tensor = json.loads(json.dumps(up["inbound_nodes"][0]["args"][0]))
    tensor["config"]["keras_history"] = [up["config"]["name"], 0, 0]
    arguments = {"name": "scaled", "init_values": 1.0, "projection_dim": 7}
    scaled = serialized("keras.src.applications.convnext", "LayerScale", arguments, "LayerScale")
    scaled.update(name="scaled", inbound_nodes=[{"args": [tensor], "kwargs": {}}])
    network["config"]["layers"].append(scaled)
    network["config"]["output_layers"] = ["scaled", 0, 0]


def called_on(*values):
    return layer(3, inbound_nodes=[{"args": list(values), "kwargs": {}}])


CONSTANT = {"class_name": "__tensor__", "config": {"value": [[[[1.0]]]], "dtype": "float32"}}
TENSOR = {
    "class_name": "__keras_tensor__",
    "config": {"shape": [1], "dtype": "float32", "keras_history": ["convolution", 0, 0]},
}


def hub(name="ViTBackbone", **arguments):
    module = f"keras_hub.src.models.x.{name}"
    return whole(**serialized(module, name, arguments, f"keras_hub>{name}"))


NETWORKS = {
    "Lambda": layer(2, class_name="Lambda", config={"name": "x", "function": LAMBDA}),
    "a lambda as activation": of(2, activation=LAMBDA),
    "a function as activation": of(2, activation=serialized("builtins", "function", "eval")),
    "a registered name as activation": of(2, activation="mine>activation"),
    "a class of a user": layer(
        2, module="mine", class_name="Conv2D", registered_name="mine>Conv2D"
    ),
    "a registered class": layer(2, registered_name="mine>Conv2D"),
    "a class of this package": whole(
        **serialized("umbed_keras", "VQVAE", registered_name="umbed_keras>VQVAE")
    ),
    "a module": whole(**serialized("os", "system", {"command": "true"})),
    "a layer of a module": layer(2, module="subprocess", class_name="Popen"),
    "a module inside Keras": layer(2, module="keras.utils", class_name="get_file"),
    "a function of Keras": layer(2, module="keras.saving", class_name="load_model"),
    "a module beside Keras": layer(2, module="keras.layers.evil", class_name="Conv2D"),
    "a layer that downloads": layer(2, module="keras.layers", class_name="TFSMLayer"),
    "a layer with a function": layer(2, module="keras.layers", class_name="TorchModuleWrapper"),
    "a path in an initializer": of(2, kernel_initializer=serialized("os.path", "Zeros")),
    "an initializer by name": of(2, kernel_initializer="mine"),
    "a costly initializer": of(
        2, kernel_initializer=serialized("keras.initializers", "Orthogonal")
    ),
    "a layer as an initializer": of(2, kernel_initializer=serialized("keras.layers", "Dense")),
    "a lambda as a regularizer": of(2, kernel_regularizer=LAMBDA),
    "what to build with": layer(2, build_config={"input_shape": [1 << 20, 1 << 20]}),
    "what to compile with": whole(compile_config={"optimizer": "adam"}),
    "another type": of(2, dtype="complex64"),
    "a type that is quantized": of(2, dtype=serialized("keras", "QuantizedDTypePolicy")),
    "huge filters": of(2, filters=1 << 30),
    "many filters": of(2, filters=1 << 16, kernel_size=[1 << 12, 1 << 12]),
    "more filters than stored": of(2, filters=400),
    "fraction of filters": of(2, filters=1e9),
    "infinite": of(2, filters=float("inf")),
    "huge image": of(0, batch_shape=[None, 1 << 20, 1 << 20, 3]),
    "large image": of(0, batch_shape=[None, 1 << 13, 1 << 13, 3]),
    "long list": of(1, mean=[0.5] * 5000),
    "nested list": of(1, mean=[[[[[[[[0.5]]]]]]]]),
    "long text": of(2, activation="a" * 10_000),
    "mean that is enlarged": of(1, mean=[0.5]),
    "no layers": whole(config={}),
    "layers no list": whole(config={"layers": {"a": 1}}),
    "many layers": lambda network: network["config"]["layers"].extend(
        [network["config"]["layers"][2]] * 5000
    ),
    "many calls": layer(2, inbound_nodes=[{"args": [], "kwargs": {}}] * 5000),
    "a call on an object": layer(2, inbound_nodes=[{"args": [LAMBDA], "kwargs": {}}]),
    "calls no list": layer(2, inbound_nodes="all"),
    "models 5 deep": nested(5),
    "models 60 deep": nested(60),
    "channels doubled": doubled,
    "sides enlarged": enlarged,
    "shapes that must be computed": mismatched,
    "a call on constants": called_on(CONSTANT),
    "a call on nothing": called_on(),
    "a tensor inside a slice": called_on({"class_name": "__slice__", "config": {"start": TENSOR}}),
    "a tensor inside a constant": called_on({"class_name": "__tensor__", "config": TENSOR}),
    "a function beside a tensor": called_on(TENSOR, {"class_name": "function", "config": "eval"}),
    "a list as a class": called_on({"class_name": ["Lambda"], "config": {}}),
    "a call of the old format": layer(3, inbound_nodes=[[["convolution", 0, 0, {}]]]),
    "a layer by number": lambda network: network["config"]["layers"].__setitem__(2, 7),
    "a graph of nothing": lambda network: network["config"].update(output_layers=["none", 0, 0]),
    "a loop": layer(
        2,
        inbound_nodes=[
            {
                "args": [
                    {
                        "class_name": "__keras_tensor__",
                        "config": {"shape": [1], "keras_history": ["convolution", 0, 0]},
                    }
                ],
                "kwargs": {},
            }
        ],
    ),
    "no network": lambda network: network.clear(),
}


def with_network(sound, folder, change):
    shutil.copytree(sound, folder)
    config = json.loads((folder / "config.json").read_text())
    change(config["config"]["backbone"]["config"]["model"])
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def refused(folder, says=None):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=says):
        uk.PixelEmbedder.from_preset(folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200 << 10  # KiB


def test_the_sound_network_loads(sound, tmp_path):
    folder = with_network(sound, tmp_path / "preset", lambda network: None)
    assert uk.PixelEmbedder.from_preset(folder).backbone.strides == (2,)


@pytest.mark.parametrize("case", NETWORKS)
def test_networks(sound, tmp_path, case):
    refused(with_network(sound, tmp_path / "preset", NETWORKS[case]))


@pytest.mark.parametrize("value", ["mobilenet", 7, None, [LAMBDA], LAMBDA])
def test_no_network_at_all(sound, tmp_path, value):
    folder = shutil.copytree(sound, tmp_path / "preset")
    config = json.loads((folder / "config.json").read_text())
    config["config"]["backbone"]["config"]["model"] = value
    (folder / "config.json").write_text(json.dumps(config))
    refused(folder, "The network")


@pytest.mark.parametrize(
    ("argument", "value"),
    [("window", 1 << 20), ("layers", ["a"] * 300), ("preprocessing", [[[[0.5]]]]), ("reach", 1e30)],
)
def test_arguments_of_the_backbone(sound, tmp_path, argument, value):
    folder = shutil.copytree(sound, tmp_path / "preset")
    config = json.loads((folder / "config.json").read_text())
    config["config"]["backbone"]["config"][argument] = value
    (folder / "config.json").write_text(json.dumps(config))
    refused(folder, argument)


HUB = {
    "a network of language": hub("BertBackbone", num_layers=1),
    "no network": hub("ImageClassifier", backbone={}),
    "a task": hub("ViTImageClassifier"),
    "huge image": hub(image_shape=[1 << 14, 1 << 14, 3]),
    "many patches": hub(image_shape=[2048, 2048, 3], patch_size=[4, 4], num_heads=2),
    "patches of nothing": hub(image_shape=[64, 64, 3], patch_size=[0, 4], num_heads=2),
    "many layers": hub(num_layers=1 << 12),
    "many units": hub(hidden_dim=1 << 20),
    "large windows": hub("SwinTransformerBackbone", window_size=1 << 10),
    "Lambda as encoder": hub(
        "SegFormerBackbone",
        image_encoder=serialized("keras.layers", "Lambda", {"function": LAMBDA}),
    ),
    "an object as argument": hub(num_layers=LAMBDA),
    "a function as argument": hub(activation="mine>activation"),
}


@pytest.mark.parametrize("case", HUB)
def test_networks_of_kerashub(sound, tmp_path, case):
    pytest.importorskip("keras_hub")
    refused(with_network(sound, tmp_path / "preset", HUB[case]), r"network|encoder")


def test_kerashub_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "keras_hub", None)
    network = {}
    hub(num_layers=1)(network)
    with pytest.raises(ImportError, match="pip install"):
        check_network(network)


def test_tensors_of_a_shared_layer_are_seen():
    inputs = keras.Input((4096, 4096, 3))
    pool = layers.MaxPooling2D(8)
    up = layers.UpSampling2D(32)
    network = keras.Model(inputs, pool(up(up(pool(pool(inputs))))))
    check_network(portable(keras.saving.serialize_keras_object(network)))
    with pytest.raises(ValueError, match="numbers at once"):
        check_tensors(network)
