// Plain numbers one after the other, then a hash of them: the byte form of trained surrogates and
// of the state of a training. Little-endian, and never code.

#ifndef SOBOLEV_ENGINE_BASE_BYTE_CODEC_H_
#define SOBOLEV_ENGINE_BASE_BYTE_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev {

// A hash of bytes for telling different contents apart and noticing damage, not for security.
class Hasher {
 public:
  void Add(const void* bytes, std::size_t size) {
    const auto* next = static_cast<const std::byte*>(bytes);
    for (; size >= sizeof(std::uint64_t); size -= sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, next, sizeof(word));
      AddWord(word);
      next += sizeof(word);
    }
    std::uint64_t tail = 0;
    if (size > 0) std::memcpy(&tail, next, size);
    AddWord(tail ^ (static_cast<std::uint64_t>(size) << 56));
  }

  template <class T>
  void Add(const T& number) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    Add(&number, sizeof(number));
  }

  std::uint64_t Finish() const { return hash_ ^ (hash_ >> 29); }

 private:
  // A bijection of the hash for every word and of the word for every hash, so that a single changed
  // word always changes the result.
  void AddWord(std::uint64_t word) {
    hash_ = (hash_ ^ word) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 32;
  }

  std::uint64_t hash_ = 0x2545f4914f6cdd1d;
};

class ByteWriter {
 public:
  template <class T>
  void Write(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }

  template <class T>
  void WriteAll(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }

  void WriteVector(const Vector& numbers) {
    WriteAll(std::span(numbers.data(), static_cast<std::size_t>(numbers.size())));
  }

  // The bytes with their hash at the end.
  std::string Finish() &&;

 private:
  std::string bytes_;
};

// Reads in the order of writing. Every method throws Error(kDataLoss) when the bytes do not allow
// it.
class ByteReader {
 public:
  // Checks the hash.
  explicit ByteReader(std::string_view bytes);

  template <class T>
  T Read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, Take(sizeof(T)), sizeof(T));
    return value;
  }

  template <class T>
  std::vector<T> ReadAll(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (count > rest_.size() / sizeof(T)) ThrowDamaged();
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), Take(count * sizeof(T)), count * sizeof(T));
    return values;
  }

  // An int64 within [least, most].
  Index ReadInt(Index least, Index most) {
    const auto value = Read<std::int64_t>();
    if (value < least || value > most) ThrowDamaged();
    return value;
  }

  Vector ReadVector(Index size) {
    const std::size_t num_bytes = static_cast<std::size_t>(size) * sizeof(double);
    const char* const bytes = Take(num_bytes);
    Vector numbers(size);
    if (num_bytes > 0) std::memcpy(numbers.data(), bytes, num_bytes);
    return numbers;
  }

  // Throws unless everything was read.
  void Finish() const {
    if (!rest_.empty()) ThrowDamaged();
  }

 private:
  [[noreturn]] static void ThrowDamaged();
  const char* Take(std::size_t size);

  std::string_view rest_;
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_BYTE_CODEC_H_
