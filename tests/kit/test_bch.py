import galois
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.errors import InputError
from fowh.kit.bch import LENGTHS, Bch, design_distances

CODE = Bch(127, 29)


def flipped(words: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Words (n, l) with ``weights[i]`` random positions of row i inverted."""
    place = np.argsort(rng.random(words.shape), axis=1).argsort(axis=1)
    return words ^ (place < weights[:, None]).astype(np.uint8)


@pytest.mark.parametrize(
    ("length", "message", "t"),
    [  # Lin and Costello, Error Control Coding, appendix C
        (31, 6, 7),
        (63, 18, 10),
        (127, 64, 10),
        (127, 29, 21),
        (127, 15, 27),
        (255, 115, 21),
        (255, 131, 18),
        (255, 29, 47),
        (511, 28, 111),
        (511, 19, 119),
        (511, 76, 85),
        (511, 250, 31),
    ],
)
def test_codes_are_those_of_the_published_tables(length, message, t):
    assert Bch(length, message).correctable == t


def test_codes_are_those_of_the_library():
    library = galois.BCH(127, 29)
    assert (library.k, library.t) == (29, CODE.correctable)
    message = np.random.default_rng(1).integers(0, 2, (20, 29), dtype=np.uint8)
    codewords = CODE.encode(message)
    assert np.array_equal(codewords[:, :29], message)
    assert not library.detect(codewords).any()


@given(
    seed=st.integers(0, 2**32),
    near=st.lists(st.integers(-2, 2), min_size=4, max_size=8),
    far=st.lists(st.integers(0, 127), min_size=4, max_size=8),
)
def test_decoding_returns_the_codeword_exactly_up_to_t_errors(seed, near, far):
    """The premise of the fuzzy commitment's ``scores_known``: bounded distance, never beyond."""
    rng = np.random.default_rng(seed)
    weights = np.array([CODE.correctable + offset for offset in near] + far)
    codewords = CODE.encode(rng.integers(0, 2, (len(weights), 29), dtype=np.uint8))
    words = flipped(codewords, weights, rng)
    kept = words.copy()
    returned = (CODE.decode(words) == codewords).all(axis=1)
    assert np.array_equal(returned, weights <= CODE.correctable)
    assert np.array_equal(words, kept), "the caller's words are untouched"


@pytest.mark.slow
@pytest.mark.parametrize(("message", "t"), [(76, 85), (28, 111)])
def test_the_long_codes_correct_t_errors_and_no_more(message, t):
    rng = np.random.default_rng(3)
    code = Bch(511, message)
    weights = np.repeat([0, t - 1, t, t + 1, 200, 255, 400, 511], 4)
    codewords = code.encode(rng.integers(0, 2, (len(weights), message), dtype=np.uint8))
    returned = (code.decode(flipped(codewords, weights, rng)) == codewords).all(axis=1)
    assert np.array_equal(returned, weights <= t)


def test_numbered_codewords_are_all_of_them_each_a_step_from_the_next():
    code = Bch(31, 6)
    words = code.numbered(np.arange(64))
    every = code.encode((np.arange(64)[:, None] >> np.arange(6) & 1).astype(np.uint8))
    assert {word.tobytes() for word in words} == {word.tobytes() for word in every}
    changes = words[1:] ^ words[:-1]
    lowest = [(n & -n).bit_length() - 1 for n in range(1, 64)]  # what a Gray code changes
    assert np.array_equal(changes, code.steps[lowest])
    assert not words[0].any()


@pytest.mark.parametrize(("length", "message"), [(31, 6), (127, 29)])
def test_all_ones_is_a_codeword(length, message):
    ones = np.ones((1, length), dtype=np.uint8)
    assert np.array_equal(Bch(length, message).encode(ones[:, :message]), ones)


def test_a_secret_longer_than_a_number_is_counted_in_its_first_bits():
    code = Bch(127, 64)
    assert code.steps.shape == (62, 127)
    word = code.numbered(np.array([2**61]))[0]
    assert np.array_equal(word, code.steps[61] ^ code.steps[60])


@pytest.mark.parametrize("length", LENGTHS)
def test_an_absent_code_is_an_input_error_that_names_its_neighbours(length):
    smallest = min(design_distances(length))
    with pytest.raises(InputError, match=str(smallest)) as caught:
        Bch(length, smallest + 1)
    assert "\n" not in str(caught.value)


def test_a_bad_length_is_an_input_error():
    with pytest.raises(InputError, match="31, 63, 127, 255, 511, 1023"):
        Bch(512, 28)
