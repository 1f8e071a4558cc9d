from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor
QUANTITY_HELD_OUT_ERRORS: Quantity
QUANTITY_HESSIAN: Quantity
QUANTITY_HVP: Quantity
QUANTITY_JACOBIAN: Quantity
QUANTITY_JACOBIAN_SPREAD: Quantity
QUANTITY_JVP: Quantity
QUANTITY_SPREAD: Quantity
QUANTITY_UNSPECIFIED: Quantity
QUANTITY_VALUE: Quantity
QUANTITY_VJP: Quantity

class Quantity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
