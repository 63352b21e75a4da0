"""Videos from a trained G3AN generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainer import Variable

from mocogan_chainer.errors import require_whole
from mocogan_chainer.models.g3an.codes import Codes, draw_each
from mocogan_chainer.models.g3an.sizes import motion_steps
from mocogan_chainer.models.sampler import TiledSampler, great_circle


class G3ANSampler(TiledSampler):
    """Draws codes by number and renders them; a video's content is its appearance.

    A tile is rendered whole, in memory that grows with the length: 16 MiB a frame of 64 x 64 at the published width.
    """

    category_is_motion = False

    def draw(
        self,
        seed: int,
        contents: Sequence[int],
        motions: Sequence[int],
        length: int,
        categories: Sequence[int] | None = None,
    ) -> Codes:
        """See :meth:`mocogan_chainer.sampling.Sampler.draw`; lengths are 16, 20, 24, ...

        A category that is not given is drawn with the appearance.
        """
        steps = motion_steps(require_whole("length", length), "length")
        codes = draw_each(self.streams(seed, contents, motions), steps, self.generator.code_sizes)
        return codes if categories is None else replace(codes, z_category=self.numbers_of(categories, len(codes)))

    def interpolate(self, codes: Codes, steps: int) -> Codes:
        """See :meth:`mocogan_chainer.sampling.Sampler.interpolate`; the motion is the first video's."""
        return replace(codes.take([0] * steps), za=great_circle(codes.za[0], codes.za[1], steps))

    def videos(self, codes: Codes) -> Variable:
        """Generate a tile of videos."""
        return self.generator(codes)
