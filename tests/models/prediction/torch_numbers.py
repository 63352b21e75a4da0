"""Makes numbers.npz: what predictors compute in PyTorch, from weights of ``forms.py``.

    PYTHONPATH=. python tests/models/prediction/torch_numbers.py

The networks are written here from their description and without regard to ours: ``grid_sample`` carries copies, and
PyTorch's own GRU runs over time, all in float64. numbers.npz was made with PyTorch 2.13 on a CPU; tests read it, and
need no PyTorch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from tests.models.g3an import drawn
from tests.models.prediction import forms


class Arrays:
    """Gives a form's arrays by name; ``trains`` says whether normalization is by the batch."""

    def __init__(self, form, trains):
        self.form, self.trains, self.parameters, self.statistics = form, trains, {}, {}

    def __call__(self, name, *shape):
        if name not in self.parameters:
            self.parameters[name] = self.draw(name, shape).requires_grad_()
        assert self.parameters[name].shape == shape
        return self.parameters[name]

    def statistic(self, name, *shape):
        if name not in self.statistics:
            self.statistics[name] = self.draw(name, shape)
        return self.statistics[name]

    def draw(self, name, shape):
        return torch.from_numpy(forms.array(self.form, name, shape)).double()


def batch_norm(w, name, x):
    width = x.shape[1]
    statistics = [w.statistic(f"{name}/{kind}", width) for kind in ("avg_mean", "avg_var")]
    return F.batch_norm(x, *statistics, w(f"{name}/gamma", width), w(f"{name}/beta", width), training=w.trains)


