#include "client/cli/progress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/report_text.h"
#include "client/cli/sampling_format.h"

namespace sobolev::cli {
namespace {

constexpr int kBarWidth = 20;

// Whether the share of the work says how much is done, because recipes are tried, without epochs,
// or because there are several stages.
bool IsByShare(const client::TrainingProgress& progress) {
  return progress.epochs == 0 || !progress.stage.empty();
}

// How many of `parts` equal parts of the work are done.
int Done(const client::TrainingProgress& progress, int parts) {
  if (IsByShare(progress)) return std::clamp(static_cast<int>(parts * progress.fraction), 0, parts);
  return std::min(parts, parts * progress.epoch.epoch / progress.epochs);
}

std::string DescribeSelection(const client::TrainingProgress& progress) {
  std::string text = FormatPercent(progress.fraction) + " of the effort  ";
  if (!progress.leaderboard.empty()) {
    const client::Trial& best = progress.leaderboard.front();
    text += std::to_string(progress.leaderboard.size()) + " tried";
    if (best.state == client::Trial::State::kFinished) {
      text += ", best " + best.recipe + "  held-out error: value " + ValueError(best.validation) +
              ", Jacobian " + JacobianError(best.validation);
    }
    text += "  ";
  }
  std::array<char, 64> left{};
  std::snprintf(left.data(), left.size(), "up to %.0f s left", progress.remaining_seconds);
  return text + left.data();
}

std::string DescribeStage(const client::TrainingProgress& progress) {
  std::string text = progress.stage;
  if (progress.epochs > 0) {
    text.append(", epoch ").append(std::to_string(progress.epoch.epoch));
    text.append("/").append(std::to_string(progress.epochs));
  }
  return text;
}

std::string Bar(const client::TrainingProgress& progress) {
  const int filled = Done(progress, kBarWidth);
  return "[" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(kBarWidth - filled), '.') + "] ";
}

}  // namespace

ProgressDisplay::ProgressDisplay(std::ostream& out, bool is_terminal)
    : out_(out), is_terminal_(is_terminal) {}

ProgressDisplay::~ProgressDisplay() {
  if (has_open_line_) out_ << std::endl;
}

void ProgressDisplay::Show(const client::JobEvent& event) {
  if (event.sampling) {
    ShowSampling(*event.sampling);
  } else if (event.progress) {
    const client::TrainingProgress& progress = *event.progress;
    const int tenths = Done(progress, 10);
    if (is_terminal_) {
      out_ << '\r' << Bar(progress) << DescribeProgress(progress) << "\x1b[K" << std::flush;
      has_open_line_ = true;
    } else if (tenths > tenths_) {
      out_ << DescribeProgress(progress) << std::endl;
    }
    tenths_ = std::max(tenths, tenths_);
  } else if (event.state != state_) {
    if (has_open_line_) out_ << '\n';
    out_ << Name(event.state) << std::endl;
    has_open_line_ = false;
  }
  state_ = event.state;
}

void ProgressDisplay::ShowSampling(const client::SamplingProgress& progress) {
  const std::string text = Describe(progress);
  if (is_terminal_) {
    out_ << '\r' << text << "\x1b[K" << std::flush;
    has_open_line_ = true;
  } else if (text != sampling_) {
    out_ << text << std::endl;
  }
  sampling_ = text;
}

std::string DescribeProgress(const client::TrainingProgress& progress) {
  if (!progress.stage.empty()) return DescribeStage(progress);
  if (progress.epochs == 0) return DescribeSelection(progress);
  const client::EpochRecord& epoch = progress.epoch;
  std::array<char, 256> text{};
  const bool has_gradient = epoch.gradient_loss > 0;
  std::array<char, 64> gradient{};
  std::array<char, 64> jacobian{};
  if (has_gradient) {
    std::snprintf(gradient.data(), gradient.size(), " + gradient %.3g", epoch.gradient_loss);
  }
  if (epoch.validation_jacobian_relative > 0) {
    std::snprintf(jacobian.data(), jacobian.size(), ", Jacobian %.3g%%",
                  100 * epoch.validation_jacobian_relative);
  }
  std::array<char, 64> value{"unknown"};
  if (!std::isnan(epoch.validation_value_relative)) {
    std::snprintf(value.data(), value.size(), "%.3g%%", 100 * epoch.validation_value_relative);
  }
  std::snprintf(text.data(), text.size(),
                "epoch %d/%d  loss: value %.3g%s  held-out error: value %s%s  %.3g samples/s  "
                "%.0f s left",
                epoch.epoch, progress.epochs, epoch.value_loss, gradient.data(), value.data(),
                jacobian.data(), progress.samples_per_second, progress.remaining_seconds);
  return text.data();
}

}  // namespace sobolev::cli
