"""Weights folders: found, fetched, described, published."""
