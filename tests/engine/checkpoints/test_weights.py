"""Files of weights: all of them, exactly, or a message that says what is wrong with which file."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.checkpoints.names import VOCODER, Part
from engine.checkpoints.weights import WeightFile, blank
from engine.errors import ModelError
from engine.networks.convs import same_conv

CPU = torch.device("cpu")
OWN = Part("net.", unused=(r"table\.\d+",))


class Net(nn.Module):
    steps: Tensor
    computed: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("computed", torch.arange(4), persistent=False)


def tensors() -> dict[str, Tensor]:
    return {
        "net.linear.weight": torch.arange(6.0).view(2, 3),
        "net.linear.bias": torch.tensor([7.0, 8.0]),
        "net.steps": torch.tensor([9]),
        "net.table.0": torch.zeros(5),
    }


def saved(content: dict[str, Tensor], path: Path) -> Path:
    torch.save(content, path) if path.suffix == ".pt" else save_file(content, path)
    return path


@pytest.fixture(params=["net.safetensors", "net.pt"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return saved(tensors(), tmp_path / request.param)


def check(path: Path) -> None:
    WeightFile(path).check([(blank(Net), OWN)])


def test_both_formats_load(path: Path) -> None:
    net = blank(Net)
    WeightFile(path).fill(net, OWN, CPU)
    assert net.linear.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert net.steps.tolist() == [9]
    assert net.computed.tolist() == [0, 1, 2, 3]
    assert not net.linear.weight.requires_grad


def test_a_network_outlives_its_file(path: Path) -> None:
    net = blank(Net)
    WeightFile(path).fill(net, OWN, CPU)
    path.write_bytes(b"\0" * path.stat().st_size)
    assert net.linear.bias.tolist() == [7, 8]


def test_weights_take_the_arithmetic_asked_for_and_counters_keep_theirs(path: Path) -> None:
    net = blank(Net)
    WeightFile(path).fill(net, OWN, CPU, torch.bfloat16)
    assert (net.linear.weight.dtype, net.steps.dtype) == (torch.bfloat16, torch.int64)


def test_half_precision_files_load_too(tmp_path: Path) -> None:
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors().items()}
    file, net = WeightFile(saved(half, tmp_path / "half.safetensors")), blank(Net)
    file.check([(net, OWN)])
    file.fill(net, OWN, CPU)
    assert net.linear.weight.dtype is torch.float32


def test_missing_unknown_misshapen_and_mistyped_tensors_are_all_named(tmp_path: Path) -> None:
    content = tensors()
    content["net.linear.wait"] = content.pop("net.linear.weight")
    content["net.linear.bias"] = torch.zeros(3)
    content["net.steps"] = torch.zeros(1)
    path = saved(content, tmp_path / "net.safetensors")
    with pytest.raises(ModelError) as error:
        check(path)
    assert str(error.value) == (
        f"{path} does not fit this model: 1 missing: net.linear.weight; 1 unknown: net.linear.wait; "
        "1 of another shape: net.linear.bias [3] instead of [2]; "
        "1 of another type: net.steps torch.float32 instead of torch.int64"
    )


def test_of_many_names_the_first_few_are_shown(tmp_path: Path) -> None:
    content = {**tensors(), **{f"other.{index}": torch.zeros(1) for index in range(9)}}
    with pytest.raises(ModelError, match=r"9 unknown: other\.0, .*other\.4, \.\.\. \(4 more\)"):
        check(saved(content, tmp_path / "net.safetensors"))


def test_a_trainers_wrapping_is_taken_off(tmp_path: Path) -> None:
    for content in ({"model": tensors()}, {"model": [tensors()], "step": 3}):
        path = tmp_path / "t3.pt"
        torch.save(content, path)
        check(path)


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git-lfs pointer"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b'{"error":"Repository not found"}', "server's error message"),
        (b"not weights at all", "cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["t3.safetensors", "s3gen.pt"])
def test_what_is_no_weights_is_called_by_its_name(tmp_path: Path, name: str, beginning: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(beginning)
    with pytest.raises(ModelError, match=said) as error:
        WeightFile(path)
    assert str(path) in str(error.value)


def test_half_a_download_is_said_to_be_one(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read, perhaps half downloaded"):
        WeightFile(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.safetensors cannot be read: No such file"):
        WeightFile(tmp_path / "gone.safetensors")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"net.linear.weight": print}, path)
    with pytest.raises(ModelError, match="cannot be read"):
        WeightFile(path)


def test_weight_normalisation_is_folded(tmp_path: Path) -> None:
    reference = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3))
    with torch.no_grad():
        reference.parametrizations.weight.original0.mul_(1.7)
    content = {f"mel2wav.{name}": tensor.detach().clone() for name, tensor in reference.state_dict().items()}
    file, conv = (
        WeightFile(saved(content, tmp_path / "s3gen.safetensors")),
        blank(lambda: same_conv(4, 6, 3, lookahead=1)),
    )
    file.check([(conv, VOCODER)])
    file.fill(conv, VOCODER, CPU)
    torch.testing.assert_close(conv.weight, reference.weight.detach())


def test_building_initialises_nothing_at_random() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    blank(lambda: nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 8), nn.LSTM(8, 8)))
    assert torch.equal(before, torch.get_rng_state())
