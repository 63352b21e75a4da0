"""Layers written out in float64 NumPy: what the feature networks are compared with."""

import numpy as np


def convolution(x, W, stride=(1, 1, 1), pad=0, groups=1):
    """(N, C, T, H, W), (O, C / groups, kt, kh, kw) -> (N, O, T', H', W'), tap by tap."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *3 * [(pad, pad)]))
    size = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], W.shape[2:], stride, strict=True)]
    y = np.zeros((len(x), len(W), *size))
    ins, outs = x.shape[1] // groups, len(W) // groups
    for group in range(groups):
        inside, outside = slice(group * ins, (group + 1) * ins), slice(group * outs, (group + 1) * outs)
        for tap in np.ndindex(*W.shape[2:]):
            seen = tuple(slice(t, t + s * n, s) for t, s, n in zip(tap, stride, size, strict=True))
            y[:, outside] += np.einsum(
                "nctij,oc->notij", x[(slice(None), inside, *seen)], W[(outside, slice(None), *tap)]
            )
    return y


def normalization(x, gamma, beta, mean, variance, eps):
    """Batch normalization by running statistics."""
    gamma, beta, mean, variance = (a.astype(np.float64).reshape(-1, 1, 1, 1) for a in (gamma, beta, mean, variance))
    return (x - mean) / np.sqrt(variance + eps) * gamma + beta


def max_pooling(x, windows):
    """Take the maximum of x[..., t, i, j] over (t, i, j) of each window; ``windows`` are those of the three axes."""
    for axis, ranges in enumerate(windows, 2):
        x = np.stack([x.take(list(positions), axis).max(axis) for positions in ranges], axis)
    return x


def relu(x):
    return np.maximum(x, 0)
