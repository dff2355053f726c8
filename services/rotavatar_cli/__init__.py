"""The `rotavatar` command for people."""
