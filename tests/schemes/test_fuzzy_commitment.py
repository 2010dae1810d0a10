import hashlib

import galois
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.capability import Pitfalls, unprotects
from fowh.core.errors import InputError
from fowh.core.release import Floats, Keys
from schemes.fuzzy_commitment import FuzzyCommitment

SMALL = FuzzyCommitment(length=127, message=29, repeat=3)  # t = 21; compiles like any other


def normal(rng: np.random.Generator, count: int, d: int = 32) -> Floats:
    return rng.standard_normal((count, d), dtype=np.float32)


def one_key(count: int) -> Keys:
    return np.full(count, 5, dtype=np.uint64)


@pytest.mark.parametrize("repeat", [1, 3, 5])
@pytest.mark.parametrize("own_keys", [False, True])
def test_the_evaluators_shortcut_equals_decoding(repeat, own_keys):
    rng = np.random.default_rng(7)
    enrolled = normal(rng, 12)
    noise = rng.uniform(0.1, 1.2, (12, 1)).astype(np.float32)
    probes = enrolled + noise * normal(rng, 12)
    scheme = FuzzyCommitment(length=127, message=29, repeat=repeat).fit(normal(rng, 50))
    token = rng.integers(0, 3, 12).astype(np.uint64)
    templates = scheme.enroll(enrolled, token, rng)
    keys = rng.integers(0, 3, 12).astype(np.uint64) if own_keys else None
    slow = scheme.scores(templates, probes, keys)
    assert 0 < slow.sum() < 12 * 12 / 2, "the case is not one-sided"
    assert np.array_equal(scheme.scores_known(templates, enrolled, probes, keys), slow)
    assert np.array_equal(scheme.score(templates, probes, keys), np.diag(slow))


@given(seed=st.integers(0, 2**32), noise=st.floats(0.3, 1.0))
def test_shortcut_and_decoding_agree_around_the_threshold(seed, noise):
    rng = np.random.default_rng(seed)
    enrolled = normal(rng, 16)
    probes = enrolled + np.float32(noise) * normal(rng, 16)
    templates = SMALL.enroll(enrolled, one_key(16), rng)
    known = SMALL.scores_known(templates, enrolled, probes)
    assert np.array_equal(np.diag(known), SMALL.score(templates, probes))


def test_the_commitment_is_codeword_xor_bits_and_a_salted_digest():
    rng = np.random.default_rng(5)
    enrolled, keys = normal(rng, 20), np.arange(20, dtype=np.uint64)
    templates = SMALL.enroll(enrolled, keys, rng)
    helper = np.unpackbits(templates.aux["helper"], axis=1, count=3 * 127).reshape(20, 3, 127)
    copies = helper ^ SMALL.bits(enrolled, keys)
    assert (copies == copies[:, :1]).all(), "the inner code repeats"
    codeword = copies[:, 0]
    assert not galois.BCH(127, 29).detect(codeword).any()
    assert len(np.unique(codeword, axis=0)) == 20
    for row in range(20):
        secret = templates.aux["salt"][row].tobytes() + np.packbits(codeword[row]).tobytes()
        assert templates.code[row].tobytes() == hashlib.sha256(secret).digest()


def test_single_helper_bits_are_uniform_and_the_syndrome_is_that_of_the_embedding():
    rng = np.random.default_rng(11)
    twins = np.repeat(normal(rng, 1), 400, axis=0)
    templates = SMALL.enroll(twins, one_key(400), rng)
    share = np.unpackbits(templates.aux["helper"], axis=1, count=3 * 127).mean(axis=0)
    assert (np.abs(share - 0.5) < 5 * 0.5 / np.sqrt(400)).all()
    features = SMALL.features(templates)
    assert features.shape == (400, 3 * 127)
    assert (features == features[0]).all(), "the codeword cancels"
    others = SMALL.features(SMALL.enroll(normal(rng, 2), one_key(2), rng))
    assert (others[0] != others[1]).any()


def test_bits_agree_as_often_as_the_angle_says():
    scheme = FuzzyCommitment(length=511, message=76, repeat=3)
    rng = np.random.default_rng(13)
    left = normal(rng, 40, 24)
    right = left + normal(rng, 40, 24)
    keys = np.arange(40, dtype=np.uint64)
    agreement = (scheme.bits(left, keys) == scheme.bits(right, keys)).mean(axis=(1, 2))
    cosine = np.sum(left * right, axis=1) / (
        np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    )
    expected = 1 - np.arccos(cosine) / np.pi
    bound = 5 * np.sqrt(expected * (1 - expected) / (3 * 511))
    assert (np.abs(agreement - expected) < bound).all()


