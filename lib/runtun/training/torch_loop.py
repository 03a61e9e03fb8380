"""Training a PyTorch module: the plain loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.training.loop import ADAM_EPSILON, MOMENTUM, Settings


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """PyTorch wants the classes on axis 1; flattening all other axes avoids the question."""
    return functional.cross_entropy(logits.flatten(end_dim=-2), y.flatten().long())


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
}


class TorchTrainer:
    """Forward, loss, backward, clip, step."""

    def __init__(self, model: nn.Module, x: np.ndarray, y: np.ndarray, settings: Settings) -> None:
        self.model, self.settings = model, settings
        self.x = to_tensor(model, x)
        self.y = torch.as_tensor(y, device=self.x.device)
        if settings.loss != "cross_entropy":
            self.y = self.y.to(next(model.parameters()).dtype)
        self.loss = LOSSES[settings.loss]
        self.rates = iter(settings.rates.tolist())
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        # One fused call for all weights: small models spend much of a step in the optimiser.
        if settings.optimizer == "adam":
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(
                self.parameters, eps=ADAM_EPSILON, fused=True
            )
        else:
            momentum = MOMENTUM if settings.optimizer == "momentum" else 0.0
            self.optimizer = torch.optim.SGD(self.parameters, momentum=momentum, fused=True)
        self.was_training = model.training
        self.random_state = torch.get_rng_state()
        torch.manual_seed(settings.seed)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any]) -> float:
        self.model.train()
        total = torch.zeros((), device=self.x.device)
        for batch in torch.from_numpy(order).to(self.x.device).split(self.settings.batch_size):
            loss = self.loss(self.model(self.x[batch]), self.y[batch])
            self.optimizer.zero_grad()
            loss.backward()
            if self.settings.clip_norm:
                clip_by_norm(self.parameters, self.settings.clip_norm)
            if self.settings.clip_value:
                nn.utils.clip_grad_value_(self.parameters, self.settings.clip_value)
            self.optimizer.param_groups[0]["lr"] = next(self.rates)
            self.optimizer.step()
            total += loss.detach() * len(batch)
            on_batch()
        return float(total) / len(order)

    def get_weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def set_weights(self, weights: dict[str, Tensor]) -> None:
        self.model.load_state_dict(weights)

    def close(self) -> None:
        torch.set_rng_state(self.random_state)
        self.model.train(self.was_training)


make_trainer = TorchTrainer


@torch.no_grad()
def predict(model: nn.Module, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the outputs, a batch at a time, without dropout."""
    was_training = model.training
    model.eval()
    try:
        outputs = [model(batch).cpu().numpy() for batch in to_tensor(model, x).split(batch_size)]
    finally:
        model.train(was_training)
    return np.concatenate(outputs)


def to_tensor(model: nn.Module, x: np.ndarray) -> Tensor:
    """Return `x` where the model is, and in its float type unless it holds whole numbers."""
    weight = next(model.parameters())
    return torch.as_tensor(
        x, device=weight.device, dtype=weight.dtype if x.dtype.kind == "f" else None
    )


def clip_by_norm(parameters: list[nn.Parameter], max_norm: float) -> None:
    """Shrink all gradients together to the length `max_norm`, exactly.

    `torch.nn.utils.clip_grad_norm_` adds 1e-6 to the length, so it ends a little below, where
    Keras does not.
    """
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(grads)
    torch._foreach_mul_(grads, max_norm / norm.clamp(min=max_norm))
