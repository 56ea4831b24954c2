"""How hooks are called: by many threads at once, in whatever autocast, and what is said of NaN in what they give."""

import copy
import dataclasses
import threading
from types import SimpleNamespace

import pytest
import torch
from small_models import LAST, SMALL
from torch import nn

import zoo
from zoo.conditions import parse_labels
from zoo.errors import InvalidInput, WeightsError
from zoo.latent import descend
from zoo.model import Model
from zoo.model.chunks import WITHOUT_TF32, Chunks, watched
from zoo.spaces import Images
from zoo.testing.examples import latents, results, sources


@dataclasses.dataclass(frozen=True)
class Config:
    """Of nothing."""


class Together(Model):
    """Inverts its generator, with a batch norm; every hook waits until as many threads as `gate` has are within one."""

    config_class = Config

    def __init__(self):
        super().__init__(Config())
        self.space, self.latent_shape = Images((1, 2, 2)), (4,)
        self.linear, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.layers = [self.linear, self.norm]  # besides where torch looks for them
        self.gate = threading.Barrier(1)

    def _decode(self, z, condition):
        for layer in self.layers:
            z = layer(z)
        return torch.sigmoid(z).view(-1, 1, 2, 2)

    def _generate(self, noise, condition, temperature):
        self.gate.wait(60)
        made = super()._generate(noise, condition, temperature)
        self.gate.wait(60)
        return made

    def _encode(self, images, condition, noise, *, steps=3):
        self.gate.wait(60)
        found = descend(self, images, condition, noise, steps).latents
        self.gate.wait(60)
        return found


IMAGES = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    made = Together()
    made(torch.randn(16, 4))  # moves the batch norm's buffers
    return made.eval()


def state(model):
    flags = {name: module.training for name, module in model.named_modules()}
    return flags, [p.requires_grad for p in model.parameters()], {k: v.clone() for k, v in model.state_dict().items()}


def same(one, other):
    return one[:2] == other[:2] and all(torch.equal(one[2][key], other[2][key]) for key in one[2])


def in_threads(model, *calls):
    """What each of `calls` gives, all of them within a hook at once."""
    model.gate = threading.Barrier(len(calls))
    found = [None] * len(calls)

    def run(i):
        found[i] = calls[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model.gate = threading.Barrier(1)
    return found


@pytest.mark.parametrize("training", [False, True])
def test_threads_that_invert_a_generator_leave_it_as_it_was(model, training):
    calls = [lambda seed=seed: model.encode(IMAGES, seed=seed) for seed in range(4)]
    serial = [call() for call in calls]
    model.norm.train(training)  # while the model itself is in eval mode
    before = state(model)
    found = in_threads(model, *calls)
    assert same(state(model), before)
    assert all(torch.equal(got, expected) for got, expected in zip(found, serial, strict=True))


def test_threads_that_generate_in_train_mode_get_what_one_does_and_move_no_buffer(model):
    calls = [lambda seed=seed: model.generate(5, seed=seed) for seed in range(8)]
    serial = [call() for call in calls]
    before = state(model.train())
    found = in_threads(model, *calls)
    assert same(state(model), before)
    assert all(torch.equal(got, expected) for got, expected in zip(found, serial, strict=True))


def test_train_mode_of_one_method_is_not_spoilt_by_another_in_eval_mode(model):
    """encode in train mode is a plain function of the parameters, also while another thread generates."""
    model.train()
    expected = model.encode(IMAGES), model.generate(3, seed=1)
    found = in_threads(model, lambda: model.encode(IMAGES), lambda: model.generate(3, seed=1))
    assert all(torch.equal(got, want) for got, want in zip(found, expected, strict=True))
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("name", LAST)
def test_a_model_that_was_fused_is_itself_what_is_evaluated(name):
    model = LAST[name]().eval().fuse()
    assert model._still(freeze=False) is model, "every call would copy it"


@pytest.mark.parametrize("name", ["dcgan", "cyclegan", "conv-autoencoder", "glow"])
def test_weights_of_a_compiled_model_lie_as_they_are_computed_with_and_results_as_a_caller_expects(name):
    model = zoo.create(name, **SMALL[name][0]).eval()
    before = results(copy.deepcopy(model))
    torch._dynamo.reset()
    model.compile(backend="eager")
    wide = [tensor for tensor in model.parameters() if tensor.ndim == 4 and min(tensor.shape[1:]) > 1]
    assert wide
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in wide)
    assert not any(tensor.is_contiguous() for tensor in wide)
    for method, value in results(model).items():
        assert value.is_contiguous(), method
        torch.testing.assert_close(value, before[method], rtol=1e-3, atol=1e-3)
    given = sources(model, 2) if "translate" in model.capabilities() else latents(model, 2)
    assert model(given).is_contiguous()
    torch._dynamo.reset()


