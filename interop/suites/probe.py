"""`smtp probe` looks at a foreign server: what it tells is what the server is configured for, and nothing is sent."""

import json

from harness.mtas import CLEAR, IMPLICIT, STARTTLS
from harness.process import run
from harness.report import ensure, equal

POLICY = {CLEAR: "never", STARTTLS: "required", IMPLICIT: "implicit"}


def probes(smtp, server, pki, runtime, tls, port):
    """A look at one port of a server, by one runtime."""
    lmtp = ("--lmtp",) if server.lmtp else ()
    argv = [smtp, "probe", f"localhost:{port}", "--json", "--runtime", runtime, "--tls", POLICY[tls],
            "--tls-ca", pki.ca, *lmtp]
    status, output, errors = run(argv, 60)
    fails = server.broken_tls and tls != CLEAR
    equal(status, 77 if fails else 0, f"exit code ({errors[-300:]!r})")
    told = json.loads(output)
    equal(told["protocol"], "LMTP" if server.lmtp else "ESMTP", "protocol")
    equal(told["greeting"]["code"], 220, "greeting")
    keys = {advice["key"] for advice in told["advice"]}
    if fails:
        ensure("tls-failed" in keys, f"nothing is said about the handshake, only {keys}")
        return
    equal(bool(told["extensions"]), True, "extensions")
    for advice in told["advice"]:
        ensure(advice["severity"] in ("error", "warning", "note") and advice["source"].startswith("RFC "),
               f"advice is {advice}")
    ensure("quit-unanswered" not in keys, "QUIT was not answered")
    if "BDAT" in server.does:
        ensure("CHUNKING" in told["extensions"], f"no CHUNKING in {told['extensions']}")
    if tls == CLEAR:
        equal(told["tls"], None, "tls")
        return
    equal(told["tls"]["verified"], True, f"whether the certificate is trusted ({told['tls']})")
    equal(told["tls"]["certificate"]["is_for_name"], True, "whether it is for that name")
    ensure(told["tls"]["certificate"]["days_left"] >= 0, "the certificate has expired")
    equal(told["tls"]["how"], "implicit" if tls == IMPLICIT else "starttls", "how TLS begins")
    if tls == STARTTLS:
        ensure("STARTTLS" in told["capabilities"]["lost"], f"capabilities are {told['capabilities']}")
    lost = set(server.mechanisms) - set(told["auth"]["tls"])
    ensure(not lost, f"{sorted(lost)} are not told of inside TLS, only {told['auth']['tls']}")
