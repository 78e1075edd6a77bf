"""What an exception means that boto3 raised, without importing boto3.

Pure.
"""

from __future__ import annotations

import re

from aurora_otel.discovery.rds.answers import ApiError, Trouble, code

# By the API's error code, or by the name of botocore's exception.
_KINDS = {
    Trouble.NOT_INSTALLED: {"ImportError", "ModuleNotFoundError"},
    Trouble.NO_CREDENTIALS: {"NoCredentialsError"},
    Trouble.BAD_CREDENTIALS: {
        "CredentialRetrievalError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "PartialCredentialsError",
        "ProfileNotFound",
        "SignatureDoesNotMatch",
    },
    Trouble.NO_REGION: {"InvalidRegionError", "NoRegionError"},
    Trouble.DENIED: {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"},
    Trouble.THROTTLED: {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    },
    Trouble.UNREACHABLE: {
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "EndpointConnectionError",
        "ProxyConnectionError",
        "ReadTimeoutError",
        "SSLError",
    },
}
# "DBClusterNotFoundFault", "DBInstanceNotFound", "DBClusterEndpointNotFoundFault"
_NOT_FOUND = re.compile(r"DB\w+NotFound(?:Fault)?")


def api_error(error: Exception, action: str) -> ApiError:
    """Return the error to raise in place of one of boto3's.

    Its message, and what it stems from, may quote an account, a role or a URL.

    Args:
        error: what boto3, or whatever it uses, has raised.
        action: the IAM action that was needed, such as `rds:DescribeDBClusters`.
    """
    kind = _kind(error)
    return ApiError(_trouble(kind), action, kind)


def _kind(error: Exception) -> str:
    """Return the API's error code, or the exception's type."""
    response = getattr(error, "response", None)
    if isinstance(response, dict) and (found := response.get("Error", {}).get("Code")):
        return code(found)
    return type(error).__qualname__


def _trouble(kind: str) -> Trouble:
    for trouble, kinds in _KINDS.items():
        if kind in kinds:
            return trouble
    return Trouble.NOT_FOUND if _NOT_FOUND.fullmatch(kind) else Trouble.FAILED
