"""The plugin keeps what the zoo's conformance kit asks: the same checks as `zoo plugins check meadow`."""

from zoo.testing import conformance

test_conformance = conformance("meadow")
