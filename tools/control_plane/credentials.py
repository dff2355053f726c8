"""Who is who in a control plane: static tokens, the key that signs service accounts' tokens, and kubeconfig files."""

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ADMINISTRATOR: Final = "admin"
USERS: Final = {
    ADMINISTRATOR: "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
}
"""The users with a token of their own, each with its group."""

PRIVATE: Final = 0o600


class Credentials:
    """Tokens and key below one folder. They are made once: what was signed before a restart is valid after it."""

    def __init__(self, folder: Path) -> None:
        """Make what is missing in `folder`."""
        self.token_file = folder / "tokens.csv"
        self.signing_key = folder / "service-accounts.key"
        if not self.signing_key.exists():
            write_private(self.signing_key, _new_key())
        if not self.token_file.exists():
            lines = (f'{secrets.token_hex(20)},{user},{user},"{group}"\n' for user, group in USERS.items())
            write_private(self.token_file, "".join(lines).encode())

    def token(self, user: str) -> str:
        """The static token of one of USERS."""
        lines = (line.split(",") for line in self.token_file.read_text().splitlines())
        return next(token for token, name, *_ in lines if name == user)


def write_kubeconfig(path: Path, *, url: str, ca: Path, user: str, token: str, namespace: str = "default") -> Path:
    """Write a kubeconfig file (as JSON, which is YAML) that only its owner may read, and return its path."""
    name = "rotavatar-local"
    told: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": namespace}}],
        "current-context": name,
    }
    write_private(path, json.dumps(told, indent=2).encode())
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        file.write(content)
    unfinished.replace(path)


def _new_key() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
