"""The operator: makes SlackTenants and their Secrets true in Redis, and shows installations as SlackTenants."""
