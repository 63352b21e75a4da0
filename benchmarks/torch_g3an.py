#!/usr/bin/env python3
"""The peer: one G3AN training step in PyTorch, timed on the CPU.

Same work as `train.py --model g3an` with 16 frames of 3 x 64 x 64, appearance 128, motion 10, Adam(2e-4, 0.5, 0.999):
the video discriminator on B real and B generated videos, the image discriminator on a frame of each, the generator
against both, all on the same generated videos. The networks are written from the paper and the layout of published
checkpoints; those of mode 1p2d with attention, given the weights of a published network, compute its videos and scores.

Variants
  official       contiguous tensors, eager, discriminator weight gradients also computed in the generator update: what
                 the published implementation does
  tuned          no discriminator weight gradients in the generator update, fused Adam
  channels-last  tuned, weights and videos in torch.channels_last_3d

Prints one JSON line: median, min and max seconds per step, the losses of the last step, and the process's peak memory.
Needs PyTorch only (CPU: pip install torch==2.13.0).
"""

import argparse
import json
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from benchmarks.timing import timed

FRAMES, SIZE, CHANNELS = 16, 64, 3
APPEARANCE, MOTION = 128, 10


def up(*layers):
    parts = []
    for inputs, outputs, ksize, stride, pad in layers:
        deconvolution = spectral_norm(nn.ConvTranspose3d(inputs, outputs, ksize, stride, pad))
        parts += [deconvolution, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts)


class Block(nn.Module):
    def __init__(self, spatial, video, temporal, out, mode, space, time):
        super().__init__()
        in_space = tuple((alone, n, n) for alone, n in zip((1, 1, 0), space, strict=True))
        in_time = tuple((n, alone, alone) for alone, n in zip((1, 1, 0), time, strict=True))
        in_both = tuple((t, s, s) for t, s in zip(time, space, strict=True))
        self.conv_v = {
            "1p2d": lambda: up((video, out, *in_time), (out, out, *in_space)),
            "2p1d": lambda: up((video, out, *in_space), (out, out, *in_time)),
            "3d": lambda: up((video, out, *in_both)),
        }[mode]()
        self.conv_s, self.conv_t = up((spatial, out, *in_space)), up((temporal, out, *in_time))

    def forward(self, spatial, video, temporal):
        spatial, video, temporal = self.conv_s(spatial), self.conv_v(video), self.conv_t(temporal)
        repeated = spatial.expand(-1, -1, video.shape[2], -1, -1)
        return spatial, torch.cat([repeated, video + temporal], dim=1), temporal


