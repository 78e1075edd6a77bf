"""The RDS API as a source."""
