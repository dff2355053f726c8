"""A local Slack, as strict as the real one."""
