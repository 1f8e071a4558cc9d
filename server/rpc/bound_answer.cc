#include "server/rpc/bound_answer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/certify.h"
#include "engine/bounds/encloser.h"
#include "server/convert/derivatives.h"
#include "server/convert/tensor.h"
#include "server/rpc/boxed_function.h"

namespace sobolev::server {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Index kUsualBoxes = 1000;
constexpr std::int32_t kMaxSamples = 1'000'000;
constexpr Index kUsualPieces = 100;
constexpr Index kMaxPieces = 10'000;
// Of all pieces of one verdict.
constexpr Index kMaxRanges = Index{1} << 19;
constexpr Index kMaxConditions = 100'000;

void RequireEnclosable(const BoxedFunction& function, bool jacobian) {
  if (const std::optional<Error> why = WhyNotEnclosable(function, jacobian)) throw Error(*why);
}

DerivativeMask ToBoundedMask(const google::protobuf::RepeatedField<int>& quantities) {
  const DerivativeMask mask = ToMask(quantities);
  if (mask.jvp || mask.vjp || mask.spread || mask.jacobian_spread || mask.held_out_errors ||
      mask.order() > 1) {
    throw InvalidArgument("UNSUPPORTED_QUANTITY", "quantities",
                          "expected QUANTITY_VALUE or QUANTITY_JACOBIAN, the quantities that can "
                          "be bounded, got others");
  }
  return mask;
}

bounds::BoundOptions ToOptions(const v1::BoundRequest& request, const Surrogate& surrogate,
                               bool jacobian) {
  bounds::BoundOptions options{.jacobian = jacobian};
  const std::optional<std::int64_t> max_boxes =
      request.has_max_boxes() ? std::optional(request.max_boxes()) : std::nullopt;
  options.max_boxes = ToMaxBoxes(max_boxes, kUsualBoxes, surrogate, jacobian);
  if (request.has_tolerance()) options.tolerance = request.tolerance();
  RequireRange("tolerance", options.tolerance, 0, 1);
  if (request.has_sample_count()) options.num_samples = request.sample_count();
  RequireRange("sample_count", static_cast<double>(options.num_samples), 1, kMaxSamples);
  if (request.has_seed()) options.seed = request.seed();
  return options;
}

// What the function is compared to.
PipelinePart FindReference(const std::string& name, const BoxedFunction& function,
                           ModelRegistry& models, Store& store) {
  PipelinePart reference = FindPart(name, "compare_to", models, store);
  for (const bool of_inputs : {true, false}) {
    const auto names = [of_inputs](const PipelinePart& part) {
      return NamesOf(of_inputs ? part.schema.inputs() : part.schema.outputs());
    };
    if (names(reference) == names(function.part)) continue;
    throw InvalidArgument("SHAPE_MISMATCH", "compare_to",
                          std::string("expected a function with the same ") +
                              (of_inputs ? "inputs" : "outputs") + " as \"" + function.name() +
                              "\", in the same order, got \"" + name + "\"");
  }
  return reference;
}

void SetNumbers(const std::vector<std::int64_t>& shape, const double* numbers, v1::Tensor& tensor) {
  SetTensor(shape, numbers, v1::Tensor::DATA_TYPE_FLOAT64, tensor);
}

// Where nothing was found, the range is upside down.
template <class Numbers>
void MarkMissing(Numbers& lo, Numbers& hi) {
  for (Index k = 0; k < lo.size(); ++k) {
    if (lo.data()[k] <= hi.data()[k]) continue;
    lo.data()[k] = hi.data()[k] = std::numeric_limits<double>::quiet_NaN();
  }
}

void Describe(bounds::BoundResult& result, const DerivativeMask& mask,
              v1::BoundResponse& response) {
  const auto m = static_cast<std::int64_t>(result.proven.y_lo.size());
  MarkMissing(result.sampled.y_lo, result.sampled.y_hi);
  MarkMissing(result.sampled.J_lo, result.sampled.J_hi);
  if (mask.value) {
    SetNumbers({m}, result.proven.y_lo.data(), *response.mutable_value_min());
    SetNumbers({m}, result.proven.y_hi.data(), *response.mutable_value_max());
    SetNumbers({m}, result.sampled.y_lo.data(), *response.mutable_sampled_value_min());
    SetNumbers({m}, result.sampled.y_hi.data(), *response.mutable_sampled_value_max());
  }
  if (mask.jacobian) {
    const std::vector<std::int64_t> shape{m, result.proven.J_lo.rows()};
    SetNumbers(shape, result.proven.J_lo.data(), *response.mutable_jacobian_min());
    SetNumbers(shape, result.proven.J_hi.data(), *response.mutable_jacobian_max());
    SetNumbers(shape, result.sampled.J_lo.data(), *response.mutable_sampled_jacobian_min());
    SetNumbers(shape, result.sampled.J_hi.data(), *response.mutable_sampled_jacobian_max());
  }
  response.set_box_count(result.num_boxes);
  response.set_tight(result.end == bounds::BoundEnd::kTolerance);
}

// The conditions of a request, one by one.
class ConditionReader {
 public:
  explicit ConditionReader(const PipelinePart& part)
      : inputs_(NamesOf(part.schema.inputs())), outputs_(NamesOf(part.schema.outputs())) {}

