"""Who speaks, as T3 is told it: mel power [B, T, 40] at 100 frames/s -> embedding [B, 256] of length 1.

Offline: the recording is cut into overlapping pieces, an LSTM reads each to its end, and the directions are averaged.
Source: generalised end-to-end speaker verification (arXiv 1710.10467); the reference's voice_encoder/voice_encoder.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from engine.networks.cloning import frontends


@dataclass(frozen=True, kw_only=True)
class VoiceEncoderConfig:
    mel_bins: int = frontends.VOICE_ENCODER_BANDS
    width: int = 256
    layers: int = 3
    embedding: int = 256
    piece: int = 160  # frames
    step: int = 77  # frames from piece to piece: 1.3 pieces a second
    min_coverage: float = 0.8  # the last piece is taken if at least this share of it is sound; the rest of it is zeros


class VoiceEncoder(nn.Module):
    def __init__(self, config: VoiceEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.lstm = nn.LSTM(config.mel_bins, config.width, config.layers, batch_first=True)
        self.proj = nn.Linear(config.width, config.embedding)

    def forward(self, mel: Tensor) -> Tensor:
        config = self.config
        n_frames = config.piece + config.step * (self.n_pieces(mel.shape[1]) - 1)
        mel = F.pad(mel, (0, 0, 0, max(0, n_frames - mel.shape[1])))[:, :n_frames]
        pieces = mel.unfold(1, config.piece, config.step).transpose(2, 3)  # [B, P, piece, F]
        hidden = self.lstm(pieces.flatten(0, 1))[1][0][-1]
        directions = F.normalize(F.relu(self.proj(hidden)), dim=1).unflatten(0, pieces.shape[:2])
        return F.normalize(directions.mean(1), dim=1)

    def n_pieces(self, n_frames: int) -> int:
        config = self.config
        overlap = config.piece - config.step
        n_pieces, rest = divmod(max(0, n_frames - overlap), config.step)
        if n_pieces == 0 or rest + overlap >= config.min_coverage * config.piece:
            n_pieces += 1
        return n_pieces
