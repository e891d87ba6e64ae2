"""Compression of images to bytes."""

import contextlib
import tracemalloc
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.codec.stream import CHECKSUM, FINGERPRINT

PIXELS = {"patch_size": 2, "pyramid_levels": 1, "widths": (4,), "hidden_units": (4,)}
SMALL = {"filters": 4, "residual_units": 2, "residual_blocks": 1}
SIZE = (13, 18)
PORTRAIT = Path(__file__).parents[3] / "examples" / "astronaut.jpg"


def scalar(context=False, **options):
    options["context"] = uk.layers.ScalarContext(3, 4, 4) if context else None
    return uk.ImageAutoencoder(uk.layers.ScalarQuantizer(3, **options), **SMALL)


MODELS = {
    "pixels, vector": lambda: uk.PixelEmbedder(
        3, bottleneck=uk.layers.VectorQuantizer(40, 3), **PIXELS
    ),
    "pixels, gaussian": lambda: uk.PixelEmbedder(3, **PIXELS),
    "vqvae": lambda: uk.VQVAE(40, latent_dim=3, **SMALL),
    "rvqvae": lambda: uk.RVQVAE(5, latent_dim=3, num_quantizers=2, **SMALL),
    "dlvae": lambda: uk.DLVAE(8, latent_dim=3, sparsity=2, coefficient_bits=4, **SMALL),
    "some atoms": lambda: uk.DLVAE(
        8, latent_dim=3, sparsity=3, coefficient_bits=4, min_gain=1.0, **SMALL
    ),
    "one atom": lambda: uk.DLVAE(8, latent_dim=3, sparsity=1, coefficient_bits=4, **SMALL),
    "levels": lambda: uk.ImageAutoencoder(uk.layers.FiniteScalarQuantizer(3, (5, 4, 2)), **SMALL),
    "density": lambda: scalar(),
    "context": lambda: scalar(context=True),
}
# Tested on every backend. More symbols would only take longer to compile.
EVERYWHERE = ("one atom",)


def images(count=2, size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), "uint8")


def make(name):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    model.adapt(images())
    return model


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    if keras.backend.backend() != "torch" and request.param not in EVERYWHERE:
        pytest.skip("runs on torch")
    model = make(request.param)
    model.adapt_codec(images(), verbose=0)
    return model


def test_streams_hold_what_encode_gives(model, rounding):
    streams = model.compress(images())
    rebuilt = model.decompress(streams)
    assert [type(part) for part in streams] == [bytes, bytes]
    assert rebuilt.shape == (2, *SIZE, 3)
    assert rebuilt.dtype == np.float32
    codes = model.encode(images())
    if "mean" in codes:
        entropy_model = model.bottleneck.entropy_model()
        entropy_model = entropy_model.with_settings(entropy_model.settings([codes]))
        codes = entropy_model.from_symbols(entropy_model.to_symbols(codes))
        expected = model.decode(codes)
    elif isinstance(model, uk.PixelEmbedder):
        expected = model.decode(codes)
    else:
        expected = model.decode(codes, size=SIZE)
    # A compiler may take steps of coefficients by their inverse.
    np.testing.assert_allclose(rebuilt, expected, atol=rounding(model.decoder))


def test_a_preset_keeps_the_codec(model, tmp_path):
    model.save_to_preset(tmp_path / "preset")
    again = type(model).from_preset(tmp_path / "preset")
    assert again.compress(images()) == model.compress(images())


@pytest.fixture(scope="module")
def small():
    model = make("vqvae")
    model.adapt_codec(images(), verbose=0)
    return model


