"""Links: the parameters of layers, independent of the backend that computes them."""

from mocogan_chainer.links.convolution import Convolution, Deconvolution
from mocogan_chainer.links.ema import ExponentialMovingAverage
from mocogan_chainer.links.folded import FoldedConvolution
from mocogan_chainer.links.freezing import frozen
from mocogan_chainer.links.gru import GRU
from mocogan_chainer.links.noise import NoiseSource
from mocogan_chainer.links.normalization import BatchNormActivation, statistics_kept
from mocogan_chainer.links.spectral import SpectralConvolution, SpectralDeconvolution, SpectralLink

__all__ = [
    "GRU",
    "BatchNormActivation",
    "Convolution",
    "Deconvolution",
    "ExponentialMovingAverage",
    "FoldedConvolution",
    "NoiseSource",
    "SpectralConvolution",
    "SpectralDeconvolution",
    "SpectralLink",
    "frozen",
    "statistics_kept",
]
