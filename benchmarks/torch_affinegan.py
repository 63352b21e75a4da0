#!/usr/bin/env python3
"""The peer: one AffineGAN training step in PyTorch, timed on the CPU.

Same work as `train.py --model affinegan` with unet_64, unet_128 or unet_256 on frames of that size, 5 frames per video,
dropout, noise 0.01, Adam(2e-4, 0.5, 0.999): the alpha discriminator, the image discriminator, with --patch the mouth's,
then the generator against all of them, all on the same generated frames. The networks are written from the paper and
the layout of published checkpoints, and take them strictly.

Variants
  official       contiguous tensors, eager, as the published implementation does it: frame by frame, every run of the
                 generator through both encoders and the decoder: two runs of the first frame for its features, and for
                 each frame one that reconstructs it and one that makes it from the first
  tuned          the same step without what it does not need: all frames go at once through the encoder of base
                 features, the first one once through that of residuals, and what is decoded through the decoder; real
                 and generated frames at once through a discriminator; no biases before a normalization, which takes
                 them away; instance normalization by PyTorch's group normalization, which is quicker; fused Adam
  channels-last  tuned, weights and images in torch.channels_last

Prints one JSON line: median, min and max seconds per step, the losses of the last step, and the process's peak memory.
Needs PyTorch only (CPU: pip install torch==2.13.0).
"""

import argparse
import json

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.timing import timed

FRAMES, CHANNELS, NOISE = 5, 3, 0.01
LAMBDA_ALPHA, LAMBDA_L1, LAMBDA_RECONSTRUCTION = 100, 100, 10
SIZES = {64: 6, 128: 7, 256: 8}  # halvings of the generator for frames of this size


def layers(before, convolution, channels, after, tuned):
    """A convolution and what surrounds it; instance normalization of its ``channels``, unless they are 0."""
    parts = [before, convolution]
    if channels:
        if tuned:
            convolution.bias = None
        parts.append(nn.GroupNorm(channels, channels, affine=False) if tuned else nn.InstanceNorm2d(channels))
    return nn.Sequential(*(part for part in (*parts, after) if part is not None))


class Level(nn.Module):
    """What the U-Net has at one size: a layer of each encoder, one of the decoder, and the smaller sizes."""

    def __init__(self, outer, inner, sub, dropout, tuned):
        super().__init__()
        outermost, innermost = outer == CHANNELS, sub is None
        for name in ("down_base", "down_res"):
            convolution = nn.Conv2d(outer, inner, 4, 2, 1)
            activation = None if outermost else nn.LeakyReLU(0.2)
            setattr(self, name, layers(activation, convolution, 0 if outermost or innermost else inner, None, tuned))
        deconvolution = nn.ConvTranspose2d(inner if innermost else 2 * inner, outer, 4, 2, 1)
        after = nn.Tanh() if outermost else nn.Dropout(0.5) if dropout else None
        self.up_all = layers(nn.ReLU(inplace=True), deconvolution, 0 if outermost else outer, after, tuned)
        if sub is not None:
            self.sub = sub


class Generator(nn.Module):
    def __init__(self, halvings, ngf, tuned=False):
        super().__init__()
        widths = [CHANNELS, *(ngf * min(2**i, 8) for i in range(halvings))]
        level = None
        for i in reversed(range(halvings)):
            level = Level(widths[i], widths[i + 1], level, 4 <= i < halvings - 1, tuned)
        self.model = level

    def levels(self):
        level = self.model
        while level is not None:
            yield level
            level = getattr(level, "sub", None)

    def encode(self, x, name):
        """What an encoder finds at every level, the outermost first."""
        found = []
        for level in self.levels():
            x = getattr(level, name)(x)
            found.append(x)
        return found

    def noisy(self, found):
        return [x + NOISE * torch.randn_like(x) for x in found] if self.training else found

    def decode(self, found):
        """The image, and the rectified bottleneck."""
        *skips, x = found
        *outer, innermost = self.levels()
        x = feature = innermost.up_all[0](x)
        x = innermost.up_all[1:](x)
        for level, skip in zip(reversed(outer), reversed(skips), strict=True):
            x = level.up_all(torch.cat([skip, x], dim=1))
        return x, feature.flatten(1)

    def forward(self, x, base_stage, temporal_stage):
        pairs = zip(self.encode(x, "down_base"), self.encode(x, "down_res"), strict=True)
        return self.decode(self.noisy([base_stage * b + temporal_stage * r for b, r in pairs]))


