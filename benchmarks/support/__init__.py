"""What several benchmarks use: services and engines to measure, load, listeners, charts, statistics."""
