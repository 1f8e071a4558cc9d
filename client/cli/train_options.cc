#include "client/cli/train_options.h"

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/option_values.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

// What the model obeys by construction.
void AddShapeOptions(CLI::App& train, SpecArguments& arguments) {
  const std::map<std::string, client::Convexity> shapes = {
      {"convex", client::Convexity::kConvex},
      {"concave", client::Convexity::kConcave},
  };
  AddList(train, "--increasing", arguments.increasing, "NAME,...",
          "Inputs in which no output of the model ever falls");
  AddList(train, "--decreasing", arguments.decreasing, "NAME,...",
          "Inputs in which no output of the model ever grows");
  train
      .add_option("--convexity", arguments.spec.convexity,
                  "convex or concave: the model's shape as a function of all inputs")
      ->transform(OneOf(shapes));
}

void AddLossOptions(CLI::App& train, client::TrainingSpec& spec) {
  train.add_option("--alpha", spec.alpha, "Weight of the value loss");
  train.add_option("--beta", spec.beta, "Weight of the gradient loss; 0: learn from values alone");
  AddList(train, "--output-weights", spec.output_weights, "W,...",
          "Factors of the squared errors of each output");
  AddList(train, "--derivative-weights", spec.derivative_weights, "W,...",
          "Factors of the squared errors of Jacobian entries, output by output; 0 leaves one out");
  train.add_option("--huber", spec.huber,
                   "Robust standard deviations beyond which errors count less; 1.345 is usual "
                   "where there are outliers");
  train.add_option("--gamma", spec.gamma,
                   "Weight of the loss of Hessian-vector labels; 0: leave them out");
  train.add_option("--seed", spec.seed, "Of split, initial weights and order of samples")
      ->check(IsUint64);
}

// What CLI11 takes for a flag's value; it would not say of which flag a value is wrong.
std::string FlagProblem(const std::string& text) {
  try {
    CLI::detail::to_flag_value(text);
    return "";
  } catch (const std::logic_error&) {  // Neither a word that it knows nor a number.
    std::string problem = "expected true or false, got \"";
    return problem.append(text).append("\"");
  }
}

// --skip or --skip=true, and --skip=false.
void AddFlag(CLI::App& train, const std::string& option, std::optional<bool>& flag,
             const std::string& help) {
  train
      .add_flag_function(
          option, [&flag](std::int64_t count) { flag = count > 0; }, help)
      ->check(FlagProblem);
}

void AddArchitectureOptions(CLI::App& train, client::TrainingSpec& spec) {
  const std::map<std::string, client::Activation> activations = {
      {"softplus", client::Activation::kSoftplus}, {"tanh", client::Activation::kTanh},
      {"silu", client::Activation::kSilu},         {"gelu", client::Activation::kGelu},
      {"sin", client::Activation::kSin},
  };
  AddList(train, "--hidden", spec.hidden, "UNITS,...",
          "Units of each hidden layer, as in 20,20,20,20");
  train.add_option("--activation", spec.activation, "softplus, tanh, silu, gelu or sin")
      ->transform(OneOf(activations));
  AddFlag(train, "--skip", spec.skip,
          "Every layer after the first also sees the inputs; default with --convexity, unless "
          "--skip=false");
  AddFlag(train, "--residual", spec.residual,
          "A hidden layer as wide as the one before is added to that");
}

