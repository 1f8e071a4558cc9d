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
  // About the multiply-adds of one Enclose with derivatives.
  virtual double Cost() const = 0;

  // Bounds on a box, of derivatives if wanted; infinite where nothing is known. Throws as
  // RequireBox.
  Enclosure Enclose(const Box& box, bool jacobian) const;

 protected:
  // The box is one of n inputs. Intervals without numbers, such as the logarithm of negative ones,
  // and overflows may be NaN, which Enclose replaces by infinite bounds.
  virtual Enclosure EncloseBox(const Box& box, bool jacobian) const = 0;
};

// Keeps references to the surrogate, which must outlive it.
std::unique_ptr<const Encloser> MakeEncloser(const Surrogate& surrogate);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_ENCLOSER_H_
