"""What `helm test` runs: asks Rotavatar as Slack does, and changes nothing.

Usage: probe.py PUBLIC-URL METRICS-URL FILE-WITH-SIGNING-SECRETS
"""

import hashlib
import hmac
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TRIES = 20
WAIT_SECONDS = 3


def ask(url: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and text of an answer, whatever the status. Raises OSError when there is none."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def signed(body: bytes, *, secret: str, now: float) -> dict[str, str]:
    """The headers that Slack would send (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""
    stamp = str(int(now))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }


def failures(public: str, metrics: str, secret: str) -> list[str]:
    """What does not work, a sentence each."""
    found = []
    status, said = ask(f"{metrics}/readyz")
    if status != 200:
        found.append(f"/readyz answers {status}: {said}")
    body = json.dumps({"type": "url_verification", "challenge": "helm-test"}).encode()
    status, said = ask(f"{public}/slack/events", body=body, headers=signed(body, secret=secret, now=time.time()))
    if status != 200 or "helm-test" not in said:
        found.append(f"a signed request of Slack's is answered {status}, not 200: is this the app's signing secret?")
    status, _ = ask(f"{public}/slack/events", body=body, headers=signed(body, secret="wrong", now=time.time()))
    if status != 401:
        found.append(f"a request with a wrong signature is answered {status}, not 401")
    status, _ = ask(f"{public}/")
    if status != 200:
        found.append(f"the page at / is answered {status}, not 200")
    return found


def main(public: str, metrics: str, secret_file: str) -> int:
    """Try until all works; after a minute say what does not."""
    secret = Path(secret_file).read_text().split(",")[0].strip()
    problems: list[str] = []
    for _ in range(TRIES):
        try:
            problems = failures(public, metrics, secret)
        except OSError as error:
            problems = [f"no answer: {error}"]
        if not problems:
            print("Slack's requests are verified and answered, and Redis is there.")
            return 0
        time.sleep(WAIT_SECONDS)
    print("\n".join(problems), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
