#!/usr/bin/env python3
"""The peer: a feature network in PyTorch, eager, timed on the CPU.

The networks of published evaluations, written from their papers: I3D (FVD's; 16 frames of 224 x 224) and the 3-D
ResNeXt-101 (Video FID's; 16 frames of 112 x 112), with convolution, batch normalization in evaluation mode and ReLU as
modules of their own, in float32 and in torch.inference_mode. Weights are random.

Layouts
  contiguous     PyTorch's default
  channels-last  weights and clips in torch.channels_last_3d

Prints one JSON line: median, min and max seconds for a batch of clips, and the process's peak memory.
Needs PyTorch only (CPU: pip install torch==2.13.0).
"""

import argparse
import json

import torch
import torch.nn as nn
import torch.nn.functional as F

from benchmarks.timing import timed

FRAMES = 16


def same(size, ksize, stride):
    """TensorFlow's padding, as F.pad takes it: the last axis first, before and after."""
    pads = []
    for n, k, s in reversed(list(zip(size, ksize, stride, strict=True))):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        pads += [total // 2, total - total // 2]
    return pads


class Unit(nn.Module):
    """I3D's layer: convolution with the output's size rounded up, normalization, ReLU."""

    def __init__(self, c, out, k=1, stride=1):
        super().__init__()
        self.k, self.stride = (k,) * 3, (stride,) * 3
        self.conv = nn.Conv3d(c, out, k, stride, bias=False)
        self.norm = nn.BatchNorm3d(out, eps=1e-3)

    def forward(self, x):
        if self.k != (1, 1, 1):
            x = F.pad(x, same(x.shape[2:], self.k, self.stride))
        return F.relu(self.norm(self.conv(x)), inplace=True)


class Pool(nn.Module):
    """Max pooling with the output's size rounded up; what is pooled is not negative, so zeros outside do no harm."""

    def __init__(self, k, stride):
        super().__init__()
        self.k, self.stride = k, stride

    def forward(self, x):
        return F.max_pool3d(F.pad(x, same(x.shape[2:], self.k, self.stride)), self.k, self.stride)


class Inception(nn.Module):
    def __init__(self, c, a, b0, b1, c0, c1, d):
        super().__init__()
        self.a = Unit(c, a)
        self.b = nn.Sequential(Unit(c, b0), Unit(b0, b1, 3))
        self.c = nn.Sequential(Unit(c, c0), Unit(c0, c1, 3))
        self.d = nn.Sequential(Pool((3, 3, 3), (1, 1, 1)), Unit(c, d))

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x), self.c(x), self.d(x)], 1)


class I3D(nn.Module):
    size = 224

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            Unit(3, 64, 7, 2),
            Pool((1, 3, 3), (1, 2, 2)),
            Unit(64, 64),
            Unit(64, 192, 3),
            Pool((1, 3, 3), (1, 2, 2)),
            Inception(192, 64, 96, 128, 16, 32, 32),
            Inception(256, 128, 128, 192, 32, 96, 64),
            Pool((3, 3, 3), (2, 2, 2)),
            Inception(480, 192, 96, 208, 16, 48, 64),
            Inception(512, 160, 112, 224, 24, 64, 64),
            Inception(512, 128, 128, 256, 24, 64, 64),
            Inception(512, 112, 144, 288, 32, 64, 64),
            Inception(528, 256, 160, 320, 32, 128, 128),
            Pool((2, 2, 2), (2, 2, 2)),
            Inception(832, 256, 160, 320, 32, 128, 128),
            Inception(832, 384, 192, 384, 48, 128, 128),
            nn.AvgPool3d((2, 7, 7), 1),
            nn.Conv3d(1024, 400, 1),
        )

    def forward(self, x):
        return self.main(x).mean((2, 3, 4))


class Bottleneck(nn.Module):
    def __init__(self, c, planes, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv3d(c, planes, 1, bias=False), nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, 1, groups=32, bias=False)
        self.norm2 = nn.BatchNorm3d(planes)
        self.conv3, self.norm3 = nn.Conv3d(planes, 2 * planes, 1, bias=False), nn.BatchNorm3d(2 * planes)
        self.down = None
        if stride > 1 or c != 2 * planes:
            self.down = nn.Sequential(nn.Conv3d(c, 2 * planes, 1, stride, bias=False), nn.BatchNorm3d(2 * planes))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = F.relu(self.norm2(self.conv2(y)), inplace=True)
        y = self.norm3(self.conv3(y))
        y += x if self.down is None else self.down(x)
        return F.relu(y, inplace=True)


class ResNeXt101(nn.Module):
    size = 112

    def __init__(self):
        super().__init__()
        layers = [nn.Conv3d(3, 64, 7, (1, 2, 2), 3, bias=False), nn.BatchNorm3d(64), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool3d(3, 2, 1)]
        c = 64
        for stage, (blocks, planes) in enumerate(zip((3, 4, 23, 3), (128, 256, 512, 1024), strict=True)):
            for block in range(blocks):
                layers.append(Bottleneck(c, planes, 2 if stage and not block else 1))
                c = 2 * planes
        self.main = nn.Sequential(*layers)

    def forward(self, x):
        return self.main(x).mean((2, 3, 4))


NETWORKS = {"i3d": I3D, "resnext101": ResNeXt101}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--network", choices=list(NETWORKS), default="i3d")
    p.add_argument("--layout", choices=["contiguous", "channels-last"], default="contiguous")
    p.add_argument("--device", choices=["cpu"], default="cpu")
    p.add_argument("--batch", type=int, default=4, help="clips at a time")
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)

    network = NETWORKS[a.network]().eval()
    x = torch.rand(a.batch, 3, FRAMES, network.size, network.size) * 2 - 1
    if a.layout == "channels-last":
        network = network.to(memory_format=torch.channels_last_3d)
        x = x.contiguous(memory_format=torch.channels_last_3d)
    with torch.inference_mode():
        network(x)
        times, y = timed(lambda: network(x), a.steps)
    print(json.dumps({**vars(a), "torch": torch.__version__, "shape": list(y.shape), **times}))


if __name__ == "__main__":
    main()
