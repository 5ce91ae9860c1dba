"""The zoo's own trackers: a file each, imported when it is named."""
