from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import datasets_pb2 as _datasets_pb2
from . import jobs_pb2 as _jobs_pb2
from . import training_pb2 as _training_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AskRequest(_message.Message):
    __slots__ = ["count", "name", "worker"]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    count: int
    name: str
    worker: str
    def __init__(self, name: _Optional[str] = ..., worker: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class AskResponse(_message.Message):
    __slots__ = ["finished", "heartbeat_seconds", "jacobian", "points", "retry_after_seconds"]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    finished: bool
    heartbeat_seconds: float
    jacobian: bool
    points: _containers.RepeatedCompositeFieldContainer[SamplingPoint]
    retry_after_seconds: float
    def __init__(self, points: _Optional[_Iterable[_Union[SamplingPoint, _Mapping]]] = ..., jacobian: bool = ..., retry_after_seconds: _Optional[float] = ..., finished: bool = ..., heartbeat_seconds: _Optional[float] = ...) -> None: ...

class GetSamplingBoxesRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetSamplingRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ["name", "worker"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    name: str
    worker: str
    def __init__(self, name: _Optional[str] = ..., worker: _Optional[str] = ...) -> None: ...

class HeartbeatResponse(_message.Message):
    __slots__ = ["finished", "points"]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    finished: bool
    points: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, points: _Optional[_Iterable[int]] = ..., finished: bool = ...) -> None: ...

class LinearConstraint(_message.Message):
    __slots__ = ["bound", "coefficients"]
    class CoefficientsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BOUND_FIELD_NUMBER: _ClassVar[int]
    COEFFICIENTS_FIELD_NUMBER: _ClassVar[int]
    bound: float
    coefficients: _containers.ScalarMap[str, float]
    def __init__(self, coefficients: _Optional[_Mapping[str, float]] = ..., bound: _Optional[float] = ...) -> None: ...

class ListSamplingPointsRequest(_message.Message):
    __slots__ = ["after_point", "name", "page_size"]
    AFTER_POINT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    after_point: int
    name: str
    page_size: int
    def __init__(self, name: _Optional[str] = ..., page_size: _Optional[int] = ..., after_point: _Optional[int] = ...) -> None: ...

class ListSamplingPointsResponse(_message.Message):
    __slots__ = ["points"]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[SamplingPoint]
    def __init__(self, points: _Optional[_Iterable[_Union[SamplingPoint, _Mapping]]] = ...) -> None: ...

class PauseSamplingRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ResumeSamplingRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Sampling(_message.Message):
    __slots__ = ["best", "cost", "counts", "job", "phase", "revisions", "rounds", "spec", "stop_reason", "stop_rule", "warnings"]
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    BEST_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    PHASE_ENDED: Sampling.Phase
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_PAUSED: Sampling.Phase
    PHASE_SAMPLING: Sampling.Phase
    PHASE_UNSPECIFIED: Sampling.Phase
    REVISIONS_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_EXHAUSTED: Sampling.StopReason
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_NOISE: Sampling.StopReason
    STOP_REASON_RULE: Sampling.StopReason
    STOP_REASON_STOPPED: Sampling.StopReason
    STOP_REASON_UNSPECIFIED: Sampling.StopReason
    STOP_RULE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    best: _jobs_pb2.SamplingBest
    cost: float
    counts: _jobs_pb2.SamplingCounts
    job: str
    phase: Sampling.Phase
    revisions: _containers.RepeatedCompositeFieldContainer[SamplingRevision]
    rounds: _containers.RepeatedCompositeFieldContainer[_jobs_pb2.SamplingRound]
    spec: SamplingSpec
    stop_reason: Sampling.StopReason
    stop_rule: int
    warnings: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.LabelWarning]
    def __init__(self, job: _Optional[str] = ..., spec: _Optional[_Union[SamplingSpec, _Mapping]] = ..., phase: _Optional[_Union[Sampling.Phase, str]] = ..., counts: _Optional[_Union[_jobs_pb2.SamplingCounts, _Mapping]] = ..., cost: _Optional[float] = ..., rounds: _Optional[_Iterable[_Union[_jobs_pb2.SamplingRound, _Mapping]]] = ..., stop_reason: _Optional[_Union[Sampling.StopReason, str]] = ..., stop_rule: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[_datasets_pb2.LabelWarning, _Mapping]]] = ..., best: _Optional[_Union[_jobs_pb2.SamplingBest, _Mapping]] = ..., revisions: _Optional[_Iterable[_Union[SamplingRevision, _Mapping]]] = ...) -> None: ...

