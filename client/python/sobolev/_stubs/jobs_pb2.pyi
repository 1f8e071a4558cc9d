from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import progress_pb2 as _progress_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CancelJobRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ClosedShare(_message.Message):
    __slots__ = ["constant", "linear", "proved", "quadratic"]
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    PROVED_FIELD_NUMBER: _ClassVar[int]
    QUADRATIC_FIELD_NUMBER: _ClassVar[int]
    constant: float
    linear: float
    proved: bool
    quadratic: float
    def __init__(self, constant: _Optional[float] = ..., linear: _Optional[float] = ..., quadratic: _Optional[float] = ..., proved: bool = ...) -> None: ...

class GetJobRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ["attempt", "cancel_requested", "create_time", "dataset", "dataset_version", "end_time", "error", "kind", "model", "name", "progress", "source_model", "start_time", "state"]
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_PRUNE: Job.Kind
    KIND_SAMPLE: Job.Kind
    KIND_TRAIN: Job.Kind
    KIND_UNSPECIFIED: Job.Kind
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_MODEL_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_CANCELLED: Job.State
    STATE_FAILED: Job.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_QUEUED: Job.State
    STATE_RUNNING: Job.State
    STATE_SUCCEEDED: Job.State
    STATE_UNSPECIFIED: Job.State
    attempt: int
    cancel_requested: bool
    create_time: _timestamp_pb2.Timestamp
    dataset: str
    dataset_version: int
    end_time: _timestamp_pb2.Timestamp
    error: JobError
    kind: Job.Kind
    model: str
    name: str
    progress: TrainingProgress
    source_model: str
    start_time: _timestamp_pb2.Timestamp
    state: Job.State
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[Job.Kind, str]] = ..., state: _Optional[_Union[Job.State, str]] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., cancel_requested: bool = ..., attempt: _Optional[int] = ..., dataset: _Optional[str] = ..., dataset_version: _Optional[int] = ..., model: _Optional[str] = ..., progress: _Optional[_Union[TrainingProgress, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., source_model: _Optional[str] = ...) -> None: ...

class JobError(_message.Message):
    __slots__ = ["code", "message", "reason"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    reason: str
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ["number", "progress", "state", "time"]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    number: int
    progress: TrainingProgress
    state: Job.State
    time: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[Job.State, str]] = ..., progress: _Optional[_Union[TrainingProgress, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ["jobs", "next_page_token"]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SamplingBest(_message.Message):
    __slots__ = ["value", "x"]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    value: float
    x: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, x: _Optional[_Iterable[float]] = ..., value: _Optional[float] = ...) -> None: ...

class SamplingCounts(_message.Message):
    __slots__ = ["done", "failed", "infeasible", "leased", "queued"]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    INFEASIBLE_FIELD_NUMBER: _ClassVar[int]
    LEASED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    done: int
    failed: int
    infeasible: int
    leased: int
    queued: int
    def __init__(self, queued: _Optional[int] = ..., leased: _Optional[int] = ..., done: _Optional[int] = ..., infeasible: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class SamplingProgress(_message.Message):
    __slots__ = ["cost", "counts", "round"]
    COST_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    cost: float
    counts: SamplingCounts
    round: SamplingRound
    def __init__(self, counts: _Optional[_Union[SamplingCounts, _Mapping]] = ..., cost: _Optional[float] = ..., round: _Optional[_Union[SamplingRound, _Mapping]] = ...) -> None: ...

class SamplingRound(_message.Message):
    __slots__ = ["best", "closed", "cost", "evaluations", "few_samples", "gradient_error", "held_out_gradient_error", "held_out_value_error", "model_version", "number", "revision", "samples", "time", "value_error", "value_noise"]
    BEST_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    FEW_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_ERROR_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_GRADIENT_ERROR_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_VALUE_ERROR_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    VALUE_ERROR_FIELD_NUMBER: _ClassVar[int]
    VALUE_NOISE_FIELD_NUMBER: _ClassVar[int]
    best: SamplingBest
    closed: ClosedShare
    cost: float
    evaluations: int
    few_samples: bool
    gradient_error: float
    held_out_gradient_error: float
    held_out_value_error: float
    model_version: str
    number: int
    revision: int
    samples: int
    time: _timestamp_pb2.Timestamp
    value_error: float
    value_noise: float
    def __init__(self, number: _Optional[int] = ..., evaluations: _Optional[int] = ..., model_version: _Optional[str] = ..., value_error: _Optional[float] = ..., gradient_error: _Optional[float] = ..., cost: _Optional[float] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., value_noise: _Optional[float] = ..., revision: _Optional[int] = ..., closed: _Optional[_Union[ClosedShare, _Mapping]] = ..., best: _Optional[_Union[SamplingBest, _Mapping]] = ..., samples: _Optional[int] = ..., held_out_value_error: _Optional[float] = ..., held_out_gradient_error: _Optional[float] = ..., few_samples: bool = ...) -> None: ...

class TrainingProgress(_message.Message):
    __slots__ = ["epoch", "epochs", "fraction", "leaderboard", "remaining_seconds", "samples_per_second", "sampling", "stage"]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    LEADERBOARD_FIELD_NUMBER: _ClassVar[int]
    REMAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    epoch: _progress_pb2.EpochRecord
    epochs: int
    fraction: float
    leaderboard: _containers.RepeatedCompositeFieldContainer[_progress_pb2.Trial]
    remaining_seconds: float
    samples_per_second: float
    sampling: SamplingProgress
    stage: str
    def __init__(self, epoch: _Optional[_Union[_progress_pb2.EpochRecord, _Mapping]] = ..., epochs: _Optional[int] = ..., samples_per_second: _Optional[float] = ..., remaining_seconds: _Optional[float] = ..., leaderboard: _Optional[_Iterable[_Union[_progress_pb2.Trial, _Mapping]]] = ..., fraction: _Optional[float] = ..., stage: _Optional[str] = ..., sampling: _Optional[_Union[SamplingProgress, _Mapping]] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ["after_event", "name"]
    AFTER_EVENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    after_event: int
    name: str
    def __init__(self, name: _Optional[str] = ..., after_event: _Optional[int] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ["event", "job"]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    event: JobEvent
    job: Job
    def __init__(self, event: _Optional[_Union[JobEvent, _Mapping]] = ..., job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...
