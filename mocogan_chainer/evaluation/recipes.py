"""How features are made for each metric of the field: the network, its layer, and what it is shown.

Numbers of unlike recipes have nothing to do with each other, even under one name such as FID. Where the recipes of
published code are kept apart, the difference is in their fields.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from mocogan_chainer.evaluation import precision_recall
from mocogan_chainer.evaluation.clips import Preparation
from mocogan_chainer.features import c3d


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to make features.

    Attributes:
        name: of the protocol.
        metric: "fvd", "fid", "is" or "prd".
        network: which one, in words, with the layer.
        weights: its file's name in :mod:`mocogan_chainer.features.weights`.
        mean: the name there of a mean clip to subtract, or None.
        mean_left: the first column of what is taken of that clip.
        output: "features" or "probabilities" (the softmax of the class scores).
        preparation: the clips that it is shown.
        samples: videos of each set, as published.
        splits: of the Inception Score: parts that are scored alone.
        classes: that the network was trained to tell apart; tells its weight files apart, too.
    """

    name: str
    metric: str
    network: str
    weights: str
    mean: str | None = None
    mean_left: int = c3d.TGANV2_LEFT
    output: Literal["features", "probabilities"] = "features"
    preparation: Preparation
    samples: int = 2048
    splits: int = 1
    classes: int

    @property
    def least_samples(self) -> int:
        """The fewest videos of a set that give a number at all."""
        return precision_recall.CLUSTERS if self.metric == "prd" else 2

    def fields(self, weights_sha256: str) -> dict[str, Any]:
        """Return the fields of a protocol that say how the features are made.

        Args:
            weights_sha256: of the weight file that is used.
        """
        return {"network": self.network, "weights_sha256": weights_sha256, **self.preparation.fields()}


_I3D = Preparation(
    frames=16,
    start="random",
    short_videos="leave out",
    size=224,
    resize="bilinear-tf1",
    crop="none",
    channel_order="RGB",
    scale=2 / 255,
    means=(1.0, 1.0, 1.0),
)
_I3D_SCORES = "I3D (Kinetics-400), the 400 scores before the softmax"
_MEANS = (114.7748, 107.7354, 99.4750)
_G3AN = Preparation(
    frames=16,
    start="middle",
    short_videos="leave out",
    size=112,
    resize="bilinear-pil",
    crop="none",
    channel_order="RGB",
    means=_MEANS,
)
_EVAN = replace(_G3AN, short_videos="loop", resize="bilinear-cv2", crop="centre", channel_order="BGR")
_C3D = Preparation(
    frames=16,
    start="first",
    short_videos="leave out",
    size=112,
    resize="bilinear-corners",
    crop="none",
    channel_order="BGR",
    scale=256 / 255,  # x * 128 + 128 of a generator's -1 to 1
    mean_clip=True,
)
_TGAN = replace(_C3D, resize="bicubic-cv2", crop="centre of 128")
_RESNEXT_FEATURES = "3-D ResNeXt-101, the 2048 pooled features"
_RESNET_FEATURES = "3-D ResNet-101, the 2048 pooled features"
_C3D_PROBABILITIES = "C3D (Sports-1M, UCF-101), the 101 probabilities"

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="fvd-i3d", metric="fvd", network=_I3D_SCORES, weights="i3d", classes=400, preparation=_I3D),
        Recipe(
            name="fvd-i3d-half-pixel",
            metric="fvd",
            network=_I3D_SCORES,
            weights="i3d",
            classes=400,
            preparation=replace(_I3D, resize="bilinear"),
        ),
        Recipe(
            name="fid-resnext101-g3an",
            metric="fid",
            network=_RESNEXT_FEATURES,
            weights="resnext-101-kinetics",
            classes=400,
            preparation=_G3AN,
            samples=5000,
        ),
        Recipe(
            name="fid-resnext101-evan",
            metric="fid",
            network=_RESNEXT_FEATURES,
            weights="resnext-101-kinetics-ucf101",
            classes=101,
            preparation=_EVAN,
        ),
        Recipe(
            name="fid-resnet101-evan",
            metric="fid",
            network=_RESNET_FEATURES,
            weights="resnet-101-kinetics-ucf101",
            classes=101,
            preparation=_EVAN,
        ),
        Recipe(
            name="is-c3d",
            metric="is",
            network=_C3D_PROBABILITIES,
            weights="c3d-ucf101",
            classes=101,
            mean="c3d-ucf101-mean",
            output="probabilities",
            preparation=_C3D,
            splits=10,
        ),
        Recipe(
            name="is-c3d-tgan",
            metric="is",
            network=_C3D_PROBABILITIES,
            weights="c3d-ucf101",
            classes=101,
            mean="c3d-ucf101-mean",
            mean_left=c3d.TGAN_LEFT,
            output="probabilities",
            preparation=_TGAN,
            samples=10_000,
        ),
        Recipe(
            name="is-resnext101",
            metric="is",
            network="3-D ResNeXt-101, the 101 probabilities",
            weights="resnext-101-kinetics-ucf101",
            classes=101,
            output="probabilities",
            preparation=_EVAN,
        ),
        Recipe(
            name="is-resnet101",
            metric="is",
            network="3-D ResNet-101, the 101 probabilities",
            weights="resnet-101-kinetics-ucf101",
            classes=101,
            output="probabilities",
            preparation=_EVAN,
        ),
        Recipe(name="prd-i3d", metric="prd", network=_I3D_SCORES, weights="i3d", classes=400, preparation=_I3D),
        Recipe(
            name="prd-resnext101",
            metric="prd",
            network=_RESNEXT_FEATURES,
            weights="resnext-101-kinetics",
            classes=400,
            preparation=_G3AN,
        ),
    )
}
"""By name. The first one of a metric is its usual one."""


def of_metric(metric: str) -> list[Recipe]:
    """Return the recipes of a metric, the usual one first."""
    return [recipe for recipe in RECIPES.values() if recipe.metric == metric]
