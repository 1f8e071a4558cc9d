// What minimisers of the loss of a network over all labels have in common.

#ifndef SOBOLEV_ENGINE_TRAIN_MINIMISER_H_
#define SOBOLEV_ENGINE_TRAIN_MINIMISER_H_

#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"

namespace sobolev::train {

// F(θ) = |r(θ)|² + ridge·|θ|² with the residuals of nn/gram_sweep.h. Not thread-safe; uses the
// threads of the current oneTBB arena. Same bits whatever their number.
class Minimiser {
 public:
  enum class Status {
    kRunning,
    kConverged,  // F hardly decreases any more, or its gradient is 0.
    kStalled,    // No step is found that decreases F.
    kDiverged,   // F is not finite at the initial θ.
  };

  virtual ~Minimiser() = default;

  // One step; nothing unless running. Throws Error(kCancelled) soon after `stop` fires and leaves
  // everything as before the call.
  virtual Status Step(const std::stop_token& stop) = 0;

  virtual Status status() const = 0;
  // Always finite if the initial θ was.
  virtual const Vector& theta() const = 0;
  // |r(θ)|², without the ridge.
  virtual double loss() const = 0;
  virtual Index num_steps() const = 0;

  // Everything that steps depend on but the arguments of the constructor: loaded into an object
  // made with the same arguments, further steps give the same bits. Load throws Error(kDataLoss) if
  // the bytes are not those of such an object.
  virtual void Save(ByteWriter& writer) const = 0;
  virtual void Load(ByteReader& reader) = 0;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_MINIMISER_H_
