import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.bch import BLOCK, PRIMITIVE, Bch, design_distances
from fowh.errors import InputError

CODE = Bch(127, 29)


def flipped(words: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Words (n, l) with ``weights[i]`` random positions of row i inverted."""
    place = np.argsort(rng.random(words.shape), axis=1).argsort(axis=1)
    return words ^ (place < weights[:, None]).astype(np.uint8)


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
        (511, 250, 31),
    ],
)
def test_codes_are_those_of_the_published_tables(length, message, t):
    assert Bch(length, message).correctable == t


@pytest.fixture(scope="module")
def library():  # type: ignore[no-untyped-def]
    """The galois library's code, its decoder limited to the one thread that it is fast with."""
    import galois
    import numba

    numba.set_num_threads(1)
    return galois.BCH(127, 29)


def agrees(code: Bch, library, seed: int, count: int = 300) -> None:  # type: ignore[no-untyped-def]
    """Encoder and decoder give the library's bits, on words near codewords and on any words."""
    rng = np.random.default_rng(seed)
    message = rng.integers(0, 2, (count, code.message), dtype=np.uint8)
    codewords = code.encode(message)
    assert np.array_equal(codewords, np.asarray(library.encode(message)))
    weights = rng.integers(0, 2 * code.correctable + 10, count).clip(max=code.length)
    words = flipped(codewords, weights, rng)
    words[::5] = rng.integers(0, 2, words[::5].shape, dtype=np.uint8)
    expected = np.asarray(library.decode(words, output="codeword"))
    assert np.array_equal(code.decode(words), expected)


def test_bits_are_those_of_the_library(library):
    assert (library.k, library.t) == (29, CODE.correctable)
    agrees(CODE, library, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("length", "message"), [(127, 64), (127, 8), (255, 115), (511, 76), (511, 28), (1023, 11)]
)
def test_bits_of_other_codes_are_those_of_the_library(length, message):
    import galois
    import numba

    numba.set_num_threads(1)
    code = Bch(length, message)
    agrees(code, galois.BCH(length, d=2 * code.correctable + 1), seed=2, count=100)


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


@pytest.mark.parametrize(
    ("length", "message"), [(127, 113), (127, 8), (255, 29), (511, 76), (511, 28), (1023, 11)]
)
def test_every_code_corrects_t_errors_and_no_more(length, message):
    rng = np.random.default_rng(3)
    code = Bch(length, message)
    t = code.correctable
    weights = np.repeat([0, 1, t - 1, t, t + 1, length // 2, length], 5)
    codewords = code.encode(rng.integers(0, 2, (len(weights), message), dtype=np.uint8))
    returned = (code.decode(flipped(codewords, weights, rng)) == codewords).all(axis=1)
    assert np.array_equal(returned, weights <= t)


def test_blocks_and_no_words_at_all():
    rng = np.random.default_rng(4)
    codewords = CODE.encode(rng.integers(0, 2, (BLOCK + 3, 29), dtype=np.uint8))
    words = flipped(codewords, np.full(BLOCK + 3, CODE.correctable), rng)
    assert np.array_equal(CODE.decode(words), codewords)
    assert CODE.decode(words[:0]).shape == (0, 127)
    assert CODE.encode(np.empty((0, 29), dtype=np.uint8)).shape == (0, 127)


@pytest.mark.parametrize("length", PRIMITIVE)
def test_an_absent_code_is_an_input_error_that_names_its_neighbours(length):
    smallest = min(design_distances(length))
    with pytest.raises(InputError, match=str(smallest)) as caught:
        Bch(length, smallest + 1)
    assert "\n" not in str(caught.value)


def test_a_bad_length_is_an_input_error():
    with pytest.raises(InputError, match="127, 255, 511, 1023"):
        Bch(512, 28)
