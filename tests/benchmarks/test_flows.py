"""How fast flows are beside those of normflows, zuko and nflows.

    pip install normflows zuko nflows matplotlib
    pytest -n0 tests/benchmarks/test_flows.py --benchmark-only --benchmark-columns=rounds

Nothing else in the project needs these packages; without them all is skipped. Prints, for each system, direction and
batch size, how many samples a second this project computes, and how many times as fast that is as each of the others.

All run in one process, taking turns in short rounds, so that whatever else the machine does slows all alike; compared
are minima over the rounds. Architectures are equal. Where the weights can be copied they are, and the densities agree
before anything is measured; a MADE's hidden units are numbered differently everywhere. Calls are the public ones: ours
also check their arguments and results, and give each sample a random generator of its own.

ZOO_BENCHMARK_THREADS sets the number of threads, 2 if unset. With ZOO_BENCHMARK_CLOCK=cpu the processor's time is
counted, which on a machine that is busy otherwise is steadier; use one thread then. With ZOO_BENCHMARK_COMPILE=1 ours
are compiled, which takes half a minute for each shape of Glow.
"""

import os
import time
import warnings
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from zoo.models._flow import Flow
from zoo.models.flows import glow, maf
from zoo.nn.bijections import Chain, Coupling

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    normflows = pytest.importorskip("normflows")
    zuko = pytest.importorskip("zuko")
    nflows = pytest.importorskip("nflows.flows")
    from nflows.distributions.normal import StandardNormal
    from nflows.nn.nets import MLP
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.coupling import AffineCouplingTransform

pytestmark = pytest.mark.filterwarnings("ignore")  # of the other packages

CLOCK = time.process_time if os.environ.get("ZOO_BENCHMARK_CLOCK") == "cpu" else time.perf_counter
FEATURES, LAYERS, HIDDEN = 64, 5, 256  # of the flows of vectors
LEVELS, STEPS, WIDTH, SIDE = 3, 16, 128, 32  # of Glow


@dataclass
class System:
    """Flows of one architecture: name to a function of data, ln p(x), and to a function of n, samples. `density` is our
    ln p without the centring of pixels in their cells, where normflows has the same weights."""

    shape: tuple
    log_prob: dict
    generate: dict
    density: object = None


@pytest.fixture(scope="module", autouse=True)
def _setting():
    before = torch.get_num_threads()
    torch.set_num_threads(int(os.environ.get("ZOO_BENCHMARK_THREADS", "2")))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(before)


