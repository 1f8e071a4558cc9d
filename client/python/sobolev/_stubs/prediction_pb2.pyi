from . import datasets_pb2 as _datasets_pb2
from . import derivatives_pb2 as _derivatives_pb2
from . import progress_pb2 as _progress_pb2
from . import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BoundRequest(_message.Message):
    __slots__ = ["box", "compare_to", "max_boxes", "model", "program", "quantities", "sample_count", "seed", "tolerance"]
    BOX_FIELD_NUMBER: _ClassVar[int]
    COMPARE_TO_FIELD_NUMBER: _ClassVar[int]
    MAX_BOXES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    QUANTITIES_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    compare_to: str
    max_boxes: int
    model: str
    program: str
    quantities: _containers.RepeatedScalarFieldContainer[_derivatives_pb2.Quantity]
    sample_count: int
    seed: int
    tolerance: float
    def __init__(self, model: _Optional[str] = ..., program: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., quantities: _Optional[_Iterable[_Union[_derivatives_pb2.Quantity, str]]] = ..., compare_to: _Optional[str] = ..., max_boxes: _Optional[int] = ..., tolerance: _Optional[float] = ..., sample_count: _Optional[int] = ..., seed: _Optional[int] = ...) -> None: ...

class BoundResponse(_message.Message):
    __slots__ = ["box", "box_count", "compared_to", "function", "jacobian_max", "jacobian_min", "sampled_jacobian_max", "sampled_jacobian_min", "sampled_value_max", "sampled_value_min", "tight", "value_max", "value_min"]
    BOX_COUNT_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    COMPARED_TO_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_MAX_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_MIN_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_JACOBIAN_MAX_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_JACOBIAN_MIN_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_VALUE_MAX_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_VALUE_MIN_FIELD_NUMBER: _ClassVar[int]
    TIGHT_FIELD_NUMBER: _ClassVar[int]
    VALUE_MAX_FIELD_NUMBER: _ClassVar[int]
    VALUE_MIN_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    box_count: int
    compared_to: str
    function: str
    jacobian_max: _tensor_pb2.Tensor
    jacobian_min: _tensor_pb2.Tensor
    sampled_jacobian_max: _tensor_pb2.Tensor
    sampled_jacobian_min: _tensor_pb2.Tensor
    sampled_value_max: _tensor_pb2.Tensor
    sampled_value_min: _tensor_pb2.Tensor
    tight: bool
    value_max: _tensor_pb2.Tensor
    value_min: _tensor_pb2.Tensor
    def __init__(self, function: _Optional[str] = ..., compared_to: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., value_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., value_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., sampled_value_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., sampled_value_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., sampled_jacobian_min: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., sampled_jacobian_max: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., box_count: _Optional[int] = ..., tight: bool = ...) -> None: ...

