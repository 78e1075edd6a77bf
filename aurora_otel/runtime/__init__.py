"""Sockets, locks and threads: what the rest runs on."""
