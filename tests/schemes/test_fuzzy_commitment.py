import hashlib

import galois
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fowh.errors import InputError
from fowh.scheme import Templates
from schemes.fuzzy_commitment import LENGTHS, FuzzyCommitment, design_distances

SMALL = FuzzyCommitment(length=127, message=29)  # t = 21; its decoder compiles like any other


def flipped(bits: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bits (n, l) with weights[i] random positions of row i inverted."""
    order = np.argsort(rng.random(bits.shape), axis=1).argsort(axis=1)
    return bits ^ (order < weights[:, None]).astype(np.uint8)


def committed(scheme: FuzzyCommitment, bits: np.ndarray, rng: np.random.Generator) -> Templates:
    """Templates that hold exactly these bits: an enrolment whose helper data are shifted."""
    count = len(bits)
    enrolled = rng.standard_normal((count, 8), dtype=np.float32)
    keys = np.zeros(count, dtype=np.uint64)
    templates = scheme.enroll(enrolled, keys, rng)
    shift = np.packbits(scheme.bits(enrolled, keys) ^ bits, axis=1)
    return Templates(
        templates.code, {**templates.aux, "helper": templates.aux["helper"] ^ shift}, keys
    )


@pytest.mark.parametrize(
    ("length", "message", "t"),
    [  # Lin and Costello, Error Control Coding, appendix C
        (127, 64, 10),
        (127, 29, 21),
        (127, 15, 27),
        (255, 115, 21),
        (255, 131, 18),
        (255, 29, 47),
        (511, 28, 111),
        (511, 19, 119),
        (511, 76, 85),
        (1023, 11, 255),
    ],
)
def test_codes_are_those_of_the_published_tables(length, message, t):
    assert FuzzyCommitment(length=length, message=message).correctable == t


def test_codes_are_those_of_the_library():
    for message in (64, 29, 15, 8):
        code = galois.BCH(127, message)
        assert (code.k, code.t) == (message, FuzzyCommitment(127, message).correctable)


@given(
    seed=st.integers(0, 2**32),
    near=st.lists(st.integers(-2, 2), min_size=4, max_size=8),
    far=st.lists(st.integers(0, 127), min_size=4, max_size=8),
)
@settings(deadline=None, max_examples=60)
def test_decoding_accepts_exactly_up_to_t_errors(seed, near, far):
    """The premise of ``scores_known``, on words at, around and far from the decoding radius."""
    rng = np.random.default_rng(seed)
    weights = np.array([SMALL.correctable + offset for offset in near] + far)
    probes = rng.standard_normal((len(weights), 8), dtype=np.float32)
    keys = np.zeros(len(weights), dtype=np.uint64)
    templates = committed(SMALL, flipped(SMALL.bits(probes, keys), weights, rng), rng)
    accepted = SMALL.score(templates, probes)
    assert np.array_equal(accepted, (weights <= SMALL.correctable).astype(np.float32))


@pytest.mark.parametrize("own_keys", [False, True])
def test_the_evaluators_shortcut_equals_decoding(own_keys):
    rng = np.random.default_rng(7)
    enrolled = rng.standard_normal((12, 32), dtype=np.float32)
    noise = rng.uniform(0.1, 1.2, (12, 1)).astype(np.float32)
    probes = enrolled + noise * rng.standard_normal((12, 32), dtype=np.float32)
    scheme = SMALL.fit(rng.standard_normal((50, 32), dtype=np.float32))
    token = rng.integers(0, 3, 12).astype(np.uint64)
    templates = scheme.enroll(enrolled, token, rng)
    keys = rng.integers(0, 3, 12).astype(np.uint64) if own_keys else None
    slow = scheme.scores(templates, probes, keys)
    assert 0 < slow.sum() < 12 * 12 / 2, "the case is not one-sided"
    assert np.array_equal(scheme.scores_known(templates, enrolled, probes, keys), slow)
    assert np.array_equal(scheme.score(templates, probes, keys), np.diag(slow))


@pytest.mark.slow
def test_the_default_code_corrects_111_errors_and_not_112():
    rng = np.random.default_rng(3)
    scheme = FuzzyCommitment()
    weights = np.repeat([0, 110, 111, 112, 200, 255, 400, 511], 4)
    probes = rng.standard_normal((len(weights), 8), dtype=np.float32)
    keys = np.zeros(len(weights), dtype=np.uint64)
    templates = committed(scheme, flipped(scheme.bits(probes, keys), weights, rng), rng)
    assert np.array_equal(scheme.score(templates, probes), (weights <= 111).astype(np.float32))


def test_the_commitment_is_codeword_xor_bits_and_a_salted_digest():
    rng = np.random.default_rng(5)
    enrolled = rng.standard_normal((20, 16), dtype=np.float32)
    keys = np.arange(20, dtype=np.uint64)
    templates = SMALL.enroll(enrolled, keys, rng)
    helper = np.unpackbits(templates.aux["helper"], axis=1, count=127)
    codeword = helper ^ SMALL.bits(enrolled, keys)
    assert not galois.BCH(127, 29).detect(codeword).any()
    for row in range(20):
        secret = templates.aux["salt"][row].tobytes() + np.packbits(codeword[row]).tobytes()
        assert templates.code[row].tobytes() == hashlib.sha256(secret).digest()
    assert len(np.unique(codeword, axis=0)) == 20


def test_helper_bits_are_uniform_and_the_syndrome_is_that_of_the_embedding():
    rng = np.random.default_rng(11)
    twins = np.repeat(rng.standard_normal((1, 16), dtype=np.float32), 400, axis=0)
    templates = SMALL.enroll(twins, np.zeros(400, dtype=np.uint64), rng)
    share = np.unpackbits(templates.aux["helper"], axis=1, count=127).mean(axis=0)
    assert (np.abs(share - 0.5) < 5 * 0.5 / np.sqrt(400)).all()
    features = SMALL.features(templates)
    assert features.shape == (400, 98)
    assert (features == features[0]).all(), "the codeword cancels"
    code = galois.BCH(127, 29)
    # the check matrix sends any word to its syndrome; the library's is another basis of the same
    # space, so equality shows in rank: joined, the two maps of the bits have the rank of one
    bits = rng.integers(0, 2, (200, 127), dtype=np.uint8)
    ours = (SMALL.features(committed(SMALL, bits, rng)) > 0).astype(np.uint8)
    basis = np.asarray(code.encode(bits[:, :29]))[:, 29:] ^ bits[:, 29:]
    assert np.array_equal(ours, basis.astype(np.uint8))


def test_bits_agree_as_often_as_the_angle_says():
    scheme = FuzzyCommitment(length=1023, message=11)
    rng = np.random.default_rng(13)
    left = rng.standard_normal((40, 24), dtype=np.float32)
    right = left + rng.standard_normal((40, 24), dtype=np.float32)
    keys = np.arange(40, dtype=np.uint64)
    agreement = (scheme.bits(left, keys) == scheme.bits(right, keys)).mean(axis=1)
    cosine = np.sum(left * right, axis=1) / (
        np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    )
    expected = 1 - np.arccos(cosine) / np.pi
    bound = 5 * np.sqrt(expected * (1 - expected) / 1023)
    assert (np.abs(agreement - expected) < bound).all()


def test_another_key_does_not_open():
    rng = np.random.default_rng(17)
    enrolled = rng.standard_normal((10, 32), dtype=np.float32)
    keys = np.arange(10, dtype=np.uint64)
    templates = SMALL.enroll(enrolled, keys, rng)
    assert SMALL.score(templates, enrolled).sum() == 10
    assert SMALL.score(templates, enrolled, keys + np.uint64(100)).sum() == 0


@pytest.mark.parametrize("length", LENGTHS)
def test_every_offered_code_is_accepted_and_its_neighbour_is_named(length):
    for message in design_distances(length):
        assert FuzzyCommitment(length=length, message=message).secret_bits == message
    with pytest.raises(InputError, match="no BCH code") as caught:
        FuzzyCommitment(length=length, message=min(design_distances(length)) + 1)
    assert str(min(design_distances(length))) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_length_is_an_input_error():
    with pytest.raises(InputError, match="127, 255, 511, 1023"):
        FuzzyCommitment(length=512)
