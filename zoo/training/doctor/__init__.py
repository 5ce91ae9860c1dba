"""Who watches a run: what is a disease, how it is seen, and what is done."""
