"""Published checkpoints of every variant, at a reduced size, become models that speak."""

import contextlib
import io
import logging
import shutil
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from engine.checkpoints import load
from engine.device.precision import OFFERED, Precision
from engine.engine import LocalEngine
from engine.errors import InvalidConfig, ModelError
from engine.messages import AudioChunk, Finished, NewVoice, Utterance
from engine.model import Model
from engine.options import EngineOptions
from engine.speak import events
from tests.engine.checkpoints.conftest import Make
from tests.engine.voices.speech import speech_like

VARIANTS = ["base", "multilingual", "multilingual-v3", "multilingual-pt-br", "turbo", "nano"]
TEXT = "Hello there, this is a test."


def logits(model: Model) -> torch.Tensor:
    voice = model.prepare(model.voices["default"])
    language = model.text.languages[0]
    (piece,) = model.text.pieces(TEXT, language)
    text = model.t3.frame_text(torch.tensor([model.text.encode(piece, language)]))
    return model.t3.prefill(voice.t3, text, model.t3.init_cache(2, 900), guided=model.config.t3.guidance)


def audio(model: Model) -> torch.Tensor:
    """A second of speech tokens, spoken."""
    voice = model.prepare(model.voices["default"])
    mel = model.flow.offline(torch.arange(25)[None], voice.flow, seed=1)
    with torch.inference_mode():
        wav: torch.Tensor = model.vocoder(mel, model.vocoder.init_state(1), final=True)[0]
    return wav


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_speaks(pristine: Make, name: str) -> None:
    model = load(pristine(name))
    scores, wav = logits(model), audio(model)
    assert scores.shape[0] == (2 if model.config.t3.guidance else 1)
    assert 0.1 < float(scores.std()) < 10
    assert wav.shape == (1, 24000)
    assert 0.001 < float(wav.abs().max()) < 1


@pytest.mark.parametrize(
    "precision", [Precision(t3="int8"), Precision(t3="bfloat16"), Precision(flow="bfloat16")], ids=str
)
@pytest.mark.parametrize("name", ["base", "nano"])
def test_lower_precision_changes_little(pristine: Make, name: str, precision: Precision) -> None:
    exact, lower = load(pristine(name)), load(pristine(name), precision=precision)
    assert float((logits(exact) - logits(lower)).abs().max()) < 0.1 * float(logits(exact).abs().max())
    assert float((audio(exact) - audio(lower)).abs().max()) < 0.1 * float(audio(exact).abs().max())


@pytest.mark.parametrize("t3", OFFERED["t3"]["cpu"])
@pytest.mark.parametrize("name", ["base", "nano"])
def test_the_engine_speaks_in_every_precision(published: Make, name: str, t3: str) -> None:
    engine = LocalEngine(load(published(name), precision=Precision(t3=t3)), EngineOptions(max_utterances=2))
    with contextlib.closing(engine):
        spoken = events(engine, Utterance(id="a", seed=0), "A sentence.", 60.0)
    assert isinstance(spoken[-1], Finished)
    assert any(isinstance(event, AudioChunk) for event in spoken)


@pytest.mark.parametrize("precision", [Precision(), Precision(t3="int8")], ids=str)
def test_a_model_outlives_its_files(published: Make, precision: Precision) -> None:
    directory = published("nano")
    model = load(directory, precision=precision)
    before = logits(model)
    for path in directory.glob("*.safetensors"):
        path.write_bytes(b"\0" * path.stat().st_size)
    assert torch.equal(before, logits(model))


def test_a_language_pack_greets_in_its_language(pristine: Make) -> None:
    assert load(pristine("multilingual-pt-br")).text.languages[0] == "pt"
    assert load(pristine("multilingual")).text.languages[0] == "en"


