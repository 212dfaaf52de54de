"""From the name of a model to an engine that is warm. `load` is the way in for the service."""

from __future__ import annotations

import logging
import time

import torch

from engine import checkpoints
from engine.device import allocator
from engine.device.choice import find_device, warn_if_never_run
from engine.device.precision import Precision
from engine.engine import LocalEngine, Wrap
from engine.messages import Utterance
from engine.options import EngineOptions
from engine.speak import speak
from engine.voices.library import Library
from engine.voices.management import VoiceManager

log = logging.getLogger(__name__)

WARM_UP_TEXT = "Warming up, one two three."
WARM_UP_LIMIT_S = 300.0


def load(model: str = "embedded", options: EngineOptions | None = None, wrap: Wrap | None = None) -> LocalEngine:
    """Loads a model, starts the workers and speaks once with each of its own voices, so that the first request is as
    fast as any.

    `model` is "embedded", a directory or a hub id; `wrap` may put something around the stages. Raises ModelError."""
    options = options or EngineOptions()
    started = time.monotonic()
    allocator.keep_freed()
    device = _device(model, options)
    warn_if_never_run(device)
    loaded = checkpoints.load(
        model,
        device=device,
        precision=Precision.parse(options.dtype, device),
        form=options.form,
        variant=options.variant,
        normalize=options.normalize,
    )
    engine = LocalEngine(loaded, options, wrap)
    try:
        for voice in loaded.voices:
            warm_up(engine, voice)
        if options.max_utterances is None and not options.deterministic:
            engine.let_in_what_fits()
        engine.watch()
    except BaseException:
        engine.close()
        raise
    log.info("model %s is warm after %.1f s", model, time.monotonic() - started)
    return engine


def open_voices(model: str, options: EngineOptions) -> VoiceManager:
    """Opens the stored voices without an engine, to work on them alone. Raises ModelError."""
    voices = checkpoints.load_voices(model, device=_device(model, options), variant=options.variant)
    library = Library(voices.own, voices.config, options.voices_dir)
    return VoiceManager(library, voices.cloner, voices.config.text.languages, voices.config.name)


def _device(model: str, options: EngineOptions) -> torch.device:
    return find_device(options.device, needs_gpu=checkpoints.is_large(model))


def warm_up(engine: LocalEngine, voice: str) -> None:
    """Speaks a short text and throws the audio away. Raises what the utterance failed with."""
    speak(engine, Utterance(id=f"warm-up-{voice}", voice=voice, seed=0), WARM_UP_TEXT, WARM_UP_LIMIT_S)
