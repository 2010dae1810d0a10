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


def test_guesses_find_the_salted_secret_of_each_row():
    rng = np.random.default_rng(3)
    flips = np.eye(10, 7 * 8, dtype=np.uint8)
    sums = np.packbits(flips, axis=1)
    numbers = np.array([0, 5, 1023, 700])
    gray = (numbers ^ (numbers >> 1))[:, None] >> np.arange(10) & 1
    secrets = np.packbits((gray @ flips % 2).astype(np.uint8), axis=1)
    salt = hashing.salts(4, rng)
    code = hashing.digests(salt, secrets)
    assert hashing.guess(salt, sums, code, 0, 1024).tolist() == numbers.tolist()
    assert hashing.guess(salt, sums, code, 5, 695).tolist() == [-1, 5, -1, -1]
    assert hashing.guess(salt[::-1], sums, code, 0, 1024).tolist() == [-1] * 4
