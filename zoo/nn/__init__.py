"""Networks: the interfaces, the containers, and the way from a name to a filled model."""
