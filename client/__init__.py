"""The `leadfactory` command line: a client of the three services over gRPC, for people and for scripts."""
