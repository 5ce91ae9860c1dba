"""Run folders: read with bounds, told of in tables and on a page."""
