"""Draws the catalogue of avatars once, so that no serving process ever draws."""
