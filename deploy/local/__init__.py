"""LeadFactory on one machine: every process, its database and its keys, supervised in one home."""
