"""The reference's S3Gen without its voice encoders: tokens -> mel, mel -> f0, source, waveform, and all at once.

Options: `mean_flow`, `sizes` (null: as published), `seed`.
Tensors: `tokens` [1, T], the voice's `prompt_token` [1, P], `prompt_feat` [1, 2P, 80], `embedding` [1, 192];
`noise` [1, 80, 2P + 2T] of the flow; for the vocoder alone `mel` [1, 80, M]; its `phases` [1, 9, 1] in 0..1, and
`hiss` [1, 9, N] and `speech_hiss` [1, 9, N'] for `mel` and for the spoken tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from tests.parity.reference import stubs
from tests.parity.reference.serve import draws, randomise, serve, weights

stubs.install()

from chatterbox.models.s3gen import s3gen  # noqa: E402
from chatterbox.models.s3gen.transformer import upsample_encoder  # noqa: E402


def build(mean_flow: bool, sizes: Mapping[str, Any] | None) -> s3gen.S3Token2Wav:
    """The reference's own constructor; what only cloning needs is left out, and `sizes` overrides its literals."""
    sizes = sizes or {}

    def smaller(name: str, part: str) -> Any:
        made = getattr(s3gen, name)
        return mock.patch.object(s3gen, name, lambda *args, **given: made(*args, **(given | sizes.get(part, {}))))

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(s3gen, "S3Tokenizer", return_value=nn.Linear(1, 1)))
        stack.enter_context(mock.patch.object(s3gen, "CAMPPlus", return_value=nn.Linear(1, 1)))
        for name, part in (
            ("UpsampleConformerEncoder", "encoder"),
            ("ConditionalDecoder", "estimator"),
            ("CausalMaskedDiffWithXvec", "flow"),
            ("HiFTGenerator", "hift"),
            ("ConvRNNF0Predictor", "f0"),
        ):
            stack.enter_context(smaller(name, part))
        model = s3gen.S3Token2Wav(mean_flow)
    if "up_layers" in sizes:
        width = sizes["encoder"]["output_size"]
        encoder = model.flow.encoder
        encoder.pre_lookahead_layer = upsample_encoder.PreLookaheadLayer(channels=width, pre_lookahead_len=3)
        encoder.up_layer = upsample_encoder.Upsample1D(channels=width, out_channels=width, stride=2)
        encoder.up_encoders = encoder.up_encoders[: sizes["up_layers"]]
    return model.eval()


@torch.no_grad()
def liven(model: s3gen.S3Token2Wav) -> None:
    """As initialised the encoder whispers: attention is flat, positions hardly matter, nor does what comes out."""
    for name, parameter in model.flow.encoder.named_parameters():
        if parameter.dim() >= 2:
            parameter.mul_(3.0 if "linear_pos" in name or "pos_bias" in name else 2.0)
    model.flow.encoder_proj.weight.mul_(4.0)


@torch.no_grad()
def give_pitch(model: s3gen.S3Token2Wav, mel: Tensor) -> None:
    """A random predictor says almost nothing; this one goes up and down by 100 Hz around 80, sometimes voiceless."""
    predictor = model.mel2wav.f0_predictor
    pitch = predictor.condnet(mel).transpose(1, 2) @ predictor.classifier.weight.T
    scale = 100.0 / pitch.std()
    predictor.classifier.weight *= scale
    predictor.classifier.bias.fill_(80.0 - scale * pitch.mean())


@torch.inference_mode()
def run(options: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    torch.manual_seed(options["seed"])
    model = build(options["mean_flow"], options["sizes"])
    liven(model)
    randomise(model, options["seed"])
    give_pitch(model, tensors["mel"])
    hift, mel = model.mel2wav, tensors["mel"]
    with draws("rand", tensors["phases"]), draws("randn_like", tensors["hiss"], tensors["hiss"][:, :1].mT):
        wav, source = hift.inference(speech_feat=mel)
    alone = {"f0": hift.f0_predictor(mel), "source": source, "wav": wav}
    return alone | speak(model, tensors) | weights(model.flow, "flow.") | weights(hift, "mel2wav.")


def speak(model: s3gen.S3Token2Wav, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tokens to sound, with all that the reference does at the edges of an utterance; the mel on the way."""
    voice: dict[str, Any] = {name: tensors[name] for name in ("prompt_token", "prompt_feat", "embedding")}
    voice |= {"prompt_token_len": torch.tensor([voice["prompt_token"].shape[1]]), "prompt_feat_len": None}
    noise, tokens, hiss = tensors["noise"], tensors["tokens"], tensors["speech_hiss"]
    # Mean-flow draws the noise of what is spoken anew.
    own = (noise[:, :, -2 * tokens.shape[1] :],) if model.meanflow else ()
    mels: list[Tensor] = []
    vocode = model.hift_inference

    def hear(mel: Tensor, cache: Tensor | None) -> Any:
        mels.append(mel)
        return vocode(mel, cache)

    with (
        mock.patch.object(model, "hift_inference", hear),
        draws("randn", *own),
        draws("randn_like", noise.clone(), hiss, hiss[:, :1].mT),
        draws("rand", tensors["phases"]),
    ):
        speech, _ = model.inference(speech_tokens=tokens, ref_dict=voice)
    return {"mel": mels[0], "speech": speech}


if __name__ == "__main__":
    serve(run)
