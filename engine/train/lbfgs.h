// Limited-memory BFGS for networks on values and derivatives, over all samples at once.
//
// Minimises F(θ) = |r(θ)|² + ridge·|θ|² with the stacked residuals r(θ) of nn/gram_sweep.h. Steps
// go along −H ∇F, H being the inverse Hessian that the last pairs of steps and differences of
// gradients tell (Nocedal and Wright 2006, algorithm 7.4), to a point that meets the strong Wolfe
// conditions (their algorithms 3.5 and 3.6). A step costs a gradient or two and a few products of
// vectors, so that it suits networks whose Gauss-Newton matrix is too large, and takes any network
// to the neighbourhood of a minimum in less time than Levenberg-Marquardt.

#ifndef SOBOLEV_ENGINE_TRAIN_LBFGS_H_
#define SOBOLEV_ENGINE_TRAIN_LBFGS_H_

#include <memory>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

struct LbfgsOptions {
  double ridge = 1e-10;
  Index memory = 20;  // Pairs.
  // Converged when ten steps in a row together decrease F by less than this fraction of it.
  double tolerance = 1e-9;
  Isa isa = BestIsa();
};

class Lbfgs {
 public:
  enum class Status {
    kRunning,
    kConverged,  // F hardly decreases any more, or its gradient is 0.
    kStalled,    // No step along −∇F decreases F: what rounding allows is reached.
    kDiverged,   // F is not finite at the initial θ.
  };

  // Copies the labels. Throws Error(kInvalidArgument) as nn::GramSweep does, or if `theta` has
  // another size than the architecture's parameters.
  Lbfgs(const nn::Architecture& architecture, const LabelledPoints& points,
        const LossWeights& weights, Vector theta, const LbfgsOptions& options);
  ~Lbfgs();

  // One step; nothing unless running. Does not allocate. Throws Error(kCancelled) soon after `stop`
  // fires and leaves everything as before the call.
  Status Step(const std::stop_token& stop = {});

  Status status() const { return status_; }
  // Always finite if the initial θ was.
  const Vector& theta() const { return theta_; }
  // |r(θ)|², without the ridge.
  double loss() const;
  Index num_steps() const { return num_steps_; }
  // Of F and its gradient, the first one included.
  Index num_evaluations() const { return num_evaluations_; }

  // Everything that steps depend on but the arguments of the constructor: loaded into an object
  // made with the same arguments, further steps give the same bits. Load throws Error(kDataLoss) if
  // the bytes are not those of such an object.
  void Save(ByteWriter& writer) const;
  void Load(ByteReader& reader);

 private:
  struct Workspace;
  // A point on the line θ + step·direction.
  struct Trial {
    double step = 0;
    double value = 0;  // F
    double slope = 0;  // Of F along the direction.
  };

  // F and its gradient at θ.
  double Evaluate(const Vector& theta, Vector& gradient, const std::stop_token& stop);
  Trial At(double step, const std::stop_token& stop);
  // A step that meets the strong Wolfe conditions, or at least decreases F; 0 if none is found. Its
  // point and gradient are then the last that At() computed.
  Trial Search(const Trial& start, double first, const std::stop_token& stop);
  Trial Zoom(const Trial& start, Trial low, Trial high, const std::stop_token& stop);
  // direction = −H gradient.
  void Direct();
  void Accept(const Trial& trial);

  LbfgsOptions options_;
  std::unique_ptr<Workspace> workspace_;

  Status status_ = Status::kRunning;
  Vector theta_;
  double value_ = 0;  // F
  Vector gradient_;   // ∇F
  Matrix steps_;      // p×memory: differences of θ; a ring.
  Matrix changes_;    // p×memory: of gradients.
  Index num_pairs_ = 0;
  Index next_pair_ = 0;
  Index num_steps_ = 0;
  Index num_evaluations_ = 0;
  double checkpoint_value_ = 0;  // F at the last step whose number is a multiple of ten.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LBFGS_H_
