#include "engine/train/surrogate_codec.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/nn/network_surrogate.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {
namespace {

// "SBLVMDL2", read as a little-endian integer.
constexpr std::uint64_t kMagic = 0x324c444d564c4253;

[[noreturn]] void ThrowDataLoss() {
  throw Error(ErrorCode::kDataLoss, "CORRUPT_MODEL", "model",
              "the stored weights are damaged or of another format; train the model again");
}

std::unique_ptr<const Surrogate> Decode(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Read<std::uint64_t>() != kMagic) ThrowDataLoss();
  std::unique_ptr<const Surrogate> surrogate;
  switch (static_cast<SurrogateKind>(reader.Read<std::int64_t>())) {
    case SurrogateKind::kNetwork:
      surrogate = nn::NetworkSurrogate::Load(reader);
      break;
    case SurrogateKind::kPolynomial:
      surrogate = regression::PolynomialSurrogate::Load(reader);
      break;
    case SurrogateKind::kGaussianProcess:
      surrogate = regression::GaussianProcess::Load(reader);
      break;
    case SurrogateKind::kEnsemble:
      break;
  }
  if (surrogate == nullptr) ThrowDataLoss();
  reader.Finish();
  return surrogate;
}

}  // namespace

std::string EncodeSurrogate(const Surrogate& surrogate) {
  ByteWriter writer;
  writer.Write(kMagic);
  writer.Write(static_cast<std::int64_t>(surrogate.kind()));
  surrogate.Save(writer);
  return std::move(writer).Finish();
}

std::unique_ptr<const Surrogate> DecodeSurrogate(std::string_view bytes) {
  try {
    return Decode(bytes);
  } catch (const Error&) {
    ThrowDataLoss();
  }
}

}  // namespace sobolev::train