def halvings(size):
    base = 4 if size & (size - 1) == 0 else 6
    return base, int(np.log2(size // base))


def encode_frames(w, name, x, out):
    """(M, C, S, S) -> (M, out)."""
    base, count = halvings(x.shape[-1])
    width = forms.N_FILTERS_ENC
    h = F.leaky_relu(F.conv2d(x, w(f"{name}/first/W", width, x.shape[1], 4, 4), stride=2, padding=1), 0.2)
    for i in range(count - 1):
        h = F.conv2d(h, w(f"{name}/convolutions/{i}/W", 2 * width, width, 4, 4), stride=2, padding=1)
        h = F.leaky_relu(batch_norm(w, f"{name}/norms/{i}", h), 0.2)
        width *= 2
    return F.conv2d(h, w(f"{name}/to_numbers/W", out, width, base, base)).flatten(1)


def gru(w, name, inputs, h):
    """(T, N, I), (N, H) -> (T, N, H)."""
    size = h.shape[1]
    shapes = {"W_i": (3 * size, inputs.shape[2]), "W_h": (3 * size, size), "b_i": (3 * size,), "b_h": (3 * size,)}
    weights = [w(f"{name}/{key}", *shape) for key, shape in shapes.items()]
    return torch.gru(inputs, h[None], weights, True, 1, 0.0, w.trains, False, False)[0]


def linear(w, name, x, out):
    return F.linear(x, w(f"{name}/W", out, x.shape[-1]), w(f"{name}/b", out))


def states(w, clip):
    """(N, 3, T, S, S) -> (T, N, DIM_ZM), frame by frame."""
    seen, before = [], clip[:, :, 0]
    for t in range(clip.shape[2]):
        seen.append(torch.cat([clip[:, :, t], clip[:, :, t] - before], 1))
        before = clip[:, :, t]
    together = encode_frames(w, "motion_encoder/frames", torch.cat(seen), forms.FEATURES)
    inputs = together.reshape(clip.shape[2], len(clip), -1)
    return gru(w, "motion_encoder/over_time", inputs, torch.zeros(len(clip), forms.DIM_ZM).double())


def instance_norm(h):
    return F.instance_norm(h, eps=1e-5)


def bordered(w, name, h, out, ksize):
    pad = ksize // 2
    weights = w(f"{name}/W", out, h.shape[1], ksize, ksize)
    return F.conv2d(F.pad(h, [pad] * 4, mode="reflect"), weights)


class Deconvolution:
    def __init__(self, w, form):
        self.w, self.form = w, form

    def encode(self, x):
        return encode_frames(self.w, "generator/encoder", x, forms.DIM_ZC)

    def decode(self, content, motion):
        base, count = halvings(self.form.size)
        h, stride, pad, ksize = torch.cat([content, motion], 1)[:, :, None, None], 1, 0, base
        for i in range(count):
            shape = h.shape[1], self.form.n_filters * 2 ** (count - 1 - i), ksize, ksize
            name = f"generator/blocks/{i}"
            h = F.conv_transpose2d(h, self.w(f"{name}/conv/W", *shape), stride=stride, padding=pad)
            h, stride, pad, ksize = F.relu(batch_norm(self.w, f"{name}/norm", h)), 2, 1, 4
        last = self.w("generator/last/W", self.form.n_filters, 3 + self.form.copies, 4, 4)
        return F.conv_transpose2d(h, last, stride=2, padding=1)


class ResNet:
    def __init__(self, w, form):
        self.w, self.form, self.wide = w, form, 4 * form.n_filters

    def encode(self, x):
        h = F.relu(instance_norm(bordered(self.w, "generator/first", x, self.form.n_filters, 7)))
        for i in range(2):
            weights = self.w(f"generator/down/{i}/W", 2 * h.shape[1], h.shape[1], 3, 3)
            h = F.relu(instance_norm(F.conv2d(h, weights, stride=2, padding=1)))
        return h

    def decode(self, content, motion):
        count, _, side, _ = content.shape
        line = torch.linspace(-1, 1, side).double()
        maps = [content, motion[:, :, None, None].expand(-1, -1, side, side)]
        maps += [line[None, None, None, :].expand(count, 1, side, side), line[:, None].expand(count, 1, side, side)]
        h = torch.cat(maps, 1)
        h = F.relu(instance_norm(F.conv2d(h, self.w("generator/join/W", self.wide, h.shape[1], 3, 3), padding=1)))
        for i in range(forms.N_BLOCKS):
            name = f"generator/blocks/{i}"
            told = linear(self.w, f"{name}/modulation", motion, 2 * self.wide)
            scale, shift = told[:, : self.wide, None, None], told[:, self.wide :, None, None]
            inner = F.relu(instance_norm(bordered(self.w, f"{name}/first", h, self.wide, 3)) * (1 + scale) + shift)
            h = h + instance_norm(bordered(self.w, f"{name}/second", inner, self.wide, 3))
        for i in range(2):
            weights = self.w(f"generator/up/{i}/W", h.shape[1], h.shape[1] // 2, 4, 4)
            h = F.relu(instance_norm(F.conv_transpose2d(h, weights, stride=2, padding=1)))
        return bordered(self.w, "generator/last", h, 3 + self.form.copies, 7)


def carried(w, frame, start, moment, copies):
    """(N, 3, S, S), (N, H), (N, H) -> each copy (N, 3, S, S)."""
    hidden = torch.tanh(linear(w, "transport/hidden", torch.cat([start, moment], 1), 128))
    moves = linear(w, "transport/to_places", hidden, 4 * copies).reshape(-1, copies, 2, 2)
    line, found = torch.linspace(-1, 1, frame.shape[-1]).double(), []
    for k in range(copies):
        y, x = (line * torch.exp(moves[:, k, axis, 1:]) + moves[:, k, axis, :1] for axis in range(2))  # (N, S) each
        places = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), 3)
        found.append(F.grid_sample(frame, places, mode="bilinear", padding_mode="border", align_corners=True))
    return found


class Predictor:
    def __init__(self, w, form):
        self.w, self.form = w, form
        self.generator = (ResNet if form.generator == "resnet" else Deconvolution)(w, form)

    def see(self, context):
        n, _, given = context.shape[:3]
        each = self.generator.encode(context.transpose(1, 2).flatten(0, 1))
        self.content = each.reshape(n, given, *each.shape[1:]).mean(1)
        self.state, self.frame = states(self.w, context)[-1], context[:, :, -1]

    def render(self, motion):
        """(T, N, DIM_ZM) -> (N, 3, T, S, S); all at once for normalization's sake."""
        length, n = motion.shape[:2]
        content = self.content[:, None].expand(n, length, *self.content.shape[1:]).flatten(0, 1)
        drawn_frames = self.generator.decode(content, motion.transpose(0, 1).flatten(0, 1))
        drawn_frames = drawn_frames.reshape(n, length, *drawn_frames.shape[1:])
        frames = []
        for t in range(length):
            choices, leanings = [], []
            if self.form.copies:
                choices = carried(self.w, self.frame, self.state, motion[t], self.form.copies)
                leanings = [torch.exp(drawn_frames[:, t, 3 + k : 4 + k]) for k in range(self.form.copies)]
            choices.append(torch.tanh(drawn_frames[:, t, :3]))
            leanings.append(torch.ones_like(drawn_frames[:, t, :1]))
            frames.append(sum(c * p for c, p in zip(choices, leanings, strict=True)) / sum(leanings))
        return torch.stack(frames, 2)

    def __call__(self, context, e, clip):
        self.see(context)
        return {
            "content": self.content,
            "state": self.state,
            "future": self.render(gru(self.w, "motion", e, self.state)),
            "reconstructed": self.render(states(self.w, clip)),
        }


def numbers_of(name, form):
    given = (forms.context(name, form.size), forms.noise(name), forms.clip(name, form.size))
    given = [torch.from_numpy(array).double() for array in given]
    numbers = {}
    for mode in ("evaluation", "training"):
        w = Arrays(name, trains=mode == "training")
        results = Predictor(w, form)(*given)
        for key, value in results.items():
            value = value.detach().numpy()
            numbers[f"{mode}/{key}"] = forms.sample(value) if value.ndim == 5 else value
    loss = sum((v * torch.from_numpy(forms.weighing(name, k, tuple(v.shape)))).sum() for k, v in results.items())
    loss.backward()
    digests = {key: drawn.digest(key, p.grad.numpy()) for key, p in w.parameters.items()}
    digests |= {key: drawn.digest(key, value.numpy()) for key, value in w.statistics.items()}
    numbers |= {"digest_names": np.array(list(digests)), "digests": np.array(list(digests.values()))}
    return numbers


if __name__ == "__main__":
    found = {name: numbers_of(name, form) for name, form in forms.FORMS.items()}
    flat = {f"{name}/{key}": value for name, numbers in found.items() for key, value in numbers.items()}
    flat = {key: value.astype(np.float32) if value.dtype == np.float64 else value for key, value in flat.items()}
    np.savez_compressed(Path(__file__).with_name("numbers.npz"), **flat)
