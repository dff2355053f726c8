"""What a tenant's references lead to: the values in its Secrets, or why there is none."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from rotavatar.configuration import Secret
from slacktenant_operator.cluster import Named, SecretContent
from slacktenant_operator.conditions import Finding, fails, holds
from slacktenant_operator.model import SecretReference, SlackTenant
from slacktenant_operator.reasons import Kind, Reason

USABLE: Final = re.compile(r"[!-~]{1,4096}")
"""What a header can carry: Slack's credentials are ASCII without white space."""


class KeyReference(NamedTuple):
    """A key of a Secret."""

    secret: Named
    key: str


class Trouble(NamedTuple):
    """Why a reference leads to no value."""

    reason: Reason
    secret: str
    key: str


def reference(tenant: SlackTenant, to: SecretReference, key: str) -> KeyReference:
    """Where a reference of a tenant leads: into its own namespace always."""
    return KeyReference(Named(tenant.metadata.namespace, to.name), key)


def references(tenant: SlackTenant) -> list[KeyReference]:
    """All references of a tenant, the bot token first."""
    spec = tenant.spec
    found = [reference(tenant, spec.bot_token, spec.bot_token.key)] if spec.bot_token else []
    if spec.app:
        found.append(reference(tenant, spec.app.client_secret, spec.app.client_secret.key))
        found += [reference(tenant, to, to.key) for to in spec.app.signing_secrets]
    return found


def value(content: SecretContent | None, at: KeyReference) -> Secret | Trouble:
    """The value at a reference, without the line end that `echo` leaves; or why there is none."""
    if content is None:
        return Trouble(Reason.SECRET_NOT_FOUND, at.secret.name, at.key)
    raw = content.data.get(at.key)
    if raw is None:
        return Trouble(Reason.KEY_NOT_FOUND, at.secret.name, at.key)
    text = raw.decode("ascii", errors="replace").strip()
    return Secret(text) if USABLE.fullmatch(text) else Trouble(Reason.VALUE_UNUSABLE, at.secret.name, at.key)


def resolved(
    asked: list[KeyReference], troubles: Mapping[KeyReference, Trouble], unlabelled: frozenset[str]
) -> Finding:
    """The condition SecretsResolved: the first trouble, in the order of the references, else what is well."""
    for at in asked:
        if at in troubles:
            trouble = troubles[at]
            return fails(Kind.SECRETS, trouble.reason, secret=trouble.secret, key=trouble.key)
    if not asked:
        return holds(Kind.SECRETS, Reason.NOTHING_REFERENCED)
    if unlabelled:
        return holds(Kind.SECRETS, Reason.NOT_LABELLED, secrets=", ".join(sorted(unlabelled)))
    return holds(Kind.SECRETS, Reason.RESOLVED)
