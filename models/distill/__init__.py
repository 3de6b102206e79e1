"""Distillation: the targets, the training, and the cards of what came of it."""
