import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc

from fowh.metrics.security import (
    cap_bound_bits,
    effective_dimension,
    guessing_bits,
    guessing_probability,
)


@pytest.mark.parametrize(("dimension", "degrees"), [(512, 57.8), (49, 9.6)])
def test_angles_of_128_bits(dimension, degrees):
    wider, narrower = math.radians(degrees + 0.05), math.radians(degrees - 0.05)
    assert cap_bound_bits(wider, dimension) < 128 < cap_bound_bits(narrower, dimension)


@pytest.mark.parametrize("dimension", [2, 3, 49, 512])
def test_cap_bound_agrees_with_the_incomplete_beta_function(dimension):
    for theta in (0.6, 1.0, 1.5):
        share = betainc((dimension - 1) / 2, 0.5, math.sin(theta) ** 2) / 2
        assert cap_bound_bits(theta, dimension) == pytest.approx(-math.log2(share), rel=1e-9)


def test_cap_bound_in_closed_form():
    assert cap_bound_bits(math.pi / 2, 512) == pytest.approx(1)
    assert cap_bound_bits(math.pi, 512) == 0
    assert cap_bound_bits(0.3, 2) == pytest.approx(-math.log2(0.3 / math.pi))  # an arc
    for theta in (0.2, 2.5):
        assert cap_bound_bits(theta, 3) == pytest.approx(-math.log2((1 - math.cos(theta)) / 2))


@pytest.mark.parametrize(("theta", "dimension"), [(0.05, 512), (0.2, 512), (1.2, 20_000)])
def test_tiny_caps_do_not_underflow(theta, dimension):
    # Against quadrature, with the largest factor of the integrand taken out as a logarithm.
    assert betainc((dimension - 1) / 2, 0.5, math.sin(theta) ** 2) == 0
    peak = math.sin(theta)
    part = quad(lambda phi: (math.sin(phi) / peak) ** (dimension - 2), 0, theta, epsrel=1e-11)[0]
    log_whole = (
        math.log(math.pi) / 2 + math.lgamma((dimension - 1) / 2) - math.lgamma(dimension / 2)
    )
    bits = (log_whole - math.log(part) - (dimension - 2) * math.log(peak)) / math.log(2)
    assert bits > 1000
    assert cap_bound_bits(theta, dimension) == pytest.approx(bits, rel=1e-9)


@given(st.floats(1e-3, 3.1), st.floats(1.01, 1.5), st.floats(4, 1000))
def test_a_wider_cap_has_fewer_bits(theta, factor, dimension):
    wider = min(theta * factor, math.pi)
    assert cap_bound_bits(wider, dimension) <= cap_bound_bits(theta, dimension)


def test_impossible_caps_are_refused():
    for theta, dimension in ((0, 5), (4, 5), (1, 1)):
        with pytest.raises(ValueError, match="no cap"):
            cap_bound_bits(theta, dimension)


def test_guessing_is_certain_at_one_percent_and_two_thousand_samples():
    assert guessing_probability(0.01, 2000) == pytest.approx(1, abs=1e-8)
    assert guessing_probability(0.5, 2) == pytest.approx(0.75)
    assert guessing_probability(1e-18, 10) == pytest.approx(1e-17)
    assert (guessing_probability(1, 1), guessing_probability(1, 0)) == (1, 0)
    assert guessing_probability(0, 100) == 0


def test_guessing_bits():
    assert guessing_bits(2**-10) == 10
    assert guessing_bits(2**-10, comparisons=5000) == 10
    assert guessing_bits(0.0, comparisons=3 * 2**12) == 12
    assert guessing_bits(0.0, comparisons=2) == 0
    assert math.isnan(guessing_bits(0.0))


def test_effective_dimension_is_the_participation_ratio_of_the_spectrum():
    draw = np.random.default_rng(0)
    embeddings = draw.normal(size=(300, 20)) * np.geomspace(1, 0.05, 20) + 5
    for some in (embeddings, embeddings[:12]):
        spectrum = np.linalg.eigvalsh(np.cov(some.T))
        expected = spectrum.sum() ** 2 / np.square(spectrum).sum()
        assert effective_dimension(some.astype(np.float32)) == pytest.approx(expected, rel=1e-5)


def test_effective_dimension_at_its_ends():
    line = np.outer(np.arange(10.0), np.ones(6))
    assert effective_dimension(line) == pytest.approx(1)
    assert effective_dimension(np.concatenate([np.eye(7), -np.eye(7)])) == pytest.approx(7)
    with pytest.raises(ValueError, match="do not vary"):
        effective_dimension(np.ones((5, 3)))
