"""Facts that all processes share, such as how many jobs wait: one process at a time tells them on its metrics page."""

from rotavatar.shared.duties import office

__all__ = ["office"]
