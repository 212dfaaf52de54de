"""The messages of Riva, made from protos/riva.binpb (`make stubs`) in a descriptor pool of their own.

Generated modules would enter the one pool of the process, where NVIDIA's client, if it is there too, has its own
description of the same names; two that differ make protobuf refuse the second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "nvidia.riva.tts.RivaSpeechSynthesis"


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    compiled = Path(__file__).parent / "protos" / "riva.binpb"
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file:
        pool.Add(file)
    return pool


_POOL = _pool()


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"nvidia.riva.tts.{name}"))


SynthesizeSpeechRequest = _message("SynthesizeSpeechRequest")
SynthesizeSpeechResponse = _message("SynthesizeSpeechResponse")
RivaSynthesisConfigRequest = _message("RivaSynthesisConfigRequest")
RivaSynthesisConfigResponse = _message("RivaSynthesisConfigResponse")

# AudioEncoding
UNSPECIFIED, LINEAR_PCM, FLAC, MULAW, OGGOPUS, ALAW = (
    _POOL.FindEnumTypeByName("nvidia.riva.AudioEncoding").values_by_name[name].number
    for name in ("ENCODING_UNSPECIFIED", "LINEAR_PCM", "FLAC", "MULAW", "OGGOPUS", "ALAW")
)
