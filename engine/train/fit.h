// One recipe being carried out on one set of labelled points, in slices that can be stopped.

#ifndef SOBOLEV_ENGINE_TRAIN_FIT_H_
#define SOBOLEV_ENGINE_TRAIN_FIT_H_

#include <cstdint>
#include <memory>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/loss_weights.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

// What a fit works on. Points are in standardised coordinates, in which scaling leads to the
// user's.
struct FitData {
  LabelledPoints training;
  // Decides when to stop, and which parameters to keep. Without points the fit runs to its end.
  LabelledPoints validation;
  nn::Scaling scaling;
  LossOptions loss;
  nn::ShapeConstraints shape;  // Networks obey; other families know none.
  std::uint64_t seed = 1;
};

// Not thread-safe; uses the threads of the current oneTBB arena. Same bits whatever their number.
class Fit {
 public:
  virtual ~Fit() = default;

  // Works for a while (well below a second unless the points are many). Returns whether there is
  // more to do; once there is not, more calls change nothing. Throws Error(kCancelled), after which
  // it can be called again, soon after `stop` fires.
  virtual bool Advance(const std::stop_token& stop) = 0;

  // About the multiply-adds spent so far.
  virtual double Work() const = 0;
  // Iterations of the recipe's last optimiser after which the best parameters were found; 0 for
  // other recipes than networks, for Adam, and if an earlier optimiser had found them.
  virtual Index BestIteration() const = 0;
  // The best so far, in the user's units. Null before the first slice is done, and if the recipe
  // does not lead to a model on these points.
  virtual std::shared_ptr<const Surrogate> MakeSurrogate() const = 0;

  // Everything but the data.
  virtual void Save(ByteWriter& writer) const = 0;
  // Reads what Save wrote. Throws Error(kDataLoss).
  virtual void Load(ByteReader& reader) = 0;
};

// Multiply-adds that the recipe will take at most on such points, to know before whether it fits a
// budget.
double EstimateWork(const Recipe& recipe, const LabelledPoints& training);

// `data` must outlive the fit.
std::unique_ptr<Fit> MakeFit(const Recipe& recipe, const FitData& data);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_FIT_H_
