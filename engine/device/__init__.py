"""Everything that depends on the device: streams, captured work, arithmetic, memory, cores."""
