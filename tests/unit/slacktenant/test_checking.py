"""Whose a token is decides whether it is used; Slack being away decides nothing."""

import asyncio

import pytest

from rotavatar.configuration import Secret
from rotavatar.errors import CredentialDead, RequestRefused, SlackBusy, SlackError
from rotavatar.keys import Workspace
from rotavatar.scopes import BOT
from rotavatar.slack.answers import Identity
from slacktenant_operator.checking import AT_ONCE, Checking, judged, refused
from slacktenant_operator.cluster import Named, SecretContent
from slacktenant_operator.reading import KeyReference, Trouble, references, resolved, value
from slacktenant_operator.reasons import Reason
from tests.unit.slacktenant.tenants import tenant

ACME = Workspace("T0ACME")
BOT_TOKEN = Secret("xoxb-1-a")


class Slack:
    """Answers auth.test as the test says, and counts how many ask at once."""

    def __init__(self, answer: Identity | SlackError) -> None:
        self.answer, self.asked, self.at_once, self.most = answer, 0, 0, 0

    async def auth_test(self, _token: str) -> Identity:
        self.asked += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if isinstance(self.answer, SlackError):
            raise self.answer
        return self.answer


def identity(**changes: object) -> Identity:
    fields = {"team_id": "T0ACME", "user_id": "U0BOT", "app_id": "A0OURS", "scopes": frozenset(BOT)}
    return Identity(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "reason", "said"),
    [
        (identity(), Reason.VALID, "T0ACME"),
        (identity(app_id=None), Reason.VALID, "T0ACME"),
        (identity(scopes=frozenset()), Reason.VALID, "T0ACME"),
        (identity(team_id="T0OTHER"), Reason.WRONG_WORKSPACE, "T0OTHER"),
        (identity(is_enterprise_install=True, enterprise_id="E0BIG"), Reason.WRONG_WORKSPACE, "E0BIG"),
        (identity(app_id="A0THEIRS"), Reason.WRONG_APP, "A0THEIRS"),
        (identity(scopes=frozenset({"commands"})), Reason.SCOPE_MISSING, "users:read"),
    ],
)
def test_whose_a_token_is(found: Identity, reason: Reason, said: str) -> None:
    verdict = judged(found, workspace=ACME, app="A0OURS")
    assert verdict.finding.reason is reason
    assert said in verdict.finding.message
    assert verdict.valid is (reason is Reason.VALID)


def test_a_token_of_an_organisation_is_for_the_organisation() -> None:
    found = identity(is_enterprise_install=True, enterprise_id="E0BIG")
    assert judged(found, workspace=Workspace("E0BIG"), app="A0OURS").valid


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (SlackBusy(method="auth.test", code="timeout"), "Unknown", Reason.SLACK_UNAVAILABLE),
        (CredentialDead(method="auth.test", code="token_revoked"), "False", Reason.TOKEN_REFUSED),
        (RequestRefused(method="auth.test", code="not_authed"), "False", Reason.TOKEN_REFUSED),
    ],
)
def test_what_slack_does_not_say(error: SlackError, status: str, reason: Reason) -> None:
    verdict = refused(error)
    assert (verdict.finding.status, verdict.finding.reason, verdict.valid) == (status, reason, False)


@pytest.mark.parametrize(
    ("token", "reason"), [("xoxe.xoxb-1-a", Reason.ROTATING_TOKEN), ("xoxp-1", Reason.NOT_A_BOT_TOKEN)]
)
async def test_some_tokens_tell_by_themselves(token: str, reason: Reason) -> None:
    slack = Slack(identity())
    verdict = await Checking(slack).check(ACME, Secret(token), app="A0OURS")  # type: ignore[arg-type]
    assert verdict.finding.reason is reason
    assert slack.asked == 0
    assert token not in verdict.finding.message


async def test_a_hundred_a_second_and_a_few_at_once() -> None:
    slack, waits, now = Slack(identity()), list[float](), 100.0

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    checking = Checking(slack, sleep=sleep, monotonic=lambda: now)  # type: ignore[arg-type]
    await asyncio.gather(*(checking.check(ACME, BOT_TOKEN, app="A0OURS") for _ in range(50)))
    assert slack.asked == 50
    assert slack.most <= AT_ONCE
    assert max(waits) == pytest.approx(0.49)


def content(**data: str) -> SecretContent:
    return SecretContent({"metadata": {"name": "s", "namespace": "tenants", "uid": "u"}, "data": data})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, Reason.KEY_NOT_FOUND),
        ({"token": ""}, Reason.VALUE_UNUSABLE),
        ({"token": "CgoK"}, Reason.VALUE_UNUSABLE),
        ({"token": "eG94YiAx"}, Reason.VALUE_UNUSABLE),
        ({"token": "/////w=="}, Reason.VALUE_UNUSABLE),
    ],
)
def test_why_a_secret_gives_no_value(data: dict[str, str], reason: Reason) -> None:
    found = value(content(**data), KeyReference(Named("tenants", "s"), "token"))
    assert isinstance(found, Trouble)
    assert found.reason is reason


def test_a_value_comes_without_its_line_end() -> None:
    assert value(content(token="eG94Yi0xCg=="), KeyReference(Named("tenants", "s"), "token")) == Secret("xoxb-1")


def test_the_first_trouble_is_told_and_a_missing_label_is_none() -> None:
    asked = references(tenant(spec={"botToken": {"name": "slack"}}))
    trouble = Trouble(Reason.SECRET_NOT_FOUND, "slack", "token")
    assert resolved(asked, {asked[0]: trouble}, frozenset()).reason is Reason.SECRET_NOT_FOUND
    found = resolved(asked, {}, frozenset({"slack"}))
    assert (found.status, found.reason) == ("True", Reason.NOT_LABELLED)
    assert resolved(asked, {}, frozenset()).reason is Reason.RESOLVED
    assert resolved([], {}, frozenset()).reason is Reason.NOTHING_REFERENCED
