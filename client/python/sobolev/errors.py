"""What goes wrong, as exceptions: one class for each gRPC status code that a server answers.

Checks that this package makes before sending raise the same InvalidArgumentError that the server
would have answered with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that is wrong, such as "x[17][3]", and what was expected."""

    field: str
    description: str


class SobolevError(Exception):
    """Anything that a server refused or could not do.

    Attributes:
      message: What was expected, what came, and how to mend it.
      code: The gRPC status code.
      reason: Machine-readable and stable, such as "SHAPE_MISMATCH"; empty if the server gave none.
      field: The field to blame; empty if there is none.
      field_violations: The fields of the request that are wrong.
      retry_delay: Seconds after which the server asks to be tried again, or None.
    """

    code = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        field: str = "",
        field_violations: tuple[FieldViolation, ...] = (),
        retry_delay: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.field = field
        self.field_violations = field_violations
        self.retry_delay = retry_delay


class InvalidArgumentError(SobolevError, ValueError):
    """The request is wrong in itself."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFoundError(SobolevError, LookupError):
    """A named thing does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(SobolevError):
    """A thing of that name exists with other content."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPreconditionError(SobolevError):
    """The system is not in the state that the call needs, such as too few samples."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class ResourceExhaustedError(SobolevError):
    """A limit was hit: message size, memory, disk, rate, calls at once."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class AbortedError(SobolevError):
    """The call ended half-way and can be repeated."""

    code = grpc.StatusCode.ABORTED


class CancelledError(SobolevError):
    """The call was cancelled."""

    code = grpc.StatusCode.CANCELLED


class DeadlineExceededError(SobolevError, TimeoutError):
    """The answer did not come in time."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class UnavailableError(SobolevError, ConnectionError):
    """No server answers at the address."""

    code = grpc.StatusCode.UNAVAILABLE


class DataLossError(SobolevError):
    """Stored bytes failed their checksum."""

    code = grpc.StatusCode.DATA_LOSS


class InternalError(SobolevError):
    """The server has a bug; its log knows more."""

    code = grpc.StatusCode.INTERNAL


class UnimplementedError(SobolevError):
    """The server is older than this package, or not a Sobolev server."""

    code = grpc.StatusCode.UNIMPLEMENTED


class UnauthenticatedError(SobolevError):
    """The server asks for a token, or does not know this one, or it has expired."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDeniedError(SobolevError, PermissionError):
    """The token may not be used for this call."""

    code = grpc.StatusCode.PERMISSION_DENIED


class SuspectLabelsWarning(UserWarning):
    """Derivatives that a model was trained on contradict the values; Job.wait warns of them."""


class Infeasible(Exception):  # noqa: N818
    """For the function of a worker to raise: it has no value at this point, now or later."""


class JobFailedError(SobolevError):
    """A job ended as failed; `reason` and the message are the job's."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class JobCancelledError(SobolevError):
    """A job was cancelled before it had a result."""

    code = grpc.StatusCode.CANCELLED


_CLASSES: dict[grpc.StatusCode, type[SobolevError]] = {
    cls.code: cls
    for cls in (
        InvalidArgumentError,
        NotFoundError,
        AlreadyExistsError,
        FailedPreconditionError,
        ResourceExhaustedError,
        AbortedError,
        CancelledError,
        DeadlineExceededError,
        UnavailableError,
        DataLossError,
        InternalError,
        UnimplementedError,
        UnauthenticatedError,
        PermissionDeniedError,
    )
}


def from_rpc_error(error: Any) -> SobolevError:
    """The exception for a grpc.RpcError, with the google.rpc details that came in its trailer."""
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status.MergeFromString(value)
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        for message in (info, bad_request, retry):
            detail.Unpack(message)
    exception = _CLASSES.get(error.code(), SobolevError)(
        error.details() or error.code().name,
        reason=info.reason,
        field=info.metadata.get("field", ""),
        field_violations=tuple(
            FieldViolation(v.field, v.description) for v in bad_request.field_violations
        ),
        retry_delay=retry.retry_delay.ToTimedelta().total_seconds() or None,
    )
    exception.code = error.code()
    return exception


def invalid_argument(reason: str, field: str, description: str) -> InvalidArgumentError:
    """The exception for an argument that this package refuses before sending it."""
    message = f"{field}: {description}"
    return InvalidArgumentError(
        message,
        reason=reason,
        field=field,
        field_violations=(FieldViolation(field, message),),
    )
