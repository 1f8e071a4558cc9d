#include "server/models/weights_codec.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr std::string_view kMagic = "SBLVNET1";

void AppendInt(std::int64_t value, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void AppendVector(const Vector& values, std::string& bytes) {
  bytes.append(reinterpret_cast<const char*>(values.data()),
               static_cast<std::size_t>(values.size()) * sizeof(double));
}

// Takes values off the front; throws when the bytes run out.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view Take(std::size_t size) {
    if (size > bytes_.size()) ThrowDataLoss();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  Index TakeInt(Index least, Index most) {
    std::int64_t value = 0;
    std::memcpy(&value, Take(sizeof value).data(), sizeof value);
    if (value < least || value > most) ThrowDataLoss();
    return value;
  }

  Vector TakeVector(Index size) {
    Vector values(size);
    const std::size_t num_bytes = static_cast<std::size_t>(size) * sizeof(double);
    std::memcpy(values.data(), Take(num_bytes).data(), num_bytes);
    return values;
  }

  bool empty() const { return bytes_.empty(); }

  [[noreturn]] static void ThrowDataLoss() {
    throw Error(ErrorCode::kDataLoss, "CORRUPT_MODEL", "model",
                "the stored weights are damaged; train the model again");
  }

 private:
  std::string_view bytes_;
};

}  // namespace

std::string EncodeSurrogate(const nn::Surrogate& surrogate) {
  const nn::Architecture& architecture = surrogate.architecture();
  std::string bytes(kMagic);
  AppendInt(static_cast<std::int64_t>(architecture.activation), bytes);
  AppendInt(architecture.n, bytes);
  AppendInt(architecture.m, bytes);
  AppendInt(static_cast<std::int64_t>(architecture.hidden.size()), bytes);
  for (const Index width : architecture.hidden) AppendInt(width, bytes);
  const nn::Scaling& scaling = surrogate.scaling();
  AppendVector(scaling.x_mean, bytes);
  AppendVector(scaling.x_scale, bytes);
  AppendVector(scaling.y_mean, bytes);
  AppendVector(scaling.y_scale, bytes);
  AppendVector(surrogate.theta(), bytes);
  return bytes;
}

nn::Surrogate DecodeSurrogate(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.Take(kMagic.size()) != kMagic) Reader::ThrowDataLoss();
  nn::Architecture architecture;
  architecture.activation =
      static_cast<nn::Activation>(reader.TakeInt(0, static_cast<Index>(nn::Activation::kSin)));
  architecture.n = reader.TakeInt(1, nn::kMaxInputs);
  architecture.m = reader.TakeInt(1, nn::kMaxOutputs);
  architecture.hidden.resize(static_cast<std::size_t>(reader.TakeInt(0, nn::kMaxHiddenLayers)));
  for (Index& width : architecture.hidden) width = reader.TakeInt(1, nn::kMaxWidth);
  nn::Scaling scaling;
  scaling.x_mean = reader.TakeVector(architecture.n);
  scaling.x_scale = reader.TakeVector(architecture.n);
  scaling.y_mean = reader.TakeVector(architecture.m);
  scaling.y_scale = reader.TakeVector(architecture.m);
  Vector theta = reader.TakeVector(architecture.NumParameters());
  if (!reader.empty()) Reader::ThrowDataLoss();
  return nn::Surrogate(std::move(architecture), std::move(scaling), std::move(theta));
}

}  // namespace sobolev::server
