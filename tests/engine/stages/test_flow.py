"""Windows of the flow that have places, where a graph cannot run them."""

from __future__ import annotations

from pathlib import Path

from torch.testing import assert_close

from engine.checkpoints import load
from engine.scheduling.jobs import FlowWork
from engine.stages.flow import FlowStage
from engine.stages.flow_graphs import FlowGraphs
from engine.stages.flow_prompts import FlowPrompts
from tests.engine.recording import record
from tests.engine.tiny import CONFIG, write_tiny_model


def test_windows_of_other_shapes_that_find_no_places_are_launched(tmp_path: Path) -> None:
    """They were put into one tensor, for which they are not alike, and the run failed."""
    model = load(str(write_tiny_model(tmp_path / "tiny", flow={**CONFIG["flow"], "form": "windowed"})))
    prompts = FlowPrompts(model.flow, model.device, voices=1)
    stage = FlowStage(model, FlowGraphs(model.flow, record, prompts, places=1, batch=2, most=10))
    voice = model.prepare(model.voices["one"])
    alone, settled = FlowStage(model), stage.settle(voice)
    works = [FlowWork(tokens=(3, 1, 4, 1, 5), n_new=3, segment=0, final=False)]
    works += [FlowWork(tokens=(2, 7, 1), n_new=2, segment=0, final=False)]
    states = [stage.open(settled, seed) for seed in range(2)]
    expected = [alone.open(voice, seed) for seed in range(2)]
    assert len({stage.alike(state, work) for state, work in zip(states, works, strict=True)}) == 1
    for (mel, after), state, work in zip(stage.run(states, works), expected, works, strict=True):
        ((first, follows),) = alone.run([state], [work])
        assert_close(mel, first, atol=2e-4, rtol=1e-4)
        ((mel, _),), ((second, _),) = stage.run([after], [work]), alone.run([follows], [work])
        assert_close(mel, second, atol=2e-4, rtol=1e-4)
