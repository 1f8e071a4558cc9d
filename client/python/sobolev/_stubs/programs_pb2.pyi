from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import datasets_pb2 as _datasets_pb2
from . import derivatives_pb2 as _derivatives_pb2
from . import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnalyzeCurvatureRequest(_message.Message):
    __slots__ = ["adjoint", "eigenvalues", "newton", "program", "trace", "x"]
    class Eigenvalues(_message.Message):
        __slots__ = ["max_iterations", "tolerance"]
        MAX_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
        TOLERANCE_FIELD_NUMBER: _ClassVar[int]
        max_iterations: int
        tolerance: float
        def __init__(self, tolerance: _Optional[float] = ..., max_iterations: _Optional[int] = ...) -> None: ...
    class Newton(_message.Message):
        __slots__ = ["tolerance", "trust_radius"]
        TOLERANCE_FIELD_NUMBER: _ClassVar[int]
        TRUST_RADIUS_FIELD_NUMBER: _ClassVar[int]
        tolerance: float
        trust_radius: float
        def __init__(self, trust_radius: _Optional[float] = ..., tolerance: _Optional[float] = ...) -> None: ...
    class Trace(_message.Message):
        __slots__ = ["sample_count", "seed"]
        SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
        SEED_FIELD_NUMBER: _ClassVar[int]
        sample_count: int
        seed: int
        def __init__(self, sample_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...
    ADJOINT_FIELD_NUMBER: _ClassVar[int]
    EIGENVALUES_FIELD_NUMBER: _ClassVar[int]
    NEWTON_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    adjoint: _tensor_pb2.Tensor
    eigenvalues: AnalyzeCurvatureRequest.Eigenvalues
    newton: AnalyzeCurvatureRequest.Newton
    program: str
    trace: AnalyzeCurvatureRequest.Trace
    x: _tensor_pb2.Tensor
    def __init__(self, program: _Optional[str] = ..., x: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., adjoint: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., newton: _Optional[_Union[AnalyzeCurvatureRequest.Newton, _Mapping]] = ..., trace: _Optional[_Union[AnalyzeCurvatureRequest.Trace, _Mapping]] = ..., eigenvalues: _Optional[_Union[AnalyzeCurvatureRequest.Eigenvalues, _Mapping]] = ...) -> None: ...

class AnalyzeCurvatureResponse(_message.Message):
    __slots__ = ["eigenvalue_residual", "gradient", "largest_eigenvalue", "newton_step", "predicted_decrease", "smallest_eigenvalue", "trace", "trace_error", "valid"]
    EIGENVALUE_RESIDUAL_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    LARGEST_EIGENVALUE_FIELD_NUMBER: _ClassVar[int]
    NEWTON_STEP_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_DECREASE_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_EIGENVALUE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ERROR_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    eigenvalue_residual: _tensor_pb2.Tensor
    gradient: _tensor_pb2.Tensor
    largest_eigenvalue: _tensor_pb2.Tensor
    newton_step: _tensor_pb2.Tensor
    predicted_decrease: _tensor_pb2.Tensor
    smallest_eigenvalue: _tensor_pb2.Tensor
    trace: _tensor_pb2.Tensor
    trace_error: _tensor_pb2.Tensor
    valid: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, gradient: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., newton_step: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., predicted_decrease: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., trace: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., trace_error: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., smallest_eigenvalue: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., largest_eigenvalue: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., eigenvalue_residual: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., valid: _Optional[_Iterable[bool]] = ...) -> None: ...

class CheckProgramRequest(_message.Message):
    __slots__ = ["source"]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    source: str
    def __init__(self, source: _Optional[str] = ...) -> None: ...

