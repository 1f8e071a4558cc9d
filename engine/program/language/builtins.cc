#include "engine/program/language/builtins.h"

#include <algorithm>
#include <array>

namespace sobolev::program::language {
namespace {

constexpr Builtin Unary(std::string_view name, Op op) { return {.name = name, .op = op}; }
constexpr Builtin Binary(std::string_view name, Op op) {
  return {.name = name, .op = op, .min_arguments = 2, .max_arguments = 2};
}

// In alphabetical order.
constexpr std::array kBuiltins = {
    Unary("abs", Op::kAbs),
    Unary("acos", Op::kAcos),
    Unary("acosh", Op::kAcosh),
    Unary("asin", Op::kAsin),
    Unary("asinh", Op::kAsinh),
    Unary("atan", Op::kAtan),
    Binary("atan2", Op::kAtan2),
    Unary("atanh", Op::kAtanh),
    Unary("cbrt", Op::kCbrt),
    Unary("cos", Op::kCos),
    Unary("cosh", Op::kCosh),
    Builtin{.name = "dot", .kind = Kind::kDot, .min_arguments = 2, .max_arguments = 2},
    Unary("erf", Op::kErf),
    Unary("erfc", Op::kErfc),
    Unary("exp", Op::kExp),
    Unary("expm1", Op::kExpm1),
    Unary("floor", Op::kFloor),
    Binary("hypot", Op::kHypot),
    Builtin{.name = "len", .kind = Kind::kLen},
    Unary("log", Op::kLog),
    Builtin{.name = "log10", .kind = Kind::kLog10},
    Unary("log1p", Op::kLog1p),
    Builtin{.name = "log2", .kind = Kind::kLog2},
    Builtin{.name = "max", .kind = Kind::kMax, .op = Op::kMax, .max_arguments = kAnyNumber},
    Builtin{.name = "min", .kind = Kind::kMin, .op = Op::kMin, .max_arguments = kAnyNumber},
    Builtin{.name = "mod", .kind = Kind::kMod, .min_arguments = 2, .max_arguments = 2},
    Builtin{.name = "norm", .kind = Kind::kNorm},
    Unary("normal_cdf", Op::kNormalCdf),
    Builtin{.name = "normal_pdf", .kind = Kind::kNormalPdf},
    Binary("pow", Op::kPow),
    Builtin{.name = "prod", .kind = Kind::kProd, .op = Op::kMultiply},
    Builtin{.name = "relu", .kind = Kind::kRelu},
    Unary("sigmoid", Op::kSigmoid),
    Unary("sign", Op::kSign),
    Unary("sin", Op::kSin),
    Unary("sinh", Op::kSinh),
    Unary("softplus", Op::kSoftplus),
    Unary("sqrt", Op::kSqrt),
    Builtin{.name = "sum", .kind = Kind::kSum, .op = Op::kAdd},
    Unary("tan", Op::kTan),
    Unary("tanh", Op::kTanh),
    Builtin{.name = "transpose", .kind = Kind::kTranspose},
    Builtin{.name = "where", .kind = Kind::kWhere, .min_arguments = 3, .max_arguments = 3},
};
static_assert(std::is_sorted(kBuiltins.begin(), kBuiltins.end(),
                             [](const Builtin& a, const Builtin& b) { return a.name < b.name; }));

}  // namespace

std::span<const Builtin> Builtins() { return kBuiltins; }

const Builtin* FindBuiltin(std::string_view name) {
  const auto* const found =
      std::lower_bound(kBuiltins.begin(), kBuiltins.end(), name,
                       [](const Builtin& b, std::string_view wanted) { return b.name < wanted; });
  return found != kBuiltins.end() && found->name == name ? found : nullptr;
}

}  // namespace sobolev::program::language
