from google.protobuf import timestamp_pb2 as _timestamp_pb2
from . import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AppendSamplesRequest(_message.Message):
    __slots__ = ["block", "commit", "open"]
    class Commit(_message.Message):
        __slots__ = ["block_count", "crc32c", "sample_count"]
        BLOCK_COUNT_FIELD_NUMBER: _ClassVar[int]
        CRC32C_FIELD_NUMBER: _ClassVar[int]
        SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
        block_count: int
        crc32c: int
        sample_count: int
        def __init__(self, block_count: _Optional[int] = ..., sample_count: _Optional[int] = ..., crc32c: _Optional[int] = ...) -> None: ...
    class Open(_message.Message):
        __slots__ = ["dataset", "upload_id"]
        DATASET_FIELD_NUMBER: _ClassVar[int]
        UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
        dataset: str
        upload_id: str
        def __init__(self, dataset: _Optional[str] = ..., upload_id: _Optional[str] = ...) -> None: ...
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    block: SampleBlock
    commit: AppendSamplesRequest.Commit
    open: AppendSamplesRequest.Open
    def __init__(self, open: _Optional[_Union[AppendSamplesRequest.Open, _Mapping]] = ..., block: _Optional[_Union[SampleBlock, _Mapping]] = ..., commit: _Optional[_Union[AppendSamplesRequest.Commit, _Mapping]] = ...) -> None: ...

class AppendSamplesResponse(_message.Message):
    __slots__ = ["committed", "opened", "stored"]
    class BlockRange(_message.Message):
        __slots__ = ["first", "last"]
        FIRST_FIELD_NUMBER: _ClassVar[int]
        LAST_FIELD_NUMBER: _ClassVar[int]
        first: int
        last: int
        def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...
    class Committed(_message.Message):
        __slots__ = ["dataset_version", "sample_count", "warnings"]
        DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
        SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
        WARNINGS_FIELD_NUMBER: _ClassVar[int]
        dataset_version: int
        sample_count: int
        warnings: _containers.RepeatedCompositeFieldContainer[LabelWarning]
        def __init__(self, dataset_version: _Optional[int] = ..., sample_count: _Optional[int] = ..., warnings: _Optional[_Iterable[_Union[LabelWarning, _Mapping]]] = ...) -> None: ...
    class Opened(_message.Message):
        __slots__ = ["sample_count", "stored_blocks"]
        SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
        STORED_BLOCKS_FIELD_NUMBER: _ClassVar[int]
        sample_count: int
        stored_blocks: _containers.RepeatedCompositeFieldContainer[AppendSamplesResponse.BlockRange]
        def __init__(self, stored_blocks: _Optional[_Iterable[_Union[AppendSamplesResponse.BlockRange, _Mapping]]] = ..., sample_count: _Optional[int] = ...) -> None: ...
    class Stored(_message.Message):
        __slots__ = ["already_stored", "block_id"]
        ALREADY_STORED_FIELD_NUMBER: _ClassVar[int]
        BLOCK_ID_FIELD_NUMBER: _ClassVar[int]
        already_stored: bool
        block_id: int
        def __init__(self, block_id: _Optional[int] = ..., already_stored: bool = ...) -> None: ...
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    committed: AppendSamplesResponse.Committed
    opened: AppendSamplesResponse.Opened
    stored: AppendSamplesResponse.Stored
    def __init__(self, opened: _Optional[_Union[AppendSamplesResponse.Opened, _Mapping]] = ..., stored: _Optional[_Union[AppendSamplesResponse.Stored, _Mapping]] = ..., committed: _Optional[_Union[AppendSamplesResponse.Committed, _Mapping]] = ...) -> None: ...

