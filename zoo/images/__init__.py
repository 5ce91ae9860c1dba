"""Pictures: the one part of the core that knows what a picture is."""
