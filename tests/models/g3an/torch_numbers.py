"""Makes numbers.npz: what networks of the published form compute in PyTorch, from weights of ``drawn.py``.

    python tests/models/g3an/torch_numbers.py

The networks are written here once more, from the paper and the layout of published checkpoints, not from ours; those of
mode 1p2d with attention, given the weights of a published network, compute its videos and scores. The file there was
made with PyTorch 2.13 on a CPU. Tests read the file, and need no PyTorch.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import drawn
import numpy as np
import torch
from torch import nn
from torch.nn.utils import spectral_norm


def up(*layers):
    parts = []
    for inputs, outputs, ksize, stride, pad in layers:
        deconvolution = spectral_norm(nn.ConvTranspose3d(inputs, outputs, ksize, stride, pad))
        parts += [deconvolution, nn.BatchNorm3d(outputs), nn.ReLU()]
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
            parts += [spectral_norm(layer), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*parts[:-1])

    def forward(self, x):
        return self.net(x)


def video_discriminator(ch):
    layers, channels = [], 3
    for width in (ch, 2 * ch, 4 * ch, 8 * ch):
        layers.append(nn.Conv3d(channels, width, (1, 4, 4), (1, 2, 2), (0, 1, 1)))
        layers.append(nn.Conv3d(width, width, (4, 1, 1)))
        channels = width
    return Discriminator(*layers, nn.Conv3d(channels, channels, (1, 4, 4)), nn.Conv3d(channels, 1, (4, 1, 1)))


def image_discriminator(ch):
    widths = (3, ch, 2 * ch, 4 * ch, 8 * ch)
    layers = [nn.Conv2d(i, o, 4, 2, 1) for i, o in pairwise(widths)]
    return Discriminator(*layers, nn.Conv2d(8 * ch, 1, 4))


def fill(networks, singular):
    for name, network in networks.items():
        state = network.state_dict()
        shapes = {key: tuple(value.shape) for key, value in state.items() if not key.endswith("tracked")}
        arrays = drawn.state_dict(name, shapes, singular)
        network.load_state_dict(
            {k: torch.from_numpy(np.array(arrays[k])) if k in arrays else v for k, v in state.items()}
        )
        network.train(not singular)


def numbers_of(mode, attention):
    ch, appearance, motion = drawn.SIZES[mode]
    networks = {
        "generator": Generator(ch, appearance, motion, mode, attention),
        "image_discriminator": image_discriminator(ch),
        "video_discriminator": video_discriminator(ch),
    }
    generator, image, video = networks.values()
    codes = [torch.from_numpy(a) for a in drawn.codes(mode)]

    fill(networks, singular=True)
    with torch.no_grad():
        x = generator(*codes)
        found = {"eval/videos": drawn.sample(x.numpy())}
        found |= {"eval/video_scores": video(x).numpy(), "eval/image_scores": image(x[:, :, 3]).numpy()}

    fill(networks, singular=False)
    x = generator(*codes)
    loss = (video(x) ** 2).sum() + (image(x[:, :, 5]) ** 2).sum() + (x**2).mean()
    loss.backward()
    found |= {"train/videos": drawn.sample(x.detach().numpy()), "train/loss": loss.detach().numpy()}
    digests = {}
    for name, network in networks.items():
        for key, parameter in network.named_parameters():
            digests[f"gradient/{name}/{key}"] = drawn.digest(key, parameter.grad.numpy())
        for key, value in network.state_dict().items():
            if key.endswith(("weight_u", "weight_v", "running_mean", "running_var")):
                digests[f"after/{name}/{key}"] = drawn.digest(key, value.numpy())
    found |= {"digest_names": np.array(list(digests)), "digests": np.array(list(digests.values()), np.float32)}
    return found


if __name__ == "__main__":
    numbers = {}
    for mode, attention in drawn.FORMS:
        numbers |= {f"{mode}/{attention}/{key}": value for key, value in numbers_of(mode, attention).items()}
    np.savez_compressed(Path(__file__).with_name("numbers.npz"), **numbers)
