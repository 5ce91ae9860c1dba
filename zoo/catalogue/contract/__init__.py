"""What a plugin says, and who owns which name."""
