"""Training a PyTorch module: the plain loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from runtun.training.checkpoints import pack_json, unpack_json
from runtun.training.examples import Examples
from runtun.training.run import ADAM_EPSILON, MOMENTUM, Settings


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

    def __init__(self, model: nn.Module, examples: Examples, settings: Settings) -> None:
        self.model, self.settings = model, settings
        self.xs = tuple(to_tensor(model, x) for x in examples.x)
        device = self.xs[0].device
        self.y = torch.as_tensor(examples.y, device=device)
        if settings.loss != "cross_entropy":
            self.y = self.y.to(next(model.parameters()).dtype)
        self.mask, self.target_mask = (
            None if mask is None else torch.as_tensor(mask, device=device)
            for mask in (examples.mask, examples.target_mask)
        )
        self.loss = LOSSES[settings.loss]
        self.step = 0
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
        self.devices = [device] if device.type == "cuda" else []
        self.random_states = self._random_states()
        torch.manual_seed(settings.seed)
        for i, (_, generator) in enumerate(generators_of(model)):
            if isinstance(generator, torch.Generator):  # of scheduled sampling, for example
                generator.manual_seed(settings.seed + i)

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        self.model.train()
        total = torch.zeros((), device=self.y.device)
        for batch in torch.from_numpy(order).to(self.y.device).split(self.settings.batch_size):
            outputs = self._call(batch)
            total += self._learn(outputs, self.y[batch], self._counts(batch)) * len(batch)
            if on_batch:
                on_batch()
        return float(total) / len(order)

    def _call(self, batch: Tensor) -> Tensor:
        xs = (x[batch] for x in self.xs)
        return self.model(*xs) if self.mask is None else self.model(*xs, mask=self.mask[batch])

    def _counts(self, batch: Tensor) -> Tensor | None:
        return None if self.target_mask is None else self.target_mask[batch]

    def _learn(self, outputs: Tensor, y: Tensor, counts: Tensor | None) -> Tensor:
        """Take one step down the loss of these outputs; return the loss."""
        if counts is None:
            loss = self.loss(outputs, y)
        elif counts.any():
            loss = self.loss(outputs[counts], y[counts])
        else:  # a batch in which nothing counts teaches nothing
            loss = 0 * outputs.sum()
        self.optimizer.zero_grad()
        loss.backward()
        if self.settings.clip_norm:
            clip_by_norm(self.parameters, self.settings.clip_norm)
        if self.settings.clip_value:
            nn.utils.clip_grad_value_(self.parameters, self.settings.clip_value)
        self.optimizer.param_groups[0]["lr"] = float(self.settings.rates[self.step])
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def get_weights(self) -> dict[str, np.ndarray]:
        return {name: to_numpy(tensor) for name, tensor in self.model.state_dict().items()}

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        self.model.load_state_dict({name: torch.tensor(a) for name, a in weights.items()})

    def get_state(self) -> dict[str, np.ndarray]:
        state = {"step": np.array(self.step)}
        for i, parameter in enumerate(self.parameters):
            for name, value in self.optimizer.state[parameter].items():
                if value is not None:
                    state[f"optimizer/{i}/{name}"] = to_numpy(value)
        for i, numbers in enumerate(self._random_states()):
            state[f"random/{i}"] = to_numpy(numbers)
        for name, generator in generators_of(self.model):
            if isinstance(generator, torch.Generator):
                state[f"generator/{name}"] = to_numpy(generator.get_state())
            else:
                state[f"generator/{name}"] = pack_json(generator.bit_generator.state)
        return state

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        self.step = int(state["step"])
        for name, array in state.items():
            kind, _, rest = name.partition("/")
            if kind == "optimizer":
                i, _, key = rest.partition("/")
                parameter = self.parameters[int(i)]
                value = torch.tensor(array, device=parameter.device)
                self.optimizer.state[parameter][key] = value
        for name, generator in generators_of(self.model):
            saved = state[f"generator/{name}"]
            if isinstance(generator, torch.Generator):
                generator.set_state(torch.tensor(saved))
            else:
                generator.bit_generator.state = unpack_json(saved)
        count = 1 + len(self.devices)
        self._set_random_states([torch.tensor(state[f"random/{i}"]) for i in range(count)])

    def close(self) -> None:
        self._set_random_states(self.random_states)
        self.model.train(self.was_training)

    def _random_states(self) -> list[Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(d) for d in self.devices)]

    def _set_random_states(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        for device, state in zip(self.devices, states[1:], strict=True):
            torch.cuda.set_rng_state(state, device)


class TorchStreamTrainer(TorchTrainer):
    """The same, with a state that is carried from chunk to chunk and a gradient that is not."""

    def train_epoch(self, order: np.ndarray, on_batch: Callable[[], Any] | None) -> float:
        self.model.train()
        total, state = torch.zeros((), device=self.y.device), None
        for x, y in zip(self.xs[0], self.y, strict=True):
            outputs, state = self.model(x, state)
            state = detach(state)
            total += self._learn(outputs, y, None)
            if on_batch:
                on_batch()
        return float(total) / len(order)


make_trainer = TorchTrainer
make_stream_trainer = TorchStreamTrainer


@torch.no_grad()
def predict(
    model: nn.Module, xs: tuple[np.ndarray, ...], mask: np.ndarray | None, batch_size: int
) -> np.ndarray:
    """Return the outputs, a batch at a time, without dropout."""
    tensors = [to_tensor(model, x) for x in xs]
    masks = None if mask is None else torch.as_tensor(mask, device=tensors[0].device)
    outputs = []
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(tensors[0]), batch_size):
            rows = slice(start, start + batch_size)
            masked = {} if masks is None else {"mask": masks[rows]}
            found = model(*(tensor[rows] for tensor in tensors), **masked)
            if not isinstance(found, Tensor):
                raise TypeError(
                    f"`model` must return one tensor; {type(model).__name__} returns "
                    f"{type(found).__name__}. For (outputs, state) there is `fit_stream`."
                )
            outputs.append(found.cpu().numpy())
    finally:
        model.train(was_training)
    return np.concatenate(outputs)


@torch.no_grad()
def predict_stream(model: nn.Module, x: np.ndarray) -> np.ndarray:
    """Return the outputs of all chunks, without dropout, the state carried along."""
    outputs, state = [], None
    was_training = model.training
    model.eval()
    try:
        for chunk in to_tensor(model, x):
            found, state = model(chunk, state)
            outputs.append(found.cpu().numpy())
    finally:
        model.train(was_training)
    return np.stack(outputs)


def to_tensor(model: nn.Module, x: np.ndarray) -> Tensor:
    """Return `x` where the model is, and in its float type unless it holds whole numbers."""
    weight = next(model.parameters())
    return torch.as_tensor(
        x, device=weight.device, dtype=weight.dtype if x.dtype.kind == "f" else None
    )


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a copy."""
    return tensor.detach().cpu().numpy().copy()


def detach(state: Any) -> Any:
    """Return the tensors of a state, in the same tuples, cut off from what led to them."""
    if isinstance(state, Tensor):
        return state.detach()
    parts = [detach(part) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def generators_of(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the random generators that parts of a model keep as attributes, by name."""
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Generator | np.random.Generator):
                yield f"{path}.{name}", value


def clip_by_norm(parameters: list[nn.Parameter], max_norm: float) -> None:
    """Shrink all gradients together to the length `max_norm`, exactly.

    `torch.nn.utils.clip_grad_norm_` adds 1e-6 to the length, so it ends a little below, where
    Keras does not.
    """
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(grads)
    torch._foreach_mul_(grads, max_norm / norm.clamp(min=max_norm))
