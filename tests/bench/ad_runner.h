// What an engine can do, as a table of measurements, and a line protocol to time them by.
//
// Speeds of two engines compare only if they are taken at the same time: clock rates and neighbours
// change from second to second. Engines in one process, however, disturb each other's inlining. So
// each engine is a process that runs a slice of work when told to and answers with the time of it,
// and tests/bench/ad_peers.py asks all of them in turn, thousands of times. The requests, one per
// line on standard input, and their answers, one line each on standard output:
//
//     list                  workload:mode:variant of each measurement, in order
//     check INDEX           the numbers that the measurement computes, with 17 digits
//     slice INDEX MICROS    thread CPU time per point, in nanoseconds, of a slice of that length;
//                           of "scaling", which has several threads, the time on the wall
//     bytes INDEX           tape bytes of one evaluation, or 0 where that is not known
//
// Modes and what `check` answers: "value": f. "tangent": f and ḟ along Direction. "gradient": f and
// ∇f. "hessian_vector": f, ∇f and ∇²f ẋ along Direction. "jacobian": the nonzeros of g by row.
// "scaling": as "gradient". "interval_value" and "interval_gradient": lower and upper bounds of the
// above at IntervalInputs.

#ifndef SOBOLEV_TESTS_BENCH_AD_RUNNER_H_
#define SOBOLEV_TESTS_BENCH_AD_RUNNER_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sobolev::bench {

// ẋ for tangents and Hessian-vector products with n inputs.
inline std::vector<double> Direction(std::size_t n) {
  std::vector<double> x_dot(n);
  for (std::size_t i = 0; i < n; ++i) x_dot[i] = std::cos(static_cast<double>(i + 1));
  return x_dot;
}

// The half-width of the boxes around Inputs() on which intervals are evaluated.
inline constexpr double kIntervalRadius = 1e-3;

struct Measurement {
  std::string workload;
  std::string mode;
  std::string variant;      // Tells several ways of one engine to do the same from each other.
  int points_per_call = 1;  // More than one where an engine treats points in lanes.
  // Evaluates `calls` times and leaves the numbers of the last evaluation's first point in `out`.
  std::function<void(std::int64_t calls, std::vector<double>& out)> run;
  std::function<std::size_t()> tape_bytes;  // May be empty.
  std::vector<double> out;
  clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
};

// The measurements of one engine. Not thread-safe.
//
// A process that is started with `--only PREFIX` has no measurements but those of the workloads
// whose names begin so. Tapes often stay as large as their largest use, and active variables that
// live elsewhere cost time; no workload shall pay for another.
class Runner {
 public:
  Runner(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i) {
      if (std::string_view(argv[i]) == "--only") only_ = argv[i + 1];
    }
  }

  // Whether measurements of `workload` should be added.
  bool Wants(std::string_view workload) const { return workload.starts_with(only_); }

  // `evaluate(out)` evaluates once and writes `num_results` numbers.
  template <class F>
  Measurement& Add(std::string workload, std::string mode, std::size_t num_results, F evaluate) {
    Measurement& added = measurements_.emplace_back();
    added.workload = std::move(workload);
    added.mode = std::move(mode);
    added.out.resize(num_results);
    added.run = [evaluate = std::move(evaluate)](std::int64_t calls,
                                                 std::vector<double>& out) mutable {
      for (std::int64_t call = 0; call < calls; ++call) {
        // The compiler must believe that inputs changed and that results are read.
        asm volatile("" : : "r"(&evaluate), "r"(out.data()) : "memory");
        evaluate(out.data());
      }
      asm volatile("" : : "r"(out.data()) : "memory");
    };
    return added;
  }

  std::vector<Measurement>& measurements() { return measurements_; }

  // Answers requests until the end of `in`. Returns the exit code of the process.
  int Serve(std::istream& in, std::ostream& out) {
    out << std::setprecision(17);
    std::string request;
    while (in >> request) {
      if (request == "list") {
        for (const Measurement& m : measurements_) {
          out << m.workload << ':' << m.mode << ':' << m.variant << ' ';
        }
      } else {
        std::size_t index = 0;
        if (!(in >> index) || index >= measurements_.size()) return 1;
        Measurement& m = measurements_[index];
        if (request == "check") {
          m.run(1, m.out);
          for (const double number : m.out) out << number << ' ';
        } else if (request == "slice") {
          double micros = 0;
          if (!(in >> micros)) return 1;
          out << Slice(m, micros * 1e3);
        } else if (request == "bytes") {
          out << (m.tape_bytes ? m.tape_bytes() : 0);
        } else {
          return 1;
        }
      }
      out << std::endl;
    }
    return 0;
  }

 private:
  static double NanosecondsBy(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  }

  // The first call of a slice is not counted: it warms what another engine has cooled. The second
  // tells how many calls fill the slice, and is all of it if it does so by itself.
  static double Slice(Measurement& m, double nanoseconds) {
    m.run(1, m.out);
    double start = NanosecondsBy(m.clock);
    m.run(1, m.out);
    const double once = NanosecondsBy(m.clock) - start;
    if (once > nanoseconds) return once / m.points_per_call;
    const auto calls = static_cast<std::int64_t>(nanoseconds / std::fmax(once, 20)) + 1;
    start = NanosecondsBy(m.clock);
    m.run(calls, m.out);
    return (NanosecondsBy(m.clock) - start) / static_cast<double>(calls * m.points_per_call);
  }

  std::string only_;
  std::vector<Measurement> measurements_;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_AD_RUNNER_H_
