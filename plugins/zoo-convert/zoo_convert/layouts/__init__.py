"""The known layouts, one small file for each repository."""

from zoo_convert.layout import Layout
from zoo_convert.layouts import (
    caogang,
    chrischute,
    diffusers,
    junyanz,
    kamenbliznashki,
    lornatang,
    pytorch_examples,
    rosinality,
)

REPOSITORIES = (pytorch_examples, junyanz, lornatang, caogang, rosinality, chrischute, kamenbliznashki, diffusers)
LAYOUTS: dict[str, Layout] = {layout.name: layout for module in REPOSITORIES for layout in module.LAYOUTS}
