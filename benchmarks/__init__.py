"""What aurora-otel costs, measured side by side: `make bench`."""
