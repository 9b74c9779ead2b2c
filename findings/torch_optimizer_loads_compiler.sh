#!/usr/bin/env bash
# torch 2.15.0: making an optimizer, any of torch.optim, imports torch's compiler and SymPy although nothing is compiled:
# some of its methods ask the compiler to leave them alone, and asking loads it. `import torch` by itself does not. Nor
# does torch.set_deterministic_debug_mode, but torch.use_deterministic_algorithms, which sets the same, does, also with
# False. A process that trains a small network pays that in memory and in the time to its first step.
# Output seen (Linux, x86; MB vary by a few):
#   torch 2.15.0
#   nothing but import torch: 0 modules and 0 MB more, no compiler
#   torch.optim.Adam([torch.zeros(1, requires_grad=True)]): 908 modules and 159 MB more, with torch._dynamo and sympy
#   torch.use_deterministic_algorithms(False): 908 modules and 157 MB more, with torch._dynamo and sympy
#   torch.set_deterministic_debug_mode("default"): 0 modules and 0 MB more, no compiler
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.15.0 --index-url "${TORCH_INDEX:-https://pypi.org/simple}"
cat > "$place/after.py" <<'PY'
import resource
import sys

import torch

call, expected = sys.argv[1], sys.argv[2] == "loads"
before, memory = set(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if call == "nothing but import torch":
    print("torch", torch.__version__.partition("+")[0])
else:
    eval(call)
more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
loads = {"torch._dynamo", "sympy"} & set(sys.modules)
what = "with torch._dynamo and sympy" if len(loads) == 2 else "no compiler"
print(f"{call}: {len(set(sys.modules) - before)} modules and {more:.0f} MB more, {what}")
assert len(loads) == (2 if expected else 0)
PY
after() { "$place/venv/bin/python" "$place/after.py" "$@"; }
after 'nothing but import torch' not
after 'torch.optim.Adam([torch.zeros(1, requires_grad=True)])' loads
after 'torch.use_deterministic_algorithms(False)' loads
after 'torch.set_deterministic_debug_mode("default")' not
