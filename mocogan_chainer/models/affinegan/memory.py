"""How many numbers a training step holds at once."""

from __future__ import annotations

from dataclasses import dataclass

from mocogan_chainer.models.sizes import doubling_widths


@dataclass(frozen=True)
class _Form:
    """Numbers of a generator, for a picture.

    Attributes:
        levels: that an encoder hands over.
        feature: of the innermost level.
        encoder, decoder: that each keeps for its backward pass.
        last_layer: that the decoder's last layer is given and does not keep.
        gradients: most that exist at once in the backward pass, around the outermost level.
    """

    levels: int
    feature: int
    encoder: int
    decoder: int
    last_layer: int
    gradients: int


def activation_floats(
    *,
    size: int,
    batchsize: int,
    frames: int,
    ngf: int,
    ndf: int,
    halvings: int | None,
    n_blocks: int | None,
    patch: bool,
    weights: int,
) -> int:
    """Estimate the most numbers alive at once, without parameters, their gradients and the backend's buffers.

    The batch and what the generator keeps are alive all the time. In addition come the encoders' levels as pictures
    are made; then a discriminator that learns, with its pictures; then the frozen ones and the generator's gradients.

    Args:
        frames: later frames of a video.
        halvings: of a U-Net; None for a ResNet.
        n_blocks: of a ResNet; None for a U-Net.
        weights: of the generator; in its backward pass their gradients are yet to come, and leave room.
    """
    form = _resnet(size, ngf, n_blocks) if halvings is None else _unet(size, ngf, halvings)
    pixels, later = size**2, batchsize * frames
    encoded, decoded = batchsize + later, 2 * later
    batch = (3 * batchsize + 6 * later + 2 * later * patch) * pixels
    kept = (encoded + batchsize) * form.encoder + decoded * form.decoder
    kept += batchsize * form.levels + later * form.feature  # the residuals, and the changes that alphas are made of
    generating = (encoded + later + decoded) * form.levels + later * form.feature
    generating += decoded * (form.last_layer + 3 * pixels)
    learning, frozen = _discriminator(size, ndf)
    discriminating = later * (24 + 3 * patch) * pixels + 2 * later * learning  # real and fake pairs, and both as one
    backward = later * (1 + patch) * (frozen + 6 * pixels) + decoded * form.gradients - weights
    return batch + kept + max(generating, discriminating, backward)


def _unet(size: int, ngf: int, halvings: int) -> _Form:
    """An encoder keeps each convolution's input and what is normalized, a decoder joined levels too.

    A byte for each number that is rectified is kept too.
    """
    *outer, innermost = (width * (size >> i) ** 2 for i, width in enumerate(doubling_widths(ngf, halvings), start=1))
    return _Form(
        levels=sum(outer) + innermost,
        feature=innermost,
        encoder=3 * size**2 + sum(outer) * 9 // 4 - outer[0],  # the outermost is not normalized
        decoder=innermost + 3 * sum(outer) + 3 * size**2,
        last_layer=0,
        gradients=5 * outer[0],  # of the joined, of the skip, and of what is normalized: as it comes, packed, and on
    )


def _resnet(size: int, ngf: int, n_blocks: int) -> _Form:
    """Both keep each convolution's input, with borders where it has them, and what is normalized."""
    first, bordered_first = ngf * size**2, ngf * (size + 6) ** 2
    level, bordered_level = first // 4, 4 * ngf * (size // 4 + 2) ** 2
    halved = first // 2
    return _Form(
        levels=level,
        feature=level,
        encoder=3 * (size + 6) ** 2 + 2 * first + 2 * halved + level + n_blocks * 2 * (level + bordered_level),
        decoder=level + 2 * halved + first + bordered_first + 3 * size**2,
        last_layer=first,
        gradients=3 * bordered_first,  # of the bordered, and as one axis is folded after the other
    )


def _discriminator(size: int, ndf: int) -> tuple[int, int]:
    """Numbers that a pair leaves in a network that learns, with the gradients around a layer, and in a frozen one.

    Of the first layer they keep a byte for each number that is rectified, of the others what is normalized; the one
    that learns keeps each layer's output too.
    """
    first, second = ndf * (size // 2) ** 2, 2 * ndf * (size // 4) ** 2
    normalized = second + 4 * ndf * (size // 8) ** 2 + 8 * ndf * (size // 8 - 1) ** 2
    return first * 5 // 4 + 2 * normalized + 2 * first + second, first // 4 + normalized
