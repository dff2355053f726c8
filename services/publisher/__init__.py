"""Paces `views.publish` and builds Home tabs from stored state."""
