"""What a recording says about a voice, before a model prepares it: small, storable, the same for every device.

On disk: safetensors, tensors named as in a published conds.pt (`t3.speaker_emb`, `gen.prompt_feat`, ...), and metadata:
`version` of this layout, `family` of the models that understand it, `description`, `owner`, and where it has a timbre
of its own, that as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.networks.pulse.timbre import NATURAL, Timbre

VERSION = "1"


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditionals:
    """A stored voice. It is compared by identity: one that was deleted and created anew is another one.

    Float tensors are float32, tokens int64, all on the CPU."""

    name: str
    description: str = ""
    owner: str = ""  # who created it; "": nobody in particular
    speaker: Tensor  # [1, S] of the voice encoder
    t3_prompt: Tensor  # [1, P] speech tokens that T3 hears; P may be 0
    prompt_token: Tensor  # [1, Q] speech tokens that the flow continues
    prompt_feat: Tensor  # [1, 2Q, F] their ln mel
    embedding: Tensor  # [1, E] x-vector
    timbre: Timbre = NATURAL  # what the vocoder makes of it
