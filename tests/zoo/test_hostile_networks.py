"""Presets whose network of another library means harm: one clear error each, nothing allocated."""

import contextlib
import json
import resource
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
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
    metadata = json.loads((folder / "metadata.json").read_text())
    del metadata["files"]
    (folder / "metadata.json").write_text(json.dumps(metadata))
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


def called_on(*values, at=3):
    return layer(at, inbound_nodes=[{"args": list(values), "kwargs": {}}])


TENSOR = {
    "class_name": "__keras_tensor__",
    "config": {"shape": [1], "dtype": "float32", "keras_history": ["convolution", 0, 0]},
}


def array(name="__numpy__", **entries):
    return {"class_name": name, "config": {"value": [0.0], "dtype": "float32", **entries}}


# What `check_network` refuses, and what it says.
NETWORKS = {
    "Lambda": (
        layer(2, class_name="Lambda", config={"name": "x", "function": LAMBDA}),
        "layer 'x' .* class keras.layers.Lambda, which presets",
    ),
    "a lambda as activation": (of(2, activation=LAMBDA), "`activation` .* class None.__lambda__"),
    "a function as activation": (
        of(2, activation=serialized("builtins", "function", "eval")),
        "`activation` .* must be a serialised object",
    ),
    "a registered name as activation": (
        of(2, activation="mine>activation"),
        "plain text as `activation`: 'mine>activation'",
    ),
    "a class of a user": (
        layer(2, module="mine", class_name="Conv2D", registered_name="mine>Conv2D"),
        "class mine.Conv2D",
    ),
    "a registered class": (
        layer(2, registered_name="mine>Conv2D"),
        "class keras.layers.Conv2D, which presets do not hold",
    ),
    "a class of this package": (
        whole(**serialized("umbed_keras", "VQVAE", registered_name="umbed_keras>VQVAE")),
        "The network is of the class umbed_keras.VQVAE",
    ),
    "a module": (
        whole(**serialized("os", "system", {"command": "true"})),
        "The network is of the class os.system",
    ),
    "a layer of a module": (
        layer(2, module="subprocess", class_name="Popen"),
        "class subprocess.Popen",
    ),
    "a module inside Keras": (
        layer(2, module="keras.utils", class_name="get_file"),
        "class keras.utils.get_file",
    ),
    "a function of Keras": (
        layer(2, module="keras.saving", class_name="load_model"),
        "class keras.saving.load_model",
    ),
    "a module beside Keras": (
        layer(2, module="keras.layers.evil", class_name="Conv2D"),
        "class keras.layers.evil.Conv2D",
    ),
    "a layer that downloads": (
        layer(2, module="keras.layers", class_name="TFSMLayer"),
        "class keras.layers.TFSMLayer",
    ),
    "a layer with a function": (
        layer(2, module="keras.layers", class_name="TorchModuleWrapper"),
        "class keras.layers.TorchModuleWrapper",
    ),
    "a path in an initializer": (
        of(2, kernel_initializer=serialized("os.path", "Zeros")),
        "`kernel_initializer` .* class os.path.Zeros",
    ),
    "an initializer by name": (
        of(2, kernel_initializer="mine"),
        "an object as `kernel_initializer`. Received: 'mine'",
    ),
    "a costly initializer": (
        of(2, kernel_initializer=serialized("keras.initializers", "Orthogonal")),
        "`kernel_initializer` .* class keras.initializers.Orthogonal",
    ),
    "a layer as an initializer": (
        of(2, kernel_initializer=serialized("keras.layers", "Dense")),
        "`kernel_initializer` .* class keras.layers.Dense",
    ),
    "a lambda as a regularizer": (
        of(2, kernel_regularizer=LAMBDA),
        "`kernel_regularizer` .* class None.__lambda__",
    ),
    "what to build with": (
        layer(2, build_config={"input_shape": [1 << 20, 1 << 20]}),
        "'convolution' .* must have the keys .* and no more",
    ),
    "what to compile with": (
        whole(compile_config={"optimizer": "adam"}),
        "The network must have the keys .* and no more",
    ),
    "another type": (of(2, dtype="complex64"), "`dtype` must be one of"),
    "a type that is quantized": (
        of(2, dtype=serialized("keras", "QuantizedDTypePolicy")),
        "`dtype` must be one of",
    ),
    "huge filters": (of(2, filters=1 << 30), "`filters` of at most 65,536"),
    "fraction of filters": (of(2, filters=1e9), "`filters` of at most 65,536"),
    "infinite": (of(2, filters=float("inf")), "`filters` of at most 65,536. Received: inf"),
    "huge image": (
        of(0, batch_shape=[None, 1 << 20, 1 << 20, 3]),
        "`batch_shape` of at most 4,096",
    ),
    "large image": (
        of(0, batch_shape=[None, 1 << 13, 1 << 13, 3]),
        "`batch_shape` of at most 4,096",
    ),
    "long list": (of(1, mean=[0.5] * 5000), "`mean`, in lists of at most 4,096"),
    "nested list": (of(1, mean=[[[[[[[[0.5]]]]]]]]), "nested less deeply: `mean`"),
    "long text": (of(2, activation="a" * 10_000), "short, plain text as `activation`"),
    "mean that is enlarged": (of(1, mean=[0.5]), "one number for each of several channels: `mean`"),
    "no layers": (whole(config={}), "must list its `layers`. Received: NoneType"),
    "layers no list": (
        whole(config={"layers": {"a": 1}}),
        "must list its `layers`. Received: dict",
    ),
    "many layers": (
        lambda network: network["config"]["layers"].extend([network["config"]["layers"][2]] * 5000),
        "more than 4,096 layers",
    ),
    "many calls": (
        layer(2, inbound_nodes=[{"args": [], "kwargs": {}}] * 5000),
        "more than 4,096 layers",
    ),
    "a call on an object": (
        layer(2, inbound_nodes=[{"args": [LAMBDA], "kwargs": {}}]),
        "called on an object of the class __lambda__",
    ),
    "calls no list": (layer(2, inbound_nodes="all"), "a list of `inbound_nodes`"),
    "models 5 deep": (nested(5), "more than 4 deep"),
    "models 60 deep": (nested(60), "more than 4 deep"),
    "a call on constants": (called_on(array("__tensor__")), "called on a tensor of the network"),
    "a call on nothing": (called_on(), "called on a tensor of the network"),
    "a tensor inside a slice": (
        called_on({"class_name": "__slice__", "config": {"start": TENSOR}}),
        "plain values as `start`",
    ),
    "a tensor inside a constant": (
        called_on({"class_name": "__tensor__", "config": TENSOR}),
        "arrays that have `value` and `dtype`",
    ),
    "a function beside a tensor": (
        called_on(TENSOR, {"class_name": "function", "config": "eval"}),
        "called on an object of the class function",
    ),
    "a text as a type": (
        called_on(TENSOR, array(dtype="U60000000")),
        "arrays whose `dtype` is one of .*'U60000000'",
    ),
    "bytes as a type": (
        called_on(TENSOR, array("__tensor__", dtype="V1000000")),
        "arrays whose `dtype` is one of .*'V1000000'",
    ),
    "objects as a type": (
        called_on(TENSOR, array(dtype="object")),
        "arrays whose `dtype` is one of .*'object'",
    ),
    "a list as a type": (
        called_on(TENSOR, array(dtype=[["a", "U60000000"]])),
        "arrays whose `dtype` is one of",
    ),
    "an array without a type": (
        called_on(TENSOR, {"class_name": "__numpy__", "config": {"value": [0]}}),
        "arrays that have `value` and `dtype`",
    ),
    "an array of more": (
        called_on(TENSOR, array(copy=True)),
        "arrays that have `value` and `dtype`",
    ),
    "a list as a class": (
        called_on({"class_name": ["Lambda"], "config": {}}),
        r"called on an object of the class \['Lambda'\]",
    ),
    "a call of the old format": (
        layer(3, inbound_nodes=[[["convolution", 0, 0, {}]]]),
        "called on `args` and `kwargs`",
    ),
    "a layer by number": (
        lambda network: network["config"]["layers"].__setitem__(2, 7),
        "must be a serialised object",
    ),
    "no network": (lambda network: network.clear(), "The network must be a serialised object"),
}
# What only making the network shows.
LATER = {
    "many filters": (
        of(2, filters=1 << 16, kernel_size=[1 << 12, 1 << 12]),
        "holds 1,113 numbers; the model .* has 3,298,535,211,993",
    ),
    "more filters than stored": (
        of(2, filters=400),
        "holds 1,113 numbers; the model .* has 13,785",
    ),
    "channels doubled": (doubled, "computes 2,147,483,648 numbers at once in 'twice_18'"),
    "sides enlarged": (enlarged, "`model` must give maps of whole strides"),
    "shapes that must be computed": (mismatched, "LayerScale"),
    "a graph of nothing": (
        lambda network: network["config"].update(output_layers=["none", 0, 0]),
        "could not find layer none",
    ),
    "a loop": (called_on(TENSOR, at=2), "Invalid Functional model configuration"),
}


