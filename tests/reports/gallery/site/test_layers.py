"""Points on their way through the layers of a flow."""

import math

import pytest
import torch
from chromium import drag, levels

import zoo
from zoo.reports.gallery import latents

pytestmark = pytest.mark.browser


def test_points_are_pushed_through_the_layers(room):
    model, page = zoo.load("flow-2d-two-moons"), room("flow-2d-two-moons")
    way, names = latents.stages(model, model.latents(latents.STAGED, seed=0))
    ends = way.sort(1).values[:, [math.floor(0.002 * way.shape[1]), math.ceil(0.998 * way.shape[1]) - 1]]
    ends = ends + torch.tensor([[-0.12], [0.12]]) * (ends[:, 1:] - ends[:, :1])
    last, painted = len(names), []
    stages = (
        (0, "Noise, before", way[0], ends[0]),
        (last, f"After layer {last} of {last}: ", way[-1], ends[-1]),
        (last - 0.5, f"In layer {last} of {last}", way[-2:].mean(0), ends[-2:].mean(0)),
    )
    for place, words, points, (low, high) in stages:
        drag(page, "through", place)
        page.wait_for_selector(f"#layers-caption:has-text('{words}')")
        painted.append(levels(page, "layers-points").max(2) > 0)
        x, y = ((points - low) / (high - low) * 420).T.floor().long().numpy()
        inside = (x >= 0) & (x < 420) & (y >= 0) & (y < 420)
        assert painted[-1][419 - y[inside], x[inside]].mean() > 0.99
        assert painted[-1].mean() < 0.0726  # 800 points, which touch 4 × 4 pixels at most
    assert (painted[0] != painted[1]).sum() > 1000
    page.click("#layers-play")
    page.wait_for_selector(f"#layers[data-drawn='{last}']")
