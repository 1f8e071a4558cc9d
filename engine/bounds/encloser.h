// Guaranteed bounds of the values and derivatives of any surrogate over boxes.
//
// An Encloser is made of a surrogate once and bounds it on as many boxes as wanted, each in one go;
// bound.h tightens the bounds by subdivision. The bounds hold for the function in exact arithmetic
// on the numbers that the surrogate stores; what Predict rounds may lie outside by that. Rounding
// is outwards throughout.

#ifndef SOBOLEV_ENGINE_BOUNDS_ENCLOSER_H_
#define SOBOLEV_ENGINE_BOUNDS_ENCLOSER_H_

#include <memory>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::bounds {

// Immutable, so thread-safe.
class Encloser {
 public:
  virtual ~Encloser() = default;

  virtual Index n() const = 0;
  virtual Index m() const = 0;
  // Whether the function is continuous, and its derivatives, where they exist, are all within their
  // bounds, so that a function whose derivative has one sign is monotone.
  virtual bool IsSmooth() const { return true; }
  // Y (m×N) and, unless null, J (n×(m·N)) at the columns of X (n×N), as Surrogate::Predict.
  virtual void Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const = 0;

  // Bounds on a box, of derivatives if wanted; infinite where nothing is known. Throws as
  // RequireBox.
  Enclosure Enclose(const Box& box, bool jacobian) const;

 protected:
  // The box is one of n inputs. Intervals without numbers, such as the logarithm of negative ones,
  // and overflows may be NaN, which Enclose replaces by infinite bounds.
  virtual Enclosure EncloseBox(const Box& box, bool jacobian) const = 0;
};

// Of one surrogate, which must outlive it.
class SurrogateEncloser : public Encloser {
 public:
  explicit SurrogateEncloser(const Surrogate& surrogate) : surrogate_(surrogate) {}

  Index n() const override { return surrogate_.n(); }
  Index m() const override { return surrogate_.m(); }
  void Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const override;

 private:
  const Surrogate& surrogate_;
};

// By natural intervals, and, where the function is smooth, by the mean value theorem:
// y(x) ∈ y(x_c) + J (x − x_c).
class CentredEncloser : public SurrogateEncloser {
 public:
  using SurrogateEncloser::SurrogateEncloser;

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const final;
  virtual Enclosure EncloseNaturally(const Box& box, bool jacobian) const = 0;
};

// How much to do for one box.
enum class Effort {
  kQuick,
  kThorough,  // For subdivision: twice the time for bounds that are of higher order in small boxes.
};

// The surrogate must outlive what comes back.
std::unique_ptr<const Encloser> MakeEncloser(const Surrogate& surrogate,
                                             Effort effort = Effort::kQuick);

// Of f − g, of the same n and m, else throws Error(kInvalidArgument) naming "model". Thorough. Two
// networks are bounded together, so that what they have in common cancels.
std::unique_ptr<const Encloser> MakeDifferenceEncloser(const Surrogate& f, const Surrogate& g);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_ENCLOSER_H_
