"""How LeadFactory is run: on one machine, in images, on Kubernetes."""
