"""The only package that talks HTTP to Slack."""

from rotavatar.slack.addresses import SlackAddresses, home_tab_link
from rotavatar.slack.answers import (
    Identity,
    IssuedToken,
    OAuthGrant,
    Photo,
    Profile,
    PublishedView,
    RefreshedToken,
    UserInfo,
)
from rotavatar.slack.classification import Sentence, sentence_for
from rotavatar.slack.client import SlackClient
from rotavatar.slack.wire import Timeouts

__all__ = [
    "Identity",
    "IssuedToken",
    "OAuthGrant",
    "Photo",
    "Profile",
    "PublishedView",
    "RefreshedToken",
    "Sentence",
    "SlackAddresses",
    "SlackClient",
    "Timeouts",
    "UserInfo",
    "home_tab_link",
    "sentence_for",
]
