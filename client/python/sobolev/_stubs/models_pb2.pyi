from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import datasets_pb2 as _datasets_pb2
from . import jobs_pb2 as _jobs_pb2
from . import progress_pb2 as _progress_pb2
from . import pruning_pb2 as _pruning_pb2
from . import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AnalyzeSignificanceRequest(_message.Message):
    __slots__ = ["box", "cuts", "edges", "max_boxes", "max_vertices", "model", "program", "sample_count", "seed"]
    class Cut(_message.Message):
        __slots__ = ["geometric", "input", "pieces"]
        GEOMETRIC_FIELD_NUMBER: _ClassVar[int]
        INPUT_FIELD_NUMBER: _ClassVar[int]
        PIECES_FIELD_NUMBER: _ClassVar[int]
        geometric: bool
        input: str
        pieces: int
        def __init__(self, input: _Optional[str] = ..., pieces: _Optional[int] = ..., geometric: bool = ...) -> None: ...
    BOX_FIELD_NUMBER: _ClassVar[int]
    CUTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    MAX_BOXES_FIELD_NUMBER: _ClassVar[int]
    MAX_VERTICES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    cuts: _containers.RepeatedCompositeFieldContainer[AnalyzeSignificanceRequest.Cut]
    edges: bool
    max_boxes: int
    max_vertices: int
    model: str
    program: str
    sample_count: int
    seed: int
    def __init__(self, model: _Optional[str] = ..., program: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., cuts: _Optional[_Iterable[_Union[AnalyzeSignificanceRequest.Cut, _Mapping]]] = ..., edges: bool = ..., max_boxes: _Optional[int] = ..., sample_count: _Optional[int] = ..., seed: _Optional[int] = ..., max_vertices: _Optional[int] = ...) -> None: ...

