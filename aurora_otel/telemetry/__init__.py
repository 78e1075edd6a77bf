"""What the agent reports: names, metrics, spans and log records."""
