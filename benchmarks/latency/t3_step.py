"""How long does one step of T3 take, by variant, precision, threads and rows?

The weights are random, in the published sizes; the rounding error of each precision is measured as well.

    python -m benchmarks.latency.t3_step --variants nano,turbo --threads 1,2

Beside each time stands its floor: the bytes that a step must read (weights, keys and values so far) over the bandwidth
at which this machine reads memory with as many threads, or a GPU copies it. On a GPU a step is measured in both forms:
its operations launched one by one, and as a graph. The error is the largest difference of a logit to float32 over
the largest logit, and the share of steps whose likeliest token is the same, over 40 steps that are told float32's
tokens. Rows stand at the same position: as one utterance, as one guided utterance, as utterances that began together.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from benchmarks.support.machine import describe, machine
from engine.checkpoints.variants import VARIANTS
from engine.device.graphs import Capture, CudaCapture
from engine.networks.linears import BFloat16Linear, Int8Linear
from engine.networks.t3.cache import T3Cache
from engine.networks.t3.t3 import T3, T3Conditioning, T3Prefix
from engine.stages.step_graphs import StepGraphs

STEPS = 40
TEXT_TOKENS = 40  # a sentence
STD = 0.02  # of random matrices
READ_BYTES = 400_000_000  # beyond any cache that a core has to itself


@dataclass(frozen=True)
class Figures:
    variant: str
    precision: str
    threads: int
    rows: int
    form: str  # "launched" one by one, or a "graph"
    conditioning_ms: float  # a voice, once
    prefill_ms: float  # a sentence, one row
    step_ms: float  # the median of `STEPS`
    fastest_ms: float
    floor_ms: float
    weight_mb: float  # read by a step
    cache_mb: float  # read by the last step
    error: float | None = None  # of the logits
    agreement: float | None = None  # of the likeliest tokens


def build(variant: str, precision: str, device: torch.device) -> T3:
    """The same random weights for every precision."""
    with torch.device("meta"):
        t3 = T3(VARIANTS[variant].config.t3)
    t3.to_empty(device="cpu").eval().requires_grad_(False)
    torch.manual_seed(0)
    for name, parameter in t3.named_parameters():
        if parameter.dim() > 1:
            parameter.normal_(std=STD)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    t3.to(device)
    if precision == "float32":
        t3.tfmr.fuse()
    else:
        t3.quantize(precision)
    return t3


def weight_bytes(t3: T3) -> int:
    """Bytes of the matrices that a step reads whole: of the decoder layers, and of the head."""
    total = sum(p.nbytes for module in (t3.tfmr, t3.speech_head) for p in module.parameters())
    total -= sum(p.nbytes for name, p in t3.tfmr.named_parameters() if name == "wpe.weight")  # looked up
    size = {Int8Linear: 1, BFloat16Linear: 2}
    return total + sum(size[type(m)] * m.n_weights for m in t3.modules() if isinstance(m, Int8Linear | BFloat16Linear))


def bandwidth(device: torch.device) -> float:
    """Bytes a second that a CPU reads, or that a GPU reads and writes."""
    values = torch.ones(READ_BYTES // 4, device=device)
    if device.type == "cpu":
        return READ_BYTES / min(timed(values.sum, device) for _ in range(5))
    target = torch.empty_like(values)
    return 2 * READ_BYTES / min(timed(lambda: target.copy_(values), device) for _ in range(20))


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds."""
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


@dataclass
class Utterance:
    """A voice and a text, the same for every precision."""

    voice: T3Conditioning
    text: Tensor

    @staticmethod
    def random(t3: T3) -> Utterance:
        generator, c = torch.Generator().manual_seed(1), t3.config
        speaker = torch.randn(1, c.speaker_width, generator=generator)
        prompt = torch.randint(c.codes, (1, c.max_prompt), generator=generator)
        text = torch.randint(256, c.text_vocab, (1, TEXT_TOKENS), generator=generator)
        on = (part.to(t3.device) for part in (speaker, prompt, text))
        return Utterance(T3Conditioning(next(on), next(on)), next(on))

    def begin(self, t3: T3, prefix: T3Prefix, rows: int) -> tuple[T3Cache, Tensor]:
        cache = t3.init_cache(rows, t3.config.prefix_len + TEXT_TOKENS + t3.config.start_count + 2 * STEPS)
        logits = [t3.prefill(prefix, self.text, cache, row) for row in range(rows)]
        return cache, logits[0]


