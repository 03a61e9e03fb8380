"""The recurrent layers of PyTorch with a backward pass written out for the CPU.

`torch.nn.RNN` and `torch.nn.GRU` have one kernel for all steps on GPUs only. On a CPU autograd
records each of the small operations of a step, and for the sizes of this course that costs more
than the arithmetic. (`torch.nn.LSTM` has a kernel on CPUs too, which nothing written in Python
beat, so there is no LSTM here.) `benchmarks/test_recurrent.py` measures the gain.

Here one node of the graph stands for all steps, forward and backward as in `runtun.scratch`: what
does not depend on the step before is computed for all steps at once, so that few operations are
left to a step. The weights, their names and the random numbers of dropout are those of the
parents, so either can take the other's place. What is not written out goes to the parent: packed
or unbatched sequences, GPUs, two directions, no bias, relu.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence


class _RNNSteps(Function):
    """h_t = tanh(a_t + b + h_{t-1} U'), with U as PyTorch keeps it, (H, H) transposed."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, U: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        h = a + b  # (T, B, H); each step turns its a_t into h_t
        U_T, h_prev = U.t(), h0
        for h_t in h.unbind():
            h_prev = h_t.addmm_(h_prev, U_T).tanh_()
        ctx.save_for_backward(h, U, h0)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor, ...]:
        h, U, h0 = ctx.saved_tensors
        slope = (1 - h * h).unbind()
        d_a = torch.empty_like(h)
        d_steps, d_a_steps = d_outputs.unbind(), d_a.unbind()
        d_h = d_steps[-1]
        for t in reversed(range(len(h))):
            torch.mul(d_h, slope[t], out=d_a_steps[t])
            d_h = _back(d_a_steps[t], U, d_steps[t - 1] if t else None)
        return d_a, *_weight_grads(d_a, h, h0), d_h


class _GRUSteps(Function):
    """PyTorch's GRU: gates r, z, n side by side, h_t = n + z (h_{t-1} - n)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, U: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        T, B, H = *a.shape[:2], h0.shape[-1]
        gates = a.clone()  # (T, B, 3H); each step turns its a_t into r, z, n
        s = torch.empty_like(a)  # h_{t-1} U' + b
        h = a.new_empty(T, B, H)
        parts = gates.split([2 * H, H], dim=-1)
        rz, n = (part.unbind() for part in parts)
        r, z = (part.unbind() for part in parts[0].chunk(2, dim=-1))
        s_steps = s.unbind()
        s_rz, s_n = (part.unbind() for part in s.split([2 * H, H], dim=-1))
        U_T, h_prev = U.t(), h0
        for t, h_t in enumerate(h.unbind()):
            torch.addmm(b, h_prev, U_T, out=s_steps[t])
            rz[t].add_(s_rz[t]).sigmoid_()
            n[t].addcmul_(r[t], s_n[t]).tanh_()
            h_prev = torch.lerp(n[t], h_prev, z[t], out=h_t)
        ctx.save_for_backward(gates, s[..., 2 * H :], h, U, h0)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor, ...]:
        gates, h_n, h, U, h0 = ctx.saved_tensors
        T, B, H = h.shape
        r, z, n = gates.view(T, B, 3, H).unbind(dim=2)
        h_prev = torch.cat([h0[None], h[:-1]])
        # Every gradient of a step is d_h times something known beforehand.
        d_n = (1 - z) * (1 - n * n)
        through = torch.stack(
            [d_n * h_n * r * (1 - r), (h_prev - n) * z * (1 - z), d_n * r], dim=2
        ).unbind()  # (B, 3, H) a step: at r, z and h_{t-1} U'_n
        d_s = torch.empty_like(gates)
        d_all = torch.empty_like(h)
        d_steps, d_s_steps, keep = d_outputs.unbind(), d_s.unbind(), z.unbind()
        d_s_parts = d_s.view(T, B, 3, H).unbind()
        d_h_steps = d_all.unbind()
        d_h_steps[-1].copy_(d_steps[-1])
        for t in reversed(range(T)):
            d_h = d_h_steps[t]
            torch.mul(d_h.unsqueeze(1), through[t], out=d_s_parts[t])
            if t:
                torch.addcmul(d_steps[t - 1], d_h, keep[t], out=d_h_steps[t - 1])
                d_h_steps[t - 1].addmm_(d_s_steps[t], U)
            else:
                d_h0 = torch.addmm(d_h * keep[t], d_s_steps[t], U)
        d_U, d_b = _weight_grads(d_s, h, h0)
        d_a = d_s  # the same at r and z; at n the reset gate stands between
        d_a[..., 2 * H :] = d_all * d_n
        return d_a, d_U, d_b, d_h0


def _back(d_a: Tensor, U: Tensor, d_output: Tensor | None) -> Tensor:
    """Return the gradient with respect to h_{t-1}, seen by step t and, if it is there, the loss."""
    return d_a @ U if d_output is None else torch.addmm(d_output, d_a, U)


def _weight_grads(d_a: Tensor, h: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of U and b, in one product over all steps."""
    h_prev = torch.cat([h0[None], h[:-1]])
    return d_a.flatten(0, 1).t() @ h_prev.flatten(0, 1), d_a.sum(dim=(0, 1))


class _OnCPU:
    """What both layers share: whether the steps are taken here, and the layers on top."""

    steps: type[Function]

    def forward(self, input: Any, hx: Tensor | None = None) -> Any:
        """Run all layers; arguments and results are those of the parent."""
        if not self._is_written_out(input):
            return super().forward(input, hx)
        x = input.transpose(0, 1) if self.batch_first else input  # (T, B, D)
        size = (self.num_layers, x.shape[1], self.hidden_size)
        if hx is None:
            hx = x.new_zeros(size)
        self.check_input(x, None)
        self.check_hidden_size(hx, size)
        last = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = functional.dropout(x, self.dropout, self.training)
            W, U, b_input, b = self.all_weights[layer]
            a = functional.linear(x, W, b_input)  # (T, B, G H), all steps in one product
            x = self.steps.apply(a, U, b, hx[layer])
            last.append(x[-1])
        return x.transpose(0, 1) if self.batch_first else x, torch.stack(last)

    def _is_written_out(self, x: Any) -> bool:
        return (
            not isinstance(x, PackedSequence)
            and x.dim() == 3
            and 0 not in x.shape
            and x.device.type == "cpu"
            and x.dtype == self.weight_hh_l0.dtype
            and self.mode in ("RNN_TANH", "GRU")
            and self.bias
            and not self.bidirectional
        )


class RNN(_OnCPU, nn.RNN):
    """`torch.nn.RNN`, several times faster on a CPU; see the file.

    Args:
        args, kwargs: those of `torch.nn.RNN`.

    Example:
        >>> layer = RNN(1, 20, num_layers=2, batch_first=True)
        >>> outputs, h_n = layer(torch.zeros(32, 50, 1))
        >>> outputs.shape, h_n.shape
        (torch.Size([32, 50, 20]), torch.Size([2, 32, 20]))
    """

    steps = _RNNSteps


class GRU(_OnCPU, nn.GRU):
    """`torch.nn.GRU`, several times faster on a CPU; see the file.

    Args:
        args, kwargs: those of `torch.nn.GRU`.
    """

    steps = _GRUSteps