class CreateDatasetRequest(_message.Message):
    __slots__ = ["dataset", "dataset_id"]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: Dataset
    dataset_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., dataset: _Optional[_Union[Dataset, _Mapping]] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ["create_time", "damage", "name", "schema", "state", "statistics", "uid", "update_time", "version"]
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    STATE_ACTIVE: Dataset.State
    STATE_DAMAGED: Dataset.State
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_UNSPECIFIED: Dataset.State
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    create_time: _timestamp_pb2.Timestamp
    damage: str
    name: str
    schema: Schema
    state: Dataset.State
    statistics: DatasetStatistics
    uid: str
    update_time: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, name: _Optional[str] = ..., uid: _Optional[str] = ..., schema: _Optional[_Union[Schema, _Mapping]] = ..., state: _Optional[_Union[Dataset.State, str]] = ..., damage: _Optional[str] = ..., version: _Optional[int] = ..., statistics: _Optional[_Union[DatasetStatistics, _Mapping]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DatasetStatistics(_message.Message):
    __slots__ = ["adjoint_count", "fingerprint", "hvp_count", "inputs", "jacobian_count", "jacobian_variance_count", "missing_derivative_count", "missing_value_count", "outputs", "sample_count", "size_bytes", "tangent_count", "weight_count", "y_variance_count"]
    ADJOINT_COUNT_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    HVP_COUNT_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_VARIANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_DERIVATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_VALUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TANGENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    Y_VARIANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    adjoint_count: int
    fingerprint: str
    hvp_count: int
    inputs: _containers.RepeatedCompositeFieldContainer[Range]
    jacobian_count: int
    jacobian_variance_count: int
    missing_derivative_count: int
    missing_value_count: int
    outputs: _containers.RepeatedCompositeFieldContainer[Range]
    sample_count: int
    size_bytes: int
    tangent_count: int
    weight_count: int
    y_variance_count: int
    def __init__(self, sample_count: _Optional[int] = ..., jacobian_count: _Optional[int] = ..., weight_count: _Optional[int] = ..., inputs: _Optional[_Iterable[_Union[Range, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Range, _Mapping]]] = ..., fingerprint: _Optional[str] = ..., size_bytes: _Optional[int] = ..., missing_value_count: _Optional[int] = ..., missing_derivative_count: _Optional[int] = ..., tangent_count: _Optional[int] = ..., adjoint_count: _Optional[int] = ..., hvp_count: _Optional[int] = ..., y_variance_count: _Optional[int] = ..., jacobian_variance_count: _Optional[int] = ...) -> None: ...

class DeleteDatasetRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteDatasetResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ["name"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class LabelWarning(_message.Message):
    __slots__ = ["factor", "input", "kind", "message", "other_input", "output"]
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    KIND_BIAS: LabelWarning.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_SCALE: LabelWarning.Kind
    KIND_SIGN: LabelWarning.Kind
    KIND_SWAPPED: LabelWarning.Kind
    KIND_UNSPECIFIED: LabelWarning.Kind
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OTHER_INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    factor: float
    input: str
    kind: LabelWarning.Kind
    message: str
    other_input: str
    output: str
    def __init__(self, input: _Optional[str] = ..., output: _Optional[str] = ..., kind: _Optional[_Union[LabelWarning.Kind, str]] = ..., factor: _Optional[float] = ..., message: _Optional[str] = ..., other_input: _Optional[str] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ["datasets", "next_page_token"]
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ["max", "min"]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    max: float
    min: float
    def __init__(self, min: _Optional[float] = ..., max: _Optional[float] = ...) -> None: ...

class ReadSamplesRequest(_message.Message):
    __slots__ = ["data_type", "name", "version"]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    data_type: _tensor_pb2.Tensor.DataType
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., data_type: _Optional[_Union[_tensor_pb2.Tensor.DataType, str]] = ...) -> None: ...

class ReadSamplesResponse(_message.Message):
    __slots__ = ["block"]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    block: SampleBlock
    def __init__(self, block: _Optional[_Union[SampleBlock, _Mapping]] = ...) -> None: ...

class SampleBlock(_message.Message):
    __slots__ = ["adjoints", "block_id", "crc32c", "hvp", "hvp_adjoints", "hvp_tangents", "jacobian", "jacobian_variance", "jvp", "tangents", "vjp", "weight", "x", "y", "y_variance"]
    ADJOINTS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ID_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    HVP_ADJOINTS_FIELD_NUMBER: _ClassVar[int]
    HVP_FIELD_NUMBER: _ClassVar[int]
    HVP_TANGENTS_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_VARIANCE_FIELD_NUMBER: _ClassVar[int]
    JVP_FIELD_NUMBER: _ClassVar[int]
    TANGENTS_FIELD_NUMBER: _ClassVar[int]
    VJP_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    Y_VARIANCE_FIELD_NUMBER: _ClassVar[int]
    adjoints: _tensor_pb2.Tensor
    block_id: int
    crc32c: int
    hvp: _tensor_pb2.Tensor
    hvp_adjoints: _tensor_pb2.Tensor
    hvp_tangents: _tensor_pb2.Tensor
    jacobian: _tensor_pb2.Tensor
    jacobian_variance: _tensor_pb2.Tensor
    jvp: _tensor_pb2.Tensor
    tangents: _tensor_pb2.Tensor
    vjp: _tensor_pb2.Tensor
    weight: _tensor_pb2.Tensor
    x: _tensor_pb2.Tensor
    y: _tensor_pb2.Tensor
    y_variance: _tensor_pb2.Tensor
    def __init__(self, block_id: _Optional[int] = ..., x: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., y: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., weight: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., crc32c: _Optional[int] = ..., tangents: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jvp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., adjoints: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., vjp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., hvp_adjoints: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., hvp_tangents: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., hvp: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., y_variance: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., jacobian_variance: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class Schema(_message.Message):
    __slots__ = ["allow_missing_derivatives", "inputs", "outputs"]
    ALLOW_MISSING_DERIVATIVES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    allow_missing_derivatives: bool
    inputs: _containers.RepeatedCompositeFieldContainer[Variable]
    outputs: _containers.RepeatedCompositeFieldContainer[Variable]
    def __init__(self, inputs: _Optional[_Iterable[_Union[Variable, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[Variable, _Mapping]]] = ..., allow_missing_derivatives: bool = ...) -> None: ...

class Variable(_message.Message):
    __slots__ = ["allow_missing", "lower", "name", "unit", "upper"]
    ALLOW_MISSING_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    allow_missing: bool
    lower: float
    name: str
    unit: str
    upper: float
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., allow_missing: bool = ...) -> None: ...
