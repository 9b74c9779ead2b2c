import subprocess
import sys

import pytest
import torch

from dmf.optimizers import OPTIMIZERS


def trained(optimizer, network, steps=4):
    """Weights of a network after some steps, half of them with an optimizer that took over from its state."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.rand(2, 3, 8, 8, generator=generator)).square().sum().backward()
        optimizer.step()
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 3))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_and_states_are_those_of_torch(name):
    kind = OPTIMIZERS.build(name, weight_decay=0.01)
    ours, theirs = network(), network()
    mine = kind.of(ours.parameters(), lr=0.05)
    other = getattr(torch.optim, kind.title)(theirs.parameters(), lr=0.05, fused=True, **kind.options)
    assert torch.equal(trained(mine, ours), trained(other, theirs))
    assert type(mine).__name__ in (kind.title, f"Fused{kind.title}")
    again = kind.of(ours.parameters(), lr=0.05)
    again.load_state_dict(mine.state_dict())
    assert torch.equal(trained(again, ours), trained(other, theirs))
    assert not any(weight.grad_fn for weight in ours.parameters())


def test_a_closure_has_gradients():
    one = network()
    optimizer = OPTIMIZERS.build("adam").of(one.parameters(), lr=1e-3)
    images = torch.rand(2, 3, 8, 8)

    def closure():
        optimizer.zero_grad()
        loss = one(images).square().sum()
        loss.backward()
        return loss

    first, second = optimizer.step(closure), optimizer.step(closure)
    assert second < first


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_loads_no_compiler(name):
    code = (
        "import sys, torch\n"
        "from dmf.optimizers import OPTIMIZERS\n"
        "network = torch.nn.Conv2d(3, 1, 3)\n"
        f"optimizer = OPTIMIZERS.build({name!r}).of(network.parameters(), lr=0.1)\n"
        "network(torch.rand(1, 3, 8, 8)).sum().backward()\n"
        "optimizer.step()\n"
        "optimizer.zero_grad()\n"
        "optimizer.load_state_dict(optimizer.state_dict())\n"
        "sys.exit(any(module in sys.modules for module in ('torch._dynamo', 'sympy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
