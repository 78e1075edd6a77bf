"""Which connection is open to which instance of which cluster, and how stale ones are closed."""
