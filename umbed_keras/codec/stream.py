"""The format of a stream: header, checksum and payload."""

import zlib

# Name and version of the format. The fingerprint of a model begins with it.
FORMAT = b"umbed_keras codes 2"
# Numbers of bytes.
FINGERPRINT, CHECKSUM = 4, 4
# Largest side of an image. It fits in four digits of 7 bits.
MAX_SIDE = 1 << 28


def pack(fingerprint: bytes, size: tuple[int, int], payload: bytes) -> bytes:
    """Writes a stream.

    A stream consists of the fingerprint of the model and its codec (4 bytes); height and width,
    each minus 1, as little-endian base-128 numbers of 1 to 4 bytes (LEB128); the CRC-32 of all
    other bytes (4 bytes, little-endian); and the payload. The size of the map of codes follows from
    the model and the size of the image.

    Args:
        fingerprint: bytes, 4 of them.
        size: height and width of the image, ints in 1..2^28.
        payload: bytes, the codes.

    Returns:
        bytes.

    Raises:
        ValueError: if a side is not in 1..2^28.

    Examples:
        >>> data = pack(b"abcd", (13, 200), b"codes")
        >>> len(data)
        16
        >>> unpack(data, b"abcd")
        ((13, 200), b'codes')
    """
    head = fingerprint + b"".join(map(_number, size))
    return head + _checksum(head, payload) + payload


def unpack(stream: bytes, fingerprint: bytes) -> tuple[tuple[int, int], bytes]:
    """Reads a stream.

    Args:
        stream: bytes, from `pack`.
        fingerprint: bytes, that of the model that is to decode the stream.

    Returns:
        Height and width of the image, and the payload.

    Raises:
        TypeError: if `stream` is not bytes.
        ValueError: if the fingerprint of the stream is another.
        ValueError: if the stream is truncated or altered.

    Examples:
        >>> unpack(pack(b"abcd", (13, 200), b"codes"), b"abcd")
        ((13, 200), b'codes')
    """
    if not isinstance(stream, (bytes, bytearray, memoryview)):
        raise TypeError(f"A stream must be bytes. Received: {type(stream).__name__}")
    stream = bytes(stream)
    if stream[:FINGERPRINT] != fingerprint:
        raise ValueError(
            "The stream is of another model, of other weights, of another version of this format, "
            "or none at all: it begins with "
            f"{stream[:FINGERPRINT].hex() or 'nothing'}, this model's with {fingerprint.hex()}."
        )
    offset, size = FINGERPRINT, []
    for _ in range(2):
        side, offset = _read_number(stream, offset)
        size.append(side)
    head, payload = stream[:offset], stream[offset + CHECKSUM :]
    if stream[offset : offset + CHECKSUM] != _checksum(head, payload):
        raise ValueError("The stream is damaged: its checksum (CRC-32) is wrong.")
    return tuple(size), payload


def _checksum(head: bytes, payload: bytes) -> bytes:
    return zlib.crc32(payload, zlib.crc32(head)).to_bytes(CHECKSUM, "little")


def _number(side: int) -> bytes:
    """Writes a side, minus 1, as a base-128 number."""
    if not 1 <= side <= MAX_SIDE:
        raise ValueError(f"A side must be from 1 to {MAX_SIDE} pixels. Received: {side}")
    value, digits = side - 1, []
    while value >= 128:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def _read_number(stream: bytes, offset: int) -> tuple[int, int]:
    """Reads a side, and returns it with the offset of the next byte."""
    value = 0
    for shift in (0, 7, 14, 21):
        digit = stream[offset : offset + 1]
        if not digit:
            break
        offset += 1
        value |= (digit[0] & 127) << shift
        if digit[0] < 128:
            return value + 1, offset
    raise ValueError("The stream is damaged: its size can't be read.")
