"""Float32 numbers into bfloat16 and float16 and back, by the kernels' own sources."""

import numpy as np
import pytest

from mocogan_chainer.backends.cudnn.precision import FORMS, Casting
from tests.backends.cudnn import host

EDGES = np.array(
    [
        *(0.0, -0.0, 1.0, -1.5, 65504.0, 65519.9, 65520.0, 1e6, -1e6, 3.39e38, 1e-30, 1e-45, np.inf, -np.inf, np.nan),
        *(2.0**-14, 2.0**-24, 2.0**-25, 3 * 2.0**-26, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 + 2.0**-8, 1 + 3 * 2.0**-8),
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def numbers():
    """Every exponent, many mantissas, and the edges; not a multiple of four."""
    bits = np.random.default_rng(0).integers(2**32, size=20_000, dtype=np.uint32)
    return np.concatenate([bits.view(np.float32), EDGES])


def narrow(form, x, terms=1 << 15):
    """What the multiplication gets for x as both factors; terms of 2**15 leave no room above 1."""
    seen = []

    def multiply(first, second, out):
        assert np.array_equal(first, second)
        seen.append(first.copy())
        out[...] = first

    host.compiler()
    out = np.empty_like(x)
    Casting(host.launch).compute(form, terms, x, x.copy(), out, multiply)
    return seen[0], out


def test_bfloat16_is_the_nearest_number_and_the_even_one_of_two(numbers):
    bits, back = narrow("bf16", numbers)
    below = (numbers.view(np.uint32) & 0xFFFF0000).view(np.float32)  # towards 0
    above = ((numbers.view(np.uint32) & 0xFFFF0000) + np.uint32(0x10000)).view(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        above = np.where(np.isinf(above), np.sign(below) * 2.0**128, above.astype(np.float64))  # where it would be
        to_below, to_above = abs(numbers - below.astype(np.float64)), abs(above - numbers)
        is_even = (below.view(np.uint32) >> 16 & 1) == 0
        expected = np.where((to_below < to_above) | ((to_below == to_above) & is_even), below, above).astype(np.float32)
    finite = np.isfinite(numbers)
    assert np.array_equal(back[finite].view(np.uint32), expected[finite].view(np.uint32))
    assert np.array_equal((bits.astype(np.uint32) << 16).view(np.float32), back, equal_nan=True)
    assert np.array_equal(back[~finite], numbers[~finite], equal_nan=True)


def test_float16_rounds_as_numpy_does(numbers):
    """With a largest number that asks for no scaling."""
    x = numbers[~(abs(numbers) >= 1)]
    x = np.append(np.where(np.isnan(x), 0, x), np.float32(1 - 2.0**-24))
    bits, _ = narrow("fp16", x)
    assert np.array_equal(bits, x.astype(np.float16).view(np.uint16))


def test_float16_overflows_and_keeps_what_is_not_a_number_as_numpy_does(numbers):
    """Where the largest is not finite, nothing is scaled."""
    x = np.append(numbers, np.float32(np.nan))
    bits, back = narrow("fp16", x)
    with np.errstate(over="ignore"):
        expected = x.astype(np.float16)
    assert np.array_equal(bits.view(np.float16), expected, equal_nan=True)
    assert np.array_equal(back, expected.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("terms", [1, 2, 1024, 1025, 81920, 1 << 20])
@pytest.mark.parametrize("largest", [1e-40, 3e-9, 0.75, 1.0, 255.0, 1e30, 1e37])
def test_float16_leaves_no_sum_room_to_overflow_and_no_more(terms, largest):
    x = np.linspace(-1, 0.9, 63, dtype=np.float32) * np.float32(largest)
    bits, out = narrow("fp16", x, terms)
    scaled = abs(bits.view(np.float16).astype(np.float64)).max()
    assert terms * scaled**2 <= 2.0**15
    if largest > 1e-35:  # else float32 itself has no such power of two
        assert terms * scaled**2 >= 2.0**11
    factor = x / bits.view(np.float16).astype(np.float64)
    power = np.log2(factor[np.isfinite(factor)])
    power = np.median(power)
    expected = bits.view(np.float16).astype(np.float64) * 2.0 ** (2 * np.round(power))  # as if a sum of products
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(out, expected.astype(np.float32), rtol=1e-6)


def test_float32_and_tf32_are_handed_on_as_they_are():
    x, y, out = (np.ones(5, np.float32) for _ in range(3))

    def multiply(first, second, result):
        assert first is x and second is y and result is out

    for form in ("float32", "tf32"):
        Casting(None).compute(form, 1, x, y, out, multiply)


def test_a_precision_never_allows_less_than_it_says():
    assert FORMS["float32"] == ("float32",)
    assert all(set(forms) <= {precision, "tf32"} for precision, forms in FORMS.items() if precision != "float32")
