"""Networks of KerasHub that a preset may not hold: one clear error each, nothing made."""

import sys

import pytest

from umbed_keras.zoo.network_checks import check_network

LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wAAAAAAAAAA"}}


def hub(name="ViTBackbone", **arguments):
    return {
        "module": f"keras_hub.src.models.x.{name}",
        "class_name": name,
        "config": arguments,
        "registered_name": f"keras_hub>{name}",
    }


def swin(window_size, depths):
    return hub("SwinTransformerBackbone", window_size=window_size, depths=depths)


HUB = {
    "a network of language": (hub("BertBackbone", num_layers=1), "class keras_hub.*BertBackbone"),
    "no network": (hub("ImageClassifier", backbone={}), "class keras_hub.*ImageClassifier"),
    "a task": (hub("ViTImageClassifier"), "class keras_hub.*ViTImageClassifier"),
    "huge image": (hub(image_shape=[1 << 14, 1 << 14, 3]), "`image_shape` of at most 2,048"),
    "many patches": (
        hub(image_shape=[2048, 2048, 3], patch_size=[4, 4], num_heads=2),
        "larger patches or smaller images",
    ),
    "patches of nothing": (
        hub(image_shape=[64, 64, 3], patch_size=[0, 4], num_heads=2),
        "larger patches or smaller images",
    ),
    "many layers": (hub(num_layers=1 << 12), "`num_layers` of at most 256"),
    "many units": (hub(hidden_dim=1 << 20), "`hidden_dim` of at most 16,384"),
    "large windows": (
        hub("SwinTransformerBackbone", window_size=1 << 10),
        "`window_size` of at most 64",
    ),
    "windows of many blocks": (
        swin(64, [16]),
        r"`window_size`\*\*4 .* at most 16,777,216. Received: 268,435,456",
    ),
    "blocks that cancel out": (swin(64, [16, -16]), "integers as `window_size` and `depths`"),
    "windows of two sides": (swin([64, 64], [16]), "integers as `window_size` and `depths`"),
    "Lambda as encoder": (
        hub(
            "SegFormerBackbone",
            image_encoder={"module": "keras.layers", "class_name": "Lambda", "config": LAMBDA},
        ),
        "`image_encoder` .* class keras.layers.Lambda",
    ),
    "an object as argument": (hub(num_layers=LAMBDA), "plain values as `num_layers`"),
    "a function as argument": (hub(activation="mine>activation"), "plain text as `activation`"),
}


@pytest.mark.parametrize("case", HUB)
def test_networks_of_kerashub(case):
    pytest.importorskip("keras_hub")
    network, says = HUB[case]
    with pytest.raises(ValueError, match=says):
        check_network(network)


def test_usual_windows():
    pytest.importorskip("keras_hub")
    check_network(swin(24, [2, 2, 18, 2]))


def test_kerashub_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ImportError, match="pip install"):
        check_network(hub(num_layers=1))
