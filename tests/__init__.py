"""Tests: a world, a question and a truth each; the folders mirror retention/."""
