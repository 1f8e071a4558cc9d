// What is proved of models and programs over boxes: bounds of values and derivatives, where
// conditions hold, and what matters.

#ifndef SOBOLEV_CLIENT_GUARANTEES_H_
#define SOBOLEV_CLIENT_GUARANTEES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::client {

// A range for each input, in the order of the schema. Empty: the domain of the model, or the
// declared bounds of the program.
using InputBox = std::vector<Range>;

struct BoundOptions {
  InputBox box = {};
  bool jacobian = false;
  // Another model or program ("programs/{program}"): bounds are of the difference to it.
  std::string compare_to = {};
  // What is not set is left to the server.
  std::optional<std::int64_t> max_boxes = {};
  std::optional<double> tolerance = {};  // Of bounds, relative to what sampling finds.
  std::optional<int> sample_count = {};
  std::optional<std::uint64_t> seed = {};
};

struct Bounds {
  std::string function;     // The version of the model, or the program.
  std::string compared_to;  // Likewise; empty if it was not compared.
  InputBox box;
  Vector value_min;  // m: no value in the box is outside; infinite where nothing is known.
  Vector value_max;
  Matrix jacobian_min;  // n×m, column i bounds ∇y_i; empty if not asked for.
  Matrix jacobian_max;
  Vector sampled_value_min;  // m: the range that points show; NaN if none has a value.
  Vector sampled_value_max;
  Matrix sampled_jacobian_min;
  Matrix sampled_jacobian_max;
  std::int64_t box_count = 0;  // That were enclosed.
  bool tight = false;          // Whether all bounds are within the tolerance.
};

// min <= y <= max, of which at least one is set. An empty name stands for every output.
struct ValueCondition {
  std::string output = {};
  std::optional<double> min = {};
  std::optional<double> max = {};
};

// |∂y/∂x| <= most. An empty name stands for every output or input.
struct DerivativeCondition {
  std::string output = {};
  std::string input = {};
  double most = 0;
};

struct Conditions {
  std::vector<ValueCondition> values = {};
  std::vector<DerivativeCondition> derivatives = {};
};

struct CertifyOptions {
  InputBox box = {};
  std::optional<std::int64_t> max_boxes = {};
  std::optional<int> max_pieces = {};  // Of each verdict that are listed.
};

enum class Verdict {
  kProved,    // The conditions hold at every point.
  kViolated,  // One of them holds at no point.
  kRefuted,   // There is a point where one of them does not hold.
  kUndecided  // Nothing is known.
};

struct Certificate {
  struct Piece {
    Verdict verdict = Verdict::kUndecided;
    InputBox box;
    Vector counter_example;  // n, if refuted.
  };

  std::string function;
  InputBox box;
  // Parts of the volume of the box, which add up to 1.
  double proved = 0;
  double violated = 0;
  double refuted = 0;
  double undecided = 0;
  std::vector<Piece> pieces;  // The largest of each verdict.
  std::int64_t box_count = 0;
};

struct InputCut {
  std::string input;
  int pieces = 1;
  bool geometric = false;  // Of equal ratio instead of equal length.
};

struct SignificanceOptions {
  InputBox box = {};
  std::vector<InputCut> cuts = {};
  bool edges = false;
  std::optional<std::int64_t> max_boxes = {};
  std::optional<int> sample_count = {};
  std::optional<std::uint64_t> seed = {};
  std::optional<int> max_vertices = {};
};

// Vectors have an entry for each output, in its unit, and are empty where there is nothing to tell.
struct Significance {
  struct Input {
    std::string name;
    Vector sigma;          // Proved: w · max |∂y/∂x|, by natural intervals.
    Vector sliced_sigma;   // Proved: its sum over the pieces of the input.
    Vector relaxed_sigma;  // Proved: likewise sigma, by linear relaxations and subdivision.
    Vector sampled;        // RMS of (x − mean) ∂y/∂x
    Vector total_sobol_bound;
  };
  // Of a hidden layer of a network.
  struct Layer {
    Vector value_min;  // width
    Vector value_max;
    Matrix sigma;          // m×width
    Matrix sampled;        // m×width
    Matrix taylor;         // m×width: mean |a ∂y/∂a|
    Matrix relaxed_sigma;  // m×width: as sigma, by linear relaxations and subdivision.
  };
  // An operation of a program.
  struct Vertex {
    std::string name;
    std::string operation;
    int stage = 0;
    Range range;
    Vector sigma;
    Vector relaxed_sigma;  // Proved: at most sigma, by subdivision.
    Vector sampled;
  };

  std::string function;
  InputBox box;
  std::vector<std::string> outputs;
  std::vector<Input> inputs;
  std::vector<Layer> layers;
  // Of the affine layers of a network, columns×(rows·m): column i·rows + r is row r for output i.
  std::vector<Matrix> edges;
  std::vector<Vertex> vertices;
  std::int64_t vertex_count = 0;  // Listed or not.
  std::vector<Range> values;      // Proved bounds of the outputs.
  std::int64_t invalid_sample_count = 0;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_GUARANTEES_H_