class Attention(nn.Module):
    def __init__(self, channels, sequences):
        super().__init__()
        self.sequences = sequences
        self.gamma = nn.Parameter(torch.zeros(1))
        for letter, width in (("q", channels // 8), ("k", channels // 8), ("v", channels)):
            setattr(self, f"{letter}_conv", spectral_norm(nn.Conv3d(channels, width, 1)))

    def forward(self, x):
        n, channels, length, height, width = x.shape
        positions = {"hwt": length, "thw": height * width}[self.sequences]
        q, k, v = (
            torch.einsum(f"ncthw->n{self.sequences}c", layer(x)).reshape(-1, positions, layer.out_channels)
            for layer in (self.q_conv, self.k_conv, self.v_conv)
        )
        y = torch.softmax(torch.einsum("bid,bjd->bij", q, k), dim=2) @ v
        y = y.flatten().reshape(n, height, width, channels, length)  # published checkpoints were trained so
        return x + self.gamma * torch.einsum("nhwct->ncthw", y)


class Generator(nn.Module):
    def __init__(self, ch, appearance, motion, mode, attention):
        super().__init__()
        streams = (appearance, appearance + motion, motion)
        steps = [((4, 1, 0), (4, 1, 0))] + 2 * [((4, 2, 1), (4, 2, 1))] + 2 * [((4, 2, 1), (1, 1, 0))]
        for i, (factor, (space, time)) in enumerate(zip((8, 8, 4, 2, 1), steps, strict=True), 1):
            setattr(self, f"block{i}", Block(*streams, factor * ch, mode, space, time))
            streams = (factor * ch, 2 * factor * ch, factor * ch)
        if attention:
            self.fsa = nn.ModuleDict({"tsa": Attention(4 * ch, "hwt"), "ssa": Attention(4 * ch, "thw")})
        self.to_rgb = nn.Sequential(nn.Conv3d(2 * ch, 3, (1, 3, 3), 1, (0, 1, 1)), nn.Tanh())

    def forward(self, za, zm):
        spatial, temporal = za[..., None, None, None], zm[..., None, None]
        video = torch.cat([spatial.expand(-1, -1, zm.shape[2], -1, -1), temporal], dim=1)
        for i in range(1, 6):
            spatial, video, temporal = getattr(self, f"block{i}")(spatial, video, temporal)
            if i == 4 and hasattr(self, "fsa"):
                video = self.fsa["ssa"](self.fsa["tsa"](video))
        return self.to_rgb(video)


class Discriminator(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        parts = []
        for layer in layers:
            parts += [spectral_norm(layer), nn.LeakyReLU(0.2, inplace=True)]
        self.net = nn.Sequential(*parts[:-1])

    def forward(self, x):
        return self.net(x)


def video_discriminator(ch):
    layers, channels = [], CHANNELS
    for width in (ch, 2 * ch, 4 * ch, 8 * ch):
        layers.append(nn.Conv3d(channels, width, (1, 4, 4), (1, 2, 2), (0, 1, 1)))
        layers.append(nn.Conv3d(width, width, (4, 1, 1)))
        channels = width
    return Discriminator(*layers, nn.Conv3d(channels, channels, (1, 4, 4)), nn.Conv3d(channels, 1, (4, 1, 1)))


def image_discriminator(ch):
    widths = (CHANNELS, ch, 2 * ch, 4 * ch, 8 * ch)
    layers = [nn.Conv2d(i, o, 4, 2, 1) for i, o in pairwise(widths)]
    return Discriminator(*layers, nn.Conv2d(8 * ch, 1, 4))


def initialize(network):
    """N(0, 0.02) for weights, as published; N(1, 0.02) for those of normalizations."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.normal_(module.weight, 1, 0.02)
        elif isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose3d)):
            nn.init.normal_(getattr(module, "weight_orig", module.weight), 0, 0.02)  # to_rgb has no spectral norm
    return network


def training(a):
    """Return what makes one step and returns the losses of image discriminator, video discriminator and generator."""
    gen = initialize(Generator(a.filters, APPEARANCE, MOTION, a.mode, a.attention))
    dis_i, dis_v = initialize(image_discriminator(a.filters)), initialize(video_discriminator(a.filters))
    real = torch.rand(a.batch, CHANNELS, FRAMES, SIZE, SIZE) * 2 - 1
    tuned = a.variant != "official"
    if a.variant == "channels-last":
        dis_i.to(memory_format=torch.channels_last)
        for network in (gen, dis_v):
            network.to(memory_format=torch.channels_last_3d)
        real = real.contiguous(memory_format=torch.channels_last_3d)
    opt_g, opt_i, opt_v = (
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=tuned) for network in (gen, dis_i, dis_v)
    )
    sp = F.softplus

    def update(opt, loss):
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        return loss.item()

    def freeze(flag):
        if tuned:
            for network in (dis_i, dis_v):
                network.requires_grad_(not flag)

    def step():
        freeze(False)
        fake = gen(torch.randn(a.batch, APPEARANCE), torch.randn(a.batch, MOTION, 1))
        data = fake.detach()
        frame_real, frame_fake = torch.randint(FRAMES, (2,)).tolist()
        l_v = update(opt_v, sp(-dis_v(real)).mean() + sp(dis_v(data)).mean())
        y_real, y_fake = dis_i(real[:, :, frame_real]), dis_i(data[:, :, frame_fake])
        l_i = update(opt_i, sp(-y_real).mean() + sp(y_fake).mean())
        freeze(True)
        l_g = update(opt_g, sp(-dis_i(fake[:, :, frame_fake])).mean() + sp(-dis_v(fake)).mean())
        return [l_i, l_v, l_g]

    return step


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--variant", choices=["official", "tuned", "channels-last"], default="official")
    p.add_argument("--mode", choices=["1p2d", "2p1d", "3d"], default="1p2d")
    p.add_argument("--attention", action="store_true")
    p.add_argument("--device", choices=["cpu"], default="cpu")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--filters", type=int, default=64)
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)

    step = training(a)
    step()
    times, losses = timed(step, a.steps)
    print(json.dumps({**vars(a), "torch": torch.__version__, "losses": losses, **times}))


if __name__ == "__main__":
    main()
