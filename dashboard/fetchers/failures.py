"""Every way in which AWS says no, in words: what happened, on which API in which region, and the command that mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from parsers import NotSeenError


class AwsError(NotSeenError):
    """A call that did not go through. `code` is AWS's own (or botocore's exception name), `action` the IAM action."""

    def __init__(self, message: str, *, hint: str, code: str, api: str, region: str, action: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.api = api
        self.region = region
        self.action = action

    @property
    def denied(self) -> bool:
        """The identity is fine but may not call this API: others may work."""
        return self.code in DENIED

    @property
    def not_found(self) -> bool:
        """The thing asked about does not exist here."""
        return self.code in NOT_FOUND

    @property
    def credentials(self) -> bool:
        """Nothing will work before somebody signs in."""
        return self.code in CREDENTIALS

    @property
    def transient(self) -> bool:
        """The same call may go well later."""
        return self.code in THROTTLED or self.code in TRANSIENT


class FetchStopped(Exception):  # noqa: N818 -- a wish, no error
    """The fetch was asked to stop (Ctrl-C): what is fetched is kept."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened and what mends it. Both are format strings over api, region, action, profile, login, said."""

    what: str
    hint: str


_SIGN_IN = "{login}"
_WHO = "aws sts get-caller-identity{profile} --region {region}"
_EXPIRED = Advice("the credentials have expired", _SIGN_IN)
# The environment's keys come before every profile and every sign-in: as long as they are set, neither helps.
_EXPIRED_IN_ENVIRONMENT = Advice(
    "the credentials have expired",
    "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN   "
    "(or set them anew; they are this program's environment: then start it again, signed in)",
)
_NO_CREDENTIALS = Advice(
    "no usable AWS credentials were found", "{login}   (or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
)
_BAD_KEY = Advice(
    "AWS does not know this access key or its signature",
    "aws configure list{profile}   (a wrong secret, a removed key, another partition)",
)
_CLOCK = Advice(
    "this machine's clock is too far from AWS's", "check the clock: date -u   (then set it, for example: sudo chronyc makestep)"
)
_DENIED = Advice("{action} is denied", "triage doctor --iam-policy   (grant {action} to this identity)")
_THROTTLED = Advice(
    "AWS throttled the calls for longer than we kept trying", "run it again: what is fetched is kept   (or lower --quota-share)"
)
_UNAVAILABLE = Advice(
    "the service did not answer properly", "run it again: what is fetched is kept   (https://health.aws.amazon.com/health/status)"
)
_NETWORK = Advice(
    "the endpoint could not be reached",
    "check the network, the proxy and --endpoint-url   (is {region} a region of this service?)",
)
_REGION = Advice("no usable region is set", "add --region REGION, for example --region us-east-1")
_CONFIG = Advice("the AWS configuration cannot be read", "aws configure list{profile}")
_NO_GROUP = Advice(
    "no such log group or log stream in this region",
    "aws logs describe-log-groups{profile} --region {region} --query 'logGroups[].logGroupName'",
)
_NO_CLUSTER = Advice("no such ECS cluster in this region", "aws ecs list-clusters{profile} --region {region}")
_NO_SERVICE = Advice("no such ECS service in this cluster", "aws ecs list-services{profile} --region {region} --cluster CLUSTER")
_PARAMETER = Advice("AWS refused a parameter", "check names, times and region   (AWS said: {said})")
_UNSUPPORTED = Advice(
    "this is not supported here", "triage doctor{profile}   (log group class, deployment controller; AWS said: {said})"
)
_BUG = Advice("boto3 and this program disagree about the call", "pip install --upgrade boto3")

