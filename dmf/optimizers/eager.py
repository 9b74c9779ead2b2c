"""Optimizers of torch that never load its compiler."""

import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.optim import Optimizer

GUARDED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
"""Methods that torch guards against being compiled, which loads the compiler."""


@cache
def eager(kind: "type[Optimizer]") -> "type[Optimizer]":
    """The same optimizer for steps that nothing compiles.

    Torch's own imports ``torch._dynamo`` with SymPy when it is made, to say that its steps are not to be compiled: 900
    modules, 160 MB and 1.2 s of processor time (torch 2.15). What is called here is what is within that guard.
    """
    import torch

    step = inspect.unwrap(kind.step)

    @torch.no_grad()
    def eager_step(self: "Optimizer", closure: Any = None) -> Any:
        return step(self, closure)

    methods = {name: inspect.unwrap(getattr(kind, name)) for name in GUARDED}
    return type(kind.__name__, (kind,), {**methods, "step": eager_step})