def test_repetition_gives_the_embedding_away():
    """Far above the dimension the spectral read-out finds every codeword, hence every bit."""
    rng = np.random.default_rng(19)
    scheme = SMALL.fit(3 + normal(rng, 400, 8))
    enrolled = 3 + normal(rng, 40, 8)
    templates = scheme.enroll(enrolled, np.arange(40, dtype=np.uint64) // 4, rng)
    guess = scheme.unprotect(templates)
    assert scheme.score(templates, guess).mean() >= 0.95
    centre = scheme.public["mean"]
    left, right = enrolled - centre, guess - centre
    cosine = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    # m = 381 signs: cos = 1 / sqrt(1 + (d / m) (pi / 2 - 1)) = 0.994; the sign is never lost
    assert np.median(cosine) > 0.98
    assert cosine.min() > 0.9


def test_without_repetition_the_read_out_is_blind():
    rng = np.random.default_rng(23)
    scheme = FuzzyCommitment(length=127, message=29, repeat=1).fit(normal(rng, 400, 8))
    enrolled = normal(rng, 100, 8)
    guess = scheme.unprotect(scheme.enroll(enrolled, np.arange(100, dtype=np.uint64), rng))
    cosine = (enrolled * guess).sum(1)
    cosine /= np.linalg.norm(enrolled, axis=1) * np.linalg.norm(guess, axis=1)
    assert abs(cosine.mean()) < 5 / np.sqrt(8 * 100)


def test_the_default_repeats_nothing_and_repetition_says_that_it_is_flawed():
    assert FuzzyCommitment().pitfalls == () and not unprotects(FuzzyCommitment())
    (told,) = FuzzyCommitment(message=76, repeat=5).pitfalls
    assert "repeat=5" in told and "\n" not in told
    assert unprotects(SMALL) and isinstance(SMALL, Pitfalls)


def test_a_mirrored_embedding_has_the_same_syndrome_and_another_digest():
    """The word of ones is a codeword: what is stored in the clear is the same for x and -x."""
    rng = np.random.default_rng(29)
    scheme = FuzzyCommitment(length=127, message=29).fit(3 + normal(rng, 50))
    enrolled = 3 + normal(rng, 20)
    mirrored = 2 * scheme.public["mean"] - enrolled
    both = [scheme.enroll(x, one_key(20), np.random.default_rng(0)) for x in (enrolled, mirrored)]
    assert np.array_equal(*map(scheme.features, both))
    flipped = both[0].aux["helper"] ^ both[1].aux["helper"]
    assert np.unpackbits(flipped, axis=1, count=127).all()
    assert scheme.score(both[0], enrolled).all()
    assert not scheme.score(both[0], mirrored).any()


@pytest.mark.parametrize("centred", [True, False])
def test_centring_decides_where_bits_are_taken(centred):
    """Off centre people have nearly the same bits; about the mean each is 1 for half of them."""
    rng = np.random.default_rng(31)
    scheme = FuzzyCommitment(length=127, message=29, centred=centred).fit(9 + normal(rng, 400))
    share = scheme.bits(9 + normal(rng, 400), one_key(400)).mean(axis=0)
    if centred:
        assert (np.abs(share - 0.5) < 5 * 0.5 / np.sqrt(200)).all()
    else:
        assert np.mean(np.minimum(share, 1 - share)) < 0.1


@pytest.mark.parametrize("repeat", [1, 3])
@pytest.mark.parametrize("centred", [True, False])
def test_every_secret_is_found_and_gives_every_bit(repeat, centred):
    rng = np.random.default_rng(37)
    scheme = FuzzyCommitment(31, 11, repeat, centred=centred).fit(1 + normal(rng, 60))
    enrolled, keys = 1 + normal(rng, 12), np.arange(12, dtype=np.uint64) // 4
    templates = scheme.enroll(enrolled, keys, rng)
    numbers = scheme.guess(templates, 0, 2**11)
    assert (numbers >= 0).all() and len(set(numbers.tolist())) > 6
    codeword = scheme.bch.numbered(numbers)
    helper = np.unpackbits(templates.aux["helper"], axis=1, count=31 * repeat)
    bits = helper.reshape(12, repeat, 31) ^ codeword[:, None]
    assert np.array_equal(bits, scheme.bits(enrolled, keys))
    slack = scheme.opened(templates, numbers)(torch.from_numpy(enrolled))
    assert slack.shape == (12, 31 * repeat) and (slack >= 0).all()
    assert (scheme.opened(templates, numbers ^ 1)(torch.from_numpy(enrolled)) < 0).any()


def test_another_key_does_not_open():
    rng = np.random.default_rng(17)
    enrolled, keys = normal(rng, 10), np.arange(10, dtype=np.uint64)
    templates = SMALL.enroll(enrolled, keys, rng)
    assert SMALL.score(templates, enrolled).sum() == 10
    assert SMALL.score(templates, enrolled, keys + np.uint64(100)).sum() == 0


@pytest.mark.parametrize("repeat", [0, 2, -1, 257])
def test_a_bad_repeat_is_an_input_error(repeat):
    with pytest.raises(InputError, match="give 1, 3, 5"):
        FuzzyCommitment(repeat=repeat)


def test_an_absent_code_is_an_input_error():
    with pytest.raises(InputError, match="19 or 28 or 31"):
        FuzzyCommitment(message=27)
