// Bounds of surrogates in closed form: polynomials and Gaussian processes.

#ifndef SOBOLEV_ENGINE_BOUNDS_CLOSED_FORM_ENCLOSERS_H_
#define SOBOLEV_ENGINE_BOUNDS_CLOSED_FORM_ENCLOSERS_H_

#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/polynomial_surrogate.h"

namespace sobolev::bounds {

class PolynomialEncloser : public CentredEncloser {
 public:
  explicit PolynomialEncloser(const regression::PolynomialSurrogate& polynomial)
      : CentredEncloser(polynomial), polynomial_(polynomial) {}

 protected:
  Enclosure EncloseNaturally(const Box& box, bool jacobian) const override;

 private:
  const regression::PolynomialSurrogate& polynomial_;
};

// Of the mean. Weights of neighbouring points are large and cancel, which intervals do not see: the
// bounds hold, and are wide unless boxes are small next to the lengths of the kernel.
class GaussianProcessEncloser : public CentredEncloser {
 public:
  explicit GaussianProcessEncloser(const regression::GaussianProcess& process)
      : CentredEncloser(process), process_(process) {}

 protected:
  Enclosure EncloseNaturally(const Box& box, bool jacobian) const override;

 private:
  const regression::GaussianProcess& process_;
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_CLOSED_FORM_ENCLOSERS_H_