class CreateProgramRequest(_message.Message):
    __slots__ = ["program_id", "source"]
    PROGRAM_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    program_id: str
    source: str
    def __init__(self, program_id: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class DeleteProgramRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteProgramResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class EncloseRequest(_message.Message):
    __slots__ = ["program", "quantities", "x_max", "x_min"]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    QUANTITIES_FIELD_NUMBER: _ClassVar[int]
    X_MAX_FIELD_NUMBER: _ClassVar[int]
    X_MIN_FIELD_NUMBER: _ClassVar[int]
    program: str
    quantities: _containers.RepeatedScalarFieldContainer[_derivatives_pb2.Quantity]
    x_max: _tensor_pb2.Tensor
    x_min: _tensor_pb2.Tensor
    def __init__(self, program: _Optional[str] = ..., x_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., x_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., quantities: _Optional[_Iterable[_Union[_derivatives_pb2.Quantity, str]]] = ...) -> None: ...

class EncloseResponse(_message.Message):
    __slots__ = ["bounded", "jacobian_max", "jacobian_min", "value_max", "value_min"]
    BOUNDED_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_MAX_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_MIN_FIELD_NUMBER: _ClassVar[int]
    VALUE_MAX_FIELD_NUMBER: _ClassVar[int]
    VALUE_MIN_FIELD_NUMBER: _ClassVar[int]
    bounded: _containers.RepeatedScalarFieldContainer[bool]
    jacobian_max: _tensor_pb2.Tensor
    jacobian_min: _tensor_pb2.Tensor
    value_max: _tensor_pb2.Tensor
    value_min: _tensor_pb2.Tensor
    def __init__(self, value_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., value_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., bounded: _Optional[_Iterable[bool]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ["adjoints", "arithmetic", "data_type", "program", "quantities", "reversal", "tangents", "x"]
    class Arithmetic(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ADJOINTS_FIELD_NUMBER: _ClassVar[int]
    ARITHMETIC_FAST: EvaluateRequest.Arithmetic
    ARITHMETIC_FIELD_NUMBER: _ClassVar[int]
    ARITHMETIC_STRICT: EvaluateRequest.Arithmetic
    ARITHMETIC_UNSPECIFIED: EvaluateRequest.Arithmetic
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    QUANTITIES_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_FIELD_NUMBER: _ClassVar[int]
    TANGENTS_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    adjoints: _tensor_pb2.Tensor
    arithmetic: EvaluateRequest.Arithmetic
    data_type: _tensor_pb2.Tensor.DataType
    program: str
    quantities: _containers.RepeatedScalarFieldContainer[_derivatives_pb2.Quantity]
    reversal: Reversal
    tangents: _tensor_pb2.Tensor
    x: _tensor_pb2.Tensor
    def __init__(self, program: _Optional[str] = ..., x: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., quantities: _Optional[_Iterable[_Union[_derivatives_pb2.Quantity, str]]] = ..., tangents: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., adjoints: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., data_type: _Optional[_Union[_tensor_pb2.Tensor.DataType, str]] = ..., arithmetic: _Optional[_Union[EvaluateRequest.Arithmetic, str]] = ..., reversal: _Optional[_Union[Reversal, _Mapping]] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ["hessian", "hvp", "jacobian", "jvp", "reversal", "valid", "value", "vjp"]
    HESSIAN_FIELD_NUMBER: _ClassVar[int]
    HVP_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    JVP_FIELD_NUMBER: _ClassVar[int]
    REVERSAL_FIELD_NUMBER: _ClassVar[int]
    VALID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VJP_FIELD_NUMBER: _ClassVar[int]
    hessian: _tensor_pb2.Tensor
    hvp: _tensor_pb2.Tensor
    jacobian: _tensor_pb2.Tensor
    jvp: _tensor_pb2.Tensor
    reversal: ReversalCounts
    valid: _containers.RepeatedScalarFieldContainer[bool]
    value: _tensor_pb2.Tensor
    vjp: _tensor_pb2.Tensor
    def __init__(self, value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., hessian: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jvp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., vjp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., hvp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., valid: _Optional[_Iterable[bool]] = ..., reversal: _Optional[_Union[ReversalCounts, _Mapping]] = ...) -> None: ...

class GetProgramRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListProgramsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListProgramsResponse(_message.Message):
    __slots__ = ["next_page_token", "programs"]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROGRAMS_FIELD_NUMBER: _ClassVar[int]
    next_page_token: str
    programs: _containers.RepeatedCompositeFieldContainer[Program]
    def __init__(self, programs: _Optional[_Iterable[_Union[Program, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Program(_message.Message):
    __slots__ = ["create_time", "input_size", "inputs", "name", "output_size", "outputs", "source", "statistics"]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    INPUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SIZE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    create_time: _timestamp_pb2.Timestamp
    input_size: int
    inputs: _containers.RepeatedCompositeFieldContainer[ProgramVariable]
    name: str
    output_size: int
    outputs: _containers.RepeatedCompositeFieldContainer[ProgramVariable]
    source: str
    statistics: ProgramStatistics
    def __init__(self, name: _Optional[str] = ..., source: _Optional[str] = ..., input_size: _Optional[int] = ..., output_size: _Optional[int] = ..., inputs: _Optional[_Iterable[_Union[ProgramVariable, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[ProgramVariable, _Mapping]]] = ..., statistics: _Optional[_Union[ProgramStatistics, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ProgramStatistics(_message.Message):
    __slots__ = ["adjoint_ratio", "executed_operations", "hessian_nonzeros", "hessian_vector_ratio", "jacobian_mode", "jacobian_nonzeros", "jacobian_ratio", "operations", "tangent_ratio"]
    ADJOINT_RATIO_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_NONZEROS_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_VECTOR_RATIO_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_MODE_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_NONZEROS_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_RATIO_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    TANGENT_RATIO_FIELD_NUMBER: _ClassVar[int]
    adjoint_ratio: float
    executed_operations: int
    hessian_nonzeros: int
    hessian_vector_ratio: float
    jacobian_mode: str
    jacobian_nonzeros: int
    jacobian_ratio: float
    operations: int
    tangent_ratio: float
    def __init__(self, operations: _Optional[int] = ..., executed_operations: _Optional[int] = ..., jacobian_nonzeros: _Optional[int] = ..., hessian_nonzeros: _Optional[int] = ..., jacobian_mode: _Optional[str] = ..., tangent_ratio: _Optional[float] = ..., adjoint_ratio: _Optional[float] = ..., jacobian_ratio: _Optional[float] = ..., hessian_vector_ratio: _Optional[float] = ...) -> None: ...

class ProgramVariable(_message.Message):
    __slots__ = ["bounds", "description", "name", "offset", "shape"]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    bounds: _datasets_pb2.Range
    description: str
    name: str
    offset: int
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., offset: _Optional[int] = ..., bounds: _Optional[_Union[_datasets_pb2.Range, _Mapping]] = ..., description: _Optional[str] = ...) -> None: ...

class Reversal(_message.Message):
    __slots__ = ["checkpoints", "strategy"]
    class Strategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_AUTOMATIC: Reversal.Strategy
    STRATEGY_BINOMIAL: Reversal.Strategy
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_MEMORY_POOR: Reversal.Strategy
    STRATEGY_UNSPECIFIED: Reversal.Strategy
    STRATEGY_VANILLA: Reversal.Strategy
    checkpoints: int
    strategy: Reversal.Strategy
    def __init__(self, strategy: _Optional[_Union[Reversal.Strategy, str]] = ..., checkpoints: _Optional[int] = ...) -> None: ...

class ReversalCounts(_message.Message):
    __slots__ = ["advanced_steps", "peak_states", "state_bytes"]
    ADVANCED_STEPS_FIELD_NUMBER: _ClassVar[int]
    PEAK_STATES_FIELD_NUMBER: _ClassVar[int]
    STATE_BYTES_FIELD_NUMBER: _ClassVar[int]
    advanced_steps: int
    peak_states: int
    state_bytes: int
    def __init__(self, advanced_steps: _Optional[int] = ..., peak_states: _Optional[int] = ..., state_bytes: _Optional[int] = ...) -> None: ...
