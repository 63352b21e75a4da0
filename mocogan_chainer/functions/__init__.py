"""Differentiable functions over the backends' primitives."""

from mocogan_chainer.functions.attention import attention
from mocogan_chainer.functions.bias import bias_leaky_relu
from mocogan_chainer.functions.convolution import convolution, convolution_activation, deconvolution
from mocogan_chainer.functions.dropout import dropout
from mocogan_chainer.functions.gru import gru
from mocogan_chainer.functions.linear import linear
from mocogan_chainer.functions.normalization import batch_norm_activation, instance_norm_activation
from mocogan_chainer.functions.padding import reflection_pad
from mocogan_chainer.functions.pixels import tanh, to_bytes, to_float
from mocogan_chainer.functions.pooling import max_pooling
from mocogan_chainer.functions.rectifier import SLOPE, add_noise, leaky_relu
from mocogan_chainer.functions.spectral import power_iteration, spectral_norm

__all__ = [
    "SLOPE",
    "add_noise",
    "attention",
    "batch_norm_activation",
    "bias_leaky_relu",
    "convolution",
    "convolution_activation",
    "deconvolution",
    "dropout",
    "gru",
    "instance_norm_activation",
    "leaky_relu",
    "linear",
    "max_pooling",
    "power_iteration",
    "reflection_pad",
    "spectral_norm",
    "tanh",
    "to_bytes",
    "to_float",
]