def recording(seconds: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, speech_like(seconds, 24000), 24000, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize("name", ["base", "nano"])
def test_a_checkpoint_clones(pristine: Make, name: str) -> None:
    model = load(pristine(name))
    assert model.cloner is not None
    voice, _ = model.cloner.clone(NewVoice(name="ana", audio=recording(7)))
    assert voice.prompt_token.shape == (1, 175)
    assert model.prepare(voice).nbytes > 0


@pytest.mark.parametrize("form", ["windowed", "cumulative", "cached"])
def test_any_form_of_the_flow_can_be_chosen(pristine: Make, form: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert load(pristine("nano"), form=form).config.flow.form == form
    assert ("experiment" in caplog.text) is (form == "cached")


def test_a_form_that_does_not_exist_is_refused(pristine: Make) -> None:
    with pytest.raises(InvalidConfig, match="form 'magic'; possible: cached, windowed, cumulative"):
        load(pristine("nano"), form="magic")


def test_text_can_be_left_as_it_is_written(pristine: Make) -> None:
    assert load(pristine("nano"), normalize=False).config.text.normalize is False
    assert load(pristine("nano")).config.text.normalize is True


def test_it_says_what_was_loaded(pristine: Make, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        load(pristine("turbo"))
    assert "chatterbox-turbo from" in caplog.text
    assert "MB on cpu (t3 float32, flow float32, vocoder float32), flow 'windowed'" in caplog.text


def test_weights_of_another_variant_are_refused(published: Make, pristine: Make) -> None:
    directory = published("turbo")
    shutil.copy(pristine("base") / "t3_cfg.safetensors", directory / "t3_turbo_v1.safetensors")
    with pytest.raises(ModelError, match=r"t3_turbo_v1\.safetensors does not fit this model: \d+ missing: tfmr\.wpe"):
        load(directory)


def test_a_standard_flow_is_no_mean_flow(published: Make, pristine: Make) -> None:
    directory = published("turbo")
    shutil.copy(pristine("base") / "s3gen.safetensors", directory / "s3gen_meanflow.safetensors")
    with pytest.raises(ModelError, match=r"1 missing: flow\.decoder\.estimator\.time_embed_mixer\.weight"):
        load(directory)


@pytest.mark.parametrize(
    "lost",
    ["flow.encoder.encoders.0.self_attn.linear_k.weight", "tokenizer.encoder.conv1.bias", "speaker_encoder.xvector"],
)
def test_every_part_of_s3gen_is_checked_at_start(published: Make, lost: str) -> None:
    """Those that only cloning needs as well: the first clone is too late to hear of a broken file."""
    path = published("nano") / "s3gen_meanflow.safetensors"
    tensors = {name: tensor for name, tensor in load_file(path).items() if not name.startswith(lost)}
    save_file(tensors, path)
    with pytest.raises(ModelError, match=rf"s3gen_meanflow\.safetensors does not fit this model: \d+ missing: {lost}"):
        load(path.parent)


def test_computed_tables_need_not_be_in_the_file(published: Make) -> None:
    """The language packs' S3Gen lacks them, and the reference's first release refuses it."""
    path = published("nano") / "s3gen_meanflow.safetensors"
    tensors = load_file(path)
    del tensors["tokenizer._mel_filters"], tensors["tokenizer.window"]
    save_file(tensors, path)
    assert load(path.parent).cloner is not None


def test_an_unknown_part_of_s3gen_is_said(published: Make) -> None:
    path = published("nano") / "s3gen_meanflow.safetensors"
    save_file({**load_file(path), "adapter.weight": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match=r"1 unknown: adapter\.weight"):
        load(path.parent)


def test_a_tokenizer_of_another_variant_is_refused(published: Make, pristine: Make) -> None:
    directory = published("base")
    shutil.copy(pristine("multilingual") / "grapheme_mtl_merged_expanded_v1.json", directory / "tokenizer.json")
    with pytest.raises(ModelError, match=r"the tokenizer has 2454 text tokens, and T3 knows 704"):
        load(directory)


def test_a_broken_voice_stops_the_start(published: Make) -> None:
    directory = published("base")
    (directory / "conds.pt").write_bytes((directory / "conds.pt").read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"conds\.pt cannot be read, perhaps half downloaded"):
        load(directory)


def test_a_voice_for_another_family_stops_the_start(published: Make, pristine: Make) -> None:
    directory = published("base")
    shutil.copy(pristine("nano") / "conds.pt", directory / "conds.pt")
    with pytest.raises(ModelError, match=r"conds\.pt: 375 tokens of prompt for T3, which takes 150 at most"):
        load(directory)


def test_a_word_that_is_nothing_is_said_to_be_nothing() -> None:
    with pytest.raises(ModelError, match="nosuchmodel: no such directory, and no id on the hub"):
        load("nosuchmodel")


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "t3_cfg.safetensors"
    path.touch()
    with pytest.raises(ModelError, match="no such directory"):
        load(path)


def test_a_config_of_another_kind_beside_the_weights_does_not_matter(published: Make) -> None:
    directory = published("nano")
    (directory / "config.json").write_text('{"model_type": "gpt2"}')
    assert load(directory).config.variant == "nano"
