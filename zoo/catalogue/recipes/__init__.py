"""Recipes: what a run depends on."""
