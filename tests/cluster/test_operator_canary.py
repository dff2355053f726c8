"""The token canary of the operator: whatever is in a Secret is nowhere else, in no form in which it could be read."""

from pathlib import Path

from control_plane.plane import ControlPlane
from rotavatar.records import Suspension
from slack_simulator.config import AppConfig
from tests.cluster.operating import Operator, grant, operating
from tests.faults.test_canary import Places, leaks
from tests.servers import Server, valkey_binary

OWN = AppConfig(
    app_id="A0OWNAPP", client_id="77.88", client_secret="canary-client-7f3a", signing_secrets=("canary-sign-91c4",)
)
WRONG = "xoxb-1-canary-wrong-55e1"
APP = {
    "appID": OWN.app_id,
    "clientID": OWN.client_id,
    "clientSecret": {"name": "acme-app", "key": "client"},
    "signingSecrets": [{"name": "acme-app", "key": "signing"}],
}


async def test_nothing_leaks(tenants_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    server = Server(valkey_binary(), tmp_path / "server", {"auto-aof-rewrite-percentage": "0"}).start()
    kubeconfig = grant(tenants_plane, namespace, tmp_path, "namespaced", "installations")
    audit, began = tenants_plane.audit_log, tenants_plane.audit_log.stat().st_size
    settings = {"INSTALL_NAMESPACE": namespace}
    try:
        async with operating(
            tenants_plane, server, tmp_path, namespace=namespace, kubeconfig=kubeconfig, **settings
        ) as operator:
            await operator.start()
            secrets = await life(operator)
            places = await seen(operator)
            assert await operator.stop() == 0
    finally:
        server.stop()
    with audit.open("rb") as log:
        log.seek(began)
        places["the audit log"] = log.read()
    places |= {path.name: path.read_bytes() for path in (tmp_path / "server").rglob("*.aof")}
    places["the operator's log"] = (tmp_path / "operator.log").read_bytes()
    assert all(places.values()), {name: len(content) for name, content in places.items()}
    assert b"T0CANARY" in places["the operator's log"]
    assert any(name.endswith(".incr.aof") and b"T0CANARY" in content for name, content in places.items())
    assert leaks(places, {name: secret.encode() for name, secret in secrets.items()}) == []


async def life(operator: Operator) -> dict[str, str]:
    """Everything that can happen to a credential; all that there were."""
    operator.simulator.slack.apps = (*operator.simulator.slack.apps, OWN)
    first = operator.workspace("T0CANARY")
    token = operator.simulator.install("T0CANARY", "U0CANARY", member=False, app=OWN)["bot"].access
    await operator.apply_secret("acme-slack", token=token)
    await operator.apply_secret("acme-app", client=OWN.client_secret, signing=OWN.signing_secrets[0])
    await operator.create_tenant("acme", workspace="T0CANARY", botToken={"name": "acme-slack"}, app=APP)
    await operator.until_condition("acme", "True", "Ready")
    await operator.apply_secret("acme-app", client=OWN.client_secret, signing="canary-sign-new-02")
    await operator.apply_secret("acme-slack", token=WRONG)
    await operator.until_condition("acme", "False", "TokenRefused")
    await operator.apply_secret("acme-slack", token=f"{token} {token}")
    await operator.until_condition("acme", "False", "ValueUnusable")
    born = await operator.install("T0BORN", "U0ANA", suspended=Suspension.APPROVAL)
    await operator.until_condition("t0born", "False", "AwaitingApproval")
    await operator.until(lambda: operator.secret("t0born"), "the Secret of the installation")
    await operator.delete_tenant("t0born")
    await operator.until_gone("t0born")
    return {
        "first token": first,
        "declared token": token,
        "wrong token": WRONG,
        "born token": born,
        "client secret": OWN.client_secret,
        "signing secret": OWN.signing_secrets[0],
        "new signing secret": "canary-sign-new-02",
        "vault key": operator.key.partition(":")[2],
    }


async def seen(operator: Operator) -> Places:
    """What people see; annotations and managed fields are in the tenants."""
    events = await operator.api("GET", f"/apis/events.k8s.io/v1/namespaces/{operator.namespace}/events")
    return {
        "the tenants": str(await operator.tenants()).encode(),
        "the Events": str(events["items"]).encode(),
        "the metrics": (await operator.metrics()).encode(),
    }
