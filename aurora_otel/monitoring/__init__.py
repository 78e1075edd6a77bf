"""The monitor of each cluster: when its topology is refreshed, and what a verdict leads to."""
