"""Verifies what Slack sends, turns it into jobs and acks."""
