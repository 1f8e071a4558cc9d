// Prints, after the usual table, the ratio of two benchmarks of the same run.
//
// Machines drift, so a speed claim is never an absolute number: both sides run interleaved
// (--benchmark_enable_random_interleaving) in one process, and the median of the repetitions
// counts.

#ifndef SOBOLEV_TESTS_BENCH_RATIO_REPORTER_H_
#define SOBOLEV_TESTS_BENCH_RATIO_REPORTER_H_

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

namespace sobolev::bench {

// One line of the summary: items_per_second of `ours` over items_per_second of `peer`.
struct Ratio {
  std::string ours;
  std::string peer;
  std::string claim;  // What the ratio is expected to be, in words.
};

class RatioReporter : public benchmark::ConsoleReporter {
 public:
  explicit RatioReporter(std::vector<Ratio> ratios) : ratios_(std::move(ratios)) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      const auto rate = run.counters.find("items_per_second");
      if (rate != run.counters.end()) rates_[run.run_name.function_name].push_back(rate->second);
    }
  }

  void Finalize() override {
    ConsoleReporter::Finalize();
    for (const Ratio& ratio : ratios_) {
      if (rates_[ratio.ours].empty() || rates_[ratio.peer].empty()) continue;
      std::printf("ratio %s / %s = %.3f (%s)\n", ratio.ours.c_str(), ratio.peer.c_str(),
                  Median(rates_[ratio.ours]) / Median(rates_[ratio.peer]), ratio.claim.c_str());
    }
  }

 private:
  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }

  std::vector<Ratio> ratios_;
  std::map<std::string, std::vector<double>> rates_;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_RATIO_REPORTER_H_
