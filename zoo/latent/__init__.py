"""The latent space: ways through it."""