ADVICE: Mapping[str, Advice] = {
    # credentials: error codes
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"), _EXPIRED),
    **dict.fromkeys(
        (
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "AuthFailure",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "OptInRequired",
            "NotAuthorized",
        ),
        _BAD_KEY,
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestInTheFuture"), _CLOCK),
    # credentials: botocore's exceptions
    **dict.fromkeys(
        (
            "NoCredentialsError",
            "PartialCredentialsError",
            "CredentialRetrievalError",
            "UnknownCredentialError",
            "MetadataRetrievalError",
            "NoAuthTokenError",
            "RefreshWithMFAUnsupportedError",
            "InvalidIMDSEndpointError",
            "InvalidIMDSEndpointModeError",
        ),
        _NO_CREDENTIALS,
    ),
    **dict.fromkeys(
        ("UnauthorizedSSOTokenError", "SSOTokenLoadError", "SSOError", "TokenRetrievalError", "UnknownTokenProviderError"),
        Advice("the single sign-on session has expired or was never opened", _SIGN_IN),
    ),
    **dict.fromkeys(
        ("LoginRefreshRequired", "LoginTokenLoadError", "LoginAuthorizationCodeError", "LoginError"),
        Advice("the AWS sign-in has expired", "aws login{profile}"),
    ),
    "LoginInsufficientPermissions": Advice("the AWS sign-in may not be refreshed by this identity", "aws login{profile}"),
    "ProfileNotFound": Advice("there is no such profile", "aws configure list-profiles"),
    # permission
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException", "AuthorizationError"), _DENIED
    ),
    # throttling
    **dict.fromkeys(
        (
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottledException",
            "RequestThrottled",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "SlowDown",
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            "EC2ThrottledException",
            "ProvisionedThroughputExceededException",
            "TransactionInProgressException",
            "429",
        ),
        _THROTTLED,
    ),
    "LimitExceededException": Advice(
        "a quota of this account is used up", "wait for running queries to end, then run it again: what is fetched is kept"
    ),
    "CapacityNotAvailableError": _THROTTLED,
    # not found
    "ResourceNotFoundException": _NO_GROUP,
    "ClusterNotFoundException": _NO_CLUSTER,
    **dict.fromkeys(("ServiceNotFoundException", "ServiceNotActiveException"), _NO_SERVICE),
    "ClientException": Advice(
        "AWS refused the call", "check the cluster, service or task definition and the region   (AWS said: {said})"
    ),
    # parameters and features
    **dict.fromkeys(
        (
            "InvalidParameterException",
            "InvalidParameterValue",
            "InvalidParameterCombination",
            "ValidationException",
            "ValidationError",
            "MalformedQueryException",
            "SerializationException",
            "ParamValidationError",
            "RangeError",
            "UnknownKeyError",
        ),
        _PARAMETER,
    ),
    **dict.fromkeys(
        ("InvalidOperationException", "UnsupportedFeatureException", "UnsupportedOperationException", "InvalidAction"),
        _UNSUPPORTED,
    ),
    **dict.fromkeys(
        ("UnknownOperationException", "UnknownServiceError", "OperationNotPageableError", "UnknownClientMethodError"), _BUG
    ),
    # the service
    **dict.fromkeys(
        (
            "ServerException",
            "InternalFailure",
            "InternalError",
            "InternalServerError",
            "InternalServerException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "RequestTimeout",
            "RequestTimeoutException",
            "PaginationError",
            "ResponseParserError",
            "500",
            "502",
            "503",
            "504",
        ),
        _UNAVAILABLE,
    ),
    # the network
    **dict.fromkeys(
        (
            "EndpointConnectionError",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "ConnectionClosedError",
            "ConnectionError",
            "HTTPClientError",
            "ResponseStreamingError",
            "IncompleteReadError",
        ),
        _NETWORK,
    ),
    "ProxyConnectionError": Advice("the proxy could not be reached", "check HTTPS_PROXY and NO_PROXY"),
    "SSLError": Advice("the TLS connection was refused", "check AWS_CA_BUNDLE and the proxy's certificate"),
    # region and configuration
    **dict.fromkeys(("NoRegionError", "InvalidRegionError", "UnknownRegionError", "ServiceNotInRegionError"), _REGION),
    **dict.fromkeys(
        (
            "UnknownEndpointError",
            "EndpointVariantError",
            "EndpointProviderError",
            "EndpointResolutionError",
            "UnknownFIPSEndpointError",
            "BaseEndpointResolverError",
            "InvalidEndpointConfigurationError",
        ),
        _NETWORK,
    ),
    **dict.fromkeys(
        (
            "ConfigNotFound",
            "ConfigParseError",
            "InvalidConfigError",
            "InfiniteLoopConfigError",
            "InvalidProxiesConfigError",
            "InvalidRetryModeError",
            "InvalidMaxRetryAttemptsError",
            "InvalidRetryConfigurationError",
            "InvalidDefaultsMode",
            "MissingDependencyException",
            "UnknownSignatureVersionError",
        ),
        _CONFIG,
    ),
    "BotoCoreError": Advice("boto3 gave up", "aws configure list{profile}   (boto3 said: {said})"),
    "ClientError": Advice("AWS refused the call", "triage doctor{profile}   (AWS said: {said})"),
}
CREDENTIALS = frozenset(
    code for code, advice in ADVICE.items() if advice in (_EXPIRED, _BAD_KEY, _CLOCK, _NO_CREDENTIALS) or "sign" in advice.what
)
DENIED = frozenset(code for code, advice in ADVICE.items() if advice is _DENIED)
THROTTLED = frozenset(code for code, advice in ADVICE.items() if advice is _THROTTLED) | {"LimitExceededException"}
TRANSIENT = frozenset(code for code, advice in ADVICE.items() if advice in (_UNAVAILABLE, _NETWORK))
NOT_FOUND = frozenset(code for code, advice in ADVICE.items() if advice in (_NO_GROUP, _NO_CLUSTER, _NO_SERVICE))


