"""An authority of our own, a server certificate by it, and another authority that nobody here should trust."""

import os

from .process import run
from .report import Failed


class Pki:
    """Files in a directory: `ca`; `chain` and `key` for localhost and 127.0.0.1, and again with RSA; `other_ca`, which
    signed nothing."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.ca, ca_key = self._authority("ca")
        self.other_ca, _ = self._authority("other")
        self.chain, self.key = self._server("server", ca_key, "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self.rsa_chain, self.rsa_key = self._server("rsa", ca_key, "rsa:2048")

    def _server(self, name, ca_key, *kind):
        chain, key, request, extensions = (os.path.join(self.directory, f"{name}.{end}")
                                           for end in ("pem", "key", "csr", "ext"))
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        self._openssl("req", "-newkey", *kind, "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial",
                      "-days", "30", "-extfile", extensions, "-out", chain)
        os.chmod(key, 0o600)
        return chain, key

    def _authority(self, name):
        certificate, key = (os.path.join(self.directory, f"{name}.{kind}") for kind in ("pem", "key"))
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", f"/CN=interop {name}", "-addext", "basicConstraints=critical,CA:TRUE",
                      "-keyout", key, "-out", certificate)
        return certificate, key

    @staticmethod
    def _openssl(*words):
        # Libraries unpacked for others are not for this one.
        environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        code, _, err = run(["openssl", *words], 30, env=environment)
        if code != 0:
            raise Failed(f"openssl {words[0]}: {err[-300:]!r}")
