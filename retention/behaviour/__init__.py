"""Behaviour: how often and when people come, what they do step by step, and what goes with staying."""
