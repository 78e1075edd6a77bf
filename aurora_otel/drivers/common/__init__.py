"""What several drivers share."""
