"""How fast translators are beside the same networks in plain eager torch, and what memory they take.

    pytest -n0 tests/benchmarks/test_translation.py --benchmark-only --benchmark-columns=rounds

Budget, without which a benchmark fails: 1.4 times plain torch in float32. A plain network has torch's own layers
with the release's weights, in evaluation and inference mode, in torch's usual layout, and gets its images in one batch;
what both compute is compared before anything is measured. Both take turns, so that whatever else the machine does slows
both alike; compared are minima over the rounds. Ours are the public calls, which check arguments and results too.

Beside the speed stands the growth of the process's peak memory in a process of its own (Linux), and of bfloat16, which
is fast where the processor has instructions for it, how far its results are from those in float32.

ZOO_BENCHMARK_THREADS sets the number of threads, 2 if unset. With ZOO_BENCHMARK_CLOCK=cpu the processor's time is
counted, which on a machine that is busy otherwise is steadier; use one thread then.
"""

import copy
import json
import os
import subprocess
import sys
import time

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zoo
from zoo.models._super_resolution import Enlarger
from zoo.nn import srresnet
from zoo.nn.layers import InstanceNorm2d, NarrowConv2d

CLOCK = time.process_time if os.environ.get("ZOO_BENCHMARK_CLOCK") == "cpu" else time.perf_counter
THREADS = int(os.environ.get("ZOO_BENCHMARK_THREADS", "2"))
SYSTEMS = {
    "srresnet-bsd200": (4, 64),
    "srgan-bsd200": (4, 64),
    "cyclegan-horse2zebra": (16, 128),
}  # images, pixels a side
FASTER = 1.4  # times plain torch
LIMIT = 2 * 2**30  # bytes that a 4000 × 3000 photograph may take


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def system(name: str) -> tuple[zoo.Model, nn.Module, torch.Tensor]:
    """A release, its plain twin and smooth images."""
    model, (n, side) = zoo.load(name), SYSTEMS[name]
    coarse = torch.rand(n, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(0))
    images = F.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
    twin = PlainSRResNet if isinstance(model, Enlarger) else PlainCycleGAN
    return model, twin(copy.deepcopy(model)).eval(), images


class PlainCycleGAN(nn.Module):
    def __init__(self, model: zoo.Model) -> None:
        super().__init__()
        self.generator = plain(model.generators[0])

    def forward(self, x):
        return (self.generator(2 * x - 1) + 1) / 2


class PlainSRResNet(nn.Module):
    def __init__(self, model: zoo.Model) -> None:
        super().__init__()
        network = model.network
        self.head, self.body, self.tail = network.head, plain(network.body), plain(network.tail)

    def forward(self, x):
        made = self.head(2 * x - 1)
        made = self.tail(made + self.body(made))
        return (F.interpolate(x, scale_factor=4, mode="bicubic", antialias=True) + made).clamp(0, 1)


def plain(module: nn.Module) -> nn.Module:
    """`module` with torch's own layers in place of ours."""
    if isinstance(module, InstanceNorm2d):
        return nn.InstanceNorm2d(module.num_features)
    if isinstance(module, NarrowConv2d):
        sizes = (module.in_channels, module.out_channels, module.kernel_size)
        twin = nn.Conv2d(*sizes, padding=module.padding, padding_mode=module.padding_mode)
        twin.load_state_dict(module.state_dict())
        return twin
    if isinstance(module, srresnet.Convolution):
        return nn.Sequential(module.convolution, module.norm)
    if isinstance(module, srresnet.Shuffle):
        return nn.PixelShuffle(2)
    children = list(module.named_children())
    for (name, child), (_, following) in zip(children, [*children[2:], ("", None), ("", None)], strict=False):
        if isinstance(following, srresnet.Shuffle):  # whose channels stand in another order
            for parameter in child.parameters():
                parameter.data = parameter.data.unflatten(0, (4, -1)).transpose(0, 1).flatten(0, 1)
        setattr(module, name, plain(child))
    return module


@pytest.mark.parametrize("name", SYSTEMS)
def test_speed(benchmark, capsys, name):
    model, twin, images = system(name)
    half = copy.deepcopy(model).to(torch.bfloat16)
    calls = {
        "plain": lambda: twin(images),
        "zoo": lambda: model.translate(images, seed=0),
        "zoo, bfloat16": lambda: half.translate(images, seed=0),
    }
    with torch.inference_mode():
        results = {which: call().float() for which, call in calls.items()}
        torch.testing.assert_close(results["zoo"], results["plain"], atol=1e-4, rtol=0)
        best = dict.fromkeys(calls, float("inf"))

        def turns():
            for which, call in calls.items():
                start = CLOCK()
                call()
                best[which] = min(best[which], CLOCK() - start)

        benchmark.pedantic(turns, rounds=7)
    memory = {which: peak(name, which) for which in calls}
    with capsys.disabled():
        print(f"\n{name}, {tuple(images.shape)}, {THREADS} threads:")
        for which, seconds in best.items():
            rate, ratio = len(images) / seconds, best["plain"] / seconds
            error = (results[which] - results["zoo"]).abs()
            print(
                f"  {which:14s} {rate:6.1f} images/s, {ratio:.2f} times plain; peak memory {memory[which] / 2**20:.0f} "
                f"MiB; off float32 by {error.mean():.1e}, at most {error.max():.1e}"
            )
    if benchmark.enabled:  # one round on a machine that does other things says nothing
        assert best["plain"] / best["zoo"] >= FASTER


def test_memory_of_a_large_photograph(benchmark, capsys):
    """4000 × 3000 pixels, enlarged four times, within 2 GiB beside the model and the photograph."""
    if not benchmark.enabled:
        pytest.skip("it takes minutes")
    taken = benchmark.pedantic(peak, args=("srgan-bsd200", "photograph"), rounds=1)
    with capsys.disabled():
        print(f"\n4000 × 3000 through srgan-bsd200: {taken / 2**20:.0f} MiB")
    assert taken < LIMIT


def peak(name: str, which: str) -> int:
    """By how many bytes the peak memory of a process of its own grows when it computes `which` of `name`."""
    command = [sys.executable, __file__, name, which]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measure(name: str, which: str) -> int:
    torch.set_num_threads(THREADS)
    model, twin, images = system(name)
    if which == "zoo, bfloat16":
        model.to(torch.bfloat16)
    photograph = torch.rand(3, 3000, 4000) if which == "photograph" else None
    with torch.inference_mode():
        before = _resident("VmRSS")
        with open("/proc/self/clear_refs", "w") as file:  # the peak so far was that of importing torch
            file.write("5")
        if which == "plain":
            twin(images)
        elif photograph is not None:
            picture = model.picture(photograph)
            assert picture.size == (16000, 12000)
        else:
            model.translate(images, seed=0)
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    """Bytes in memory, now or at most, from Linux's own account."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field))


if __name__ == "__main__":
    print(_measure(*sys.argv[1:]))
