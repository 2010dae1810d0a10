import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.errors import InputError
from schemes.salted_hash import ARGON2ID, SCRYPT, SaltedHash


def population(rng: np.random.Generator, subjects: int = 30, d: int = 16) -> np.ndarray:
    return (3.0 + rng.standard_normal((subjects, d))).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240611)


@pytest.mark.parametrize("kdf", ["sha256", "scrypt", "argon2id"])
def test_code_is_the_reference_digest_of_salt_and_cells(kdf, rng):
    development, enrolled = population(rng, 200), population(rng, 2)
    scheme = SaltedHash(step=1.5, kdf=kdf).fit(development)
    templates = scheme.enroll(enrolled, np.arange(2, dtype=np.uint64), rng)
    mean, deviation = development.mean(axis=0), development.std(axis=0)
    for code, salt, embedding in zip(templates.code, templates.aux["salt"], enrolled, strict=True):
        cells = np.rint((embedding - mean) / (1.5 * deviation)).astype("<i4").tobytes()
        expected = {
            "sha256": lambda c=cells, s=salt: hashlib.sha256(s.tobytes() + c).digest(),
            "scrypt": lambda c=cells, s=salt: Scrypt(s.tobytes(), 32, **SCRYPT).derive(c),
            "argon2id": lambda c=cells, s=salt: Argon2id(
                salt=s.tobytes(), length=32, **ARGON2ID
            ).derive(c),
        }[kdf]()
        assert code.tobytes() == expected
    assert scheme.score(templates, enrolled).tolist() == [1.0, 1.0]
    assert scheme.score(templates, enrolled[::-1]).tolist() == [0.0, 0.0]


@given(seed=st.integers(0, 2**32), step=st.floats(0.5, 20.0))
def test_a_score_is_one_exactly_where_the_cells_are_equal(seed, step):
    rng = np.random.default_rng(seed)
    scheme = SaltedHash(step=step).fit(population(rng, 50, d=3))
    enrolled, probes = population(rng, 8, d=3), population(rng, 9, d=3)
    probes[:4] = enrolled[:4]
    templates = scheme.enroll(enrolled, np.zeros(8, dtype=np.uint64), rng)
    same = (scheme.quantise(enrolled)[:, None] == scheme.quantise(probes)[None]).all(axis=2)
    got = scheme.scores(templates, probes)
    assert got.dtype == np.float32
    assert np.array_equal(got, same.astype(np.float32))
    assert np.array_equal(scheme.scores_known(templates, enrolled, probes), got)
    assert np.array_equal(scheme.score(templates, probes[:8]), np.diag(got))


def test_cells_have_the_width_that_step_says(rng):
    development = population(rng, 5000, d=2) * np.float32([1.0, 100.0])
    scheme = SaltedHash(step=2.0).fit(development)
    mean, deviation = development.mean(axis=0), development.std(axis=0)
    inside = mean + np.float32([[-0.99, -0.99], [0.99, 0.99]]) * deviation
    outside = mean + np.float32([[1.01, -1.01], [3.01, -3.01]]) * deviation
    assert scheme.quantise(inside).tolist() == [[0, 0], [0, 0]]
    assert scheme.quantise(outside).tolist() == [[1, -1], [2, -2]]


def test_equal_embeddings_get_unrelated_codes_under_fresh_salts(rng):
    scheme = SaltedHash().fit(population(rng))
    twins = np.repeat(population(rng, 1), 200, axis=0)
    codes = scheme.enroll(twins, np.zeros(200, dtype=np.uint64), rng).code
    assert len(np.unique(codes, axis=0)) == 200
    ones = np.unpackbits(codes[:-1] ^ codes[1:], axis=1).mean()
    assert abs(ones - 0.5) < 5 * 0.5 / np.sqrt(199 * 256)


def test_a_constant_coordinate_and_no_fit_at_all_still_work(rng):
    development = population(rng)
    development[:, 0] = 7.0
    scheme = SaltedHash().fit(development)
    assert np.isfinite(scheme.public["deviation"]).all()
    assert (scheme.quantise(development)[:, 0] == 0).all()
    assert SaltedHash().quantise(np.float32([[4.1, -4.1]])).tolist() == [[2, -2]]


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_step_is_an_input_error(step):
    with pytest.raises(InputError, match="expected a positive number"):
        SaltedHash(step=step)


def test_a_bad_kdf_is_an_input_error():
    with pytest.raises(InputError, match="sha256, scrypt, argon2id"):
        SaltedHash(kdf="md5")  # type: ignore[arg-type]