class AnalyzeSignificanceResponse(_message.Message):
    __slots__ = ["box", "edges", "function", "inputs", "invalid_sample_count", "layers", "outputs", "values", "vertex_count", "vertices"]
    class Input(_message.Message):
        __slots__ = ["name", "relaxed_sigma", "sampled", "sigma", "sliced_sigma", "total_sobol_bound"]
        NAME_FIELD_NUMBER: _ClassVar[int]
        RELAXED_SIGMA_FIELD_NUMBER: _ClassVar[int]
        SAMPLED_FIELD_NUMBER: _ClassVar[int]
        SIGMA_FIELD_NUMBER: _ClassVar[int]
        SLICED_SIGMA_FIELD_NUMBER: _ClassVar[int]
        TOTAL_SOBOL_BOUND_FIELD_NUMBER: _ClassVar[int]
        name: str
        relaxed_sigma: _containers.RepeatedScalarFieldContainer[float]
        sampled: _containers.RepeatedScalarFieldContainer[float]
        sigma: _containers.RepeatedScalarFieldContainer[float]
        sliced_sigma: _containers.RepeatedScalarFieldContainer[float]
        total_sobol_bound: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, name: _Optional[str] = ..., sigma: _Optional[_Iterable[float]] = ..., sliced_sigma: _Optional[_Iterable[float]] = ..., relaxed_sigma: _Optional[_Iterable[float]] = ..., sampled: _Optional[_Iterable[float]] = ..., total_sobol_bound: _Optional[_Iterable[float]] = ...) -> None: ...
    class Layer(_message.Message):
        __slots__ = ["relaxed_sigma", "sampled", "sigma", "taylor", "value_max", "value_min"]
        RELAXED_SIGMA_FIELD_NUMBER: _ClassVar[int]
        SAMPLED_FIELD_NUMBER: _ClassVar[int]
        SIGMA_FIELD_NUMBER: _ClassVar[int]
        TAYLOR_FIELD_NUMBER: _ClassVar[int]
        VALUE_MAX_FIELD_NUMBER: _ClassVar[int]
        VALUE_MIN_FIELD_NUMBER: _ClassVar[int]
        relaxed_sigma: _tensor_pb2.Tensor
        sampled: _tensor_pb2.Tensor
        sigma: _tensor_pb2.Tensor
        taylor: _tensor_pb2.Tensor
        value_max: _tensor_pb2.Tensor
        value_min: _tensor_pb2.Tensor
        def __init__(self, value_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., value_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., sigma: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., sampled: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., taylor: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., relaxed_sigma: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class Vertex(_message.Message):
        __slots__ = ["name", "operation", "range", "relaxed_sigma", "sampled", "sigma", "stage"]
        NAME_FIELD_NUMBER: _ClassVar[int]
        OPERATION_FIELD_NUMBER: _ClassVar[int]
        RANGE_FIELD_NUMBER: _ClassVar[int]
        RELAXED_SIGMA_FIELD_NUMBER: _ClassVar[int]
        SAMPLED_FIELD_NUMBER: _ClassVar[int]
        SIGMA_FIELD_NUMBER: _ClassVar[int]
        STAGE_FIELD_NUMBER: _ClassVar[int]
        name: str
        operation: str
        range: _datasets_pb2.Range
        relaxed_sigma: _containers.RepeatedScalarFieldContainer[float]
        sampled: _containers.RepeatedScalarFieldContainer[float]
        sigma: _containers.RepeatedScalarFieldContainer[float]
        stage: int
        def __init__(self, name: _Optional[str] = ..., operation: _Optional[str] = ..., range: _Optional[_Union[_datasets_pb2.Range, _Mapping]] = ..., sigma: _Optional[_Iterable[float]] = ..., sampled: _Optional[_Iterable[float]] = ..., stage: _Optional[int] = ..., relaxed_sigma: _Optional[_Iterable[float]] = ...) -> None: ...
    BOX_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    INVALID_SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    VERTEX_COUNT_FIELD_NUMBER: _ClassVar[int]
    VERTICES_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    edges: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    function: str
    inputs: _containers.RepeatedCompositeFieldContainer[AnalyzeSignificanceResponse.Input]
    invalid_sample_count: int
    layers: _containers.RepeatedCompositeFieldContainer[AnalyzeSignificanceResponse.Layer]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    values: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    vertex_count: int
    vertices: _containers.RepeatedCompositeFieldContainer[AnalyzeSignificanceResponse.Vertex]
    def __init__(self, function: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., outputs: _Optional[_Iterable[str]] = ..., inputs: _Optional[_Iterable[_Union[AnalyzeSignificanceResponse.Input, _Mapping]]] = ..., layers: _Optional[_Iterable[_Union[AnalyzeSignificanceResponse.Layer, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., vertices: _Optional[_Iterable[_Union[AnalyzeSignificanceResponse.Vertex, _Mapping]]] = ..., vertex_count: _Optional[int] = ..., values: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., invalid_sample_count: _Optional[int] = ...) -> None: ...

class ComparisonPoint(_message.Message):
    __slots__ = ["sample_count", "validation"]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    sample_count: int
    validation: _progress_pb2.ErrorReport
    def __init__(self, sample_count: _Optional[int] = ..., validation: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ...) -> None: ...

class CreatePipelineRequest(_message.Message):
    __slots__ = ["model_id", "outputs", "stages"]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    outputs: _containers.RepeatedScalarFieldContainer[str]
    stages: _containers.RepeatedCompositeFieldContainer[PipelineStage]
    def __init__(self, model_id: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[PipelineStage, _Mapping]]] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteModelRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteModelResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class DerivativePlan(_message.Message):
    __slots__ = ["adjoint_cost", "bracketing", "calibrated", "cost", "dense_product_cost", "evaluation_cost", "factors", "makespan", "makespan_lower_bound", "memory", "method", "model", "moves", "preaccumulation_cost", "proven_optimal", "steps", "tangent_cost", "timings"]
    class Calibrated(_message.Message):
        __slots__ = ["adjoint_seconds", "fastest_bracketing", "fastest_cost", "fastest_seconds", "optimum_seconds", "product_seconds", "tangent_seconds"]
        ADJOINT_SECONDS_FIELD_NUMBER: _ClassVar[int]
        FASTEST_BRACKETING_FIELD_NUMBER: _ClassVar[int]
        FASTEST_COST_FIELD_NUMBER: _ClassVar[int]
        FASTEST_SECONDS_FIELD_NUMBER: _ClassVar[int]
        OPTIMUM_SECONDS_FIELD_NUMBER: _ClassVar[int]
        PRODUCT_SECONDS_FIELD_NUMBER: _ClassVar[int]
        TANGENT_SECONDS_FIELD_NUMBER: _ClassVar[int]
        adjoint_seconds: float
        fastest_bracketing: str
        fastest_cost: int
        fastest_seconds: float
        optimum_seconds: float
        product_seconds: float
        tangent_seconds: float
        def __init__(self, tangent_seconds: _Optional[float] = ..., adjoint_seconds: _Optional[float] = ..., product_seconds: _Optional[float] = ..., optimum_seconds: _Optional[float] = ..., fastest_seconds: _Optional[float] = ..., fastest_cost: _Optional[int] = ..., fastest_bracketing: _Optional[str] = ...) -> None: ...
    class Factor(_message.Message):
        __slots__ = ["edges", "label", "m", "n"]
        EDGES_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        M_FIELD_NUMBER: _ClassVar[int]
        N_FIELD_NUMBER: _ClassVar[int]
        edges: int
        label: str
        m: int
        n: int
        def __init__(self, label: _Optional[str] = ..., n: _Optional[int] = ..., m: _Optional[int] = ..., edges: _Optional[int] = ...) -> None: ...
    class Move(_message.Message):
        __slots__ = ["cost", "kind", "memory", "step", "value"]
        class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = []
        COST_FIELD_NUMBER: _ClassVar[int]
        KIND_DROP: DerivativePlan.Move.Kind
        KIND_EVALUATE: DerivativePlan.Move.Kind
        KIND_FIELD_NUMBER: _ClassVar[int]
        KIND_STEP: DerivativePlan.Move.Kind
        KIND_UNSPECIFIED: DerivativePlan.Move.Kind
        MEMORY_FIELD_NUMBER: _ClassVar[int]
        STEP_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        cost: int
        kind: DerivativePlan.Move.Kind
        memory: int
        step: int
        value: int
        def __init__(self, kind: _Optional[_Union[DerivativePlan.Move.Kind, str]] = ..., value: _Optional[int] = ..., step: _Optional[int] = ..., cost: _Optional[int] = ..., memory: _Optional[int] = ...) -> None: ...
    class Step(_message.Message):
        __slots__ = ["cost", "earlier", "first", "kind", "last", "later", "start", "worker"]
        class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = []
        COST_FIELD_NUMBER: _ClassVar[int]
        EARLIER_FIELD_NUMBER: _ClassVar[int]
        FIRST_FIELD_NUMBER: _ClassVar[int]
        KIND_ACCUMULATE_ADJOINT: DerivativePlan.Step.Kind
        KIND_ACCUMULATE_TANGENT: DerivativePlan.Step.Kind
        KIND_ADJOINT: DerivativePlan.Step.Kind
        KIND_FIELD_NUMBER: _ClassVar[int]
        KIND_PRODUCT: DerivativePlan.Step.Kind
        KIND_TANGENT: DerivativePlan.Step.Kind
        KIND_UNSPECIFIED: DerivativePlan.Step.Kind
        LAST_FIELD_NUMBER: _ClassVar[int]
        LATER_FIELD_NUMBER: _ClassVar[int]
        START_FIELD_NUMBER: _ClassVar[int]
        WORKER_FIELD_NUMBER: _ClassVar[int]
        cost: int
        earlier: int
        first: int
        kind: DerivativePlan.Step.Kind
        last: int
        later: int
        start: int
        worker: int
        def __init__(self, kind: _Optional[_Union[DerivativePlan.Step.Kind, str]] = ..., first: _Optional[int] = ..., last: _Optional[int] = ..., later: _Optional[int] = ..., earlier: _Optional[int] = ..., cost: _Optional[int] = ..., worker: _Optional[int] = ..., start: _Optional[int] = ...) -> None: ...
    class Timing(_message.Message):
        __slots__ = ["cost", "measured_seconds", "mode", "predicted_seconds"]
        COST_FIELD_NUMBER: _ClassVar[int]
        MEASURED_SECONDS_FIELD_NUMBER: _ClassVar[int]
        MODE_FIELD_NUMBER: _ClassVar[int]
        PREDICTED_SECONDS_FIELD_NUMBER: _ClassVar[int]
        cost: int
        measured_seconds: float
        mode: str
        predicted_seconds: float
        def __init__(self, mode: _Optional[str] = ..., cost: _Optional[int] = ..., predicted_seconds: _Optional[float] = ..., measured_seconds: _Optional[float] = ...) -> None: ...
    ADJOINT_COST_FIELD_NUMBER: _ClassVar[int]
    BRACKETING_FIELD_NUMBER: _ClassVar[int]
    CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    DENSE_PRODUCT_COST_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_COST_FIELD_NUMBER: _ClassVar[int]
    FACTORS_FIELD_NUMBER: _ClassVar[int]
    MAKESPAN_FIELD_NUMBER: _ClassVar[int]
    MAKESPAN_LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    PREACCUMULATION_COST_FIELD_NUMBER: _ClassVar[int]
    PROVEN_OPTIMAL_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TANGENT_COST_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    adjoint_cost: int
    bracketing: str
    calibrated: DerivativePlan.Calibrated
    cost: int
    dense_product_cost: int
    evaluation_cost: int
    factors: _containers.RepeatedCompositeFieldContainer[DerivativePlan.Factor]
    makespan: int
    makespan_lower_bound: int
    memory: int
    method: str
    model: str
    moves: _containers.RepeatedCompositeFieldContainer[DerivativePlan.Move]
    preaccumulation_cost: int
    proven_optimal: bool
    steps: _containers.RepeatedCompositeFieldContainer[DerivativePlan.Step]
    tangent_cost: int
    timings: _containers.RepeatedCompositeFieldContainer[DerivativePlan.Timing]
    def __init__(self, model: _Optional[str] = ..., factors: _Optional[_Iterable[_Union[DerivativePlan.Factor, _Mapping]]] = ..., tangent_cost: _Optional[int] = ..., adjoint_cost: _Optional[int] = ..., preaccumulation_cost: _Optional[int] = ..., dense_product_cost: _Optional[int] = ..., cost: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[DerivativePlan.Step, _Mapping]]] = ..., bracketing: _Optional[str] = ..., method: _Optional[str] = ..., timings: _Optional[_Iterable[_Union[DerivativePlan.Timing, _Mapping]]] = ..., makespan: _Optional[int] = ..., makespan_lower_bound: _Optional[int] = ..., proven_optimal: bool = ..., moves: _Optional[_Iterable[_Union[DerivativePlan.Move, _Mapping]]] = ..., evaluation_cost: _Optional[int] = ..., memory: _Optional[int] = ..., calibrated: _Optional[_Union[DerivativePlan.Calibrated, _Mapping]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelVersionRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class InputMap(_message.Message):
    __slots__ = ["harmonics", "input", "logarithmic", "period"]
    HARMONICS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    LOGARITHMIC_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    harmonics: int
    input: str
    logarithmic: bool
    period: float
    def __init__(self, input: _Optional[str] = ..., period: _Optional[float] = ..., harmonics: _Optional[int] = ..., logarithmic: bool = ...) -> None: ...

class ListModelVersionsRequest(_message.Message):
    __slots__ = ["page_size", "page_token", "parent"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    parent: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelVersionsResponse(_message.Message):
    __slots__ = ["model_versions", "next_page_token"]
    MODEL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    model_versions: _containers.RepeatedCompositeFieldContainer[ModelVersion]
    next_page_token: str
    def __init__(self, model_versions: _Optional[_Iterable[_Union[ModelVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ["models", "next_page_token"]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LocalTaylor(_message.Message):
    __slots__ = ["base_kind", "centre_count", "constant_share", "linear_share", "order", "quadratic_share"]
    BASE_KIND_FIELD_NUMBER: _ClassVar[int]
    CENTRE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONSTANT_SHARE_FIELD_NUMBER: _ClassVar[int]
    LINEAR_SHARE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    QUADRATIC_SHARE_FIELD_NUMBER: _ClassVar[int]
    base_kind: ModelVersion.Kind
    centre_count: int
    constant_share: float
    linear_share: float
    order: int
    quadratic_share: float
    def __init__(self, base_kind: _Optional[_Union[ModelVersion.Kind, str]] = ..., order: _Optional[int] = ..., centre_count: _Optional[int] = ..., constant_share: _Optional[float] = ..., linear_share: _Optional[float] = ..., quadratic_share: _Optional[float] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ["create_time", "latest_version", "name", "update_time", "version_count"]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    create_time: _timestamp_pb2.Timestamp
    latest_version: ModelVersion
    name: str
    update_time: _timestamp_pb2.Timestamp
    version_count: int
    def __init__(self, name: _Optional[str] = ..., latest_version: _Optional[_Union[ModelVersion, _Mapping]] = ..., version_count: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ModelVersion(_message.Message):
    __slots__ = ["convexity", "core_kind", "create_time", "domain", "extrapolation", "feature_degree", "input_maps", "kind", "local_taylor", "monotone", "name", "network", "nonzero_weights", "output_maps", "parameter_count", "pipeline", "pruning", "report", "schema", "weights_sha256"]
    class Convexity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Extrapolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Slope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class MonotoneEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: ModelVersion.Slope
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ModelVersion.Slope, str]] = ...) -> None: ...
    CONVEXITY_CONCAVE: ModelVersion.Convexity
    CONVEXITY_CONVEX: ModelVersion.Convexity
    CONVEXITY_FIELD_NUMBER: _ClassVar[int]
    CONVEXITY_UNSPECIFIED: ModelVersion.Convexity
    CORE_KIND_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    EXTRAPOLATION_CONSTANT: ModelVersion.Extrapolation
    EXTRAPOLATION_FIELD_NUMBER: _ClassVar[int]
    EXTRAPOLATION_LINEAR: ModelVersion.Extrapolation
    EXTRAPOLATION_OWN: ModelVersion.Extrapolation
    EXTRAPOLATION_UNSPECIFIED: ModelVersion.Extrapolation
    FEATURE_DEGREE_FIELD_NUMBER: _ClassVar[int]
    INPUT_MAPS_FIELD_NUMBER: _ClassVar[int]
    KIND_COMPOSED: ModelVersion.Kind
    KIND_ENSEMBLE: ModelVersion.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_GAUSSIAN_PROCESS: ModelVersion.Kind
    KIND_LOCAL_TAYLOR: ModelVersion.Kind
    KIND_NETWORK: ModelVersion.Kind
    KIND_PIPELINE: ModelVersion.Kind
    KIND_POLYNOMIAL: ModelVersion.Kind
    KIND_UNSPECIFIED: ModelVersion.Kind
    LOCAL_TAYLOR_FIELD_NUMBER: _ClassVar[int]
    MONOTONE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    NONZERO_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MAPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    PRUNING_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    SLOPE_DECREASING: ModelVersion.Slope
    SLOPE_INCREASING: ModelVersion.Slope
    SLOPE_UNSPECIFIED: ModelVersion.Slope
    WEIGHTS_SHA256_FIELD_NUMBER: _ClassVar[int]
    convexity: ModelVersion.Convexity
    core_kind: ModelVersion.Kind
    create_time: _timestamp_pb2.Timestamp
    domain: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    extrapolation: ModelVersion.Extrapolation
    feature_degree: int
    input_maps: _containers.RepeatedCompositeFieldContainer[InputMap]
    kind: ModelVersion.Kind
    local_taylor: LocalTaylor
    monotone: _containers.ScalarMap[str, ModelVersion.Slope]
    name: str
    network: Network
    nonzero_weights: int
    output_maps: _containers.RepeatedCompositeFieldContainer[OutputMap]
    parameter_count: int
    pipeline: Pipeline
    pruning: _pruning_pb2.PruningReport
    report: TrainingReport
    schema: _datasets_pb2.Schema
    weights_sha256: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[ModelVersion.Kind, str]] = ..., network: _Optional[_Union[Network, _Mapping]] = ..., schema: _Optional[_Union[_datasets_pb2.Schema, _Mapping]] = ..., domain: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., parameter_count: _Optional[int] = ..., nonzero_weights: _Optional[int] = ..., weights_sha256: _Optional[str] = ..., report: _Optional[_Union[TrainingReport, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., core_kind: _Optional[_Union[ModelVersion.Kind, str]] = ..., monotone: _Optional[_Mapping[str, ModelVersion.Slope]] = ..., convexity: _Optional[_Union[ModelVersion.Convexity, str]] = ..., input_maps: _Optional[_Iterable[_Union[InputMap, _Mapping]]] = ..., feature_degree: _Optional[int] = ..., output_maps: _Optional[_Iterable[_Union[OutputMap, _Mapping]]] = ..., extrapolation: _Optional[_Union[ModelVersion.Extrapolation, str]] = ..., pipeline: _Optional[_Union[Pipeline, _Mapping]] = ..., pruning: _Optional[_Union[_pruning_pb2.PruningReport, _Mapping]] = ..., local_taylor: _Optional[_Union[LocalTaylor, _Mapping]] = ...) -> None: ...

class Network(_message.Message):
    __slots__ = ["activation", "hidden", "residual", "skip"]
    class Activation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_GELU: Network.Activation
    ACTIVATION_SILU: Network.Activation
    ACTIVATION_SIN: Network.Activation
    ACTIVATION_SOFTPLUS: Network.Activation
    ACTIVATION_TANH: Network.Activation
    ACTIVATION_UNSPECIFIED: Network.Activation
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    activation: Network.Activation
    hidden: _containers.RepeatedScalarFieldContainer[int]
    residual: bool
    skip: bool
    def __init__(self, hidden: _Optional[_Iterable[int]] = ..., activation: _Optional[_Union[Network.Activation, str]] = ..., skip: bool = ..., residual: bool = ...) -> None: ...

class OutputMap(_message.Message):
    __slots__ = ["logarithmic", "lower", "output", "upper"]
    LOGARITHMIC_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    logarithmic: bool
    lower: float
    output: str
    upper: float
    def __init__(self, output: _Optional[str] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., logarithmic: bool = ...) -> None: ...

class Pipeline(_message.Message):
    __slots__ = ["outputs", "stages"]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    stages: _containers.RepeatedCompositeFieldContainer[PipelineStage]
    def __init__(self, stages: _Optional[_Iterable[_Union[PipelineStage, _Mapping]]] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class PipelineStage(_message.Message):
    __slots__ = ["inputs", "model", "name", "program", "sha256"]
    class InputsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.ScalarMap[str, str]
    model: str
    name: str
    program: str
    sha256: str
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., program: _Optional[str] = ..., inputs: _Optional[_Mapping[str, str]] = ..., sha256: _Optional[str] = ...) -> None: ...

class PlanDerivativesRequest(_message.Message):
    __slots__ = ["memory", "model", "tape_memory", "workers"]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TAPE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    memory: int
    model: str
    tape_memory: int
    workers: int
    def __init__(self, model: _Optional[str] = ..., tape_memory: _Optional[int] = ..., workers: _Optional[int] = ..., memory: _Optional[int] = ...) -> None: ...

class TrainingReport(_message.Message):
    __slots__ = ["alpha", "best_epoch", "beta", "dataset", "dataset_fingerprint", "dataset_version", "epochs", "gamma", "history", "instruction_set", "jacobian_samples", "job", "leaderboard", "learning_curve", "learning_rate", "rollbacks", "samples_per_second", "seed", "stop_reason", "train_seconds", "training_samples", "validation", "validation_samples", "value_only", "warnings"]
    class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    BEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    BETA_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_SET_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    LEADERBOARD_FIELD_NUMBER: _ClassVar[int]
    LEARNING_CURVE_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    ROLLBACKS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_DIVERGED: TrainingReport.StopReason
    STOP_REASON_EARLY_STOPPING: TrainingReport.StopReason
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_MAX_EPOCHS: TrainingReport.StopReason
    STOP_REASON_SELECTION_DONE: TrainingReport.StopReason
    STOP_REASON_TIME_LIMIT: TrainingReport.StopReason
    STOP_REASON_UNSPECIFIED: TrainingReport.StopReason
    TRAINING_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TRAIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    VALUE_ONLY_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    best_epoch: int
    beta: float
    dataset: str
    dataset_fingerprint: str
    dataset_version: int
    epochs: int
    gamma: float
    history: _containers.RepeatedCompositeFieldContainer[_progress_pb2.EpochRecord]
    instruction_set: str
    jacobian_samples: int
    job: str
    leaderboard: _containers.RepeatedCompositeFieldContainer[_progress_pb2.Trial]
    learning_curve: _containers.RepeatedCompositeFieldContainer[ComparisonPoint]
    learning_rate: float
    rollbacks: int
    samples_per_second: float
    seed: int
    stop_reason: TrainingReport.StopReason
    train_seconds: float
    training_samples: int
    validation: _progress_pb2.ErrorReport
    validation_samples: int
    value_only: ComparisonPoint
    warnings: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.LabelWarning]
    def __init__(self, job: _Optional[str] = ..., dataset: _Optional[str] = ..., dataset_version: _Optional[int] = ..., dataset_fingerprint: _Optional[str] = ..., training_samples: _Optional[int] = ..., validation_samples: _Optional[int] = ..., jacobian_samples: _Optional[int] = ..., alpha: _Optional[float] = ..., beta: _Optional[float] = ..., seed: _Optional[int] = ..., epochs: _Optional[int] = ..., best_epoch: _Optional[int] = ..., stop_reason: _Optional[_Union[TrainingReport.StopReason, str]] = ..., train_seconds: _Optional[float] = ..., samples_per_second: _Optional[float] = ..., validation: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ..., history: _Optional[_Iterable[_Union[_progress_pb2.EpochRecord, _Mapping]]] = ..., instruction_set: _Optional[str] = ..., leaderboard: _Optional[_Iterable[_Union[_progress_pb2.Trial, _Mapping]]] = ..., learning_curve: _Optional[_Iterable[_Union[ComparisonPoint, _Mapping]]] = ..., value_only: _Optional[_Union[ComparisonPoint, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[_datasets_pb2.LabelWarning, _Mapping]]] = ..., gamma: _Optional[float] = ..., rollbacks: _Optional[int] = ..., learning_rate: _Optional[float] = ...) -> None: ...