// An option of networks alone, when given, makes the kind network.
void AddNetworkOptions(CLI::App& train, client::TrainingSpec& spec) {
  const std::map<std::string, client::Optimizer> optimizers = {
      {"adam", client::Optimizer::kAdam},
      {"levenberg-marquardt", client::Optimizer::kLevenbergMarquardt},
      {"hybrid", client::Optimizer::kHybrid},
      {"lbfgs", client::Optimizer::kLbfgs},
  };
  const std::map<std::string, client::Precision> precisions = {
      {"float32", client::Precision::kFloat32},
      {"float64", client::Precision::kFloat64},
  };
  const std::map<std::string, client::DerivativeScale> scales = {
      {"balanced", client::DerivativeScale::kBalanced},
      {"per-output", client::DerivativeScale::kPerOutput},
      {"per-input", client::DerivativeScale::kPerInput},
  };

  train.option_defaults()->group("Options of networks");
  AddArchitectureOptions(train, spec);
  train
      .add_option(
          "--optimizer", spec.optimizer,
          "adam (default), levenberg-marquardt (smooth functions, up to some thousand "
          "weights), hybrid (one after the other) or lbfgs (as levenberg-marquardt, slower, "
          "for more weights)")
      ->transform(OneOf(optimizers));
  train.add_option("--epochs", spec.epochs, "Passes over the training samples");
  train
      .add_option("--derivative-scale", spec.derivative_scale,
                  "balanced, per-output or per-input: how Jacobian entries are made comparable")
      ->transform(OneOf(scales));
  train.add_option("--precision", spec.precision, "float32 or float64: arithmetic of training")
      ->transform(OneOf(precisions));
  train.add_option("--derivative-sketch", spec.derivative_sketch,
                   "Fit the derivatives of so many outputs in each step, drawn anew; 0: of all");
  train.add_option("--learning-rate", spec.learning_rate, "Peak of the one-cycle schedule");
  train.add_option("--batch-size", spec.batch_size, "Samples in a step of the optimiser");
  train.add_option("--validation-fraction", spec.validation_fraction, "Share held out");
  train.add_option("--patience", spec.patience,
                   "Stop after so many epochs without improvement; 0: never");
}

void ReadSlopes(const SpecArguments& arguments, client::TrainingSpec& spec) {
  for (const std::string& input : arguments.increasing) {
    spec.monotone[input] = client::Slope::kIncreasing;
  }
  for (const std::string& input : arguments.decreasing) {
    if (!spec.monotone.emplace(input, client::Slope::kDecreasing).second) {
      throw UsageError("--decreasing: " + input + " is in --increasing, too");
    }
  }
}

}  // namespace

void AddKindOptions(CLI::App& train, client::TrainingSpec& spec) {
  const std::map<std::string, client::TrainingKind> kinds = {
      {"auto", client::TrainingKind::kAuto},
      {"network", client::TrainingKind::kNetwork},
      {"polynomial", client::TrainingKind::kPolynomial},
      {"gaussian-process", client::TrainingKind::kGaussianProcess},
      {"local-taylor", client::TrainingKind::kLocalTaylor},
  };
  const std::map<std::string, client::TaylorBase> bases = {
      {"network", client::TaylorBase::kNetwork},
      {"polynomial", client::TaylorBase::kPolynomial},
      {"constant", client::TaylorBase::kConstant},
  };
  train
      .add_option("--kind", spec.kind,
                  "auto (default), network, polynomial, gaussian-process or local-taylor: what to "
                  "fit")
      ->transform(OneOf(kinds));
  train
      .add_option("--taylor-base", spec.taylor_base,
                  "network (default), polynomial or constant: what local Taylor models are put on")
      ->transform(OneOf(bases));
  train.add_option("--taylor-order", spec.taylor_order,
                   "Degree of local Taylor models, 1 to 3; default by held-out samples");
  train.add_option("--effort", spec.effort,
                   "Of --kind auto: work to spend, about in seconds of one core");
  train.add_option(
      "--time-limit", spec.time_limit_seconds,
      "Take the best so far after this many seconds; polynomials and Gaussian processes run to "
      "their end");
  train.add_option("--ensemble-size", spec.ensemble_size,
                   "Networks from so many starts whose mean is predicted, with its spread; not "
                   "with --optimizer adam");
}

void AddSpecOptions(CLI::App& train, SpecArguments& arguments) {
  AddKindOptions(train, arguments.spec);
  AddShapeOptions(train, arguments);
  AddLossOptions(train, arguments.spec);
  AddCompositionOptions(train, arguments.composition, arguments.spec);
  AddNetworkOptions(train, arguments.spec);
}

client::TrainingSpec ReadSpec(const SpecArguments& arguments) {
  client::TrainingSpec spec = arguments.spec;
  ReadSlopes(arguments, spec);
  ReadMaps(arguments.composition, spec);
  return spec;
}

}  // namespace sobolev::cli
