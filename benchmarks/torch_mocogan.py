#!/usr/bin/env python3
"""The peer: one MoCoGAN training step in PyTorch, timed.

Same work as `train.py --model normal|infogan` with the published sizes: 64 filters, 16 frames of
3 x 64 x 64, z = 50 content + 6 category + 10 motion, instance noise 0.1, Adam(2e-4, 0.5, 0.999,
weight decay 1e-5). A step is, in this order and each on fresh samples: one image-discriminator
update (B real + B fake images), one video-discriminator update (B real + B fake videos), one
generator update (B images + B videos).

Variants
  official  contiguous tensors, eager, discriminator weight gradients also computed in the
            generator update: what the reference implementation does
  tuned     no discriminator weight gradients in the generator update, fused Adam, and on a GPU
            channels-last (on a CPU it makes this step about five times slower, so not there)
  compiled  tuned, each network through torch.compile

With --sample N it times the eager generator instead: N videos in evaluation mode, B at a time.

Prints one JSON line: median, min and max seconds per step (or per N videos), the losses of the
last step, and the process's peak memory.
Needs PyTorch only (CPU: pip install torch==2.13.0).
"""

import argparse
import contextlib
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from benchmarks.timing import WAKING_S, timed

FRAMES, SIZE, CHANNELS = 16, 64, 3
DIM_CONTENT, DIM_CATEGORY, DIM_MOTION = 50, 6, 10


class Noise(nn.Module):
    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma

    def forward(self, x):
        return x + self.sigma * torch.randn_like(x) if self.training else x


def discriminator(conv, norm, stride, pad, n_out, nf, sigma):
    layers, c = [], CHANNELS
    for i in range(4):
        out = nf * 2**i
        layers += [Noise(sigma), conv(c, out, 4, stride, pad, bias=False)]
        layers += [norm(out)] if i else []
        layers += [nn.LeakyReLU(0.2, inplace=True)]
        c = out
    return nn.Sequential(*layers, conv(c, n_out, 4, 1, 0, bias=False))


class Generator(nn.Module):
    def __init__(self, nf, drawn_on=None):
        super().__init__()
        self.drawn_on = drawn_on  # where frames are drawn: None for where the rest is, without waiting for a copy
        self.gru = nn.GRUCell(DIM_MOTION, DIM_MOTION)
        layers, c = [], DIM_CONTENT + DIM_CATEGORY + DIM_MOTION
        for i in range(4):
            out = nf * 2 ** (3 - i)
            layers += [
                nn.ConvTranspose2d(c, out, 4, 2 if i else 1, 1 if i else 0, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
            ]
            c = out
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(c, CHANNELS, 4, 2, 1, bias=False), nn.Tanh())

    def codes(self, n):
        dev = self.gru.weight_ih.device
        h, hs = torch.randn(n, DIM_MOTION, device=dev), []
        for _ in range(FRAMES):
            h = self.gru(torch.randn(n, DIM_MOTION, device=dev), h)
            hs.append(h)
        motion = torch.stack(hs, 1)
        category = torch.randint(DIM_CATEGORY, (n,), device=dev)
        fixed = torch.cat([torch.randn(n, DIM_CONTENT, device=dev), F.one_hot(category, DIM_CATEGORY).float()], 1)
        return torch.cat([fixed[:, None].expand(-1, FRAMES, -1), motion], 2), category

    def videos(self, n):
        z, category = self.codes(n)
        x = self.main(z.reshape(n * FRAMES, -1, 1, 1))
        return x.view(n, FRAMES, CHANNELS, SIZE, SIZE).transpose(1, 2), category

    def images(self, n):
        z, _ = self.codes(2 * n)  # frames of fresh videos, one per image
        z = z.reshape(-1, z.shape[-1])[
            torch.randperm(2 * n * FRAMES, device=self.drawn_on or z.device)[:n].to(z.device)
        ]
        return self.main(z[:, :, None, None])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--variant", choices=["official", "tuned", "compiled"], default="official")
    p.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--tf32", action="store_true", help="allow TF32 matrix units (GPU, float32)")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--filters", type=int, default=64)
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--infogan", action="store_true")
    p.add_argument("--sample", type=int, metavar="N", help="time making N videos instead of a step")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.tf32
    torch.backends.cudnn.benchmark = True

    if a.sample is None:
        work, warm_ups = training(a), 3 if a.device == "cuda" or a.variant == "compiled" else 1
    else:
        work, warm_ups = sampling(a), 1
    for _ in range(warm_ups):
        work()
    end = time.monotonic() + (WAKING_S if a.device == "cuda" else 0)
    while time.monotonic() < end:
        work()
    times, losses = timed(work, a.steps, torch.cuda.synchronize if a.device == "cuda" else None)
    print(json.dumps({**vars(a), "torch": torch.__version__, "losses": losses, **times}))


