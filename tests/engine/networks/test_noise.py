"""Randomness by address."""

import numpy as np
import torch

from engine.networks import noise


def test_a_value_depends_on_its_address_alone() -> None:
    key = noise.fold(7, noise.Stream.FLOW)
    whole = noise.normal(key, 0, 1000)
    assert torch.equal(noise.normal(key, 300, 100), whole[300:400])


def test_rows_drawn_together_are_what_each_is_alone() -> None:
    keys, starts = [noise.fold(seed) for seed in range(3)], [0, 2**40, 77]
    rows = noise.normals(keys, starts, 101, torch.device("cpu"))
    for row, key, start in zip(rows, keys, starts, strict=True):
        assert torch.equal(row, noise.normal(key, start, 101))


def test_seeds_and_streams_are_independent() -> None:
    draws = [noise.normal(noise.fold(seed, stream), 0, 20_000) for seed in (0, 1) for stream in noise.Stream]
    correlation = torch.corrcoef(torch.stack(draws)) - torch.eye(len(draws))
    assert correlation.abs().max() < 0.04


def test_normal_has_the_moments_of_a_normal() -> None:
    x = noise.normal(noise.fold(3), 0, 200_000).double()
    assert abs(x.mean()) < 0.01
    assert abs(x.var() - 1) < 0.02
    assert abs((x**4).mean() - 3) < 0.1


def test_uniform_never_reaches_its_ends() -> None:
    x = noise.uniform(noise.fold(1), 0, 1_000_000)
    assert x.min() > 0
    assert x.max() < 1
    assert torch.isfinite(noise.gumbel(noise.fold(1), 0, 1_000_000)).all()


def test_gumbel_max_samples_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0])
    picks = [int((logits + noise.gumbel(noise.fold(5, index), 0, 3)).argmax()) for index in range(4000)]
    share = torch.bincount(torch.tensor(picks)) / len(picks)
    assert torch.allclose(share, logits.softmax(0), atol=0.03)


def test_keys_differ_where_any_part_differs() -> None:
    keys = {noise.fold(seed, a, b) for seed in range(10) for a in range(10) for b in range(10)}
    assert len(keys) == 1000


def test_large_seeds_and_positions_are_fine() -> None:
    key = noise.fold(2**64 - 1, noise.Stream.VOCODER)
    assert torch.isfinite(noise.normal(key, 2**40, 10)).all()


def test_many_keys_at_once_draw_what_each_draws_alone() -> None:
    prefixes = [noise.fold(seed, noise.Stream.T3, 3) for seed in (0, 7, 2**63 + 5)]
    signed = np.array([noise.signed(key) for key in prefixes])
    keys = torch.from_numpy(noise.fold_each(signed, np.array([0, 9, 400])))
    alone = [noise.fold(seed, noise.Stream.T3, 3, index) for seed, index in ((0, 0), (7, 9), (2**63 + 5, 400))]
    assert keys.tolist() == [noise.signed(key) for key in alone]
    rows = noise.gumbel(keys, 4, 50)
    assert torch.equal(rows, torch.stack([noise.gumbel(key, 4, 50) for key in alone]))


def test_noise_at_some_addresses_is_that_of_all_there() -> None:
    keys = torch.tensor([3, noise.signed(noise.fold(7, 1))])
    addresses = torch.tensor([[4, 0, 4_095], [17, 17, 2]])
    everywhere = noise.gumbel(keys, 0, 4_096)
    assert torch.equal(noise.gumbel_at(keys, addresses), everywhere.gather(1, addresses))
