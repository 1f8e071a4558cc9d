from . import derivatives_pb2 as _derivatives_pb2
from . import progress_pb2 as _progress_pb2
from . import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
