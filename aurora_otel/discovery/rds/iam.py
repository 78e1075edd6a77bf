"""RDS IAM tokens: passwords that open one host for fifteen minutes.

Pure. The form is that of `generate_db_auth_token`: a presigned URL without its scheme, as described
in "Connecting to your DB cluster using IAM authentication"
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Connecting.html).
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Address


class Token(NamedTuple):
    """What an RDS IAM token contains; the signature is left out.

    Attributes:
        signed_for: the host and port: RDS's own names.
        user: the database user.
        region: the region that it was signed for.
    """

    signed_for: Address
    user: str
    region: str

    @staticmethod
    def parse(password: str | None) -> Token | None:
        """Return the token that `password` is, or `None` if it is a password like any other."""
        if not password or "X-Amz-Signature=" not in password:
            return None
        try:
            url = urlsplit(f"//{password}")
            host, port = url.hostname, url.port
            query = parse_qs(url.query, strict_parsing=True)
            if query["Action"] != ["connect"] or not host or not port:
                return None
            # <key>/<date>/<region>/rds-db/aws4_request
            region = query["X-Amz-Credential"][0].split("/")[2]
            return Token(Address(host, port), query["DBUser"][0], region)
        except (ValueError, KeyError, IndexError):
            return None

    def signing_target(self, instance: str | None, address: Address | None) -> Address | None:
        """Return what a token has to be signed for, to log in elsewhere with the same login.

        Args:
            instance: the instance to log in to, if that is known.
            address: where it is reached, which may be the end of a tunnel; `None`: where the
                application itself connects.

        Returns:
            a name and port of RDS's own; `None` where they are unknown.
        """
        if address is None or ":" in (instance or ""):
            # Where the instance is called by its address, that is where the host itself led.
            return self.signed_for
        if endpoints.parse(*address).domain:
            return address
        domain = endpoints.parse(*self.signed_for).domain
        return (
            Address(f"{instance}.{domain}", self.signed_for.port) if instance and domain else None
        )
