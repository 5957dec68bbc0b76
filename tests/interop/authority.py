"""A certificate authority that lasts as long as the tests, and one certificate of its making.

`authority.py DIRECTORY` writes their files into the directory.
"""

import base64
import hashlib
import sys
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# `other.localhost` is this machine as well, and another host to a browser.
NAMES = ("localhost", "other.localhost", "127.0.0.1")


class Authority:
    """ca.pem, and cert.pem and key.pem for every name of this machine, in a directory."""

    def __init__(self, directory):
        authority = trustme.CA()
        certificate = authority.issue_cert(*NAMES)
        self.ca = directory / "ca.pem"
        self.cert = directory / "cert.pem"
        self.key = directory / "key.pem"
        self.both = directory / "both.pem"  # as haproxy wants them
        authority.cert_pem.write_to_path(self.ca)
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        self.cert.write_bytes(chain)
        certificate.private_key_pem.write_to_path(self.key)
        self.both.write_bytes(chain + certificate.private_key_pem.bytes())

    @property
    def tls(self):
        """The flags of hyper_echo."""
        return ("--tls", self.cert, self.key)

    @property
    def fingerprint(self):
        """Of the public key, by which Chromium can be told to take the certificate."""
        key = x509.load_pem_x509_certificate(self.cert.read_bytes()).public_key()
        info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(info).digest()).decode()


if __name__ == "__main__":
    Authority(Path(sys.argv[1]))
