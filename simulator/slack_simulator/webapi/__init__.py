"""The Web API: https://docs.slack.dev/apis/web-api."""
