"""The zoo's own trainers, and their losses."""