def test_what_is_compiled_computes_with_the_weights_that_there_are_now_and_copies_with_their_own(drawn_anew):
    ran = []

    def backend(graph, inputs):
        ran.append(len(graph.graph.nodes))
        return graph.forward

    model = zoo.create("realnvp", **SMALL["realnvp"][0]).eval().fuse()
    z = torch.randn(2, *model.latent_shape)
    torch._dynamo.reset()
    model.compile(backend=backend)
    before = model.decode(z)
    assert ran
    copied = copy.deepcopy(model)
    model.load_state_dict(drawn_anew(model))
    after = model.fuse().decode(z)
    assert (after - before).abs().max() > 1e-3
    plain = zoo.create("realnvp", **SMALL["realnvp"][0]).eval()
    plain.load_state_dict(model.state_dict())
    torch.testing.assert_close(after, plain.decode(z), rtol=1e-4, atol=1e-5)
    count = len(ran)
    torch.testing.assert_close(copied.decode(z), before, rtol=1e-4, atol=1e-5)
    given = z.clone().requires_grad_()
    model.decode(given).sum().backward()
    assert given.grad.abs().sum() > 0
    assert len(ran) == count  # neither is compiled
    torch._dynamo.reset()


@pytest.fixture
def drawn_anew():
    """Another state dict for a model, of weights that are not zero anywhere."""

    def draw(model):
        generator = torch.Generator().manual_seed(3)
        state = model.state_dict()
        return {
            name: value + 0.05 * torch.randn(value.shape, generator=generator) if value.is_floating_point() else value
            for name, value in state.items()
        }

    return draw


def test_a_copy_shares_weights_buffers_and_hooks_with_the_model(model):
    seen = []
    model.linear.register_forward_hook(lambda module, *_: seen.append(module.training))
    with model.train().evaluating(freeze=True) as twin:
        assert twin is not model
        assert twin.layers[0] is twin.linear
        assert not any(p.requires_grad for p in twin.parameters())
        assert [p.data_ptr() for p in twin.parameters()] == [p.data_ptr() for p in model.parameters()]
        assert all(a is b for a, b in zip(twin.buffers(), model.buffers(), strict=True))
    model.generate(2, seed=0)
    assert seen == [False]
    with model.eval().evaluating() as itself:
        assert itself is model


# Autocast ------------------------------------------------------------------------------------------------------------


