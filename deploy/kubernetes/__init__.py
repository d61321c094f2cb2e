"""The product on Kubernetes: a Kustomize base, and the check that it renders to valid objects."""
