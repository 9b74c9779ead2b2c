#!/usr/bin/env bash
# torch 2.15.0 (CPU): a fused SGD whose first step is skipped by found_inf, as gradient scalers do, makes its momentum
# of memory as it lies there. The skipped step leaves momentum_buffer unwritten (torch.empty_like), and the next step
# takes it for a momentum: parameters move by numbers that somebody else has left. Fused Adam and AdamW begin with
# zeros and are not affected; SGD is right as well if momentum_buffer is set to zeros before the first step.
# Output seen:
#   torch 2.15.0
#   fused SGD, first step skipped: momentum after one real step 9e+30 instead of 1
#   fused SGD, momentum set to 0 before: 1
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy torch==2.15.0 --index-url "${TORCH_INDEX:-https://pypi.org/simple}"
"$place/venv/bin/python" - <<'PY'
import torch


def momentum(ready: bool) -> float:
    largest = 0.0
    for _ in range(50):
        used = [torch.full((64,), 1e31) for _ in range(50)]  # memory that others have used
        parameter = torch.nn.Parameter(torch.ones(64))
        optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, fused=True)
        if ready:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        del used
        for skipped in (1.0, 0.0):
            parameter.grad, optimizer.found_inf = torch.ones(64), torch.tensor(skipped)
            optimizer.step()
        largest = max(largest, optimizer.state[parameter]["momentum_buffer"].abs().max().item())
    return largest


print("torch", torch.__version__.partition("+")[0])
wrong, right = momentum(ready=False), momentum(ready=True)
print(f"fused SGD, first step skipped: momentum after one real step {wrong:.3g} instead of 1")
print(f"fused SGD, momentum set to 0 before: {right:g}")
assert wrong > 1e3 and right == 1
PY
