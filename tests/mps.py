"""A device that has no float64, as Apple's GPUs have none: tensors that say they are on "mps", are computed with on the
CPU, refuse float64 and do not mix with those of other devices. `with mps():` around what is to be tried."""

import contextlib
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("mps", 0)
# What waits until the device has computed a value, since Python, or the size of a result, depends on it.
READ = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_consecutive", "bincount")
waits: list[str] = []  # what has waited so, since `mps()` was entered


class OnMPS(torch.Tensor):
    """A tensor whose values lie in `held`, which is on the CPU."""

    @staticmethod
    def __new__(cls, held):
        if held.dtype in (torch.float64, torch.complex128):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    device = property(lambda self: DEVICE)

    def __repr__(self):
        return f"OnMPS({self.held})"

    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner, meta, size, stride):
        return OnMPS(inner["held"])

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), keywords=None):
        return _computed(function, arguments, keywords or {})


class _Home(torch.autograd.Function):
    """To the CPU, and gradients back."""

    @staticmethod
    def forward(context, x):
        return x.held.clone()

    @staticmethod
    def backward(context, gradient):
        return OnMPS(gradient)


class _Away(torch.autograd.Function):
    """From the CPU, and gradients back."""

    @staticmethod
    def forward(context, x):
        return OnMPS(x.clone())

    @staticmethod
    def backward(context, gradient):
        return gradient.held


class _Operators(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        return _computed(function, arguments, keywords or {})


class _Functions(TorchFunctionMode):
    """What names the device is done on the CPU and brought over: torch itself would look for the real one."""

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        keywords = dict(keywords or {})
        if function in (torch.Tensor.tolist, torch.Tensor.item, torch.Tensor.numpy) and isinstance(arguments[0], OnMPS):
            if function is torch.Tensor.numpy:
                raise TypeError("can't convert mps:0 device type tensor to numpy. Use Tensor.cpu() first.")
            waits.append(function.__name__)
            return function(arguments[0].held)
        if function in (torch.nn.functional.one_hot, torch.Tensor.new_tensor) and isinstance(arguments[0], OnMPS):
            return OnMPS(function(arguments[0].held, *arguments[1:], **keywords))  # which make a tensor inside
        if function is torch.Tensor.cpu:
            function, arguments, keywords = torch.Tensor.to, (arguments[0], "cpu"), {}
        if function is torch.Tensor.to:
            return _moved(*arguments, **keywords)
        if _is_mps(keywords.get("device")):
            made = function(*arguments, **{**keywords, "device": "cpu"})
            return _away(made) if isinstance(made, torch.Tensor) else made
        return function(*arguments, **keywords)


def _moved(x, *arguments, device=None, dtype=None, **keywords):
    for each in arguments:
        if isinstance(each, torch.dtype):
            dtype = each
        elif isinstance(each, torch.Tensor):
            device, dtype = each.device, each.dtype
        elif isinstance(each, str | torch.device):
            device = torch.device(each)
    dtype = x.dtype if dtype is None else dtype
    if device is not None and isinstance(x, OnMPS) != _is_mps(device):
        waits.extend(["cpu"] * isinstance(x, OnMPS))
        x = _Home.apply(x).to(dtype) if isinstance(x, OnMPS) else _away(x.to(dtype))
    return torch.Tensor.to(x, dtype, **keywords)


def _away(x):
    if torch.is_grad_enabled() and x.requires_grad and not x.is_leaf:
        return _Away.apply(x)
    return OnMPS(x.detach()).requires_grad_(x.requires_grad)


def _computed(function, arguments, keywords):
    """What an operator gives of tensors of this device, or of the CPU, but not of both."""
    found = [each for each in pytree.tree_leaves((arguments, keywords)) if isinstance(each, torch.Tensor)]
    ours = [each for each in found if isinstance(each, OnMPS)]
    name = function._schema.name
    mixes = ("aten::copy_", "aten::_to_copy", "aten::index", "aten::set_data")
    # Zeros that autograd makes by itself lie where the values do.
    backward = torch._C._current_graph_task_id() >= 0
    strangers = not backward and any(each.ndim for each in found if not isinstance(each, OnMPS))
    if ours and strangers and not name.startswith(mixes):
        raise RuntimeError(f"{name}: Expected all tensors to be on the same device, mps and cpu came")
    masked = name in ("aten::index", "aten::index_put_", "aten::index_put") and any(x.dtype is torch.bool for x in ours)
    if ours and (name.removeprefix("aten::") in READ or masked):
        waits.append(name)
    here = _is_mps(keywords.get("device"))
    if here:
        keywords = {**keywords, "device": torch.device("cpu")}
    bare = pytree.tree_map(lambda each: each.held if isinstance(each, OnMPS) else each, (arguments, keywords))
    made = function(*bare[0], **bare[1])
    if name == "aten::copy_":
        return arguments[0]
    known = {id(each.held): each for each in ours}

    def wrapped(each):
        if not isinstance(each, torch.Tensor):
            return each
        return known[id(each)] if id(each) in known else OnMPS(each)

    return pytree.tree_map(wrapped, made) if ours or here else made


def _is_mps(device):
    return isinstance(device, str | torch.device) and torch.device(device).type == "mps"


@contextlib.contextmanager
def mps():
    """Within the block there is such a device, of which `waits` is empty at first. Tensors of a class of their own
    cannot be inference tensors: gradients are switched off instead."""

    @contextlib.contextmanager
    def inference(mode=True):
        with torch.no_grad() if mode else contextlib.nullcontext():
            yield

    waits.clear()
    # What is drawn on it is drawn by the generator of the CPU, so that its own is none.
    none = {"manual_seed": lambda seed: None, "get_rng_state": lambda: None, "set_rng_state": lambda state: None}
    inferring = mock.patch.object(torch, "inference_mode", inference)
    with inferring, mock.patch.multiple(torch.mps, **none), _Operators(), _Functions():
        yield
