"""The project's documents, as they come with the package."""
