// The unit cube in boxes on which a function is quasi-constant, quasi-linear or quasi-quadratic:
// there its Taylor polynomial about the centre of the box serves as well as any model.
//
// A box is cut in two until one of the tests holds. Where bounds of the derivatives are proven, so
// is the answer. Otherwise derivatives are those of local Taylor models, taken four times as uneven
// as they look, and a sample in the box that is left out must confirm the polynomial; boxes without
// samples stay open.

#ifndef SOBOLEV_ENGINE_SAMPLING_BOXES_H_
#define SOBOLEV_ENGINE_SAMPLING_BOXES_H_

#include <array>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

// Bounds of ∂y_i/∂x_j over the box [lo, hi] of the unit cube, n×m each; lo = hi at a point. NaN or
// infinite where there are none.
using DerivativeBounds =
    std::function<void(const Vector& lo, const Vector& hi, Matrix& J_lo, Matrix& J_hi)>;

// Bounds of ∂²y_i/∂x_j∂x_k likewise: entry (j, i·n + k), n×(n·m). They hold for functions whose
// gradients are continuous.
using CurvatureBounds =
    std::function<void(const Vector& lo, const Vector& hi, Matrix& H_lo, Matrix& H_hi)>;

// The least order of a Taylor polynomial that is good enough.
enum class Quasi { kConstant = 0, kLinear = 1, kQuadratic = 2 };

// Without bounds.
inline constexpr Index kMaxBoxInputs = 10;

struct TaylorBox {
  Vector lo;                   // n
  Vector hi;                   // n
  std::optional<Quasi> quasi;  // None: the box is open.
  // n: whether the function is quasi-linear with respect to the input: along it alone the tangent
  // at the centre is good enough.
  std::vector<bool> linear_in;

  double Volume() const { return (hi - lo).prod(); }
};

struct BoxOptions {
  Vector tolerance;        // m numbers > 0: how wrong a polynomial may be anywhere in its box.
  Index max_boxes = 1000;  // At least 1.
  // If the function is known as a program. Without bounds of curvatures, no box is proven to be
  // quasi-quadratic.
  DerivativeBounds bounds = nullptr;
  CurvatureBounds curvature_bounds = nullptr;
};

struct Decomposition {
  std::vector<TaylorBox> boxes;       // They fill the cube and overlap in their faces at most.
  std::array<double, 3> closed = {};  // Parts of the volume, by Quasi.
  double open = 0;
  bool proved = false;  // By bounds.
};

// Decomposes by the bounds, if there are any, and else by the evidence. Uses oneTBB's current
// arena; the same bits whatever its size.
//
// Throws as RequireEvidence, and as TaylorModel does without bounds; Error(kInvalidArgument) naming
// "tolerance", "max_boxes", or "X" for too many inputs; Error(kCancelled) soon after `stop` fires.
Decomposition Decompose(const Evidence& evidence, const BoxOptions& options,
                        const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_BOXES_H_
