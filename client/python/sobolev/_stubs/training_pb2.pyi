from . import jobs_pb2 as _jobs_pb2
from . import models_pb2 as _models_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LocalTaylorOptions(_message.Message):
    __slots__ = ["base", "order"]
    class Base(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    BASE_CONSTANT: LocalTaylorOptions.Base
    BASE_FIELD_NUMBER: _ClassVar[int]
    BASE_NETWORK: LocalTaylorOptions.Base
    BASE_POLYNOMIAL: LocalTaylorOptions.Base
    BASE_UNSPECIFIED: LocalTaylorOptions.Base
    ORDER_FIELD_NUMBER: _ClassVar[int]
    base: LocalTaylorOptions.Base
    order: int
    def __init__(self, base: _Optional[_Union[LocalTaylorOptions.Base, str]] = ..., order: _Optional[int] = ...) -> None: ...

class TrainRequest(_message.Message):
    __slots__ = ["dataset", "dataset_version", "model_id", "request_id", "spec", "validate_only"]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    dataset_version: int
    model_id: str
    request_id: str
    spec: TrainingSpec
    validate_only: bool
    def __init__(self, dataset: _Optional[str] = ..., dataset_version: _Optional[int] = ..., model_id: _Optional[str] = ..., spec: _Optional[_Union[TrainingSpec, _Mapping]] = ..., request_id: _Optional[str] = ..., validate_only: bool = ...) -> None: ...

class TrainingSpec(_message.Message):
    __slots__ = ["alpha", "batch_size", "beta", "convexity", "derivative_scale", "derivative_sketch", "derivative_weights", "effort", "ensemble_size", "epochs", "extrapolation", "feature_degree", "gamma", "huber", "input_maps", "kind", "learning_rate", "local_taylor", "monotone", "network", "optimizer", "output_maps", "output_weights", "patience", "precision", "seed", "time_limit_seconds", "validation_fraction"]
    class Convexity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class DerivativeScale(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Extrapolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Optimizer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Precision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Slope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class MonotoneEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: TrainingSpec.Slope
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[TrainingSpec.Slope, str]] = ...) -> None: ...
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    BETA_FIELD_NUMBER: _ClassVar[int]
    CONVEXITY_CONCAVE: TrainingSpec.Convexity
    CONVEXITY_CONVEX: TrainingSpec.Convexity
    CONVEXITY_FIELD_NUMBER: _ClassVar[int]
    CONVEXITY_UNSPECIFIED: TrainingSpec.Convexity
    DERIVATIVE_SCALE_BALANCED: TrainingSpec.DerivativeScale
    DERIVATIVE_SCALE_FIELD_NUMBER: _ClassVar[int]
    DERIVATIVE_SCALE_PER_INPUT: TrainingSpec.DerivativeScale
    DERIVATIVE_SCALE_PER_OUTPUT: TrainingSpec.DerivativeScale
    DERIVATIVE_SCALE_UNSPECIFIED: TrainingSpec.DerivativeScale
    DERIVATIVE_SKETCH_FIELD_NUMBER: _ClassVar[int]
    DERIVATIVE_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    EXTRAPOLATION_CONSTANT: TrainingSpec.Extrapolation
    EXTRAPOLATION_FIELD_NUMBER: _ClassVar[int]
    EXTRAPOLATION_LINEAR: TrainingSpec.Extrapolation
    EXTRAPOLATION_OWN: TrainingSpec.Extrapolation
    EXTRAPOLATION_UNSPECIFIED: TrainingSpec.Extrapolation
    FEATURE_DEGREE_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    HUBER_FIELD_NUMBER: _ClassVar[int]
    INPUT_MAPS_FIELD_NUMBER: _ClassVar[int]
    KIND_AUTO: TrainingSpec.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_GAUSSIAN_PROCESS: TrainingSpec.Kind
    KIND_LOCAL_TAYLOR: TrainingSpec.Kind
    KIND_NETWORK: TrainingSpec.Kind
    KIND_POLYNOMIAL: TrainingSpec.Kind
    KIND_UNSPECIFIED: TrainingSpec.Kind
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_TAYLOR_FIELD_NUMBER: _ClassVar[int]
    MONOTONE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_ADAM: TrainingSpec.Optimizer
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_HYBRID: TrainingSpec.Optimizer
    OPTIMIZER_LBFGS: TrainingSpec.Optimizer
    OPTIMIZER_LEVENBERG_MARQUARDT: TrainingSpec.Optimizer
    OPTIMIZER_UNSPECIFIED: TrainingSpec.Optimizer
    OUTPUT_MAPS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FLOAT32: TrainingSpec.Precision
    PRECISION_FLOAT64: TrainingSpec.Precision
    PRECISION_UNSPECIFIED: TrainingSpec.Precision
    SEED_FIELD_NUMBER: _ClassVar[int]
    SLOPE_DECREASING: TrainingSpec.Slope
    SLOPE_INCREASING: TrainingSpec.Slope
    SLOPE_UNSPECIFIED: TrainingSpec.Slope
    TIME_LIMIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FRACTION_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    batch_size: int
    beta: float
    convexity: TrainingSpec.Convexity
    derivative_scale: TrainingSpec.DerivativeScale
    derivative_sketch: int
    derivative_weights: _containers.RepeatedScalarFieldContainer[float]
    effort: float
    ensemble_size: int
    epochs: int
    extrapolation: TrainingSpec.Extrapolation
    feature_degree: int
    gamma: float
    huber: float
    input_maps: _containers.RepeatedCompositeFieldContainer[_models_pb2.InputMap]
    kind: TrainingSpec.Kind
    learning_rate: float
    local_taylor: LocalTaylorOptions
    monotone: _containers.ScalarMap[str, TrainingSpec.Slope]
    network: _models_pb2.Network
    optimizer: TrainingSpec.Optimizer
    output_maps: _containers.RepeatedCompositeFieldContainer[_models_pb2.OutputMap]
    output_weights: _containers.RepeatedScalarFieldContainer[float]
    patience: int
    precision: TrainingSpec.Precision
    seed: int
    time_limit_seconds: float
    validation_fraction: float
    def __init__(self, kind: _Optional[_Union[TrainingSpec.Kind, str]] = ..., network: _Optional[_Union[_models_pb2.Network, _Mapping]] = ..., optimizer: _Optional[_Union[TrainingSpec.Optimizer, str]] = ..., effort: _Optional[float] = ..., time_limit_seconds: _Optional[float] = ..., ensemble_size: _Optional[int] = ..., alpha: _Optional[float] = ..., beta: _Optional[float] = ..., gamma: _Optional[float] = ..., derivative_scale: _Optional[_Union[TrainingSpec.DerivativeScale, str]] = ..., output_weights: _Optional[_Iterable[float]] = ..., derivative_weights: _Optional[_Iterable[float]] = ..., huber: _Optional[float] = ..., epochs: _Optional[int] = ..., batch_size: _Optional[int] = ..., learning_rate: _Optional[float] = ..., validation_fraction: _Optional[float] = ..., patience: _Optional[int] = ..., seed: _Optional[int] = ..., precision: _Optional[_Union[TrainingSpec.Precision, str]] = ..., monotone: _Optional[_Mapping[str, TrainingSpec.Slope]] = ..., convexity: _Optional[_Union[TrainingSpec.Convexity, str]] = ..., derivative_sketch: _Optional[int] = ..., input_maps: _Optional[_Iterable[_Union[_models_pb2.InputMap, _Mapping]]] = ..., feature_degree: _Optional[int] = ..., output_maps: _Optional[_Iterable[_Union[_models_pb2.OutputMap, _Mapping]]] = ..., extrapolation: _Optional[_Union[TrainingSpec.Extrapolation, str]] = ..., local_taylor: _Optional[_Union[LocalTaylorOptions, _Mapping]] = ...) -> None: ...
