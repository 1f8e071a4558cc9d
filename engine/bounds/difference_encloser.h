// Bounds of the difference of two surrogates.

#ifndef SOBOLEV_ENGINE_BOUNDS_DIFFERENCE_ENCLOSER_H_
#define SOBOLEV_ENGINE_BOUNDS_DIFFERENCE_ENCLOSER_H_

#include <memory>
#include <optional>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/network_change.h"
#include "engine/bounds/network_encloser.h"
#include "engine/bounds/network_layers.h"

namespace sobolev::bounds {

// The difference of what is proven of each.
class DifferenceEncloser : public Encloser {
 public:
  DifferenceEncloser(std::unique_ptr<const Encloser> f, std::unique_ptr<const Encloser> g);

  Index n() const override { return f_->n(); }
  Index m() const override { return f_->m(); }
  bool IsSmooth() const override { return f_->IsSmooth() && g_->IsSmooth(); }
  void Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const override;

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override;

 private:
  std::unique_ptr<const Encloser> f_;
  std::unique_ptr<const Encloser> g_;
};

// Two networks, bounded as one function of shared inputs: what is a polynomial of low degree in
// these cancels, and of networks of the same shape, or of which one is a part of the other, all
// that they have in common does.
class NetworkDifferenceEncloser : public Encloser {
 public:
  NetworkDifferenceEncloser(const nn::NetworkSurrogate& f, const nn::NetworkSurrogate& g);
  NetworkDifferenceEncloser(const NetworkDifferenceEncloser&) = delete;
  NetworkDifferenceEncloser& operator=(const NetworkDifferenceEncloser&) = delete;

  Index n() const override { return f_.n(); }
  Index m() const override { return f_.m(); }
  void Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const override;

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override;

 private:
  Enclosure EncloseByLines(const Box& box, bool jacobian) const;
  std::optional<Enclosure> EncloseByCubics(const Box& box, bool jacobian, bool* converges) const;

  NetworkEncloser f_;
  NetworkEncloser g_;
  NetworkLayers f_layers_;  // In the shape of g, if f is a part of it, and the reverse.
  NetworkLayers g_layers_;
  std::optional<NetworkChange> change_;  // If the networks are alike.
  bool cubics_suffice_ = true;           // In boxes where they converge.
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_DIFFERENCE_ENCLOSER_H_
