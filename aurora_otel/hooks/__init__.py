"""What happens at each moment of a connection: one file a moment."""
