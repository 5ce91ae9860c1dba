"""Plugins: installed, switched off, loaded, examined, begun."""
