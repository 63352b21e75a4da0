"""Scale, shift, LeakyReLU and instance noise in one pass, and the passes back."""

from __future__ import annotations

import numpy as np
from numba import float32, int32, njit, prange, uint32, uint64
from numba.core import types
from numba.extending import intrinsic

# The stream's constants stand in mocogan_chainer.backends.random too: numba's cache would miss a change there.
BLOCK = 4096
"""Numbers of one block of the noise stream."""

COUNTERS = BLOCK // 4

_LOW = uint64(0xFFFFFFFF)
_MULTIPLIERS = uint64(0xD2511F53), uint64(0xCD9E8D57)
_KEY_STEPS = uint64(0x9E3779B9), uint64(0xBB67AE85)
_ROUNDS = 10
_LN2 = float32(0.6931471805599453)
_HALF_PI = float32(1.5707963267948966)


@intrinsic
def _bits(typing_context, x):
    """The bits of a float32 as int32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return types.int32(types.float32), generate


@intrinsic
def _from_bits(typing_context, x):
    """The float32 of these bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return types.float32(types.int32), generate


@njit(inline="always")
def _philox(key, counter, words):
    """Fill ``words`` (4, COUNTERS) with Philox4x32-10 of the counters from ``counter`` on."""
    for k in range(COUNTERS):
        c0, c1 = (counter + uint64(k)) & _LOW, (counter + uint64(k)) >> uint64(32)
        c2, c3 = uint64(0), uint64(0)
        k0, k1 = key & _LOW, key >> uint64(32)
        for _ in range(_ROUNDS):
            product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
            c0, c2 = (product1 >> uint64(32)) ^ c1 ^ k0, (product0 >> uint64(32)) ^ c3 ^ k1
            c1, c3 = product1 & _LOW, product0 & _LOW
            k0, k1 = (k0 + _KEY_STEPS[0]) & _LOW, (k1 + _KEY_STEPS[1]) & _LOW
        words[0, k], words[1, k], words[2, k], words[3, k] = uint32(c0), uint32(c1), uint32(c2), uint32(c3)


@njit(inline="always")
def _radius(word):
    """sqrt(-2 ln u) for u = (the upper 24 bits + 1) / 2**24."""
    u = float32(int32(word >> uint32(8)) + int32(1)) * float32(2.0**-24)
    bits = _bits(u)
    exponent = int32(bits >> int32(23)) - int32(127)
    mantissa = _from_bits(int32((bits & int32(0x007FFFFF)) | int32(0x3F800000)))  # in [1, 2)
    large = mantissa > float32(1.4142135)
    mantissa = mantissa * float32(0.5) if large else mantissa
    exponent = float32(exponent + int32(1)) if large else float32(exponent)
    f = (mantissa - float32(1)) / (mantissa + float32(1))  # ln m = 2 artanh f
    s = f * f
    series = float32(1 / 9) * s + float32(1 / 7)
    series = series * s + float32(1 / 5)
    series = series * s + float32(1 / 3)
    series = series * s + float32(1)
    logarithm = float32(2) * f * series + exponent * _LN2
    square = float32(-2) * logarithm
    return np.sqrt(square if square > float32(0) else float32(0))


@njit(inline="always")
def _circle(word):
    """Cosine and sine of (quadrant + fraction - 1/2) pi / 2: the upper 2 bits and the 24 below them."""
    fraction = float32(int32((word >> uint32(6)) & uint32(0xFFFFFF))) * float32(2.0**-24)
    a = (fraction - float32(0.5)) * _HALF_PI
    s = a * a
    cosine = float32(1 / 40320) * s - float32(1 / 720)
    cosine = cosine * s + float32(1 / 24)
    cosine = cosine * s - float32(0.5)
    cosine = cosine * s + float32(1)
    sine = float32(1 / 362880) * s - float32(1 / 5040)
    sine = sine * s + float32(1 / 120)
    sine = sine * s - float32(1 / 6)
    sine = (sine * s + float32(1)) * a
    swap = (word & uint32(0x40000000)) != uint32(0)
    sign = float32(-1) if (word & uint32(0x80000000)) != uint32(0) else float32(1)
    x = -sine if swap else cosine
    y = cosine if swap else sine
    return x * sign, y * sign


