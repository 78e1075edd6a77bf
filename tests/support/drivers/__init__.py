"""The drivers under test: what a test cannot know of each."""
