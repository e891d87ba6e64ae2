"""Networks of KerasHub as backbones by name, small ones with random weights."""

import re

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.apps.command import main

hub = pytest.importorskip("keras_hub")
numpy = ops.convert_to_numpy
BLOCKS = {"num_layers": 2, "num_heads": 2}
SMALL = {"image_shape": (64, 64, 3), "patch_size": 16, "hidden_dim": 8, "weights": None, **BLOCKS}
MIT = {
    "layerwise_depths": [1, 1, 1, 1],
    "num_layers": 4,
    "layerwise_num_heads": [1, 1, 1, 1],
    "layerwise_sr_ratios": [8, 4, 2, 1],
    "max_drop_path_rate": 0.1,
    "layerwise_patch_sizes": [7, 3, 3, 3],
    "layerwise_strides": [4, 2, 2, 2],
    "hidden_dims": [2, 4, 6, 8],
    "image_shape": (64, 64, 3),
}


def named(name, **options):
    return uk.backbones.from_name(f"keras_hub:{name}", **options)


NETWORKS = {
    "ViT": lambda: named("ViTBackbone", mlp_dim=16, **SMALL),
    "DeiT": lambda: named("DeiTBackbone", intermediate_dim=16, **SMALL),
    "DINOv2": lambda: named(
        "DINOV2Backbone",
        intermediate_dim=16,
        num_register_tokens=4,
        position_embedding_shape=(56, 56, 3),
        **{**SMALL, "patch_size": 14, "image_shape": (56, 56, 3)},
    ),
    "DINOv3": lambda: named("DINOV3Backbone", intermediate_dim=16, **SMALL),
    "SigLIP": lambda: named("SigLIPVisionEncoder", intermediate_dim=16, **SMALL),
    "SAM": lambda: named(
        "ViTDetBackbone",
        weights=None,
        hidden_size=8,
        intermediate_dim=16,
        global_attention_layer_indices=[1],
        image_shape=(64, 64, 3),
        patch_size=16,
        num_output_channels=8,
        window_size=2,
        **BLOCKS,
    ),
    "Swin": lambda: named(
        "SwinTransformerBackbone",
        weights=None,
        image_shape=(64, 64, 3),
        embed_dim=4,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=2,
    ),
    "MiT": lambda: named("MiTBackbone", weights=None, **MIT),
    "SegFormer": lambda: named(
        "SegFormerBackbone",
        weights=None,
        image_encoder=hub.models.MiTBackbone(**MIT),
        projection_filters=8,
    ),
}
STRIDES = {"DINOv2": (14,), "Swin": (4, 8, 16), "MiT": (4, 8, 16), "SegFormer": (4,)}
# Layers whose outputs are the maps, where it is not the network's own output.
LAYERS = {"SigLIP": ["post_layer_norm"], "Swin": ["pos_drop", "stage_0", "stage_1"]}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    keras.utils.set_random_seed(0)
    backbone = NETWORKS[request.param]()
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=2,
        widths=(4, 4),
        hidden_units=(4,),
        backbone=backbone,
        feature_components=4,
    )
    images = noise(2, 64, 64, 3, seed=5)
    # Before, the vectors do not depend on the features.
    model.adapt(images)
    model.compile("adam")
    model.fit(images, epochs=1, pixels_per_image=8, verbose=0)
    return request.param, backbone, model


def own_maps(name, backbone, images):
    """Returns the maps that the network itself gives for images of its own size."""
    network = backbone.model
    outputs = network.output
    if name in LAYERS:
        outputs = [network.get_layer(layer).output for layer in LAYERS[name]]
    elif name == "MiT":
        outputs = [network.pyramid_outputs[f"P{level}"] for level in (1, 2, 3)]
    network = keras.Model(network.input, outputs)
    inputs = network.input
    images = dict.fromkeys(inputs, images) if isinstance(inputs, dict) else images
    # Some networks of KerasHub are in training mode by default.
    maps = keras.tree.flatten(network(images, training=False))
    for part, stride in zip(maps, backbone.strides, strict=True):
        part = numpy(part)
        side = backbone.window // stride
        # Tokens of class and registers come first.
        tokens = part.reshape(len(part), -1, part.shape[-1])[:, -(side**2) :]
        yield tokens.reshape(len(part), side, side, -1)