@njit(fastmath={"contract"}, error_model="numpy")
def _normal_block(key, block, words, numbers):
    """Fill ``numbers`` (BLOCK,) with block number ``block`` of the stream."""
    _philox(key, uint64(block) * uint64(COUNTERS), words)
    for k in range(COUNTERS):
        radius = _radius(words[0, k])
        x, y = _circle(words[1, k])
        numbers[k], numbers[COUNTERS + k] = radius * x, radius * y
    for k in range(COUNTERS):
        radius = _radius(words[2, k])
        x, y = _circle(words[3, k])
        numbers[2 * COUNTERS + k], numbers[3 * COUNTERS + k] = radius * x, radius * y


@njit(inline="always")
def _sum(x, numbers, sigma, y):
    for k in range(y.size):
        y[k] = x[k] + sigma * numbers[k]


@njit(inline="always")
def _add(y, numbers, sigma):
    for k in range(y.size):
        y[k] += sigma * numbers[k]


@njit(inline="always")
def _drop_row(x, words, threshold, scale, y):
    for k in range(y.size):
        y[k] = float32(0) if words[k] < threshold else x[k] * scale


@njit(inline="always")
def _rectify_row(x, slope, y, positive):
    for k in range(x.size):
        y[k] = x[k] if x[k] > float32(0) else x[k] * slope
        positive[k] = x[k] > float32(0)


@njit(inline="always")
def _rectify_gradient_row(positive, gy, slope, gx):
    for k in range(gx.size):
        gx[k] = gy[k] if positive[k] else gy[k] * slope


@njit(inline="always")
def _normalize_row(x, mean, scale, shift, slope, y):
    for k in range(x.size):
        value = (x[k] - mean[k]) * scale[k] + shift[k]
        y[k] = value if value > float32(0) else value * slope


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def add_normal(x, key, sigma, y):
    """y = x + sigma * normal numbers of the stream ``key``; all flat."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        words = np.empty((4, COUNTERS), np.uint32)
        numbers = np.empty(BLOCK, np.float32)
        _normal_block(key, block, words, numbers)
        start = block * BLOCK
        end = min(start + BLOCK, x.size)
        _sum(x[start:end], numbers, sigma, y[start:end])


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def drop(x, key, threshold, scale, y):
    """y = x * scale, or 0 where the word of the stream ``key`` is less than ``threshold``; all flat."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        words = np.empty((4, COUNTERS), np.uint32)
        _philox(key, uint64(block) * uint64(COUNTERS), words)
        part = slice(block * BLOCK, min(block * BLOCK + BLOCK, x.size))
        _drop_row(x[part], words.reshape(BLOCK), threshold, scale, y[part])


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def rectify(x, slope, noisy, key, sigma, y, positive):
    """y = LeakyReLU(x), plus sigma * normal numbers if ``noisy``, and where x is positive; all flat."""
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min(block * BLOCK + BLOCK, x.size))
        _rectify_row(x[part], slope, y[part], positive[part])
        if noisy:
            words = np.empty((4, COUNTERS), np.uint32)
            numbers = np.empty(BLOCK, np.float32)
            _normal_block(key, block, words, numbers)
            _add(y[part], numbers, sigma)


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def rectify_gradient(positive, gy, slope, gx):
    """gx is gy through the rectifier; all flat."""
    for block in prange((gy.size + BLOCK - 1) // BLOCK):
        part = slice(block * BLOCK, min(block * BLOCK + BLOCK, gy.size))
        _rectify_gradient_row(positive[part], gy[part], slope, gx[part])


@njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def normalize(x, mean, scale, shift, slope, noisy, key, sigma, y):
    """y = LeakyReLU((x - mean) * scale + shift), plus sigma * normal numbers if ``noisy``.

    x and y are flat; mean, scale and shift are (1, channels), or each sample's (samples, channels).
    """
    channels, size = scale.shape[1], x.size // scale.shape[0]
    for block in prange((x.size + BLOCK - 1) // BLOCK):
        start = block * BLOCK
        end = min(start + BLOCK, x.size)
        i, sample, channel = start, start // size, start % channels
        while i < end:  # a sample, or what of it lies in this block
            centre, factor, addend, last = mean[sample], scale[sample], shift[sample], min(sample * size + size, end)
            while i < last:  # a row
                row = slice(i, min(i + channels - channel, last))
                _normalize_row(x[row], centre[channel:], factor[channel:], addend[channel:], slope, y[row])
                i, channel = row.stop, 0
            sample += 1
        if noisy:
            words = np.empty((4, COUNTERS), np.uint32)
            numbers = np.empty(BLOCK, np.float32)
            _normal_block(key, block, words, numbers)
            _add(y[start:end], numbers, sigma)
