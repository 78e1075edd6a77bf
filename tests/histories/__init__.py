"""Histories: an application connects, writes and waits while clusters change in every way."""
