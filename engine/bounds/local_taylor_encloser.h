// Bounds of local Taylor models around a surrogate (surrogate/local_taylor.h).
//
// The blend Σ w_k T_k / D is the share S/D <= 1 of a mean of the T_k whose bumps reach the box, so
// it lies between them, however wide the bounds of the weights are, and closer to those that weigh
// most. On small boxes the quotient itself is narrower.

#ifndef SOBOLEV_ENGINE_BOUNDS_LOCAL_TAYLOR_ENCLOSER_H_
#define SOBOLEV_ENGINE_BOUNDS_LOCAL_TAYLOR_ENCLOSER_H_

#include <memory>

#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/surrogate/local_taylor.h"

namespace sobolev::bounds {

class LocalTaylorEncloser : public CentredEncloser {
 public:
  explicit LocalTaylorEncloser(const LocalTaylorSurrogate& surrogate)
      : CentredEncloser(surrogate),
        patches_(surrogate.patches()),
        base_(MakeEncloser(surrogate.base())) {}

  bool IsSmooth() const override { return base_->IsSmooth(); }

 protected:
  Enclosure EncloseNaturally(const Box& box, bool jacobian) const override;

 private:
  const TaylorPatches& patches_;
  std::unique_ptr<const Encloser> base_;
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_LOCAL_TAYLOR_ENCLOSER_H_