@pytest.mark.torch_alone
class TestVQVAE:
    def test_images_that_were_learned_cost_less_than_the_entropy(self):
        """The images are smooth, so that codes predict their neighbours."""
        model = make("vqvae")
        slopes = np.linspace(0, 255, 64)[None, :, None, None]
        waves = 127 + 127 * np.sin(np.arange(64) / 9)[None, None, :, None]
        shares = np.linspace(0, 1, 24)[:, None, None, None]
        smooth = np.repeat(shares * slopes + (1 - shares) * waves, 3, axis=3).astype("uint8")
        model.adapt(smooth)
        model.adapt_codec(smooth, verbose=0)
        codes = model.encode(smooth)
        bits = model.bottleneck.bits(codes).entropy_coded * codes["indices"].size
        assert 8 * sum(map(len, model.compress(smooth))) < 0.7 * bits

    def test_images_of_one_pixel_and_none(self, small):
        one = images(1, (1, 1))
        assert small.decompress(small.compress(one)).shape == (1, 1, 1, 3)
        assert small.compress(images(0)) == []
        with pytest.raises(ValueError, match="one or more"):
            small.decompress([])

    def test_images_that_are_all_alike(self):
        model, black = make("vqvae"), np.zeros((2, *SIZE, 3), "uint8")
        model.adapt_codec(black, verbose=0)
        streams = model.compress(black)
        np.testing.assert_array_equal(
            model.decompress(streams), model.decode(model.encode(black), size=SIZE)
        )

    def test_a_bare_stream_is_no_list(self, small):
        with pytest.raises(ValueError, match="list"):
            small.decompress(small.compress(images(1))[0])

    def test_sizes_that_differ(self, small):
        streams = small.compress(images(1)) + small.compress(images(1, (9, 9)))
        with pytest.raises(ValueError, match="one size"):
            small.decompress(streams)

    def test_another_model_and_other_weights(self, small):
        stream = small.compress(images(1))
        other = make("vqvae")
        other.codec_arrays = small.codec_arrays
        np.testing.assert_array_equal(other.decompress(stream), small.decompress(stream))
        other.encoder.head.bias.assign(other.encoder.head.bias + 1)
        with pytest.raises(ValueError, match="other weights"):
            other.decompress(stream)

    def test_without_a_codec(self):
        with pytest.raises(ValueError, match="adapt_codec"):
            make("vqvae").compress(images())

    def test_nothing_to_learn_from(self):
        with pytest.raises(ValueError, match="at least one image"):
            make("vqvae").adapt_codec(images(0))

    def test_a_codec_of_another_model(self, small):
        with pytest.raises(ValueError, match="of the codec must be"):
            uk.VQVAE(20, latent_dim=3, **SMALL).codec_arrays = small.codec_arrays

    def test_whole_coefficients_can_not_be_coded(self):
        model = uk.DLVAE(8, latent_dim=3, sparsity=2, coefficient_bits=None, **SMALL)
        with pytest.raises(ValueError, match="coefficient_bits"):
            model.adapt_codec(images())


class Floats(uk.layers.Bottleneck):
    """A bottleneck with all that models ask of one, and no entropy model."""

    def pass_through(self, latents, training, mask=None):
        return latents, {"values": latents}, keras.ops.convert_to_tensor(0.0)

    def decode(self, codes):
        return keras.ops.convert_to_tensor(codes["values"])

    def code_spec(self):
        return {"values": ((self.latent_dim,), "float32")}

    def fixed_length_bits(self, codes):
        return keras.ops.convert_to_tensor(32.0 * self.latent_dim)


class Halves(Floats):
    """Integers from -4 to 3, in halves, that begin at 0."""

    num_indices = 8

    def pass_through(self, latents, training, mask=None):
        indices = keras.ops.cast(keras.ops.clip(keras.ops.round(2 * latents) + 4, 0, 7), "int32")
        return self.decode({"values": indices}), {"values": indices}, keras.ops.sum(0.0 * latents)

    def decode(self, codes):
        return (keras.ops.cast(codes["values"], "float32") - 4) / 2

    def code_spec(self):
        return {"values": ((self.latent_dim,), "int32")}


