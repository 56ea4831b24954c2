"""The known layouts, one small file for each repository."""

from zoo_convert.layout import Layout
from zoo_convert.layouts import pytorch_examples

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in [*pytorch_examples.LAYOUTS]}