def test_maps_are_the_networks_own(case):
    name, backbone, _ = case
    assert type(backbone) is uk.backbones.VisionTransformerBackbone
    assert backbone.strides == STRIDES.get(name, (16,))
    images = noise(2, backbone.window, backbone.window, 3)
    for part, expected in zip(backbone(images), own_maps(name, backbone, images), strict=True):
        np.testing.assert_allclose(numpy(part), expected, rtol=0, atol=1e-5 * np.ptp(expected))


def test_vectors_of_any_size_and_of_tiles(case):
    _, _, model = case
    assert model.embed(noise(1, 64, 64, 3)).shape == (1, 64, 64, 4)
    # A side that is a multiple of nothing, and more than a window.
    image = noise(1, 75, 100, 3)
    whole = model.embed(image, tile_size=1024)
    assert whole.shape == (1, 75, 100, 4)
    assert whole.std() > 0
    tiles = model.embed(image, tile_size=model.stride)
    np.testing.assert_allclose(tiles, whole, rtol=0, atol=1e-5 * np.ptp(whole))


def test_saved_models_are_the_same(case, tmp_path):
    _, _, model = case
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    image = noise(1, 64, 51, 3)
    expected = model.embed(image)
    np.testing.assert_allclose(loaded.embed(image), expected, rtol=0, atol=1e-6 * np.ptp(expected))


