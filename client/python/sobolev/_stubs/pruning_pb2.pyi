from . import datasets_pb2 as _datasets_pb2
from . import progress_pb2 as _progress_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PruneRequest(_message.Message):
    __slots__ = ["box", "certificate_boxes", "compensation", "input_threshold", "model", "model_id", "num_points", "parts", "request_id", "retraining", "rule", "seed", "target", "validate_only"]
    class Compensation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Parts(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Rule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Retraining(_message.Message):
        __slots__ = ["alpha", "beta", "dataset", "dataset_version", "learning_rate", "steps"]
        ALPHA_FIELD_NUMBER: _ClassVar[int]
        BETA_FIELD_NUMBER: _ClassVar[int]
        DATASET_FIELD_NUMBER: _ClassVar[int]
        DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
        LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
        STEPS_FIELD_NUMBER: _ClassVar[int]
        alpha: float
        beta: float
        dataset: str
        dataset_version: int
        learning_rate: float
        steps: int
        def __init__(self, dataset: _Optional[str] = ..., dataset_version: _Optional[int] = ..., steps: _Optional[int] = ..., learning_rate: _Optional[float] = ..., alpha: _Optional[float] = ..., beta: _Optional[float] = ...) -> None: ...
    class Target(_message.Message):
        __slots__ = ["fraction", "jacobian_error", "multiply_adds", "parameters", "value_error"]
        FRACTION_FIELD_NUMBER: _ClassVar[int]
        JACOBIAN_ERROR_FIELD_NUMBER: _ClassVar[int]
        MULTIPLY_ADDS_FIELD_NUMBER: _ClassVar[int]
        PARAMETERS_FIELD_NUMBER: _ClassVar[int]
        VALUE_ERROR_FIELD_NUMBER: _ClassVar[int]
        fraction: float
        jacobian_error: float
        multiply_adds: int
        parameters: int
        value_error: float
        def __init__(self, fraction: _Optional[float] = ..., parameters: _Optional[int] = ..., multiply_adds: _Optional[int] = ..., value_error: _Optional[float] = ..., jacobian_error: _Optional[float] = ...) -> None: ...
    BOX_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_BOXES_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_MEAN: PruneRequest.Compensation
    COMPENSATION_MIDPOINT: PruneRequest.Compensation
    COMPENSATION_SOBOLEV: PruneRequest.Compensation
    COMPENSATION_UNSPECIFIED: PruneRequest.Compensation
    COMPENSATION_ZERO: PruneRequest.Compensation
    INPUT_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    NUM_POINTS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    PARTS_UNSPECIFIED: PruneRequest.Parts
    PARTS_VERTICES: PruneRequest.Parts
    PARTS_WEIGHTS: PruneRequest.Parts
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRAINING_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    RULE_INTERVAL: PruneRequest.Rule
    RULE_MAGNITUDE: PruneRequest.Rule
    RULE_RANDOM: PruneRequest.Rule
    RULE_SAMPLED: PruneRequest.Rule
    RULE_SOBOLEV_OBS: PruneRequest.Rule
    RULE_TAYLOR: PruneRequest.Rule
    RULE_UNSPECIFIED: PruneRequest.Rule
    RULE_WANDA: PruneRequest.Rule
    SEED_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    certificate_boxes: int
    compensation: PruneRequest.Compensation
    input_threshold: float
    model: str
    model_id: str
    num_points: int
    parts: PruneRequest.Parts
    request_id: str
    retraining: PruneRequest.Retraining
    rule: PruneRequest.Rule
    seed: int
    target: PruneRequest.Target
    validate_only: bool
    def __init__(self, model: _Optional[str] = ..., model_id: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., parts: _Optional[_Union[PruneRequest.Parts, str]] = ..., rule: _Optional[_Union[PruneRequest.Rule, str]] = ..., compensation: _Optional[_Union[PruneRequest.Compensation, str]] = ..., target: _Optional[_Union[PruneRequest.Target, _Mapping]] = ..., input_threshold: _Optional[float] = ..., retraining: _Optional[_Union[PruneRequest.Retraining, _Mapping]] = ..., certificate_boxes: _Optional[int] = ..., num_points: _Optional[int] = ..., seed: _Optional[int] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class PruningReport(_message.Message):
    __slots__ = ["after", "before", "box", "certificate", "compensation", "inputs", "job", "parts", "pruned", "pruned_errors", "removed_inputs", "removed_vertices", "removed_weights", "result", "result_errors", "retraining", "rule", "scratch_errors", "seed", "source", "source_errors"]
    class Bound(_message.Message):
        __slots__ = ["proved", "sampled"]
        PROVED_FIELD_NUMBER: _ClassVar[int]
        SAMPLED_FIELD_NUMBER: _ClassVar[int]
        proved: float
        sampled: float
        def __init__(self, sampled: _Optional[float] = ..., proved: _Optional[float] = ...) -> None: ...
    class Certificate(_message.Message):
        __slots__ = ["boxes", "jacobian", "tight", "value"]
        BOXES_FIELD_NUMBER: _ClassVar[int]
        JACOBIAN_FIELD_NUMBER: _ClassVar[int]
        TIGHT_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        boxes: int
        jacobian: _containers.RepeatedCompositeFieldContainer[PruningReport.Bound]
        tight: bool
        value: _containers.RepeatedCompositeFieldContainer[PruningReport.Bound]
        def __init__(self, value: _Optional[_Iterable[_Union[PruningReport.Bound, _Mapping]]] = ..., jacobian: _Optional[_Iterable[_Union[PruningReport.Bound, _Mapping]]] = ..., boxes: _Optional[int] = ..., tight: bool = ...) -> None: ...
    class Deviation(_message.Message):
        __slots__ = ["jacobian", "value"]
        JACOBIAN_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        jacobian: float
        value: float
        def __init__(self, value: _Optional[float] = ..., jacobian: _Optional[float] = ...) -> None: ...
    class RemovedInput(_message.Message):
        __slots__ = ["input", "sobol_bound", "value"]
        INPUT_FIELD_NUMBER: _ClassVar[int]
        SOBOL_BOUND_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        input: str
        sobol_bound: float
        value: float
        def __init__(self, input: _Optional[str] = ..., value: _Optional[float] = ..., sobol_bound: _Optional[float] = ...) -> None: ...
    class Retraining(_message.Message):
        __slots__ = ["epochs", "kept", "learning_rate", "scratch_learning_rate", "steps"]
        EPOCHS_FIELD_NUMBER: _ClassVar[int]
        KEPT_FIELD_NUMBER: _ClassVar[int]
        LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
        SCRATCH_LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
        STEPS_FIELD_NUMBER: _ClassVar[int]
        epochs: int
        kept: bool
        learning_rate: float
        scratch_learning_rate: float
        steps: int
        def __init__(self, steps: _Optional[int] = ..., epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ..., scratch_learning_rate: _Optional[float] = ..., kept: bool = ...) -> None: ...
    class Size(_message.Message):
        __slots__ = ["hidden", "inputs", "jacobian_multiply_adds", "parameters", "plan_multiply_adds", "value_multiply_adds"]
        HIDDEN_FIELD_NUMBER: _ClassVar[int]
        INPUTS_FIELD_NUMBER: _ClassVar[int]
        JACOBIAN_MULTIPLY_ADDS_FIELD_NUMBER: _ClassVar[int]
        PARAMETERS_FIELD_NUMBER: _ClassVar[int]
        PLAN_MULTIPLY_ADDS_FIELD_NUMBER: _ClassVar[int]
        VALUE_MULTIPLY_ADDS_FIELD_NUMBER: _ClassVar[int]
        hidden: _containers.RepeatedScalarFieldContainer[int]
        inputs: int
        jacobian_multiply_adds: int
        parameters: int
        plan_multiply_adds: int
        value_multiply_adds: int
        def __init__(self, inputs: _Optional[int] = ..., hidden: _Optional[_Iterable[int]] = ..., parameters: _Optional[int] = ..., value_multiply_adds: _Optional[int] = ..., jacobian_multiply_adds: _Optional[int] = ..., plan_multiply_adds: _Optional[int] = ...) -> None: ...
    AFTER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    PRUNED_ERRORS_FIELD_NUMBER: _ClassVar[int]
    PRUNED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_INPUTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_VERTICES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    RESULT_ERRORS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    RETRAINING_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    SCRATCH_ERRORS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ERRORS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    after: PruningReport.Size
    before: PruningReport.Size
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    certificate: PruningReport.Certificate
    compensation: PruneRequest.Compensation
    inputs: _containers.RepeatedScalarFieldContainer[str]
    job: str
    parts: PruneRequest.Parts
    pruned: PruningReport.Deviation
    pruned_errors: _progress_pb2.ErrorReport
    removed_inputs: _containers.RepeatedCompositeFieldContainer[PruningReport.RemovedInput]
    removed_vertices: _containers.RepeatedScalarFieldContainer[int]
    removed_weights: _containers.RepeatedScalarFieldContainer[int]
    result: PruningReport.Deviation
    result_errors: _progress_pb2.ErrorReport
    retraining: PruningReport.Retraining
    rule: PruneRequest.Rule
    scratch_errors: _progress_pb2.ErrorReport
    seed: int
    source: str
    source_errors: _progress_pb2.ErrorReport
    def __init__(self, source: _Optional[str] = ..., job: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., parts: _Optional[_Union[PruneRequest.Parts, str]] = ..., rule: _Optional[_Union[PruneRequest.Rule, str]] = ..., compensation: _Optional[_Union[PruneRequest.Compensation, str]] = ..., seed: _Optional[int] = ..., before: _Optional[_Union[PruningReport.Size, _Mapping]] = ..., after: _Optional[_Union[PruningReport.Size, _Mapping]] = ..., removed_vertices: _Optional[_Iterable[int]] = ..., removed_weights: _Optional[_Iterable[int]] = ..., removed_inputs: _Optional[_Iterable[_Union[PruningReport.RemovedInput, _Mapping]]] = ..., pruned: _Optional[_Union[PruningReport.Deviation, _Mapping]] = ..., result: _Optional[_Union[PruningReport.Deviation, _Mapping]] = ..., retraining: _Optional[_Union[PruningReport.Retraining, _Mapping]] = ..., source_errors: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ..., pruned_errors: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ..., result_errors: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ..., scratch_errors: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ..., certificate: _Optional[_Union[PruningReport.Certificate, _Mapping]] = ..., inputs: _Optional[_Iterable[str]] = ...) -> None: ...
