"""The flow's last stage: it learns to pass for the teacher before a critic (training/critic.py), in one Euler step.

    python -m training.flow_critic --work out/training --minutes 60    # from flow/checkpoint.pt
    python -m training.flow_critic --work out/training --export

What is trained is the mel that is served, after one step. Its L1 stays in the loss; the critic's part of the gradient
is made SHARE times as long as that of the L1, whatever the critic's scale.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import Tensor

from training import flow
from training.critic import Critic, accuracy, critic_loss, flow_loss
from training.flow import mean_weight
from training.flow_batches import UNKNOWN, Batch

NAME = "critic"  # of the folder in flow/
RATE, CRITIC_RATE = 4e-4, 4e-4
CRITIC_BETAS = (0.6, 0.98)
SHARE = 1.0
ALONE = 150  # steps at first, in which only the critic learns
CROP = 48  # tokens of a row that the critic hears


class Training(flow.Training):
    figures = ("mu l1", "mel l1", "critic", "flow", "phonemes", "ours")

    def __init__(self, args: argparse.Namespace) -> None:
        self.critic = Critic().to(args.device)
        parameters = self.critic.parameters()
        self.critic_optimiser = torch.optim.AdamW(parameters, lr=CRITIC_RATE, betas=CRITIC_BETAS)
        super().__init__(args)

    def _gradients(self, batch: Batch, generator: torch.Generator) -> tuple[float, ...]:
        device = self.args.device
        noise = torch.randn(batch.mel.shape, generator=generator).to(device)
        crop = crop_of(batch.said, generator).to(device)
        batch = batch.to(device)
        target = self.model.flow.normalise(batch.mel)
        with torch.autocast(device, torch.bfloat16):
            mu, output = self.model.predicted(batch, noise, torch.zeros(len(noise), device=device))
        mel = mu.float() + output.float()
        leaf = mel.detach().requires_grad_()
        said = batch.said.gather(1, crop)
        with torch.autocast(device, torch.bfloat16):
            true, made = (self.critic(heard(one, target, crop, said), said) for one in (target, leaf))
            ours, critics = flow_loss(true, made, said), critic_loss(true, made, said)
        weight = mean_weight(batch)
        l1 = ((leaf - target).abs() * weight).sum()
        (plain,) = torch.autograd.grad(l1, leaf)
        (liked,) = torch.autograd.grad(ours, leaf, retain_graph=True)
        share = 0.0 if self.run.step < ALONE else self.args.share
        mu_l1 = ((mu.float() - target).abs() * weight).sum()
        torch.autograd.backward([mel, mu_l1], [plain + share * plain.norm() / liked.norm() * liked, None])
        critics.backward(inputs=list(self.critic.parameters()))
        self.critic_optimiser.param_groups[0]["lr"] = CRITIC_RATE * self.rate()
        self.critic_optimiser.step()
        self.critic_optimiser.zero_grad()
        lengths = [float(loss.detach()) for loss in (mu_l1, l1, critics, ours)]
        std = self.config.mel_std
        return std * lengths[0], std * lengths[1], *lengths[2:], accuracy(true, said), accuracy(made, said)

    def _state(self) -> dict[str, Any]:
        own = {"critic": self.critic.state_dict(), "critic_optimiser": self.critic_optimiser.state_dict()}
        return super()._state() | own

    def _resume(self) -> None:
        """From its own checkpoint, or from the averaged weights of the flow's."""
        state = self._stored(self.folder / "checkpoint.pt")
        if state is not None:
            self.critic.load_state_dict(state["critic"])
            self.critic_optimiser.load_state_dict(state["critic_optimiser"])
            super()._resume()
            return
        first = self._stored(self.folder.parent / "checkpoint.pt")
        if first is None:
            raise SystemExit(f"{self.folder.parent} has no checkpoint of the flow to go on from")
        self.model.flow.load_state_dict(first["average"])
        self.average = first["average"]


def crop_of(said: Tensor, generator: torch.Generator) -> Tensor:
    """[B, T] phonemes -> [B, CROP or T] indices of tokens: a piece of each target, or all of it and more."""
    length = min(CROP, said.shape[1])
    known = said != UNKNOWN
    first = known.int().argmax(1)
    room = (known.sum(1) - length).clamp(min=0)
    start = first + (torch.rand(len(said), generator=generator) * (room + 1)).long()
    return start.clamp(max=said.shape[1] - length)[:, None] + torch.arange(length)


def heard(mel: Tensor, target: Tensor, crop: Tensor, said: Tensor) -> Tensor:
    """[B, 2T, F] -> [B, 2 CROP, F] what the critic hears; beside the target it always hears the teacher."""
    frames = torch.stack((2 * crop, 2 * crop + 1), 2).flatten(1)[..., None].expand(-1, -1, mel.shape[2])
    beside = (said == UNKNOWN).repeat_interleave(2, 1)[..., None]
    return torch.where(beside, target.gather(1, frames), mel.gather(1, frames))


def main() -> None:
    parser = flow.arguments((__doc__ or "").split("\n\n")[0])
    parser.add_argument("--share", type=float, default=SHARE, help="of the critic's gradient")
    parser.set_defaults(name=NAME, rate=RATE, minutes=60.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    training = Training(args)
    training.export() if args.export else training()


if __name__ == "__main__":
    main()
