// Bounds of local Taylor models around a surrogate (surrogate/local_taylor.h).
//
// The blend Σ w_k T_k / D is the share S/D <= 1 of a mean of the T_k whose bumps reach the box, so
// it lies between them, however wide the bounds of the weights are, and closer to those that weigh
// most. On small boxes the quotient itself is narrower.
//
// Where bumps are steep they also weigh most: by u, |∇w_k| <= (2/R_k)(3 w_k^⅔ + w_k/(2√δ)), and
// of K bumps Σ w_k^⅔/D <= (K/D)^⅓ (Hölder), Σ w_k/D <= 1. So what the slopes of bumps do to a blend
// is bounded by the largest of its parts, however large the box is.

#ifndef SOBOLEV_ENGINE_BOUNDS_LOCAL_TAYLOR_ENCLOSER_H_
#define SOBOLEV_ENGINE_BOUNDS_LOCAL_TAYLOR_ENCLOSER_H_

#include <memory>

#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/surrogate/local_taylor.h"

namespace sobolev::bounds {

class LocalTaylorEncloser : public CentredEncloser {
 public:
  LocalTaylorEncloser(const LocalTaylorSurrogate& surrogate, Effort effort)
      : CentredEncloser(surrogate),
        patches_(surrogate.patches()),
        base_(MakeEncloser(surrogate.base(), effort)) {}

  bool IsSmooth() const override { return base_->IsSmooth(); }

 protected:
  Enclosure EncloseNaturally(const Box& box, bool jacobian) const override;

 private:
  const TaylorPatches& patches_;
  std::unique_ptr<const Encloser> base_;
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_LOCAL_TAYLOR_ENCLOSER_H_