def code_of(error: Exception) -> str:
    """AWS's error code, or the name of botocore's exception."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", "") or type(error).__name__)
    return type(error).__name__


def said_by(error: Exception) -> str:
    """AWS's own words, in one line, cut at 300 characters."""
    response = getattr(error, "response", None)
    text = str(response.get("Error", {}).get("Message", "")) if isinstance(response, dict) else str(error)
    return " ".join(text.split())[:300]


def advice_for(error: Exception, code: str) -> Advice:
    """The advice for a code, else for the nearest class that has one."""
    if code in ADVICE:
        return ADVICE[code]
    names = (base.__name__ for base in type(error).__mro__)
    return next((ADVICE[name] for name in names if name in ADVICE), ADVICE["BotoCoreError"])


def aws_error(
    error: Exception, *, service: str, api: str, region: str, profile: str | None = None, about: str = "", origin: str = ""
) -> AwsError:
    """The error to raise for one of boto3's, naming the API, the region and what mends it.

    `about` names the thing that was asked for (a log group, a cluster); `origin` is botocore's word for where the credentials
    came from.
    """
    code, said = code_of(error), said_by(error)
    action = f"{service}:{api}"
    flag = f" --profile {profile}" if profile else ""
    words = {
        "api": api,
        "region": region or "REGION",
        "action": action,
        "said": said,
        "profile": flag,
        "login": f"aws sso login{flag}" if _is_sso(code) or profile else "aws configure   (or: aws sso login --profile NAME)",
    }
    advice = advice_for(error, code)
    if advice is _EXPIRED and origin == "env":
        advice = _EXPIRED_IN_ENVIRONMENT
    subject = f" ({about})" if about else ""
    message = f"{action} in {region or 'no region'}{subject}: {advice.what.format(**words)} [{code}]"
    if said and said not in message and "{said}" not in advice.hint:
        message = f"{message}: {said}"
    return AwsError(message, hint=advice.hint.format(**words), code=code, api=api, region=region, action=action)


def _is_sso(code: str) -> bool:
    return "SSO" in code or code == "TokenRetrievalError"
