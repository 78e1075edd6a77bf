"""What the agent tells: names, metrics, spans and log records."""
