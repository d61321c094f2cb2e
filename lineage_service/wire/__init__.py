"""Between messages and domain values."""