def training(a):
    gen = Generator(a.filters, "cpu" if a.variant == "official" else None)
    dis_i = discriminator(nn.Conv2d, nn.BatchNorm2d, 2, 1, 1, a.filters, 0.1)
    dis_v = discriminator(nn.Conv3d, nn.BatchNorm3d, (1, 2, 2), (0, 1, 1), 1 + DIM_CATEGORY, a.filters, 0.1)
    real = torch.rand(a.batch, CHANNELS, FRAMES, SIZE, SIZE) * 2 - 1
    labels = torch.randint(DIM_CATEGORY, (a.batch,)).to(a.device)
    nets = [n.to(a.device) for n in (gen, dis_i, dis_v)]
    real = real.to(a.device)
    if a.variant != "official" and a.device == "cuda":
        gen.main.to(memory_format=torch.channels_last)
        dis_i.to(memory_format=torch.channels_last)
        dis_v.to(memory_format=torch.channels_last_3d)
        real = real.contiguous(memory_format=torch.channels_last_3d)
    opts = [
        torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), weight_decay=1e-5, fused=a.variant != "official")
        for n in nets
    ]
    if a.variant == "compiled":
        gen.main, dis_i, dis_v = (torch.compile(m, dynamic=False) for m in (gen.main, dis_i, dis_v))
    sp = F.softplus

    def cast():
        return torch.autocast(a.device, torch.bfloat16) if a.dtype == "bfloat16" else contextlib.nullcontext()

    def update(opt, loss):
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        return loss.detach()

    def freeze(flag):
        if a.variant != "official":
            for m in (dis_i, dis_v):
                m.requires_grad_(not flag)

    def step():
        freeze(False)
        with cast():
            t = torch.randint(FRAMES, (1,)).item()
            fake = gen.images(a.batch).detach()
            l_i = sp(-dis_i(real[:, :, t])).mean() + sp(dis_i(fake)).mean()
        l_i = update(opts[1], l_i)
        with cast():
            fake = gen.videos(a.batch)[0].detach()
            y = dis_v(real).flatten(1)
            l_v = sp(-y[:, 0]).mean() + sp(dis_v(fake).flatten(1)[:, 0]).mean()
            if a.infogan:
                l_v = l_v + F.cross_entropy(y[:, 1:].float(), labels)
        l_v = update(opts[2], l_v)
        freeze(True)
        with cast():
            l_g = sp(-dis_i(gen.images(a.batch))).mean()
            v, category = gen.videos(a.batch)
            y = dis_v(v).flatten(1)
            l_g = l_g + sp(-y[:, 0]).mean()
            if a.infogan:
                l_g = l_g + F.cross_entropy(y[:, 1:].float(), category)
        l_g = update(opts[0], l_g)
        return [float(loss) for loss in (l_i, l_v, l_g)]

    return step


def sampling(a):
    gen = Generator(a.filters).to(a.device).eval()

    def sample():
        with torch.inference_mode():
            for first in range(0, a.sample, a.batch):
                gen.videos(min(a.batch, a.sample - first))
        return []

    return sample


if __name__ == "__main__":
    main()
