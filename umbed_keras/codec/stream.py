"""What stands in a stream beside the codes: whose it is, the image's size, a checksum."""

import zlib

# Of this layout; models' fingerprints begin with it.
FORMAT = b"umbed_keras codes 2"
# Bytes of the model's fingerprint and of the checksum.
FINGERPRINT, CHECKSUM = 4, 4
# No side of an image is larger; a number takes 7 bits a byte.
MAX_SIDE = 1 << 28


def pack(fingerprint, size, payload):
    """A stream.

    In it: fingerprint of the model, 4 bytes; height and width, each less 1, as little-endian
    base-128 numbers of 1 to 4 bytes (LEB128); CRC-32 of all the rest, 4 bytes, little-endian;
    payload. The shape of the codes follows from model and size.

    Args:
        fingerprint: bytes, 4 of them.
        size: `(height, width)`, ints from 1 to `MAX_SIDE`.
        payload: bytes.

    Returns:
        bytes.
    """
    head = fingerprint + b"".join(map(_number, size))
    return head + _checksum(head, payload) + payload


def unpack(stream, fingerprint):
    """Size and payload of a stream.

    Args:
        stream: bytes.
        fingerprint: bytes, of the model that is to decode it.

    Returns:
        `((height, width), payload)`.

    Raises:
        TypeError: not bytes.
        ValueError: a stream that is of another model, cut or altered.
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
    place, size = FINGERPRINT, []
    for _ in range(2):
        side, place = _read_number(stream, place)
        size.append(side)
    head, payload = stream[:place], stream[place + CHECKSUM :]
    if stream[place : place + CHECKSUM] != _checksum(head, payload):
        raise ValueError("The stream is damaged: its checksum (CRC-32) is wrong.")
    return tuple(size), payload


def _checksum(head, payload):
    return zlib.crc32(payload, zlib.crc32(head)).to_bytes(CHECKSUM, "little")


def _number(side):
    if not 1 <= side <= MAX_SIDE:
        raise ValueError(f"A side must be from 1 to {MAX_SIDE} pixels. Received: {side}")
    value, digits = side - 1, []
    while value >= 128:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def _read_number(stream, place):
    value = 0
    for shift in (0, 7, 14, 21):
        digit = stream[place : place + 1]
        if not digit:
            break
        place += 1
        value |= (digit[0] & 127) << shift
        if digit[0] < 128:
            return value + 1, place
    raise ValueError("The stream is damaged: its size can't be read.")
