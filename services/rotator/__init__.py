"""Owns the schedules: claims what is due and changes photos."""
