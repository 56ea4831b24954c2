"""What the tests of every GAN need, such as which parameters its losses do not reach."""

import pytest
import torch

from zoo.training.loop import fit


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def coded():
    """`coded(objective, codes)`: instead of its networks' outputs, logits known by hand: a text's code, and 3 less for
    images that are not white, as are those that are drawn."""

    def code(objective, codes):
        objective.embedded = lambda texts: torch.tensor([[codes[text]] * 6 for text in texts])

        def score(images, texts):
            white = (images == 1).flatten(1).all(1).repeat(len(texts) // len(images))
            return texts[:, :1] - 3 * ~white[:, None]

        objective.score = score

    return code


@pytest.fixture
def wide_under_autocast():
    """`wide_under_autocast(objective, batch)`: its losses are float32 and finite where networks are bfloat16."""

    def check(objective, batch):
        with torch.autocast("cpu", torch.bfloat16):
            for _, loss in objective.updates(batch):
                assert (loss.dtype, bool(loss.isfinite())) == (torch.float32, True)

    return check


@pytest.fixture
def unreached():
    """`unreached(objective, batch)`: names of its parameters that no optimizer holds, or that get no gradient from the
    loss of the network they are held for, in one pass through the steps."""

    def find(objective, batch):
        names = {parameter: name for name, parameter in objective.named_parameters()}
        missing = dict.fromkeys(names.values(), "in no optimizer")
        optimizers = objective.optimizers()
        for network, loss in objective.updates(batch):
            held = [p for group in optimizers[network].param_groups for p in group["params"]]
            for parameter, gradient in zip(
                held, torch.autograd.grad(loss, held, allow_unused=True, retain_graph=True), strict=True
            ):
                if gradient is not None and gradient.any():
                    missing.pop(names[parameter], None)
                elif names[parameter] in missing:
                    missing[names[parameter]] = "without gradient"
        return missing

    return find


@pytest.fixture
def resumed(tmp_path):
    """`resumed(make, data, recipe, *stops)`: trains without a stop, and anew with one after each step of `stops`; both
    end in the same model, bit for bit, which is returned. Further keywords are those of `fit`."""

    def run(make, data, recipe, *stops, **options):
        options = {"accelerator": "cpu", **options}
        whole = fit(make, data, recipe, tmp_path / "whole", **options)
        for place, stop in enumerate((*stops, None)):
            parts = fit(make, data, recipe, tmp_path / "parts", until=stop, resume=place > 0, **options)
        for name, tensor in whole.state_dict().items():
            assert torch.equal(tensor, parts.state_dict()[name]), name
        return whole

    return run
