"""The catalogue: paper about models, and where they are kept. Nothing here imports torch."""