class PatchDiscriminator(nn.Module):
    """Logits of the pair of a video's first frame and another."""

    def __init__(self, ndf, tuned=False):
        super().__init__()
        parts, channels = [], 2 * CHANNELS
        for width, stride in ((ndf, 2), (2 * ndf, 2), (4 * ndf, 2), (8 * ndf, 1)):
            convolution = nn.Conv2d(channels, width, 4, stride, 1)
            parts += layers(None, convolution, width if parts else 0, nn.LeakyReLU(0.2, inplace=True), tuned)
            channels = width
        self.model = nn.Sequential(*parts, nn.Conv2d(channels, 1, 4, 1, 1))

    def forward(self, first, frame):
        return self.model(torch.cat([first, frame], dim=1))


class AlphaDiscriminator(nn.Module):
    """Logits of a video's alphas."""

    def __init__(self, n_alphas=FRAMES):
        super().__init__()
        parts = [nn.Linear(n_alphas, n_alphas), nn.LeakyReLU(0.2), nn.Linear(n_alphas, n_alphas), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*parts, nn.Linear(n_alphas, 1))

    def forward(self, alphas):
        return self.net(alphas)


def initialize(network):
    """N(0, 0.02) for weights and 0 for biases, as published."""
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(parameter, 0, 0.02)
        else:
            nn.init.zeros_(parameter)
    return network


def alpha(feature, first, residual):
    """How far each sample's feature lies from its first frame's along its residual, (N,)."""
    return ((feature - first) * residual).sum(1).abs() / (residual.norm(dim=1) + 1e-6)


def generate_one_by_one(generator, first, frames):
    """Generated frames, reconstructions and alphas (N, K); ``first`` (N, 3, S, S), ``frames`` K such."""
    _, feature_first = generator(first, 1.0, 0.0)
    _, residual = generator(first, 0.0, 1.0)
    fakes, reconstructions, alphas = [], [], []
    for frame in frames:
        reconstruction, feature = generator(frame, 1.0, 0.0)
        alphas.append(alpha(feature, feature_first, residual))
        fakes.append(generator(first, 1.0, alphas[-1].detach()[:, None, None, None])[0])
        reconstructions.append(reconstruction)
    return fakes, reconstructions, torch.stack(alphas, dim=1)


def generate_at_once(generator, first, frames):
    """The same for all frames at once; the single one of ``frames`` has them one after the other, (K * N, 3, S, S)."""
    n = len(first)
    base = [x.split((n, len(x) - n)) for x in (generator.encode(torch.cat([first, *frames]), "down_base"))]
    residual = generator.encode(first, "down_res")
    base_first, base_frames = [b for b, _ in base], generator.noisy([b for _, b in base])

    bottlenecks = generator.noisy([base_first[-1], residual[-1]])
    feature_first, feature_residual = (F.relu(x).flatten(1).repeat(FRAMES, 1) for x in bottlenecks)
    alphas = alpha(F.relu(base_frames[-1]).flatten(1), feature_first, feature_residual)

    stages = alphas.detach().view(FRAMES, n, 1, 1, 1)
    moved = [torch.flatten(b + stages * r, 0, 1) for b, r in zip(base_first, residual, strict=True)]
    found = zip(generator.noisy(moved), base_frames, strict=True)
    fakes, reconstructions = generator.decode([torch.cat(pair) for pair in found])[0].chunk(2)
    return [fakes], [reconstructions], alphas.view(FRAMES, n).T


