#!/usr/bin/env bash
# segmentation-models-pytorch 0.6.0: the U-Net and U-Net++ with decoder_attention_type="scse" have attention parameters
# that no output depends on. The last decoder block has no skip to weigh, but is built with the attention of one
# (attention1) all the same, so six tensors of 195 numbers never get a gradient. They are counted and stored like any
# other; weight decay leaves them as they are, and data-parallel training that waits for every gradient
# (DistributedDataParallel as it is by default) refuses the second step.
# Output seen:
#   segmentation-models-pytorch 0.6.0, torch 2.15.0
#   unet: 6 of 152 tensors without gradient, 195 numbers, all in decoder.blocks.4.attention1
#   unetplusplus: 6 of 260 tensors without gradient, 195 numbers, all in decoder.blocks.x_0_4.attention1
#   DistributedDataParallel, second step: RuntimeError, Expected to have finished reduction
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy torch==2.15.0 torchvision==0.29.2 segmentation-models-pytorch==0.6.0 \
  --index-url "${TORCH_INDEX:-https://pypi.org/simple}"
"$place/venv/bin/python" - "$place" <<'PY'
import sys

import segmentation_models_pytorch as smp
import torch
import torch.distributed as distributed

print(f"segmentation-models-pytorch {smp.__version__}, torch {torch.__version__.partition('+')[0]}")


def build(name):
    torch.manual_seed(0)
    return smp.create_model(name, "resnet18", encoder_weights=None, in_channels=1, classes=2, decoder_attention_type="scse")


for name in ("unet", "unetplusplus"):
    model = build(name)
    model(torch.randn(2, 1, 64, 64)).square().mean().backward()
    all_of = dict(model.named_parameters())
    unused = {key: one for key, one in all_of.items() if one.grad is None}
    places = {key[: key.index("attention1") + len("attention1")] for key in unused}
    numbers = sum(one.numel() for one in unused.values())
    print(f"{name}: {len(unused)} of {len(all_of)} tensors without gradient, {numbers} numbers, all in {', '.join(places)}")
    assert (len(unused), numbers, len(places)) == (6, 195, 1)

distributed.init_process_group("gloo", init_method=f"file://{sys.argv[1]}/meet", rank=0, world_size=1)
parallel = torch.nn.parallel.DistributedDataParallel(build("unet"))
parallel(torch.randn(2, 1, 64, 64)).square().mean().backward()
try:
    parallel(torch.randn(2, 1, 64, 64)).square().mean().backward()
except RuntimeError as error:
    print("DistributedDataParallel, second step: RuntimeError,", str(error).split(" in the prior")[0])
    assert "Expected to have finished reduction" in str(error)
else:
    raise SystemExit("the second step went on")
PY
