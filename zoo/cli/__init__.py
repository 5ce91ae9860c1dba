"""The command line: a file a verb family; `zoo.cli.main` is where it starts."""