def training(a):
    """Return what makes one step and returns the losses of alpha, image and patch discriminator and generator."""
    tuned = a.variant != "official"
    generator = Generator(SIZES[a.size], a.filters, tuned)
    discriminators = [PatchDiscriminator(a.filters, tuned) for _ in range(1 + a.patch)]
    judge = AlphaDiscriminator()
    networks = [initialize(network) for network in (generator, judge, *discriminators)]

    first = torch.rand(a.batch, CHANNELS, a.size, a.size) * 2 - 1
    frames = [torch.rand_like(first) * 2 - 1 for _ in range(FRAMES)]
    mouth = torch.zeros(a.batch, 1, a.size, a.size)
    mouth[:, :, a.size // 2 : -a.size // 8, a.size // 4 : -a.size // 4] = 1
    mouths = [mouth for _ in range(FRAMES)]
    if tuned:
        frames, mouths = [torch.cat(frames)], [torch.cat(mouths)]
    if a.variant == "channels-last":
        for network in (generator, *discriminators):
            network.to(memory_format=torch.channels_last)
        first = first.contiguous(memory_format=torch.channels_last)
        frames = [x.contiguous(memory_format=torch.channels_last) for x in frames]
    optimizers = [torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999), fused=tuned) for network in networks]
    generate = generate_at_once if tuned else generate_one_by_one

    def update(optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    def gan(y, real):
        if tuned:
            return F.softplus(-y if real else y).mean()
        return F.binary_cross_entropy(torch.sigmoid(y), torch.full_like(y, float(real)))

    def mean(losses):
        losses = list(losses)
        return sum(losses) / len(losses)

    def seen(images, masks):
        """What each discriminator sees of images: all, and the mouth."""
        return [images, [x * mask for x, mask in zip(images, masks, strict=True)]][: len(discriminators)]

    def in_step(x, images):
        """First frames, as many as there are images."""
        return x.repeat(len(images) // len(x), 1, 1, 1)

    def discriminator_loss(network, x, fake, real):
        if tuned:
            y_fake, y_real = network(in_step(x, fake).repeat(2, 1, 1, 1), torch.cat([fake, real])).chunk(2)
        else:
            y_fake, y_real = network(x, fake), network(x, real)
        return 0.5 * (gan(y_fake, False) + gan(y_real, True))

    firsts = [x for (x,) in seen([first], [mouth])]
    reals = seen(frames, mouths)

    def step():
        fakes, reconstructions, alphas = generate(generator, first, frames)
        for network in networks[1:]:
            network.requires_grad_(True)
        samples = torch.rand(a.batch, FRAMES)
        y_fake, y_real = judge(alphas.detach()), judge(samples)
        losses = [update(optimizers[1], LAMBDA_ALPHA * 0.5 * (gan(y_fake, False) + gan(y_real, True)))]
        views = seen(fakes, mouths)
        for network, optimizer, x, generated, real in zip(
            discriminators, optimizers[2:], firsts, views, reals, strict=True
        ):
            pairs = zip(generated, real, strict=True)
            losses.append(update(optimizer, mean(discriminator_loss(network, x, f.detach(), r) for f, r in pairs)))

        for network in networks[1:]:
            network.requires_grad_(False)
        loss = LAMBDA_ALPHA / FRAMES * gan(judge(alphas), True)
        for network, x, generated in zip(discriminators, firsts, views, strict=True):
            loss = loss + mean(gan(network(in_step(x, f), f), True) for f in generated)
        for images, weight in ((fakes, LAMBDA_L1), (reconstructions, LAMBDA_RECONSTRUCTION)):
            loss = loss + weight * mean(F.l1_loss(x, frame) for x, frame in zip(images, frames, strict=True))
        return [*losses, update(optimizers[0], loss)]

    return step


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--variant", choices=["official", "tuned", "channels-last"], default="official")
    p.add_argument("--size", type=int, choices=list(SIZES), default=128)
    p.add_argument("--patch", action="store_true", help="with the discriminator of the mouth")
    p.add_argument("--device", choices=["cpu"], default="cpu")
    p.add_argument("--batch", type=int, default=1)
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
