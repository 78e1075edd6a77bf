"""RDS IAM tokens: passwords that open one host for fifteen minutes.

Pure. The form is that of `generate_db_auth_token`: a presigned URL without its scheme, as described
in "Connecting to your DB cluster using IAM authentication"
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Connecting.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Address


@dataclass(frozen=True, slots=True)
class Token:
    """What an RDS IAM token says of itself; the signature is left out.

    Attributes:
        door: the host and port that it was signed for: RDS's own names.
        user: the database user that it lets in.
        region: the region that it was signed for.
    """

    door: Address
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

    def door_of(self, instance: str | None, address: Address | None) -> Address | None:
        """Return what a token has to be signed for, to be let in elsewhere with the same login.

        Args:
            instance: who is to be asked, if that is known.
            address: where that one is reached, which may be the end of a tunnel; `None`: where the
                application itself connects.

        Returns:
            a name and port of RDS's own; `None` where they cannot be told.
        """
        if address is None:
            return self.door
        if endpoints.parse(*address).domain:
            return address
        domain = endpoints.parse(*self.door).domain
        return Address(f"{instance}.{domain}", self.door.port) if instance and domain else None