class CertifyRequest(_message.Message):
    __slots__ = ["box", "derivatives", "max_boxes", "max_pieces", "model", "program", "values"]
    class DerivativeCondition(_message.Message):
        __slots__ = ["input", "most", "output"]
        INPUT_FIELD_NUMBER: _ClassVar[int]
        MOST_FIELD_NUMBER: _ClassVar[int]
        OUTPUT_FIELD_NUMBER: _ClassVar[int]
        input: str
        most: float
        output: str
        def __init__(self, output: _Optional[str] = ..., input: _Optional[str] = ..., most: _Optional[float] = ...) -> None: ...
    class ValueCondition(_message.Message):
        __slots__ = ["max", "min", "output"]
        MAX_FIELD_NUMBER: _ClassVar[int]
        MIN_FIELD_NUMBER: _ClassVar[int]
        OUTPUT_FIELD_NUMBER: _ClassVar[int]
        max: float
        min: float
        output: str
        def __init__(self, output: _Optional[str] = ..., min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...
    BOX_FIELD_NUMBER: _ClassVar[int]
    DERIVATIVES_FIELD_NUMBER: _ClassVar[int]
    MAX_BOXES_FIELD_NUMBER: _ClassVar[int]
    MAX_PIECES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    derivatives: _containers.RepeatedCompositeFieldContainer[CertifyRequest.DerivativeCondition]
    max_boxes: int
    max_pieces: int
    model: str
    program: str
    values: _containers.RepeatedCompositeFieldContainer[CertifyRequest.ValueCondition]
    def __init__(self, model: _Optional[str] = ..., program: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., values: _Optional[_Iterable[_Union[CertifyRequest.ValueCondition, _Mapping]]] = ..., derivatives: _Optional[_Iterable[_Union[CertifyRequest.DerivativeCondition, _Mapping]]] = ..., max_boxes: _Optional[int] = ..., max_pieces: _Optional[int] = ...) -> None: ...

class CertifyResponse(_message.Message):
    __slots__ = ["box", "box_count", "function", "pieces", "proved", "refuted", "undecided", "violated"]
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Piece(_message.Message):
        __slots__ = ["box", "counter_example", "verdict"]
        BOX_FIELD_NUMBER: _ClassVar[int]
        COUNTER_EXAMPLE_FIELD_NUMBER: _ClassVar[int]
        VERDICT_FIELD_NUMBER: _ClassVar[int]
        box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
        counter_example: _containers.RepeatedScalarFieldContainer[float]
        verdict: CertifyResponse.Verdict
        def __init__(self, verdict: _Optional[_Union[CertifyResponse.Verdict, str]] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., counter_example: _Optional[_Iterable[float]] = ...) -> None: ...
    BOX_COUNT_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    PIECES_FIELD_NUMBER: _ClassVar[int]
    PROVED_FIELD_NUMBER: _ClassVar[int]
    REFUTED_FIELD_NUMBER: _ClassVar[int]
    UNDECIDED_FIELD_NUMBER: _ClassVar[int]
    VERDICT_PROVED: CertifyResponse.Verdict
    VERDICT_REFUTED: CertifyResponse.Verdict
    VERDICT_UNDECIDED: CertifyResponse.Verdict
    VERDICT_UNSPECIFIED: CertifyResponse.Verdict
    VERDICT_VIOLATED: CertifyResponse.Verdict
    VIOLATED_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedCompositeFieldContainer[_datasets_pb2.Range]
    box_count: int
    function: str
    pieces: _containers.RepeatedCompositeFieldContainer[CertifyResponse.Piece]
    proved: float
    refuted: float
    undecided: float
    violated: float
    def __init__(self, function: _Optional[str] = ..., box: _Optional[_Iterable[_Union[_datasets_pb2.Range, _Mapping]]] = ..., proved: _Optional[float] = ..., violated: _Optional[float] = ..., refuted: _Optional[float] = ..., undecided: _Optional[float] = ..., pieces: _Optional[_Iterable[_Union[CertifyResponse.Piece, _Mapping]]] = ..., box_count: _Optional[int] = ...) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ["adjoints", "data_type", "inputs", "model", "outputs", "quantities", "tangents", "x"]
    ADJOINTS_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    QUANTITIES_FIELD_NUMBER: _ClassVar[int]
    TANGENTS_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    adjoints: _tensor_pb2.Tensor
    data_type: _tensor_pb2.Tensor.DataType
    inputs: _containers.RepeatedScalarFieldContainer[int]
    model: str
    outputs: _containers.RepeatedScalarFieldContainer[int]
    quantities: _containers.RepeatedScalarFieldContainer[_derivatives_pb2.Quantity]
    tangents: _tensor_pb2.Tensor
    x: _tensor_pb2.Tensor
    def __init__(self, model: _Optional[str] = ..., x: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., quantities: _Optional[_Iterable[_Union[_derivatives_pb2.Quantity, str]]] = ..., tangents: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., adjoints: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., data_type: _Optional[_Union[_tensor_pb2.Tensor.DataType, str]] = ..., outputs: _Optional[_Iterable[int]] = ..., inputs: _Optional[_Iterable[int]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ["held_out_errors", "hessian", "hvp", "in_domain", "jacobian", "jacobian_spread", "jvp", "model_version", "spread", "value", "vjp"]
    HELD_OUT_ERRORS_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_FIELD_NUMBER: _ClassVar[int]
    HVP_FIELD_NUMBER: _ClassVar[int]
    IN_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_SPREAD_FIELD_NUMBER: _ClassVar[int]
    JVP_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VJP_FIELD_NUMBER: _ClassVar[int]
    held_out_errors: _progress_pb2.ErrorReport
    hessian: _tensor_pb2.Tensor
    hvp: _tensor_pb2.Tensor
    in_domain: _containers.RepeatedScalarFieldContainer[bool]
    jacobian: _tensor_pb2.Tensor
    jacobian_spread: _tensor_pb2.Tensor
    jvp: _tensor_pb2.Tensor
    model_version: str
    spread: _tensor_pb2.Tensor
    value: _tensor_pb2.Tensor
    vjp: _tensor_pb2.Tensor
    def __init__(self, model_version: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jvp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., vjp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., in_domain: _Optional[_Iterable[bool]] = ..., hessian: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., spread: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian_spread: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., hvp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., held_out_errors: _Optional[_Union[_progress_pb2.ErrorReport, _Mapping]] = ...) -> None: ...
