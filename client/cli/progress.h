// The progress of a training job, while it runs.

#ifndef SOBOLEV_CLIENT_CLI_PROGRESS_H_
#define SOBOLEV_CLIENT_CLI_PROGRESS_H_

#include <ostream>
#include <string>

#include <sobolev/types.h>

namespace sobolev::cli {

// On a terminal one line that is drawn again and again, else a line for each tenth of the work, or
// of a sampling job for each change. Ends the line when destroyed. Not thread-safe.
class ProgressDisplay {
 public:
  // `out` outlives the display.
  ProgressDisplay(std::ostream& out, bool is_terminal);
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void Show(const client::JobEvent& event);

 private:
  void ShowSampling(const client::SamplingProgress& progress);

  std::ostream& out_;
  const bool is_terminal_;
  client::JobState state_ = client::JobState::kUnknown;
  int tenths_ = 0;        // Of the work, of which a line was written.
  std::string sampling_;  // What was written of it last.
  bool has_open_line_ = false;
};

// "epoch 40/100  loss: value 0.1 + gradient 0.2  held-out error: value 1%, Jacobian 2%  1e+06
// samples/s  3 s left", or where recipes are tried "40% of the effort  7 tried, best polynomial
// held-out error: value 1%, Jacobian 2%  up to 3 s left".
std::string DescribeProgress(const client::TrainingProgress& progress);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PROGRESS_H_
