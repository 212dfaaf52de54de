"""Is the right hop blamed, and what does measuring cost? Faults are injected on purpose for that."""
