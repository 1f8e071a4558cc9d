"""Train and query differentiable surrogates on a Sobolev server.

    import sobolev

    with sobolev.Client("localhost:50551") as client:
        model = client.train(x, y, jacobian=g, model="pricer").wait()
        value, jacobian = model.value_and_jacobian(x_new)

NumPy arrays (and whatever converts to them) go in, NumPy arrays come out: samples [N, n], values
[N, m], Jacobians [N, m, n].
"""

from sobolev.client import Client
from sobolev.dataset import Dataset, Samples
from sobolev.errors import (
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    DataLossError,
    DeadlineExceededError,
    FailedPreconditionError,
    FieldViolation,
    Infeasible,
    InternalError,
    InvalidArgumentError,
    JobCancelledError,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SobolevError,
    SuspectLabelsWarning,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)
from sobolev.guarantees import (
    Bounds,
    Certificate,
    InputSignificance,
    LayerSignificance,
    Piece,
    Significance,
    VertexSignificance,
)
from sobolev.job import Job
from sobolev.model import Evaluation, Model
from sobolev.pipelines import Pipeline, Stage
from sobolev.plans import DerivativePlan
from sobolev.program import (
    Curvature,
    Enclosure,
    Program,
    ProgramEvaluation,
    ProgramStatistics,
    ProgramVariable,
    ReversalCounts,
)
from sobolev.pruning import PruningReport
from sobolev.records import Statistics, Variable
from sobolev.reports import (
    ClosedShare,
    ComparisonPoint,
    Epoch,
    Errors,
    JobEvent,
    LabelWarning,
    LocalTaylor,
    Progress,
    SamplingBest,
    SamplingCounts,
    SamplingProgress,
    SamplingRound,
    TrainingReport,
    Trial,
)
from sobolev.sampling import Asked, Failure, Sampling
from sobolev.sampling_spec import (
    LinearConstraint,
    SamplingBoxSpec,
    SamplingGoal,
    SamplingInput,
    StopRule,
)
from sobolev.sampling_status import (
    SamplingBox,
    SamplingBoxes,
    SamplingPoint,
    SamplingRevision,
    SamplingStatus,
)
from sobolev.worker import Worker, WorkSummary

__version__ = "0.1.0"

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "Asked",
    "Bounds",
    "CancelledError",
    "Certificate",
    "Client",
    "ClosedShare",
    "ComparisonPoint",
    "Curvature",
    "DataLossError",
    "Dataset",
    "DeadlineExceededError",
    "DerivativePlan",
    "Enclosure",
    "Epoch",
    "Errors",
    "Evaluation",
    "FailedPreconditionError",
    "Failure",
    "FieldViolation",
    "Infeasible",
    "InputSignificance",
    "InternalError",
    "InvalidArgumentError",
    "Job",
    "JobCancelledError",
    "JobEvent",
    "JobFailedError",
    "LabelWarning",
    "LayerSignificance",
    "LinearConstraint",
    "LocalTaylor",
    "Model",
    "NotFoundError",
    "PermissionDeniedError",
    "Piece",
    "Pipeline",
    "Program",
    "ProgramEvaluation",
    "ProgramStatistics",
    "ProgramVariable",
    "Progress",
    "PruningReport",
    "ResourceExhaustedError",
    "ReversalCounts",
    "Samples",
    "Sampling",
    "SamplingBest",
    "SamplingBox",
    "SamplingBoxSpec",
    "SamplingBoxes",
    "SamplingCounts",
    "SamplingGoal",
    "SamplingInput",
    "SamplingPoint",
    "SamplingProgress",
    "SamplingRevision",
    "SamplingRound",
    "SamplingStatus",
    "Significance",
    "SobolevError",
    "Stage",
    "Statistics",
    "StopRule",
    "SuspectLabelsWarning",
    "TrainingReport",
    "Trial",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "Variable",
    "VertexSignificance",
    "WorkSummary",
    "Worker",
]
