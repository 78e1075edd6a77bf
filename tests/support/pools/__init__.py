"""The pools under test."""