def speak(t3: T3, utterance: Utterance, told: Sequence[int] | None) -> tuple[Tensor, list[int]]:
    """[STEPS, V] logits, and the tokens: those it is told, or the likeliest."""
    cache, logits = utterance.begin(t3, t3.conditioning(utterance.voice), 1)
    seen, tokens = [logits], list[int]()
    for n in range(STEPS - 1):
        tokens.append(int(seen[-1].argmax()) if told is None else told[n])
        seen.append(t3.step(tokens[-1:], cache))
    return torch.cat(seen).float().cpu(), tokens


def measure(t3: T3, variant: str, precision: str, rows: int, capture: Capture | None = None) -> Figures:
    """`capture`: what makes a graph of the step."""
    utterance, device = Utterance.random(t3), t3.device
    prefix = t3.conditioning(utterance.voice)
    conditioning = min(timed(lambda: t3.conditioning(utterance.voice), device) for _ in range(2))
    cache, _ = utterance.begin(t3, prefix, rows)
    prefill = min(timed(lambda: t3.prefill(prefix, utterance.text, cache), device) for _ in range(2))
    stepping = t3 if capture is None else StepGraphs(t3, cache, capture, one_shape=True)
    tokens = torch.full((rows,), 5)
    times = sorted(timed(lambda: stepping.step(tokens, cache), device) for _ in range(STEPS))
    length = cache.attention.lengths[0]
    cache_bytes = cache.attention.kv[..., :length, :].numel() * cache.attention.kv.element_size()
    weights = weight_bytes(t3)
    return Figures(
        variant=variant,
        precision=precision,
        threads=torch.get_num_threads(),
        rows=rows,
        form="launched" if capture is None else "graph",
        conditioning_ms=1e3 * conditioning,
        prefill_ms=1e3 * prefill,
        step_ms=1e3 * times[STEPS // 2],
        fastest_ms=1e3 * times[0],
        floor_ms=1e3 * (weights + cache_bytes) / bandwidth(device),
        weight_mb=weights / 1e6,
        cache_mb=cache_bytes / 1e6,
    )


def captures(device: torch.device) -> list[Capture | None]:
    return [None, CudaCapture(device)] if device.type == "cuda" else [None]


def run(
    variants: Sequence[str],
    precisions: Sequence[str],
    threads: Sequence[int],
    rows: Sequence[int],
    device: torch.device,
) -> Iterator[Figures]:
    for variant in variants:
        reference = build(variant, "float32", device)
        expected, tokens = speak(reference, Utterance.random(reference), None)
        del reference  # one network at a time
        for precision in precisions:
            t3 = build(variant, precision, device)
            logits, _ = speak(t3, Utterance.random(t3), tokens)
            error = float((logits - expected).abs().max() / expected.abs().max())
            agreement = float((logits.argmax(-1) == expected.argmax(-1)).float().mean())
            for n_threads in threads:
                torch.set_num_threads(n_threads)
                for n_rows in rows:
                    for capture in captures(device):
                        found = measure(t3, variant, precision, n_rows, capture)
                        yield replace(found, error=error, agreement=agreement)
            del t3


COLUMNS = (
    "variant precision threads rows     form  step ms  fastest  floor  voice ms  prefill ms  weights MB  cache MB"
    "  error  agree"
)


def row_of(f: Figures) -> str:
    return (
        f"{f.variant:>7} {f.precision:>9} {f.threads:>7} {f.rows:>4} {f.form:>8} {f.step_ms:>8.2f} {f.fastest_ms:>8.2f}"
        f" {f.floor_ms:>6.2f} {f.conditioning_ms:>9.0f} {f.prefill_ms:>11.1f} {f.weight_mb:>11.0f} {f.cache_mb:>9.0f}"
        f" {f.error or 0:>6.4f} {f.agreement or 0:>6.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--variants", default="nano,turbo,base")
    parser.add_argument("--precisions", default="float32,bfloat16,int8")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rows", default="1,2,8,32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    threads, rows = ([int(n) for n in text.split(",")] for text in (arguments.threads, arguments.rows))
    device = torch.device(arguments.device)
    precisions = [p for p in arguments.precisions.split(",") if device.type == "cpu" or p != "int8"]
    torch.set_num_threads(threads[0])
    figures = run(arguments.variants.split(","), precisions, threads, rows, device)
    if arguments.json:
        print(json.dumps({"figures": [asdict(f) for f in figures], "machine": machine()}))
        return
    print(f"{TEXT_TOKENS} text tokens, the longest voice prompt, {STEPS} steps, on {describe()}\n{COLUMNS}")
    for found in figures:
        print(row_of(found), flush=True)


if __name__ == "__main__":
    main()