@pytest.fixture(scope="module")
def dinov2(tmp_path_factory):
    """The folder of a preset with an image converter, and its network."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("presets") / "mine"
    network = NETWORKS["DINOv2"]().model
    network.save_to_preset(str(folder))
    converter = hub.layers.DINOV2ImageConverter(
        image_size=(56, 56),
        scale=[1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)],
        offset=[-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
    )
    converter.save_to_preset(str(folder))
    return folder, network, converter


def test_a_preset_has_weights_and_preprocessing(dinov2):
    folder, network, converter = dinov2
    backbone = named(folder)
    mean, deviation = backbone.preprocessing
    np.testing.assert_allclose(mean, (0.485, 0.456, 0.406), rtol=1e-5)
    np.testing.assert_allclose(deviation, (0.229, 0.224, 0.225), rtol=1e-5)
    images = noise(1, 56, 56, 3)
    tokens = numpy(network({"images": converter(255 * images)}))
    expected = tokens[:, -16:].reshape(1, 4, 4, -1)
    np.testing.assert_allclose(
        numpy(backbone(images)[0]), expected, rtol=0, atol=1e-5 * np.ptp(expected)
    )
    random = numpy(named(folder, weights=None)(images)[0])
    assert np.abs(random - expected).max() > 0.1 * np.ptp(expected)


def test_positions_are_interpolated_for_another_size(dinov2):
    folder, _, _ = dinov2
    backbone = named(folder, image_shape=(84, 84, 3))
    assert (backbone.window, backbone.strides) == (84, (14,))
    larger = hub.models.DINOV2Backbone.from_preset(str(folder), image_shape=(84, 84, 3))
    images = noise(1, 84, 84, 3)
    tokens = numpy(larger({"images": ops.convert_to_tensor(images)}))
    backbone.preprocessing = "unit"
    expected = tokens[:, -36:].reshape(1, 6, 6, -1)
    np.testing.assert_allclose(
        numpy(backbone(images)[0]), expected, rtol=0, atol=1e-5 * np.ptp(expected)
    )


@pytest.mark.torch_alone
def test_positions_that_are_not_interpolated_refuse_another_size(tmp_path):
    NETWORKS["ViT"]().model.save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="give `preprocessing`"):
        named(tmp_path)
    with pytest.raises(ValueError, match=r"`image_shape` must be \(64, 64, 3\) or None"):
        named(tmp_path, image_shape=(96, 96, 3), preprocessing="unit")


@pytest.mark.torch_alone
def test_of_images_and_text_it_is_the_part_of_the_image(tmp_path):
    keras.utils.set_random_seed(0)
    encoder = NETWORKS["SigLIP"]().model
    text = hub.models.SigLIPTextEncoder(10, 8, 8, 1, 1, 16, max_sequence_length=4, projection_dim=8)
    hub.models.SigLIPBackbone(encoder, text).save_to_preset(str(tmp_path))
    backbone = named(tmp_path, preprocessing=(0.5, 0.5))
    assert type(backbone.model) is hub.models.SigLIPVisionEncoder
    images = noise(1, 64, 64, 3)
    expected = numpy(
        uk.backbones.VisionTransformerBackbone(encoder, (0.5, 0.5), ["post_layer_norm"])(images)[0]
    )
    actual = numpy(backbone(images)[0])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.ptp(expected))


@pytest.mark.torch_alone
def test_the_command_trains_with_a_backbone_by_name(dinov2, tmp_path):
    (tmp_path / "scans").mkdir()
    for index in range(2):
        np.save(tmp_path / "scans" / f"{index}.npy", noise(64, 64, 3, seed=index))
    options = "--size 56 --epochs 1 --crops 1 --latent-dim 2 --levels 1 --hidden-units 4 --pixels 4"
    command = ["train", str(tmp_path / "scans"), *options.split(), "--output", str(tmp_path)]
    assert main([*command, "--backbone", f"keras_hub:{dinov2[0]}"]) == 0
    model = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    assert type(model.backbone.model) is hub.models.DINOV2Backbone
    assert model.embed(noise(1, 60, 70, 3)).shape == (1, 60, 70, 2)


@pytest.mark.torch_alone
def test_convolutional_networks_take_any_size():
    options = {"stackwise_num_repeats": [1] * 5, "stackwise_num_filters": [4] * 5}
    backbone = named("VGGBackbone", weights=None, **options)
    assert type(backbone) is uk.backbones.ModelBackbone
    assert backbone.strides == (4, 8, 16)
    backbone = named("DenseNetBackbone", weights=None, stackwise_num_repeats=[1] * 4)
    assert (backbone.layers, backbone.strides) == (["P2", "P3", "P4"], (4, 8, 16))


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dinov2_smal", {}, "first: dinov2_small, dinov2_base"),
        ("siglip", {}, "first: siglip_base_patch16_224"),
        ("ViTBackbone", {}, "has no weights.*'vit_base_patch16_224_imagenet'.*`weights=None`"),
        ("GPT2Backbone", {}, "There is no preset or class of keras_hub for images"),
    ],
)
def test_what_does_not_exist_is_answered_by_what_does(name, options, message):
    with pytest.raises(ValueError, match=message):
        named(name, **options)


@pytest.mark.torch_alone
def test_a_class_with_weights_of_a_file_needs_their_preprocessing(tmp_path):
    weights = tmp_path / "mine.weights.h5"
    NETWORKS["ViT"]().model.save_weights(weights)
    options = {"mlp_dim": 16, **SMALL, "weights": str(weights)}
    with pytest.raises(ValueError, match=re.escape("give `preprocessing`")):
        named("ViTBackbone", **options)
    assert named("ViTBackbone", preprocessing="tf", **options).preprocessing == "tf"


def test_a_preset_builds_the_network_again(case, tmp_path):
    _, backbone, model = case
    model.save_to_preset(tmp_path / "preset")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    assert loaded.backbone.layers == backbone.layers
    images = noise(1, 40, 70, 3)
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))
