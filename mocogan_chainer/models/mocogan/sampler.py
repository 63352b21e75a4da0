"""Videos from a trained MoCoGAN generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainer import Variable

from mocogan_chainer.errors import require_whole
from mocogan_chainer.models.mocogan.codes import Codes, draw_each
from mocogan_chainer.models.sampler import TiledSampler, great_circle


class MoCoGANSampler(TiledSampler):
    """Draws codes by number and renders them."""

    def draw(
        self,
        seed: int,
        contents: Sequence[int],
        motions: Sequence[int],
        length: int,
        categories: Sequence[int] | None = None,
    ) -> Codes:
        """See :meth:`mocogan_chainer.sampling.Sampler.draw`; a category that is not given is drawn with the content."""
        length = require_whole("length", length, 1)
        codes = draw_each(self.streams(seed, contents, motions), length, self.generator.code_sizes)
        return codes if categories is None else replace(codes, z_category=self.numbers_of(categories, len(codes)))

    def interpolate(self, codes: Codes, steps: int) -> Codes:
        """See :meth:`mocogan_chainer.sampling.Sampler.interpolate`; the motion is the first video's."""
        rows = codes.take([0] * steps)
        path = great_circle(codes.z_content[0], codes.z_content[1], steps)
        return Codes(path, rows.z_category, rows.h0, rows.e)

    def videos(self, codes: Codes) -> Variable:
        """Generate a tile of videos."""
        return self.generator.videos(codes)
