from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.networks.cloning.campplus import CAMPPlus, CAMPPlusConfig, DenseBlockConfig, _Gated

TINY = CAMPPlusConfig(
    mel_bins=16,
    head_channels=2,
    head_blocks=1,
    width=6,
    growth=2,
    bottleneck=4,
    blocks=(DenseBlockConfig(layers=2, dilation=1), DenseBlockConfig(layers=1, dilation=2)),
    context=5,
    embedding=3,
)


@pytest.fixture
def network() -> CAMPPlus:
    torch.manual_seed(0)
    network = CAMPPlus(TINY).requires_grad_(False)
    for name, buffer in network.named_buffers():
        buffer.copy_(torch.rand_like(buffer) + (0.5 if name.endswith("var") else 0.0))
    return network


def mel(n_frames: int, seed: int) -> Tensor:
    return torch.randn(1, n_frames, TINY.mel_bins, generator=torch.Generator().manual_seed(seed))


def test_published_size() -> None:
    with torch.device("meta"):
        network = CAMPPlus(CAMPPlusConfig())
    assert 6.8e6 < sum(parameter.numel() for parameter in network.parameters()) < 6.9e6
    assert network.get_parameter("xvector.dense.linear.weight").shape == (192, 1024, 1)


def test_recordings_do_not_mix_and_training_mode_changes_nothing(network: CAMPPlus) -> None:
    one, other = mel(40, 1), mel(40, 2)
    both = network.train()(torch.cat([one, other]))
    torch.testing.assert_close(both, torch.cat([network.eval()(one), network(other)]))
    assert both.shape == (2, 3)


def test_any_length_gives_one_vector(network: CAMPPlus) -> None:
    for n_frames in (4, 9, 101):
        assert network(mel(n_frames, 0)).isfinite().all()


def test_the_gate_of_a_frame_knows_the_whole_recording_and_its_own_stretch(network: CAMPPlus) -> None:
    """As the sum of the two means; the last stretch is shorter."""
    gated = network.get_submodule("xvector.block1.tdnnd1.cam_layer")
    assert isinstance(gated, _Gated)
    x = torch.randn(1, TINY.bottleneck, 12)
    gates = []
    for stretch in (x[..., 0:5], x[..., 5:10], x[..., 10:12]):
        surroundings = x.mean(2) + stretch.mean(2)
        hidden = F.linear(surroundings[0], gated.linear1.weight[..., 0], gated.linear1.bias).relu()
        gate = F.linear(hidden, gated.linear2.weight[..., 0], gated.linear2.bias).sigmoid()
        gates += [gate] * stretch.shape[2]
    torch.testing.assert_close(gated(x), gated.linear_local(x) * torch.stack(gates, 1))
