"""Drivers that aurora-otel knows, under names that it does not know."""
