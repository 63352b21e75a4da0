"""Makes numbers.npz: what networks of the published form compute in PyTorch, from weights of ``drawn.py``.

    PYTHONPATH=. python tests/models/g3an/torch_numbers.py

The networks are those that benchmarks measure: written once more, from the paper and the layout of published
checkpoints, not from ours. numbers.npz was made with PyTorch 2.13 on a CPU; tests read it, and need no PyTorch.
"""

from __future__ import annotations

from pathlib import Path

import drawn
import numpy as np
import torch

from benchmarks.torch_g3an import Generator, image_discriminator, video_discriminator


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