class SamplingBox(_message.Message):
    __slots__ = ["linear_in", "max", "min", "order", "volume"]
    class Order(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    LINEAR_IN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    ORDER_CONSTANT: SamplingBox.Order
    ORDER_FIELD_NUMBER: _ClassVar[int]
    ORDER_LINEAR: SamplingBox.Order
    ORDER_OPEN: SamplingBox.Order
    ORDER_QUADRATIC: SamplingBox.Order
    ORDER_UNSPECIFIED: SamplingBox.Order
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    linear_in: _containers.RepeatedScalarFieldContainer[str]
    max: _containers.RepeatedScalarFieldContainer[float]
    min: _containers.RepeatedScalarFieldContainer[float]
    order: SamplingBox.Order
    volume: float
    def __init__(self, min: _Optional[_Iterable[float]] = ..., max: _Optional[_Iterable[float]] = ..., order: _Optional[_Union[SamplingBox.Order, str]] = ..., volume: _Optional[float] = ..., linear_in: _Optional[_Iterable[str]] = ...) -> None: ...

class SamplingBoxSpec(_message.Message):
    __slots__ = ["max_boxes", "tolerance"]
    MAX_BOXES_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    max_boxes: int
    tolerance: float
    def __init__(self, tolerance: _Optional[float] = ..., max_boxes: _Optional[int] = ...) -> None: ...

class SamplingBoxes(_message.Message):
    __slots__ = ["boxes", "closed", "round"]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    boxes: _containers.RepeatedCompositeFieldContainer[SamplingBox]
    closed: _jobs_pb2.ClosedShare
    round: int
    def __init__(self, round: _Optional[int] = ..., boxes: _Optional[_Iterable[_Union[SamplingBox, _Mapping]]] = ..., closed: _Optional[_Union[_jobs_pb2.ClosedShare, _Mapping]] = ...) -> None: ...

class SamplingChange(_message.Message):
    __slots__ = ["boxes", "goal", "round_fraction", "stop_rules", "strategy"]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    ROUND_FRACTION_FIELD_NUMBER: _ClassVar[int]
    STOP_RULES_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    boxes: SamplingBoxSpec
    goal: SamplingGoal
    round_fraction: float
    stop_rules: _containers.RepeatedCompositeFieldContainer[StopRule]
    strategy: SamplingSpec.Strategy
    def __init__(self, stop_rules: _Optional[_Iterable[_Union[StopRule, _Mapping]]] = ..., strategy: _Optional[_Union[SamplingSpec.Strategy, str]] = ..., goal: _Optional[_Union[SamplingGoal, _Mapping]] = ..., boxes: _Optional[_Union[SamplingBoxSpec, _Mapping]] = ..., round_fraction: _Optional[float] = ...) -> None: ...

class SamplingGoal(_message.Message):
    __slots__ = ["kind", "level", "output"]
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_LEVEL: SamplingGoal.Kind
    KIND_MAXIMUM: SamplingGoal.Kind
    KIND_MINIMUM: SamplingGoal.Kind
    KIND_SURROGATE: SamplingGoal.Kind
    KIND_UNSPECIFIED: SamplingGoal.Kind
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    kind: SamplingGoal.Kind
    level: float
    output: str
    def __init__(self, kind: _Optional[_Union[SamplingGoal.Kind, str]] = ..., output: _Optional[str] = ..., level: _Optional[float] = ...) -> None: ...

class SamplingInput(_message.Message):
    __slots__ = ["beta", "fixed", "input", "integer", "normal", "piecewise_linear", "scale", "triangular"]
    class Scale(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Beta(_message.Message):
        __slots__ = ["alpha", "beta"]
        ALPHA_FIELD_NUMBER: _ClassVar[int]
        BETA_FIELD_NUMBER: _ClassVar[int]
        alpha: float
        beta: float
        def __init__(self, alpha: _Optional[float] = ..., beta: _Optional[float] = ...) -> None: ...
    class Normal(_message.Message):
        __slots__ = ["mean", "standard_deviation"]
        MEAN_FIELD_NUMBER: _ClassVar[int]
        STANDARD_DEVIATION_FIELD_NUMBER: _ClassVar[int]
        mean: float
        standard_deviation: float
        def __init__(self, mean: _Optional[float] = ..., standard_deviation: _Optional[float] = ...) -> None: ...
    class PiecewiseLinear(_message.Message):
        __slots__ = ["densities", "positions"]
        DENSITIES_FIELD_NUMBER: _ClassVar[int]
        POSITIONS_FIELD_NUMBER: _ClassVar[int]
        densities: _containers.RepeatedScalarFieldContainer[float]
        positions: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, positions: _Optional[_Iterable[float]] = ..., densities: _Optional[_Iterable[float]] = ...) -> None: ...
    class Triangular(_message.Message):
        __slots__ = ["mode"]
        MODE_FIELD_NUMBER: _ClassVar[int]
        mode: float
        def __init__(self, mode: _Optional[float] = ...) -> None: ...
    BETA_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    NORMAL_FIELD_NUMBER: _ClassVar[int]
    PIECEWISE_LINEAR_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    SCALE_LINEAR: SamplingInput.Scale
    SCALE_LOGARITHMIC: SamplingInput.Scale
    SCALE_UNSPECIFIED: SamplingInput.Scale
    TRIANGULAR_FIELD_NUMBER: _ClassVar[int]
    beta: SamplingInput.Beta
    fixed: float
    input: str
    integer: bool
    normal: SamplingInput.Normal
    piecewise_linear: SamplingInput.PiecewiseLinear
    scale: SamplingInput.Scale
    triangular: SamplingInput.Triangular
    def __init__(self, input: _Optional[str] = ..., scale: _Optional[_Union[SamplingInput.Scale, str]] = ..., integer: bool = ..., fixed: _Optional[float] = ..., normal: _Optional[_Union[SamplingInput.Normal, _Mapping]] = ..., triangular: _Optional[_Union[SamplingInput.Triangular, _Mapping]] = ..., beta: _Optional[_Union[SamplingInput.Beta, _Mapping]] = ..., piecewise_linear: _Optional[_Union[SamplingInput.PiecewiseLinear, _Mapping]] = ...) -> None: ...

class SamplingPoint(_message.Message):
    __slots__ = ["attempt", "id", "lease_expire_time", "reason", "round", "space_filling", "state", "worker", "x", "y"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SPACE_FILLING_FIELD_NUMBER: _ClassVar[int]
    STATE_DONE: SamplingPoint.State
    STATE_FAILED: SamplingPoint.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_INFEASIBLE: SamplingPoint.State
    STATE_LEASED: SamplingPoint.State
    STATE_QUEUED: SamplingPoint.State
    STATE_UNSPECIFIED: SamplingPoint.State
    WORKER_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    id: int
    lease_expire_time: _timestamp_pb2.Timestamp
    reason: str
    round: int
    space_filling: bool
    state: SamplingPoint.State
    worker: str
    x: _containers.RepeatedScalarFieldContainer[float]
    y: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, id: _Optional[int] = ..., x: _Optional[_Iterable[float]] = ..., state: _Optional[_Union[SamplingPoint.State, str]] = ..., space_filling: bool = ..., round: _Optional[int] = ..., worker: _Optional[str] = ..., attempt: _Optional[int] = ..., lease_expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ..., y: _Optional[_Iterable[float]] = ...) -> None: ...

class SamplingRevision(_message.Message):
    __slots__ = ["spec", "time"]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    spec: SamplingChange
    time: _timestamp_pb2.Timestamp
    def __init__(self, spec: _Optional[_Union[SamplingChange, _Mapping]] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SamplingSpec(_message.Message):
    __slots__ = ["boxes", "constraint_program", "constraints", "dataset", "domain", "goal", "initial_points", "inputs", "jacobian", "jacobian_cost", "lease_seconds", "max_attempts", "model_id", "program", "round_fraction", "seed", "stop_rules", "strategy", "training", "um_bridge", "value_cost"]
    class Strategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    BOXES_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINT_PROGRAM_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    INITIAL_POINTS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_COST_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    ROUND_FRACTION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STOP_RULES_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_ADAPTIVE: SamplingSpec.Strategy
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_LOLA_VORONOI: SamplingSpec.Strategy
    STRATEGY_SPACE_FILLING: SamplingSpec.Strategy
    STRATEGY_UNSPECIFIED: SamplingSpec.Strategy
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    UM_BRIDGE_FIELD_NUMBER: _ClassVar[int]
    VALUE_COST_FIELD_NUMBER: _ClassVar[int]
    boxes: SamplingBoxSpec
    constraint_program: str
    constraints: _containers.RepeatedCompositeFieldContainer[LinearConstraint]
    dataset: str
    domain: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    goal: SamplingGoal
    initial_points: int
    inputs: _containers.RepeatedCompositeFieldContainer[SamplingInput]
    jacobian: bool
    jacobian_cost: float
    lease_seconds: float
    max_attempts: int
    model_id: str
    program: str
    round_fraction: float
    seed: int
    stop_rules: _containers.RepeatedCompositeFieldContainer[StopRule]
    strategy: SamplingSpec.Strategy
    training: _training_pb2.TrainingSpec
    um_bridge: UmBridge
    value_cost: float
    def __init__(self, dataset: _Optional[str] = ..., model_id: _Optional[str] = ..., program: _Optional[str] = ..., um_bridge: _Optional[_Union[UmBridge, _Mapping]] = ..., domain: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., inputs: _Optional[_Iterable[_Union[SamplingInput, _Mapping]]] = ..., constraints: _Optional[_Iterable[_Union[LinearConstraint, _Mapping]]] = ..., constraint_program: _Optional[str] = ..., strategy: _Optional[_Union[SamplingSpec.Strategy, str]] = ..., goal: _Optional[_Union[SamplingGoal, _Mapping]] = ..., boxes: _Optional[_Union[SamplingBoxSpec, _Mapping]] = ..., initial_points: _Optional[int] = ..., round_fraction: _Optional[float] = ..., jacobian: bool = ..., value_cost: _Optional[float] = ..., jacobian_cost: _Optional[float] = ..., stop_rules: _Optional[_Iterable[_Union[StopRule, _Mapping]]] = ..., training: _Optional[_Union[_training_pb2.TrainingSpec, _Mapping]] = ..., lease_seconds: _Optional[float] = ..., max_attempts: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class StartSamplingRequest(_message.Message):
    __slots__ = ["request_id", "spec", "validate_only"]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    spec: SamplingSpec
    validate_only: bool
    def __init__(self, spec: _Optional[_Union[SamplingSpec, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class StopRule(_message.Message):
    __slots__ = ["closed_share", "cost", "evaluations", "gradient_error", "seconds", "stale_rounds", "value_error"]
    CLOSED_SHARE_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_ERROR_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    STALE_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    VALUE_ERROR_FIELD_NUMBER: _ClassVar[int]
    closed_share: float
    cost: float
    evaluations: int
    gradient_error: float
    seconds: float
    stale_rounds: int
    value_error: float
    def __init__(self, evaluations: _Optional[int] = ..., cost: _Optional[float] = ..., value_error: _Optional[float] = ..., gradient_error: _Optional[float] = ..., seconds: _Optional[float] = ..., stale_rounds: _Optional[int] = ..., closed_share: _Optional[float] = ...) -> None: ...

class StopSamplingRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class TellRequest(_message.Message):
    __slots__ = ["block", "failures", "name", "points", "worker"]
    class Failure(_message.Message):
        __slots__ = ["attempt", "infeasible", "point", "reason"]
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        INFEASIBLE_FIELD_NUMBER: _ClassVar[int]
        POINT_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        attempt: int
        infeasible: bool
        point: int
        reason: str
        def __init__(self, point: _Optional[int] = ..., infeasible: bool = ..., reason: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    block: _datasets_pb2.SampleBlock
    failures: _containers.RepeatedCompositeFieldContainer[TellRequest.Failure]
    name: str
    points: _containers.RepeatedScalarFieldContainer[int]
    worker: str
    def __init__(self, name: _Optional[str] = ..., worker: _Optional[str] = ..., points: _Optional[_Iterable[int]] = ..., block: _Optional[_Union[_datasets_pb2.SampleBlock, _Mapping]] = ..., failures: _Optional[_Iterable[_Union[TellRequest.Failure, _Mapping]]] = ...) -> None: ...

class TellResponse(_message.Message):
    __slots__ = ["finished", "outcomes"]
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_KNOWN: TellResponse.Outcome
    OUTCOME_LATE: TellResponse.Outcome
    OUTCOME_RETRY: TellResponse.Outcome
    OUTCOME_TAKEN: TellResponse.Outcome
    OUTCOME_UNSPECIFIED: TellResponse.Outcome
    finished: bool
    outcomes: _containers.RepeatedScalarFieldContainer[TellResponse.Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[TellResponse.Outcome, str]]] = ..., finished: bool = ...) -> None: ...

class UmBridge(_message.Message):
    __slots__ = ["model", "urls"]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    URLS_FIELD_NUMBER: _ClassVar[int]
    model: str
    urls: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, urls: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ...) -> None: ...

class UpdateSamplingRequest(_message.Message):
    __slots__ = ["name", "spec", "update_mask"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: SamplingChange
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[SamplingChange, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...
