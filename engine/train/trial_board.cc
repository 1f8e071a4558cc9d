#include "engine/train/trial_board.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/train/errors.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/trial.h"
#include "engine/train/trial_codec.h"

namespace sobolev::train {

namespace {

// A recipe that is worse than the best by this factor on its first fold is abandoned.
constexpr double kHopeless = 2;
// A later recipe that is better by this share is better whatever the noise.
constexpr double kWorthwhile = 0.05;
// Local Taylor models must improve what is without them by this share: they take memory and time.
constexpr double kWorthMemory = 0.2;

}  // namespace

bool TrialBoard::IsHopeless() const { return best_ && Current().score > kHopeless * Best().score; }

bool TrialBoard::IsBetter(const PointErrors& by_point) const {
  if (!best_) return true;
  const Trial& trial = Current();
  if (trial.recipe.taylor_order > 0 && Best().recipe.taylor_order == 0) {
    return trial.score < (1 - kWorthMemory) * Best().score;
  }
  return trial.score < Best().score &&
         (trial.score < (1 - kWorthwhile) * Best().score || ClearlyLower(by_point, best_by_point_));
}

bool TrialBoard::Finish(PointErrors by_point) {
  Current().state = Trial::State::kFinished;
  const bool better = IsBetter(by_point);
  if (better) {
    best_ = trials_.size() - 1;
    best_by_point_ = std::move(by_point);
  }
  return better;
}

const Trial& TrialBoard::BestNetwork() const {
  const Trial* network = nullptr;
  for (const Trial& trial : trials_) {
    if (trial.recipe.family != Family::kNetwork || !std::isfinite(trial.score)) continue;
    if (trial.recipe.taylor_order > 0 && &trial != &Best()) continue;
    if (network == nullptr || trial.score < network->score) network = &trial;
  }
  return network == nullptr ? Best() : *network;
}

double TrialBoard::Work() const {
  double work = 0;
  for (const Trial& trial : trials_) work += trial.work;
  return work;
}

std::vector<TriedRecipe> TrialBoard::Tried() const {
  std::vector<TriedRecipe> tried;
  tried.reserve(trials_.size());
  for (const Trial& trial : trials_) tried.push_back({trial.recipe, trial.score, trial.iterations});
  return tried;
}

std::vector<Trial> TrialBoard::Sorted() const {
  std::vector<Trial> board = trials_;
  std::ranges::stable_sort(board, [](const Trial& left, const Trial& right) {
    const bool left_done = left.state == Trial::State::kFinished;
    const bool right_done = right.state == Trial::State::kFinished;
    if (left_done != right_done) return left_done;
    return left.score < right.score;
  });
  return board;
}

void TrialBoard::Save(ByteWriter& writer) const {
  WriteEach(writer, trials_);
  writer.Write(best_.has_value());
  writer.Write(best_.value_or(0));
  Write(writer, best_by_point_);
}

void TrialBoard::Load(ByteReader& reader) {
  trials_ = ReadEach(reader, ReadTrial);
  const bool has_best = reader.Read<bool>();
  const auto best = reader.Read<std::size_t>();
  best_ = has_best ? std::optional(best) : std::nullopt;
  best_by_point_ = ReadPointErrors(reader);
}

}  // namespace sobolev::train
