"""Rotavatar's shared kernel: what every process agrees on."""
