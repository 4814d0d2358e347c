"""Kill campaigns: faults, kills and the recount."""
