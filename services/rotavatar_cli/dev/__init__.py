"""`rotavatar dev`: the whole of Rotavatar on this machine, with a simulated Slack and an embedded Valkey."""
