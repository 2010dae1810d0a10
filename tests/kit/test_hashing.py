import hashlib

import numpy as np
from cryptography.hazmat.primitives import hashes

from fowh.kit import hashing


def test_digests_are_those_of_the_cryptography_package():
    rng = np.random.default_rng(1)
    salt = hashing.salts(5, rng)
    secrets = rng.integers(-9, 9, (5, 7), dtype=np.int32)
    for row, code in enumerate(hashing.digests(salt, secrets)):
        reference = hashes.Hash(hashes.SHA256())
        reference.update(salt[row].tobytes() + secrets[row].tobytes())
        assert code.tobytes() == reference.finalize()


def test_another_function_takes_salt_and_secret_in_that_order():
    salt = np.full((1, 16), 7, dtype=np.uint8)
    code = hashing.digests(salt, np.zeros((1, 2)), lambda s, x: hashlib.sha256(x + s).digest())
    assert code.tobytes() == hashlib.sha256(bytes(16) + bytes([7]) * 16).digest()


def test_digests_are_equal_only_where_every_bit_is():
    code = np.random.default_rng(2).integers(0, 256, (256, 32), dtype=np.uint8)
    flips = np.packbits(np.eye(256, dtype=np.uint8), axis=1)
    assert hashing.equal(code, code).tolist() == [1.0] * 256
    assert hashing.equal(code, code ^ flips).tolist() == [0.0] * 256
    assert hashing.equal(code[:1], code).tolist() == [1.0] + [0.0] * 255


def test_no_rows():
    none = np.empty((0, 16), dtype=np.uint8)
    assert hashing.digests(none, np.empty((0, 3))).shape == (0, 32)