@pytest.mark.torch_alone
class TestNewBottleneck:
    def test_without_an_entropy_model_the_error_names_it(self):
        model = uk.ImageAutoencoder(Floats(3), **SMALL)
        for method in (model.adapt_codec, model.compress):
            with pytest.raises(NotImplementedError, match=r"Floats .*`entropy_model\(\)`"):
                method(images())

    def test_integers_of_known_range_need_none(self):
        model = uk.ImageAutoencoder(Halves(3), **SMALL)
        model.adapt_codec(images(), verbose=0)
        rebuilt = model.decompress(model.compress(images()))
        np.testing.assert_array_equal(rebuilt, model.decode(model.encode(images()), size=SIZE))


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    "name",
    [
        "celeba_dl_k16_s4",
        "celeba_dlvae_k512_s3",
        "celeba_rvqvae_k512_s3",
        "celeba_vae_d16",
        "celeba_vq_k16",
        "celeba_vqvae_k512",
    ],
)
def test_built_in_presets_have_probabilities_of_codes(name):
    """Streams of a photograph are shorter than its codes in fields of constant width."""
    model = uk.zoo.load_preset(name)
    with Image.open(PORTRAIT) as opened:
        image = np.asarray(opened.convert("RGB"))[None, 32:96, 32:96]
    codes = model.encode(image)
    stream = model.compress(image)[0]
    latents = np.prod(next(iter(codes.values())).shape[:3])
    assert 8 * len(stream) < 0.8 * model.bottleneck.bits(codes).fixed_length * latents
    if "mean" not in codes:
        expected = model.reconstruct(image)
        np.testing.assert_allclose(model.decompress([stream]), expected, atol=1e-4)


def signed(head, payload):
    """Returns a stream with a valid checksum."""
    return head + zlib.crc32(payload, zlib.crc32(head)).to_bytes(CHECKSUM, "little") + payload


@pytest.mark.torch_alone
class TestHostileStreams:
    def test_a_thousand_altered_streams(self, small):
        """A damaged stream is an error; one with a valid checksum is an error or an image."""
        stream = small.compress(images(1))[0]
        head, payload = stream[: FINGERPRINT + 2], stream[FINGERPRINT + 2 + CHECKSUM :]
        random = np.random.default_rng(0)
        for number in range(1000):
            altered = bytearray(stream if number % 2 else payload)
            for _ in range(random.integers(1, 5)):
                position = random.integers(len(altered))
                change = random.integers(4)
                if change == 0:
                    altered[position] ^= 1 << random.integers(8)
                elif change == 1:
                    altered[position] = random.integers(256)
                elif change == 2:
                    altered = altered[: position + 1]
                else:
                    altered[position:position] = random.bytes(random.integers(1, 9))
            altered = bytes(altered)
            if number % 2:
                if altered != stream:
                    with pytest.raises(ValueError, match="stream"):
                        small.decompress([altered])
                continue
            # Any other error isn't caught.
            with contextlib.suppress(ValueError):
                decoded = small.decompress([signed(head, altered)])
                assert decoded.shape == (1, *SIZE, 3)
                assert np.isfinite(decoded).all()

    @pytest.mark.parametrize(
        ("size", "message"),
        [(b"\xff\xff\xff\x7f" * 2, "max_pixels"), (b"\xff\x3f" * 2, "can't hold")],
        ids=["more than allowed", "more than there are bytes for"],
    )
    def test_large_sizes_allocate_nothing(self, small, size, message):
        stream = small.compress(images(1))[0]
        forged = signed(stream[:FINGERPRINT] + size, stream[FINGERPRINT + 2 + CHECKSUM :])
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=message):
                small.decompress([forged])
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()

    def test_max_pixels(self, small):
        streams = small.compress(images(1))
        assert small.decompress(streams, max_pixels=SIZE[0] * SIZE[1]).shape == (1, *SIZE, 3)
        with pytest.raises(ValueError, match="max_pixels"):
            small.decompress(streams, max_pixels=SIZE[0] * SIZE[1] - 1)
