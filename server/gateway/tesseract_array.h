// Arrays as Tesseracts send them, and back.

#ifndef SOBOLEV_SERVER_GATEWAY_TESSERACT_ARRAY_H_
#define SOBOLEV_SERVER_GATEWAY_TESSERACT_ARRAY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/sobolev/v1/tensor.pb.h"
#include "server/gateway/json.h"

namespace sobolev::server {

// {"shape":[2,3],"dtype":"float64","data":{"encoding":"base64","buffer":".."}}, or with the
// encoding "json" or "raw" and (nested) lists as buffer, or such lists alone. Integers become
// float64. Throws Error(kInvalidArgument) naming `field` or what is wrong within it.
v1::Tensor ReadArray(const Json& value, const std::string& field);

// The shape and element type alone: {"shape":[2,3],"dtype":"float64"}, without elements.
v1::Tensor ReadAbstractArray(const Json& value, const std::string& field);

// "float64" or "float32".
const char* DtypeName(v1::Tensor::DataType type);

enum class ArrayEncoding { kJson, kBase64 };

// Appends the array with the elements of `tensor` and this shape of as many.
void AppendArray(const v1::Tensor& tensor, std::span<const std::int64_t> shape,
                 ArrayEncoding encoding, std::string& text);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_TESSERACT_ARRAY_H_
