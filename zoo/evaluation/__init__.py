"""How good samples are, and whether they are copies: features, distances, and a report with its yardsticks."""
