"""How many numbers a training step holds at once."""

from __future__ import annotations

from dataclasses import dataclass

from mocogan_chainer.models.mocogan.memory import discriminator_floats, frame_floats
from mocogan_chainer.models.mocogan.sizes import split_size, temporal_kernels


@dataclass(frozen=True)
class _Frame:
    """Numbers of one frame.

    Attributes:
        content: that stay of its way to content.
        seen_again: the same for a generated frame.
        decoded: that stay for the generator's backward pass from content and motion.
        gradients: most that exist at once in the backward pass through the generator's layers.
    """

    content: int
    seen_again: int
    decoded: int
    gradients: int


def activation_floats(
    *,
    size: int,
    length: int,
    batchsize: int,
    n_filters_gen: int,
    n_filters_enc: int,
    n_filters_vdis: int,
    dim_zm: int,
    n_carried: int,
    n_blocks: int | None,
    image: bool,
    video: bool,
    latent: bool,
    recons: bool,
) -> int:
    """Estimate the most numbers alive at once, without parameters and their gradients.

    The clips are alive all the time, and a possible future, where anything judges one, until the predictor has learned
    from it. In addition comes first what the video discriminator learns from; then that discriminator frozen, the
    generated clip encoded again, and gradients. Then a mean future of all frames takes its place, and at last the clip
    that is reconstructed.

    Of the image discriminator nothing is counted: it sees one frame of each clip.

    Args:
        size: height and width of frames.
        length: frames of the clips.
        batchsize: clips per step.
        n_filters_gen, n_filters_enc, n_filters_vdis: channels of the first or last layers.
        dim_zm: size of a motion code.
        n_carried: copies of the last given frame.
        n_blocks: of a ResNet; None for the deconvolution generator.
        image, video, latent, recons: whether there are the discriminators, and these losses.
    """
    _, halvings = split_size(size)
    pixels, to_come = 3 * size**2, length - 1  # after the shortest context
    if n_blocks is None:
        frame = _deconvolution(size, n_filters_gen, n_filters_enc)
    else:
        frame = _resnet(size, n_filters_gen, dim_zm, n_blocks)
    motion, _ = discriminator_floats((1, size, size), [1] * halvings, 6, n_filters_enc)
    rendered, rendering = _rendering(size, n_carried)
    drawn, drawing = frame.decoded + rendered, max(frame.gradients, rendering)
    seen = frame.content + motion

    future = seen + to_come * drawn
    shown = to_come * pixels if image or video or latent else 0  # that stay of the possible future
    judging = judged = encoded = encoding = differences = sampled = reconstructed = 0
    if video:
        kernels, first = temporal_kernels(halvings), n_filters_vdis * length * (size // 2) ** 2
        learning, frozen = discriminator_floats((length, size, size), kernels, 3, n_filters_vdis)
        judging = future + length * pixels + learning + first * 5 // 2  # gradients around the first layer
        judged, encoding = frozen, 2 * first
    if latent:
        encoded = to_come * frame.seen_again + length * motion
        encoding += 4 * to_come * (pixels + n_filters_enc * (size // 2) ** 2)  # all first layers at once
        differences = 6 * to_come * pixels  # with both frames that each is of
    if shown:
        sampled = future + judged + encoded + max(encoding, differences, to_come * drawing)
    mean = future + shown + to_come * (pixels + drawing)  # with the distance to the truth
    if recons:  # the same, and the clip's frames in a row
        reconstructed = seen + shown + length * (motion + drawn + 2 * pixels + drawing)
    return batchsize * (length * pixels + max(judging, sampled, mean, reconstructed))


def _rendering(size: int, copies: int) -> tuple[int, int]:
    """Numbers that stay of a frame between what is drawn and what is shown, and the most of its gradients.

    A copy leaves two matrices of weights with what they were made from, its pixels moved along one axis and along both,
    and its part of the mixture; the drawn frame leaves the last of these, and itself.
    """
    places = size**2
    if not copies:
        return 3 * places, 9 * places
    return (4 + 3 + 4) * copies * places + (4 + 6) * places, (13 * copies + 6) * places


def _deconvolution(size: int, n_filters_gen: int, n_filters_enc: int) -> _Frame:
    _, halvings = split_size(size)
    pixels, last = 3 * size**2, n_filters_gen * (size // 2) ** 2
    content, _ = discriminator_floats((1, size, size), [1] * halvings, 3, n_filters_enc)
    return _Frame(
        content=content,
        seen_again=content - pixels,  # they lie as the generator has left them
        decoded=frame_floats(size, n_filters_gen) - 2 * pixels,
        gradients=4 * last,
    )


def _resnet(size: int, ngf: int, dim_zm: int, n_blocks: int) -> _Frame:
    """Each convolution keeps its input, with a border where it has one, and normalization its own."""
    places = (size // 4) ** 2
    level, bordered = 4 * ngf * places, 4 * ngf * (size // 4 + 2) ** 2
    first, halved, bordered_first = ngf * size**2, ngf * size**2 // 2, ngf * (size + 6) ** 2
    content = 3 * (size + 6) ** 2 + 2 * first + 2 * halved + level
    joined = 2 * level + (dim_zm + 2) * places
    block = 2 * bordered + 4 * level  # modulation keeps what it scales, and what is rectified
    return _Frame(
        content=content,
        seen_again=content,
        decoded=joined + n_blocks * block + level + 2 * halved + first + bordered_first,
        gradients=bordered_first + ngf * size * (size + 6) + first,  # as one axis is folded after the other
    )
