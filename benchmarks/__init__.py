"""Speed of what spinbricks emits, each figure a ratio or a time measured in one run: ``python -m benchmarks``."""
