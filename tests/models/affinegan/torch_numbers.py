"""Makes numbers.npz: what networks of the published forms compute in PyTorch, from weights of ``forms.py``.

    PYTHONPATH=. python tests/models/affinegan/torch_numbers.py

The networks are written here from the paper and the names in published checkpoints, with every bias that those have,
and without regard to ours. numbers.npz was made with PyTorch 2.13 on a CPU; tests read it, and need no PyTorch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.models.affinegan import forms
from tests.models.g3an import drawn

HALVINGS = {"unet_64": 6, "unet_128": 7, "unet_256": 8}
BLOCKS = {"resnet_6blocks": 6, "resnet_9blocks": 9}


def normalization(channels):
    return nn.InstanceNorm2d(channels, affine=False, track_running_stats=False)


class Level(nn.Module):
    """One level of a U-Net around those below it."""

    def __init__(self, widths, n_dropout, first=False):
        super().__init__()
        outside, inside, *below = widths
        last = not below
        norm = [] if first or last else [normalization(inside)]
        for name in ("down_base", "down_res"):
            before = [] if first else [nn.LeakyReLU(0.2)]
            setattr(self, name, nn.Sequential(*before, nn.Conv2d(outside, inside, 4, 2, 1), *norm))
        after = [nn.Tanh()] if first else [normalization(outside)]
        if not last and len(below) <= n_dropout:
            after.append(nn.Dropout(0.5))
        up = nn.ConvTranspose2d(inside if last else 2 * inside, outside, 4, 2, 1)
        self.up_all = nn.Sequential(nn.ReLU(), up, *after)
        if below:
            self.sub = Level(widths[1:], n_dropout)

    def forward(self, base, residual, stages):
        base, residual = self.down_base(base), self.down_res(residual)
        h = stages[0] * base + stages[1] * residual
        if not hasattr(self, "sub"):
            return self.up_all(h), torch.relu(h)
        y, feature = self.sub(base, residual, stages)
        return self.up_all(torch.cat([h, y], 1)), feature


class UNet(nn.Module):
    def __init__(self, halvings, ngf):
        super().__init__()
        widths = [3] + [ngf * min(2**i, 8) for i in range(halvings)]
        self.model = Level(widths, halvings - 5, first=True)

    def forward(self, x, stages):
        return self.model(x, x, stages)


class Block(nn.Module):
    def __init__(self, channels, dropout):
        super().__init__()
        between = [nn.Dropout(0.5)] if dropout else []
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), normalization(channels), nn.ReLU(), *between]
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3), normalization(channels)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv_block(x)


class ResNet(nn.Module):
    def __init__(self, n_blocks, ngf, dropout):
        super().__init__()
        for name in ("down_base", "down_res"):
            layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7), normalization(ngf), nn.ReLU()]
            for width in (ngf, 2 * ngf):
                layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), normalization(2 * width), nn.ReLU()]
            setattr(self, name, nn.Sequential(*layers, *(Block(4 * ngf, dropout) for _ in range(n_blocks))))
        layers = []
        for width in (4 * ngf, 2 * ngf):
            up = nn.ConvTranspose2d(width, width // 2, 3, 2, 1, output_padding=1)
            layers += [up, normalization(width // 2), nn.ReLU()]
        self.up_all = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh())

    def forward(self, x, stages):
        feature = stages[0] * self.down_base(x) + stages[1] * self.down_res(x)
        return self.up_all(feature), feature


class Discriminator(nn.Module):
    def __init__(self, ndf):
        super().__init__()
        layers = [nn.Conv2d(6, ndf, 4, 2, 1), nn.LeakyReLU(0.2)]
        for i, stride in enumerate((2, 2, 1)):
            width = ndf * 2**i
            layers += [nn.Conv2d(width, 2 * width, 4, stride, 1), normalization(2 * width), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*layers, nn.Conv2d(8 * ndf, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


class AlphaDiscriminator(nn.Module):
    def __init__(self, k):
        super().__init__()
        hidden = [nn.Linear(k, k), nn.LeakyReLU(0.2), nn.Linear(k, k), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*hidden, nn.Linear(k, 1))

    def forward(self, alphas):
        return self.net(alphas)


def fill(name, network):
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    arrays = forms.state_dict(name, shapes)
    network.load_state_dict({key: torch.from_numpy(arrays[key]) for key in shapes}, strict=True)
    return network.eval()


def gradients(network):
    """Names and digests of all gradients but those of biases before a normalization, which are 0 but for rounding."""
    found = {key: drawn.digest(key, p.grad.numpy()) for key, p in network.named_parameters() if p.grad.norm() > 1e-3}
    return {"digest_names": np.array(list(found)), "digests": np.array(list(found.values()), np.float32)}


def of_generator(name, form):
    if form.generator in HALVINGS:
        network = UNet(HALVINGS[form.generator], form.ngf)
    else:
        network = ResNet(BLOCKS[form.generator], form.ngf, form.dropout)
    fill(name, network)
    y, feature = network(torch.from_numpy(forms.pictures(name, form.size)), forms.STAGES)
    feature = feature.flatten(1)
    loss = (y * torch.from_numpy(forms.weighing(name, "y", tuple(y.shape)))).sum()
    loss = loss + (feature * torch.from_numpy(forms.weighing(name, "feature", tuple(feature.shape)))).sum()
    loss.backward()
    found = {"y": forms.sample(y.detach().numpy()), "feature": drawn.digest("feature", feature.detach().numpy())}
    return {**found, **gradients(network)}


def of_discriminator(name, network, x):
    fill(name, network)
    y = network(torch.from_numpy(x))
    (y * torch.from_numpy(forms.weighing(name, "y", tuple(y.shape)))).sum().backward()
    return {"y": y.detach().numpy(), **gradients(network)}


if __name__ == "__main__":
    numbers = {name: of_generator(name, form) for name, form in forms.FORMS.items()}
    pairs = np.concatenate([forms.pictures(f"pairs {i}", forms.PAIRS) for i in range(2)], 1)
    numbers["discriminator"] = of_discriminator("discriminator", Discriminator(forms.NDF), pairs)
    alphas = drawn.normal("alphas", (4, forms.N_ALPHAS))
    numbers["alphas"] = of_discriminator("alphas", AlphaDiscriminator(forms.N_ALPHAS), alphas)
    flat = {f"{name}/{key}": value for name, found in numbers.items() for key, value in found.items()}
    np.savez_compressed(Path(__file__).with_name("numbers.npz"), **flat)
