"""Everything that depends on the device: streams, captured work, arithmetic, memory, cores."""

from engine.device import gpus as _gpus  # noqa: F401  # `Device.of` then knows all kinds
