"""Networks: the interfaces, the models, and the way from a name to a filled model."""
