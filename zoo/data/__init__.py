"""Examples in, batches out: what training and evaluation read."""
