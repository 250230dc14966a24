"""Scores: metrics, named protocols, alignment, stored predictions and ground truth. No gradient."""