def shake(module, size=0.02):
    """Random weights, also where they start at zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(size * torch.randn_like(parameter))


def zoo_calls(model):
    model.fuse()  # as zoo.load does
    if os.environ.get("ZOO_BENCHMARK_COMPILE") == "1":
        model.compile()
    return model.log_prob, lambda n: model.generate(n, batch_size=n)


# Glow ----------------------------------------------------------------------------------------------------------------


def their_glow():
    """As in normflows' own example of Glow, with a standard normal prior and a logit."""
    priors, merges, flows = [], [], []
    for i in range(LEVELS):  # from the last scale, of the fewest pixels, to the first
        channels = 3 * 2 ** (LEVELS + 1 - i)
        flows.append([normflows.flows.GlowBlock(channels, WIDTH) for _ in range(STEPS)] + [normflows.flows.Squeeze()])
        side = SIDE // 2 ** (LEVELS - i)
        priors.append(normflows.distributions.DiagGaussian((channels // (2 if i else 1), side, side)))
        if i:
            merges.append(normflows.flows.Merge())
    logit = normflows.transforms.Logit(0.05)
    model = normflows.MultiscaleFlow(priors, flows, merges, transform=logit, class_cond=False)
    shake(model)
    for module in model.modules():
        if isinstance(module, normflows.flows.ActNorm):
            module.data_dep_init_done.fill_(1.0)
        if isinstance(module, normflows.flows.AffineCoupling):
            # Scales are constants: theirs divide what was shifted before, ours multiply and shift afterwards.
            module.param_map.net[-1].weight.data[1::2] = 0
    for prior in priors:
        nn.init.zeros_(prior.loc)
        nn.init.zeros_(prior.log_scale)
    return model.eval()


def our_glow(model):
    """Glow with the weights of `model`."""
    mine = glow.Glow(glow.Config((3, SIDE, SIDE), LEVELS, STEPS, WIDTH, dequantisation="uniform")).eval()
    entered = torch.arange(3)  # entered[i]: which of their channels is our channel i
    for scale, theirs in zip(mine.bijection.layers[0].scales, reversed(model.flows), strict=True):
        entered = torch.cat([4 * entered + pixel for pixel in range(4)])  # after squeezing
        blocks = list(reversed(theirs[:-1]))
        for k, block in enumerate(blocks):
            norm, mix, coupling = scale.layers[1 + 3 * k : 4 + 3 * k]
            affine, convolution, actnorm = block.flows
            log_scale = -actnorm.s.data.flatten()[entered]  # z = (x − t)·exp(−s)
            norm.shift.data = -actnorm.t.data.flatten()[entered]
            norm.log_scale.data = log_scale
            weight = convolution._assemble_W()[:, entered].detach()
            entered = torch.arange(len(entered))
            permutation, lower, upper = torch.linalg.lu(weight)
            mix.lu.data = lower.tril(-1) + upper.triu(1)
            mix.log_diagonal.data, mix.sign = upper.diagonal().abs().log(), upper.diagonal().sign()
            mix.permutation = permutation.argmax(1)
            first, middle, last = affine.flows[1].param_map.net[::2]
            network = coupling.network
            network.first.load_state_dict(first.state_dict())
            network.middle.load_state_dict(middle.state_dict())
            scale_ = torch.sigmoid(last.bias.data[1::2] + 2)  # z = (x − shift)·scale
            half = len(scale_)
            network.last.weight.data[:half] = 0
            network.last.bias.data[:half] = coupling.bound * torch.atanh(scale_.log() / coupling.bound)
            network.last.weight.data[half:] = -last.weight.data[0::2] * scale_.view(-1, 1, 1, 1)
            network.last.bias.data[half:] = -last.bias.data[0::2] * scale_
        # Half of the channels leave: theirs and ours agree on which, after a mixing that forgets the order.
        entered = torch.arange(len(entered) // 2)
    # Black is 0 here and logit(α) there.
    first = mine.bijection.layers[0].scales[0].layers[1]
    first.shift.data += mine.pixels.black
    mine.load_state_dict(mine.state_dict())
    return mine


def glows():
    theirs = their_glow()
    mine = our_glow(theirs)
    log_prob, generate = zoo_calls(mine)
    return System(
        (3, SIDE, SIDE),
        {"zoo": log_prob, "normflows": lambda x: theirs.log_prob(x, None)},
        {"zoo": generate, "normflows": lambda n: theirs.sample(n)[0]},
        mine.log_density,
    )


# RealNVP of vectors --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    image_shape: tuple = (FEATURES,)


def network():
    half = FEATURES // 2
    layers = [nn.Linear(half, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * half)]
    return nn.Sequential(*layers)


class RealNVP(Flow):
    """Couplings of halves that take turns."""

    config_class = Config

    def __init__(self):
        super().__init__(Config())
        self.bijection = Chain(*(Coupling(network(), (i % 2,), 2) for i in range(LAYERS)))


class Context(MLP):
    """Takes the context that nflows' couplings pass, and leaves it out."""

    def forward(self, inputs, context):
        return super().forward(inputs)


def realnvps():
    half = FEATURES // 2
    steps = []
    for _ in range(LAYERS):
        mlp = normflows.nets.MLP([half, HIDDEN, HIDDEN, 2 * half], init_zeros=True)
        # Sampling goes through these in order, a density the other way.
        steps += [normflows.flows.AffineCouplingBlock(mlp), normflows.flows.Permute(FEATURES, mode="swap")]
    base = normflows.distributions.DiagGaussian(FEATURES, trainable=False)
    first = normflows.NormalizingFlow(base, steps).eval()
    shake(first, 0.05)
    for module in first.modules():
        if isinstance(module, normflows.flows.AffineCoupling):
            module.param_map.net[-1].weight.data[1::2] = 0  # constant scales, as in Glow

    mine = RealNVP().eval()
    for i, coupling in enumerate(mine.bijection.layers):
        # Their last coupling sees the data swapped, the one before it not, and so on.
        theirs = steps[2 * (LAYERS - 1 - i)].flows[1].param_map.net
        coupling.given, coupling.changed = ((1,), (0,)) if i % 2 == 0 else ((0,), (1,))
        for j in (0, 2):
            coupling.network[j].load_state_dict(theirs[j].state_dict())
        last, log_scale = coupling.network[4], -theirs[4].bias.data[1::2]  # z = (x − shift)·exp(−scale)
        last.weight.data[:half] = 0
        last.bias.data[:half] = coupling.bound * torch.atanh(log_scale / coupling.bound)
        last.weight.data[half:] = -theirs[4].weight.data[0::2] * log_scale.exp()[:, None]
        last.bias.data[half:] = -theirs[4].bias.data[0::2] * log_scale.exp()

    halves = []
    for i in range(LAYERS):
        mask = torch.ones(FEATURES)
        mask[half * (i % 2) : half * (i % 2 + 1)] = -1
        made = AffineCouplingTransform(mask, lambda given, out: Context([given], [out], [HIDDEN, HIDDEN]))
        halves.append(made)
    second = nflows.Flow(CompositeTransform(halves), StandardNormal([FEATURES])).eval()

    log_prob, generate = zoo_calls(mine)
    return System(
        (FEATURES,),
        {"zoo": log_prob, "normflows": first.log_prob, "nflows": second.log_prob},
        {"zoo": generate, "normflows": lambda n: first.sample(n)[0], "nflows": second.sample},
        mine.log_density,
    )


# MAF -----------------------------------------------------------------------------------------------------------------


def mafs():
    mine = maf.MAF(maf.Config((FEATURES,), LAYERS, (HIDDEN, HIDDEN))).eval()
    shake(mine)
    first = zuko.flows.MAF(FEATURES, transforms=LAYERS, hidden_features=(HIDDEN, HIDDEN)).eval()
    second = nflows.MaskedAutoregressiveFlow(FEATURES, HIDDEN, LAYERS, 1, use_residual_blocks=False).eval()
    log_prob, generate = zoo_calls(mine)
    return System(
        (FEATURES,),
        {"zoo": log_prob, "zuko": lambda x: first().log_prob(x), "nflows": second.log_prob},
        {"zoo": generate, "zuko": lambda n: first().sample((n,)), "nflows": second.sample},
    )


SYSTEMS = {"glow": glows, "realnvp": realnvps, "maf": mafs}


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request):
    return request.param, SYSTEMS[request.param]()


@pytest.mark.parametrize("n", [1, 16, 64, 1024])
@pytest.mark.parametrize("direction", ["log_prob", "generate"])
def test_speed_beside_others(benchmark, capsys, system, direction, n):
    name, flows = system
    if n == 1024 and name == "glow":
        pytest.skip("batches of images are smaller")
    calls = getattr(flows, direction)
    given = torch.rand(n, *flows.shape) if direction == "log_prob" else n
    if direction == "log_prob" and flows.density:
        with torch.inference_mode():
            mine, theirs = flows.density(given), calls["normflows"](given)
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-2)
    times = {other: [] for other in calls}

    def turn():
        for other, call in calls.items():
            with torch.no_grad():
                start = CLOCK()
                call(given)
                times[other].append(CLOCK() - start)

    turn()
    started, rounds = time.perf_counter(), 0
    turn()
    rounds = max(5, min(100, int(5 / (time.perf_counter() - started))))
    for each in times.values():
        each.clear()
    benchmark.pedantic(turn, rounds=rounds)
    best = {other: min(each) for other, each in times.items()}
    ratios = {f"× {other}": best[other] / best["zoo"] for other in best if other != "zoo"}
    benchmark.extra_info.update({"samples/s": n / best["zoo"], **ratios})
    with capsys.disabled():
        shown = "  ".join(f"{ratio:6.2f} {other}" for other, ratio in ratios.items())
        print(f"\n{name:8} {direction:8} n={n:<5} {n / best['zoo']:10.0f} samples/s  {shown}", end="")
