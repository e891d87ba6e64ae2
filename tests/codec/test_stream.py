import pytest

from umbed_keras.codec.stream import CHECKSUM, MAX_SIDE, pack, unpack

pytestmark = pytest.mark.torch_alone

OURS = b"\x01\x02\x03\x04"


@pytest.mark.parametrize(
    "size", [(1, 1), (128, 129), (512, 512), (2**14, 2**14 + 1), (MAX_SIDE, 1), (3, MAX_SIDE)]
)
def test_what_is_packed_comes_back(size):
    stream = pack(OURS, size, b"payload")
    assert unpack(stream, OURS) == (size, b"payload")
    assert len(stream) - len(b"payload") <= 16
    if max(size) <= 128:
        assert len(stream) - len(b"payload") == 4 + 2 + CHECKSUM


@pytest.mark.parametrize("size", [(0, 1), (1, MAX_SIDE + 1), (-3, 4)])
def test_sizes_out_of_range(size):
    with pytest.raises(ValueError, match="side"):
        pack(OURS, size, b"")


def test_every_changed_bit_and_every_cut_is_detected():
    stream = pack(OURS, (100, 200), bytes(range(40)))
    for bit in range(8 * len(stream)):
        altered = bytearray(stream)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="stream"):
            unpack(bytes(altered), OURS)
    for length in range(len(stream)):
        with pytest.raises(ValueError, match="stream"):
            unpack(stream[:length], OURS)
    with pytest.raises(ValueError, match="checksum"):
        unpack(stream + b"\0", OURS)


def test_another_model():
    with pytest.raises(ValueError, match="another model"):
        unpack(pack(OURS, (1, 1), b""), b"\x04\x03\x02\x01")


def test_no_bytes():
    with pytest.raises(TypeError, match="str"):
        unpack("stream", OURS)
