"""Adapters that run in the virtual environment of a peer; they import nothing of ours."""
