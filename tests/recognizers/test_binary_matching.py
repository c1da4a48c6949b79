"""Shift-tolerant matching against a plain NumPy matcher, and what any distance must fulfil."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.recognizers.matching.binary_matching import check_templates, pack_planes, shifted_hamming

Bits = NDArray[np.bool_]


def _random_bits(seed: int, count: int, planes: int) -> Bits:
    return np.random.default_rng(seed).random((count, planes, 32, 32)) < 0.5


def _cropped(bits: Bits, dy: int, dx: int) -> Bits:
    return bits[:, max(dy, 0) : 32 + min(dy, 0), max(dx, 0) : 32 + min(dx, 0)]


def _naive(a: Bits, b: Bits, planes_per_group: int, shift: int) -> np.float32:
    total = 0.0
    groups = len(a) // planes_per_group
    for g in range(groups):
        part = slice(g * planes_per_group, (g + 1) * planes_per_group)
        best = 1.0
        for dy in range(-shift, shift + 1):
            for dx in range(-shift, shift + 1):
                differ = _cropped(a[part], dy, dx) ^ _cropped(b[part], -dy, -dx)
                best = min(best, int(differ.sum()) / differ.size)
        total += best
    return np.float32(total / groups)


def _naive_matrix(a: Bits, b: Bits, planes_per_group: int, shift: int) -> NDArray[np.float32]:
    return np.array([[_naive(x, y, planes_per_group, shift) for y in b] for x in a], np.float32)


@pytest.mark.parametrize(
    ("planes", "planes_per_group", "shift"), [(12, 1, 4), (12, 6, 2), (3, 3, 2), (2, 1, 0), (1, 1, 9)]
)
def test_distances_equal_the_naive_matcher(planes: int, planes_per_group: int, shift: int) -> None:
    a, b = _random_bits(1, 2, planes), _random_bits(2, 3, planes)
    actual = shifted_hamming(pack_planes(a), pack_planes(b), planes_per_group=planes_per_group, shift=shift)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, _naive_matrix(a, b, planes_per_group, shift))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31), dy=st.integers(-4, 4), dx=st.integers(-4, 4), joint=st.booleans(), n=st.integers(1, 3)
)
def test_a_shifted_code_is_found_in_either_direction(seed: int, dy: int, dx: int, joint: bool, n: int) -> None:
    canvas = np.random.default_rng(seed).random((n, 2, 40, 40)) < 0.5
    fixed, moved = canvas[..., 4:36, 4:36], canvas[..., 4 + dy : 36 + dy, 4 + dx : 36 + dx]
    codes = pack_planes(np.ascontiguousarray(fixed)), pack_planes(np.ascontiguousarray(moved))
    group = 2 if joint else 1
    forth = shifted_hamming(*codes, planes_per_group=group, shift=4)
    back = shifted_hamming(*codes[::-1], planes_per_group=group, shift=4)
    assert (np.diag(forth) == 0).all()
    np.testing.assert_array_equal(forth, back.T)
    assert ((forth >= 0) & (forth <= 1)).all()


def test_planes_of_a_group_share_one_shift() -> None:
    canvas = np.random.default_rng(3).random((2, 40, 40)) < 0.5
    fixed = np.ascontiguousarray(canvas[:, 4:36, 4:36])[None]
    moved = np.stack([canvas[0, 6:38, 4:36], canvas[1, 4:36, 2:34]])[None]
    a, b = pack_planes(fixed), pack_planes(moved)
    assert shifted_hamming(a, b, planes_per_group=1, shift=2)[0, 0] == 0
    assert shifted_hamming(a, b, planes_per_group=2, shift=2)[0, 0] > 0.1


def test_complementary_codes_are_at_distance_one_without_shifts() -> None:
    bits = _random_bits(4, 1, 1)
    assert shifted_hamming(pack_planes(bits), pack_planes(~bits), planes_per_group=1, shift=0)[0, 0] == 1


@pytest.mark.parametrize("sizes", [(1, 300), (300, 1), (70, 130), (129, 17)])
def test_a_distance_does_not_depend_on_its_neighbours_or_on_threads(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.integers(0, 2**32, (n, 2, 32), dtype=np.uint32) for n in sizes)
    whole = shifted_hamming(a, b, planes_per_group=1, shift=3)
    assert whole.shape == sizes
    for i, j in zip(rng.integers(0, sizes[0], 6), rng.integers(0, sizes[1], 6), strict=True):
        alone = shifted_hamming(a[i : i + 1], b[j : j + 1], planes_per_group=1, shift=3)
        assert alone[0, 0] == whole[i, j]
    np.testing.assert_array_equal(shifted_hamming(a, b, planes_per_group=1, shift=3, threads=3), whole)


@pytest.mark.parametrize("size", [1, 127, 128, 129, 300])
def test_all_pairs_of_one_array_are_the_pairs_of_two(size: int) -> None:
    codes = np.random.default_rng(7).integers(0, 2**32, (size, 2, 32), dtype=np.uint32)
    one = shifted_hamming(codes, codes, planes_per_group=1, shift=2, threads=2)
    np.testing.assert_array_equal(one, shifted_hamming(codes, codes.copy(), planes_per_group=1, shift=2))


def test_read_only_and_strided_templates_are_welcome() -> None:
    codes = pack_planes(_random_bits(6, 4, 2))
    expected = shifted_hamming(codes[::2].copy(), codes, planes_per_group=1, shift=1)
    codes.setflags(write=False)
    np.testing.assert_array_equal(shifted_hamming(codes[::2], codes, planes_per_group=1, shift=1), expected)


def test_no_templates_give_an_empty_matrix() -> None:
    empty, three = np.zeros((0, 2, 32), np.uint32), np.zeros((3, 2, 32), np.uint32)
    assert shifted_hamming(empty, three, planes_per_group=1, shift=1).shape == (0, 3)
    assert shifted_hamming(three, empty, planes_per_group=1, shift=1).shape == (3, 0)


def test_column_c_is_bit_c_of_its_row() -> None:
    bits = np.zeros((32, 32), np.bool_)
    bits[5, 0] = bits[5, 9] = bits[31, 31] = True
    packed = pack_planes(bits)
    assert packed.dtype == np.uint32
    assert packed[5] == 1 + 2**9
    assert packed[31] == 2**31
    assert packed.sum(dtype=np.int64) == 1 + 2**9 + 2**31


def test_unfit_arrays_are_refused_with_what_was_expected() -> None:
    with pytest.raises(ValueError, match=r"\(\.\.\., 32, 32\), got \(31, 32\)"):
        pack_planes(np.zeros((31, 32), np.bool_))
    with pytest.raises(ValueError, match=r"\(n, 12, 32\) and dtype uint32, got \(2, 3, 32\) and uint32"):
        check_templates(np.zeros((2, 3, 32), np.uint32), 12, "mtcc")
    with pytest.raises(ValueError, match=r"got .* and float32"):
        check_templates(np.zeros((2, 12, 32), np.float32), 12, "mtcc")
    codes = np.zeros((1, 4, 32), np.uint32)
    with pytest.raises(ValueError, match="multiple of 3"):
        shifted_hamming(codes, codes, planes_per_group=3, shift=1)
    with pytest.raises(ValueError, match="0 <= shift < 32"):
        shifted_hamming(codes, codes, planes_per_group=1, shift=32)
