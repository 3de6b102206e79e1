"""Distillation: what a student is taught, by whom, on which audio, and what came of it."""
