#include "engine/base/byte_codec.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/error.h"

namespace sobolev {

namespace {

std::uint64_t HashOf(std::string_view bytes) {
  Hasher hasher;
  hasher.Add(bytes.data(), bytes.size());
  return hasher.Finish();
}

}  // namespace

std::string ByteWriter::Finish() && {
  Write(HashOf(bytes_));
  return std::move(bytes_);
}

ByteReader::ByteReader(std::string_view bytes) : rest_(bytes) {
  std::uint64_t hash = 0;
  if (bytes.size() < sizeof(hash)) ThrowDamaged();
  rest_.remove_suffix(sizeof(hash));
  std::memcpy(&hash, bytes.data() + rest_.size(), sizeof(hash));
  if (hash != HashOf(rest_)) ThrowDamaged();
}

void ByteReader::ThrowDamaged() {
  throw Error(ErrorCode::kDataLoss, "BYTES_DAMAGED", "",
              "expected bytes that were saved by this program, got damaged or foreign ones; train "
              "anew");
}

const char* ByteReader::Take(std::size_t size) {
  if (size > rest_.size()) ThrowDamaged();
  const char* taken = rest_.data();
  rest_.remove_prefix(size);
  return taken;
}

}  // namespace sobolev