  bounds::Conditions Read(const v1::CertifyRequest& request) {
    if (request.values().empty() && request.derivatives().empty()) {
      throw InvalidArgument("MISSING_FIELD", "values",
                            "expected at least one condition, on values or derivatives, got none");
    }
    for (int k = 0; k < request.values_size(); ++k) {
      Add(request.values(k), "values[" + std::to_string(k) + "]");
    }
    for (int k = 0; k < request.derivatives_size(); ++k) {
      Add(request.derivatives(k), "derivatives[" + std::to_string(k) + "]");
    }
    return conditions_;
  }

 private:
  void Add(const v1::CertifyRequest::ValueCondition& condition, const std::string& field) {
    if (!condition.has_min() && !condition.has_max()) {
      throw InvalidArgument("MISSING_FIELD", field,
                            "expected a lower or an upper bound, got neither");
    }
    if (condition.has_min()) RequireFinite(condition.min(), field + ".min");
    if (condition.has_max()) RequireFinite(condition.max(), field + ".max");
    const double lo = condition.has_min() ? condition.min() : -kInfinity;
    const double hi = condition.has_max() ? condition.max() : kInfinity;
    if (lo > hi) {
      throw InvalidArgument(
          "OUT_OF_RANGE", field + ".min",
          "expected at most max = " + Text(hi) + ", got " + Text(lo) + "; exchange the two");
    }
    for (const Index output : Chosen(condition.output(), outputs_, field + ".output")) {
      CountOne(field);
      conditions_.values.push_back({.output = output, .lo = lo, .hi = hi});
    }
  }

  void Add(const v1::CertifyRequest::DerivativeCondition& condition, const std::string& field) {
    if (!condition.has_most()) {
      throw InvalidArgument("MISSING_FIELD", field + ".most",
                            "expected the largest magnitude of the derivative, got none");
    }
    RequireFinite(condition.most(), field + ".most");
    if (condition.most() < 0) {
      throw InvalidArgument("OUT_OF_RANGE", field + ".most",
                            "expected a number >= 0, got " + Text(condition.most()));
    }
    const std::vector<Index> inputs = Chosen(condition.input(), inputs_, field + ".input");
    for (const Index output : Chosen(condition.output(), outputs_, field + ".output")) {
      for (const Index input : inputs) {
        CountOne(field);
        conditions_.derivatives.push_back(
            {.output = output, .input = input, .most = condition.most()});
      }
    }
  }

  // The one that has the name, or all.
  static std::vector<Index> Chosen(const std::string& name, const std::vector<std::string>& names,
                                   const std::string& field) {
    if (!name.empty()) return {PositionOf(name, names, field)};
    std::vector<Index> all(names.size());
    for (std::size_t k = 0; k < all.size(); ++k) all[k] = static_cast<Index>(k);
    return all;
  }

  static void RequireFinite(double bound, const std::string& field) {
    if (std::isfinite(bound)) return;
    throw InvalidArgument(
        "NON_FINITE", field,
        "expected a finite number, got " + Text(bound) + "; leave a bound out that is not needed");
  }

  void CountOne(const std::string& field) {
    if (++count_ <= kMaxConditions) return;
    throw InvalidArgument("OUT_OF_RANGE", field,
                          "expected at most " + std::to_string(kMaxConditions) +
                              " conditions with those for every output and input; ask for fewer "
                              "in one call");
  }

