"""The Hub: over HTTP, bounded, and its cache on the disk."""
