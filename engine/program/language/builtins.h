// The functions that every program knows.

#ifndef SOBOLEV_ENGINE_PROGRAM_LANGUAGE_BUILTINS_H_
#define SOBOLEV_ENGINE_PROGRAM_LANGUAGE_BUILTINS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "engine/program/op.h"

namespace sobolev::program::language {

enum class Kind : std::uint8_t {
  kOperation,  // `op` of the arguments, element by element.
  // Compositions, element by element.
  kLog2,
  kLog10,
  kNormalPdf,
  kRelu,
  kMod,
  kWhere,
  // Of all elements of one argument, or over an index. Min and max also take several arguments,
  // element by element.
  kSum,
  kProd,
  kMin,
  kMax,
  // Of vectors and matrices as a whole.
  kDot,
  kNorm,
  kTranspose,
  kLen,
};

struct Builtin {
  std::string_view name;
  Kind kind = Kind::kOperation;
  Op op = Op::kInput;
  std::size_t min_arguments = 1;
  std::size_t max_arguments = 1;
};

inline constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

// Whether it can stand over an index, as in sum(i in 0..n: x[i]).
constexpr bool IsReduction(const Builtin& builtin) {
  return builtin.kind == Kind::kSum || builtin.kind == Kind::kProd || builtin.kind == Kind::kMin ||
         builtin.kind == Kind::kMax;
}

std::span<const Builtin> Builtins();

// Null if there is none of that name.
const Builtin* FindBuiltin(std::string_view name);

}  // namespace sobolev::program::language

#endif  // SOBOLEV_ENGINE_PROGRAM_LANGUAGE_BUILTINS_H_
