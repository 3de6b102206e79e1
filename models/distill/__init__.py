"""Distillation: recipes, targets, training, and the students' model cards."""
