#include "engine/train/state_codec.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::train {

namespace {

std::uint64_t HashOf(std::string_view bytes) {
  Hasher hasher;
  hasher.Add(bytes.data(), bytes.size());
  return hasher.Finish();
}

}  // namespace

std::string StateWriter::Finish() && {
  Write(HashOf(bytes_));
  return std::move(bytes_);
}

StateReader::StateReader(std::string_view state) : rest_(state) {
  std::uint64_t hash = 0;
  if (state.size() < sizeof(hash)) ThrowDamaged();
  rest_.remove_suffix(sizeof(hash));
  std::memcpy(&hash, state.data() + rest_.size(), sizeof(hash));
  if (hash != HashOf(rest_)) ThrowDamaged();
}

void StateReader::ThrowDamaged() {
  throw Error(ErrorCode::kDataLoss, "STATE_DAMAGED", "state",
              "expected the bytes of a saved training, got damaged or foreign ones; start the "
              "training anew");
}

const char* StateReader::Take(std::size_t size) {
  if (size > rest_.size()) ThrowDamaged();
  const char* taken = rest_.data();
  rest_.remove_prefix(size);
  return taken;
}

}  // namespace sobolev::train