def with_network(sound, folder, change):
    shutil.copytree(sound, folder)
    config = json.loads((folder / "config.json").read_text())
    change(config["config"]["backbone"]["config"]["model"])
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@contextlib.contextmanager
def little_memory():
    """Lets the process take 256 MiB more at most, where the operating system can say so."""
    if sys.platform != "linux":
        yield
        return
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + (256 << 20), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def refused(folder, says):
    with little_memory(), pytest.raises(ValueError, match=says):
        uk.PixelEmbedder.from_preset(folder)


def changed(sound, change):
    network = json.loads((sound / "config.json").read_text())
    network = network["config"]["backbone"]["config"]["model"]
    change(network)
    return network


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits memory")
def test_little_memory_is_little():
    # Far more than the limit, as what earlier tests took may be given back meanwhile.
    with little_memory(), pytest.raises(MemoryError):
        np.empty(4 << 30, "uint8")


def test_the_sound_network_loads(sound, tmp_path):
    folder = with_network(sound, tmp_path / "preset", lambda network: None)
    with little_memory():
        assert uk.PixelEmbedder.from_preset(folder).backbone.strides == (2,)


@pytest.mark.parametrize("case", NETWORKS)
def test_networks(sound, case):
    change, says = NETWORKS[case]
    network = changed(sound, change)
    with little_memory(), pytest.raises(ValueError, match=says):
        check_network(network)


def test_presets_are_checked_before_anything_is_made(sound, tmp_path):
    change, says = NETWORKS["a module"]
    refused(with_network(sound, tmp_path / "preset", change), rf"^{says}")


@pytest.mark.parametrize("case", LATER)
def test_networks_that_can_not_be_made(sound, tmp_path, case):
    change, says = LATER[case]
    check_network(changed(sound, change))
    refused(with_network(sound, tmp_path / "preset", change), f"can't be made: .*{says}")


def test_arrays_of_numbers_may_stand_in_calls(sound):
    check_network(changed(sound, called_on(TENSOR, array(), array("__tensor__", dtype="int32"))))


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


def test_tensors_of_a_shared_layer_are_seen():
    inputs = keras.Input((4096, 4096, 3))
    pool = layers.MaxPooling2D(8)
    up = layers.UpSampling2D(32)
    network = keras.Model(inputs, pool(up(up(pool(pool(inputs))))))
    check_network(portable(keras.saving.serialize_keras_object(network)))
    with pytest.raises(ValueError, match="numbers at once"):
        check_tensors(network)
