"""Where the sample application is, and nothing else: what Python searches to run it."""
