"""A network as a function, for whoever judges it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn


def predictor(model: nn.Module, autocast: Callable[[], AbstractContextManager[object]]) -> Callable[[Tensor], Tensor]:
    """A function from images (B, C, H, W) to outputs of ``model`` in evaluation mode, without gradient."""

    @torch.no_grad()
    def predict(images: Tensor) -> Tensor:
        was_training = model.training
        model.eval()
        try:
            with autocast():
                output: Tensor = model(images)
        finally:
            model.train(was_training)
        return output

    return predict
