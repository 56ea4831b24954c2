"""The known layouts, one small file for each repository."""

from zoo_convert.layout import Layout
from zoo_convert.layouts import (
    ajbrock,
    caogang,
    chrischute,
    diffusers,
    hanzhanggit,
    huggingface,
    junyanz,
    kamenbliznashki,
    leftthomas,
    lornatang,
    pytorch_examples,
    pytorch_gan_zoo,
    rosinality,
    rosinality_stylegan2,
    twtygqyy,
)

REPOSITORIES = (
    pytorch_examples,
    junyanz,
    lornatang,
    twtygqyy,
    leftthomas,
    caogang,
    pytorch_gan_zoo,
    ajbrock,
    rosinality,
    rosinality_stylegan2,
    chrischute,
    kamenbliznashki,
    diffusers,
    hanzhanggit,
    huggingface,
)
LAYOUTS: dict[str, Layout] = {layout.name: layout for module in REPOSITORIES for layout in module.LAYOUTS}