CALLS = {
    "generate": lambda model: model.generate(3, seed=0),
    "generate_chunks": lambda model: next(model.generate_chunks(3, seed=0)),
    "decode": lambda model: model.decode(model.latents(3, seed=0)),
    "encode": lambda model: model.encode(IMAGES),
    "reconstruct": lambda model: model.reconstruct(IMAGES),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("training", [False, True])
def test_a_callers_autocast_changes_nothing_unless_it_is_asked_for(model, call, training):
    generates = call in (CALLS["generate"], CALLS["generate_chunks"])
    model.train(training and generates)  # the others are plain functions then
    expected = call(model)
    with torch.autocast("cpu", torch.bfloat16):
        got = call(model)
        model.autocast = True
        low = call(model)
    assert got.dtype == torch.float32
    assert torch.equal(got, expected)
    assert not torch.equal(low.float(), expected)


# NaN -----------------------------------------------------------------------------------------------------------------


class Fragile(Together):
    """Overflows where a value is far from 0; NaN where one is 0.123."""

    def _decode(self, z, condition):
        return super()._decode(z, condition) + 0 * (z * 1e10).sum(1).view(-1, 1, 1, 1)

    def _encode(self, images, condition, noise):
        return torch.where(images == 0.123, torch.nan, images).flatten(1)

    def _log_prob(self, images, condition, noise):
        return self._encode(images, condition, noise).sum(1)


@pytest.fixture
def fragile():
    torch.manual_seed(0)
    return Fragile().eval()


BATCH = torch.rand(16, 1, 2, 2, generator=torch.Generator().manual_seed(1))
BATCH[[3, 11], 0, 1, 0] = 0.123


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("method", ["encode", "log_prob"])
def test_rows_that_give_nan_are_named_and_the_others_kept_on_request(fragile, method, batch_size):
    call = getattr(fragile, method)
    with pytest.raises(InvalidInput, match=r"NaN of these images: rows 3, 11 of 16\..*keep_nan=True") as caught:
        call(BATCH, batch_size=batch_size)
    assert "spoilt" not in str(caught.value)
    kept = call(BATCH, batch_size=batch_size, keep_nan=True)
    assert kept.reshape(16, -1).isnan().any(1).nonzero().flatten().tolist() == [3, 11]
    good = torch.ones(16, dtype=torch.bool)
    good[[3, 11]] = False
    assert torch.equal(kept[good], call(BATCH[good]))


def test_latents_that_overflow_are_blamed_and_not_the_weights(fragile):
    z = torch.zeros(5, 4)
    z[4] = 1e38
    with pytest.raises(InvalidInput, match="NaN of these latents: row 4 of 5"):
        fragile.decode(z)
    assert torch.equal(fragile.decode(z, keep_nan=True)[:4], fragile.decode(z[:4]))
    with pytest.raises(InvalidInput, match=r"NaN of latents at temperature=1e\+38"):
        fragile.generate(3, seed=0, temperature=1e38)


def test_reconstructions_of_the_others_are_kept(fragile):
    kept = fragile.reconstruct(BATCH, keep_nan=True)
    assert kept.flatten(1).isnan().all(1).nonzero().flatten().tolist() == [3, 11]


def test_weights_that_are_spoilt_are_said_to_be_with_their_names(fragile):
    with torch.no_grad():
        fragile.linear.bias[1] = torch.nan
    for call in (lambda: fragile.generate(2, seed=0), lambda: fragile.decode(torch.zeros(2, 4))):
        with pytest.raises(WeightsError, match=r"rows 0, 1 of 2\): its weights are spoilt, linear\.bias"):
            call()


def test_rows_of_a_chunk_are_named_by_their_places_among_all(fragile):
    with torch.no_grad():
        fragile.linear.bias[1] = torch.nan
    chunks = fragile.generate_chunks(5, seed=0, batch_size=3, keep_nan=True)
    assert [len(chunk) for chunk in chunks] == [3, 2]
    with pytest.raises(WeightsError, match=r"\(rows 3, 4 of 5\)"):
        fragile.check_result(fragile.generate(2, seed=0, keep_nan=True), first=3, total=5)
    with pytest.raises(WeightsError, match=r"\(rows 0, 1, 2 of 5\)"):
        next(fragile.generate_chunks(5, seed=0, batch_size=3))


# How much ------------------------------------------------------------------------------------------------------------


def test_chunks_are_counted_for_whoever_watches_and_in_that_thread_alone(model):
    seen, others = [], []
    with watched(seen.append):
        model.generate(5, seed=0, batch_size=2)
        model.encode(IMAGES)
        with watched(others.append):
            model.decode(torch.zeros(1, 4))
        thread = threading.Thread(target=lambda: model.generate(9, seed=0))
        thread.start()
        thread.join()
    model.generate(7, seed=0)
    assert (seen, others) == ([2, 2, 1, 3], [1])


MUCH = {
    "generate": (lambda model, n: model.generate(n), 16),
    "latents": (lambda model, n: model.latents(n), 16),
}


@pytest.mark.parametrize("case", MUCH)
def test_more_than_there_is_memory_for_is_refused_at_once(model, monkeypatch, case):
    call, size = MUCH[case]
    monkeypatch.setattr(type(model), "_latents", None)  # nothing is computed
    for n in (10**15, 10**30):
        with pytest.raises(InvalidInput, match=r"images would take .* of memory, and there are"):
            call(model, n)
    monkeypatch.undo()
    monkeypatch.setattr("zoo._util.shortage.memory", lambda: 5 * size)
    assert len(call(model, 5)) == 5
    with pytest.raises(InvalidInput, match="6 images would take 0 kB"):
        call(model, 6)


def test_as_chunks_any_number_may_be_drawn(model, monkeypatch):
    monkeypatch.setattr("zoo._util.shortage.memory", lambda: 0)
    few = torch.cat(list(model.generate_chunks(2, seed=0)))
    assert torch.equal(next(model.generate_chunks(10**12, seed=0, batch_size=2)), few)


def test_one_label_serves_any_number_without_a_copy_for_each():
    assert parse_labels("b", 10**12, ("a", "b"))[[0, -1]].tolist() == [1, 1]


@pytest.fixture
def precisions():
    """What torch computes float32 of GPUs in, by its names of today, put back afterwards."""
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this torch has other names")
    kinds = torch.backends.cudnn.conv, torch.backends.cudnn.rnn, torch.backends.cuda.matmul
    before = [each.fp32_precision for each in kinds]
    yield lambda: [each.fp32_precision for each in kinds]
    torch.set_float32_matmul_precision("highest")
    for each, value in zip(kinds, before, strict=True):
        each.fp32_precision = value


def test_densities_are_without_tf32_until_the_last_thread_is_done(precisions):
    for each in (torch.backends.cudnn.conv, torch.backends.cuda.matmul):
        each.fp32_precision = "tf32"
    before = precisions()
    with WITHOUT_TF32:
        with WITHOUT_TF32:
            assert precisions() == ["ieee"] * 3
        assert precisions() == ["ieee"] * 3
    assert precisions() == before


@pytest.mark.parametrize("precision", ["medium", "high", "highest"])
def test_the_callers_precision_is_as_it_was(precisions, precision):
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.conv.fp32_precision = "ieee"
    before = precisions()
    with WITHOUT_TF32:
        assert precisions() == ["ieee"] * 3
    assert precisions() == before
    assert torch.get_float32_matmul_precision() == precision


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_densities_of_a_gpu_are_computed_without_tf32(precisions, monkeypatch):
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    with Chunks._exactly(SimpleNamespace(device=torch.device("cuda"))):
        assert precisions() == ["ieee"] * 3
    entered, exactly = [], Chunks._exactly
    monkeypatch.setattr(Chunks, "_exactly", lambda self: entered.append(self) or exactly(self))
    flow = zoo.create("nice", image_shape=[1, 2, 2], layers=1, width=4).eval()
    flow.log_prob(torch.rand(2, 1, 2, 2))
    assert len(entered) == 1
    flow.bits_per_dim(torch.zeros(2, 1, 2, 2))
    assert len(entered) == 3  # dequantised, and its density
