"""What the performance claims are made of; off by default: ``python -m benchmarks``."""