  const std::vector<std::string> inputs_;
  const std::vector<std::string> outputs_;
  bounds::Conditions conditions_;
  Index count_ = 0;
};

bounds::CertifyOptions ToOptions(const v1::CertifyRequest& request, const Surrogate& surrogate,
                                 bool jacobian) {
  const std::optional<std::int64_t> max_boxes =
      request.has_max_boxes() ? std::optional(request.max_boxes()) : std::nullopt;
  const Index most = std::min(kMaxPieces, kMaxRanges / surrogate.n());
  bounds::CertifyOptions options{
      .max_boxes = ToMaxBoxes(max_boxes, kUsualBoxes, surrogate, jacobian),
      .max_listed = request.has_max_pieces() ? request.max_pieces() : std::min(kUsualPieces, most)};
  RequireRange("max_pieces", static_cast<double>(options.max_listed), 0, static_cast<double>(most));
  return options;
}

v1::CertifyResponse::Verdict ToProto(bounds::Verdict verdict) {
  switch (verdict) {
    case bounds::Verdict::kProved:
      return v1::CertifyResponse::VERDICT_PROVED;
    case bounds::Verdict::kViolated:
      return v1::CertifyResponse::VERDICT_VIOLATED;
    case bounds::Verdict::kRefuted:
      return v1::CertifyResponse::VERDICT_REFUTED;
    case bounds::Verdict::kUndecided:
      return v1::CertifyResponse::VERDICT_UNDECIDED;
  }
  return v1::CertifyResponse::VERDICT_UNSPECIFIED;
}

}  // namespace

void AnswerBound(const v1::BoundRequest& request, ModelRegistry& models, Store& store,
                 v1::BoundResponse& response, const std::stop_token& stop) {
  const DerivativeMask mask = ToBoundedMask(request.quantities());
  const BoxedFunction function = FindBoxedFunction(request, models, store);
  bounds::BoundOptions options = ToOptions(request, function.surrogate(), mask.jacobian);
  RequireEnclosable(function, mask.jacobian);
  std::unique_ptr<const bounds::Encloser> encloser;
  BoxedFunction reference;
  if (request.compare_to().empty()) {
    encloser =
        bounds::MakeEncloser(function.surrogate(), options.max_boxes > 1 ? bounds::Effort::kThorough
                                                                         : bounds::Effort::kQuick);
  } else {
    reference = {.part = FindReference(request.compare_to(), function, models, store),
                 .field = "compare_to",
                 .box = function.box};
    RequireEnclosable(reference, mask.jacobian);
    encloser = bounds::MakeDifferenceEncloser(function.surrogate(), reference.surrogate());
    options.target = bounds::Target::kMagnitudes;
    response.set_compared_to(reference.name());
  }
  bounds::BoundResult result =
      InBackground([&] { return bounds::Bound(*encloser, function.box, options, stop); });
  ThrowIfStopped(stop);
  response.set_function(function.name());
  ToProto(function.box, *response.mutable_box());
  Describe(result, mask, response);
}

void AnswerCertify(const v1::CertifyRequest& request, ModelRegistry& models, Store& store,
                   v1::CertifyResponse& response, const std::stop_token& stop) {
  const BoxedFunction function = FindBoxedFunction(request, models, store);
  const bounds::Conditions conditions = ConditionReader(function.part).Read(request);
  const bool jacobian = !conditions.derivatives.empty();
  const bounds::CertifyOptions options = ToOptions(request, function.surrogate(), jacobian);
  RequireEnclosable(function, jacobian);
  const std::unique_ptr<const bounds::Encloser> encloser =
      bounds::MakeEncloser(function.surrogate(), bounds::Effort::kThorough);
  const bounds::CertifyResult result = InBackground(
      [&] { return bounds::Certify(*encloser, function.box, conditions, options, stop); });
  ThrowIfStopped(stop);
  response.set_function(function.name());
  ToProto(function.box, *response.mutable_box());
  response.set_proved(result.proved);
  response.set_violated(result.violated);
  response.set_refuted(result.refuted);
  response.set_undecided(result.undecided);
  response.set_box_count(result.num_boxes);
  for (const bounds::CertifiedPiece& piece : result.pieces) {
    v1::CertifyResponse::Piece& added = *response.add_pieces();
    added.set_verdict(ToProto(piece.verdict));
    ToProto(piece.box, *added.mutable_box());
    added.mutable_counter_example()->Assign(piece.counter_example.begin(),
                                            piece.counter_example.end());
  }
}

}  // namespace sobolev::server
