from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EpochRecord(_message.Message):
    __slots__ = ["epoch", "gradient_loss", "learning_rate", "validation_jacobian_relative", "validation_loss", "validation_value_relative", "value_loss"]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_LOSS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_JACOBIAN_RELATIVE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_VALUE_RELATIVE_FIELD_NUMBER: _ClassVar[int]
    VALUE_LOSS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    gradient_loss: float
    learning_rate: float
    validation_jacobian_relative: float
    validation_loss: float
    validation_value_relative: float
    value_loss: float
    def __init__(self, epoch: _Optional[int] = ..., value_loss: _Optional[float] = ..., gradient_loss: _Optional[float] = ..., validation_loss: _Optional[float] = ..., validation_value_relative: _Optional[float] = ..., validation_jacobian_relative: _Optional[float] = ..., learning_rate: _Optional[float] = ...) -> None: ...

class ErrorReport(_message.Message):
    __slots__ = ["hvp_relative", "jacobian_relative", "jacobian_rmse", "value_relative", "value_rmse"]
    HVP_RELATIVE_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_RELATIVE_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_RMSE_FIELD_NUMBER: _ClassVar[int]
    VALUE_RELATIVE_FIELD_NUMBER: _ClassVar[int]
    VALUE_RMSE_FIELD_NUMBER: _ClassVar[int]
    hvp_relative: float
    jacobian_relative: float
    jacobian_rmse: _containers.RepeatedScalarFieldContainer[float]
    value_relative: float
    value_rmse: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, value_rmse: _Optional[_Iterable[float]] = ..., value_relative: _Optional[float] = ..., jacobian_rmse: _Optional[_Iterable[float]] = ..., jacobian_relative: _Optional[float] = ..., hvp_relative: _Optional[float] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ["iterations", "recipe", "score", "state", "validation", "work"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    STATE_ABANDONED: Trial.State
    STATE_FAILED: Trial.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FINISHED: Trial.State
    STATE_RUNNING: Trial.State
    STATE_UNSPECIFIED: Trial.State
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    iterations: int
    recipe: str
    score: float
    state: Trial.State
    validation: ErrorReport
    work: float
    def __init__(self, recipe: _Optional[str] = ..., state: _Optional[_Union[Trial.State, str]] = ..., validation: _Optional[_Union[ErrorReport, _Mapping]] = ..., score: _Optional[float] = ..., work: _Optional[float] = ..., iterations: _Optional[int] = ...) -> None: ...
