#include <charconv>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/composition_options.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

struct TrainArguments {
  std::string dataset;
  client::TrainingSpec spec;
  std::vector<std::string> increasing;
  std::vector<std::string> decreasing;
  client::TrainOptions options;
  CompositionArguments composition;
  bool detach = false;
};

void Train(TrainArguments& arguments, Context& context) {
  ReadMaps(arguments.composition, arguments.spec);
  const InterruptToken interrupt;
  const client::Client client = context.Connect();
  const client::Job job = client.Train(arguments.dataset, arguments.spec, arguments.options);
  if (!arguments.detach) {
    std::cerr << job.name() << '\n';
    FollowJob(client, job, context, interrupt.token());
  } else if (context.json) {
    std::cout << Json{{"job", ToJson(job.Get())}}.dump(2) << '\n';
  } else {
    std::cout << job.name() << '\n';
  }
}

// What the model obeys by construction.
void AddShapeOptions(CLI::App& train, TrainArguments& arguments) {
  const std::map<std::string, client::Convexity> shapes = {
      {"convex", client::Convexity::kConvex},
      {"concave", client::Convexity::kConcave},
  };
  train
      .add_option("--increasing", arguments.increasing,
                  "Inputs, as in a,b, in which no output of the model ever falls")
      ->delimiter(',')
      ->allow_extra_args(false);
  train
      .add_option("--decreasing", arguments.decreasing,
                  "Inputs in which no output of the model ever grows")
      ->delimiter(',')
      ->allow_extra_args(false);
  train
      .add_option("--convexity", arguments.spec.convexity,
                  "convex or concave: the model's shape as a function of all inputs")
      ->transform(CLI::CheckedTransformer(shapes).description(""));
}

void TakeSlopes(TrainArguments& arguments) {
  for (const std::string& input : arguments.increasing) {
    arguments.spec.monotone[input] = client::Slope::kIncreasing;
  }
  for (const std::string& input : arguments.decreasing) {
    if (!arguments.spec.monotone.emplace(input, client::Slope::kDecreasing).second) {
      throw CLI::ValidationError("--decreasing", input + " is in --increasing, too");
    }
  }
}

// An option of networks alone, when given, makes the kind network.
void AddNetworkOptions(CLI::App& train, client::TrainingSpec& spec) {
  const std::map<std::string, client::Activation> activations = {
      {"softplus", client::Activation::kSoftplus}, {"tanh", client::Activation::kTanh},
      {"silu", client::Activation::kSilu},         {"gelu", client::Activation::kGelu},
      {"sin", client::Activation::kSin},
  };
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
  train.add_option("--hidden", spec.hidden, "Units of each hidden layer, as in 20,20,20,20")
      ->delimiter(',')
      ->allow_extra_args(false);
  train.add_option("--activation", spec.activation, "softplus, tanh, silu, gelu or sin")
      ->transform(CLI::CheckedTransformer(activations).description(""));
  train.add_flag_callback(
      "--skip", [&spec] { spec.skip = true; }, "Every layer after the first also sees the inputs");
  train.add_flag_callback(
      "--residual", [&spec] { spec.residual = true; },
      "A hidden layer as wide as the one before is added to that");
  train
      .add_option(
          "--optimizer", spec.optimizer,
          "adam (default), levenberg-marquardt (smooth functions, up to some thousand "
          "weights), hybrid (one after the other) or lbfgs (as levenberg-marquardt, slower, "
          "for more weights)")
      ->transform(CLI::CheckedTransformer(optimizers).description(""));
  train.add_option("--epochs", spec.epochs, "Passes over the training samples");
  train
      .add_option("--derivative-scale", spec.derivative_scale,
                  "balanced, per-output or per-input: how Jacobian entries are made comparable")
      ->transform(CLI::CheckedTransformer(scales).description(""));
  train.add_option("--precision", spec.precision, "float32 or float64: arithmetic of training")
      ->transform(CLI::CheckedTransformer(precisions).description(""));
  train.add_option("--derivative-sketch", spec.derivative_sketch,
                   "Fit the derivatives of so many outputs in each step, drawn anew; 0: of all");
  train.add_option("--learning-rate", spec.learning_rate, "Peak of the one-cycle schedule");
  train.add_option("--batch-size", spec.batch_size, "Samples in a step of the optimiser");
  train.add_option("--validation-fraction", spec.validation_fraction, "Share held out");
  train.add_option("--patience", spec.patience,
                   "Stop after so many epochs without improvement; 0: never");
}

}  // namespace

std::string IsSeed(const std::string& text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, seed);
  if (result.ec == std::errc() && result.ptr == end) return "";
  return "expected a whole number from 0 to 18446744073709551615, got " + text;
}

void AddTrainCommand(CLI::App& app, Context& context) {
  const std::map<std::string, client::TrainingKind> kinds = {
      {"auto", client::TrainingKind::kAuto},
      {"network", client::TrainingKind::kNetwork},
      {"polynomial", client::TrainingKind::kPolynomial},
      {"gaussian-process", client::TrainingKind::kGaussianProcess},
  };

  CLI::App* train = app.add_subcommand("train", "Train a model on a dataset.")->fallthrough();
  const auto arguments = std::make_shared<TrainArguments>();
  client::TrainingSpec& spec = arguments->spec;
  train->add_option("DATASET", arguments->dataset, "Dataset to learn from")->required();
  train->add_option("--model", arguments->options.model,
                    "Model that gets the new version; created if missing");
  train->add_option("--dataset-version", arguments->options.dataset_version,
                    "Learn from this version of the dataset");
  train
      ->add_option("--kind", spec.kind,
                   "auto (default), network, polynomial or gaussian-process: what to fit")
      ->transform(CLI::CheckedTransformer(kinds).description(""));
  train->add_option("--effort", spec.effort,
                    "Of --kind auto: work to spend, about in seconds of one core");
  train->add_option("--time-limit", spec.time_limit_seconds,
                    "Take the best so far after this many seconds; of selections");
  train->add_option("--ensemble-size", spec.ensemble_size,
                    "Networks from so many starts whose mean is predicted, with its spread; not "
                    "with --optimizer adam");
  AddShapeOptions(*train, *arguments);
  train->add_option("--alpha", spec.alpha, "Weight of the value loss");
  train->add_option("--beta", spec.beta, "Weight of the gradient loss; 0: learn from values alone");
  train
      ->add_option("--output-weights", spec.output_weights,
                   "Factors of the squared errors of each output, as in 1,10")
      ->delimiter(',')
      ->allow_extra_args(false);
  train
      ->add_option("--derivative-weights", spec.derivative_weights,
                   "Factors of the squared errors of Jacobian entries, output by output; 0 leaves "
                   "one out")
      ->delimiter(',')
      ->allow_extra_args(false);
  train->add_option("--huber", spec.huber,
                    "Robust standard deviations beyond which errors count less; 1.345 is usual "
                    "where there are outliers");
  train->add_option("--gamma", spec.gamma,
                    "Weight of the loss of Hessian-vector labels; 0: leave them out");
  train->add_option("--seed", spec.seed, "Of split, initial weights and order of samples")
      ->check(IsSeed);
  train->add_flag("--detach", arguments->detach, "Print the job's name and leave it running");
  AddCompositionOptions(*train, arguments->composition, spec);
  AddNetworkOptions(*train, spec);
  train->footer(
      "Without options the server tries polynomials, Gaussian processes and networks, judges them\n"
      "by held-out values and derivatives, and takes the best; options of networks mean\n"
      "--kind network. With another --optimizer than adam only --hidden, --activation, --skip,\n"
      "--residual and --derivative-scale apply. The report says what was tried and chosen. "
      "Progress goes to standard\n"
      "error. Ctrl-C leaves the job running and says how to follow or stop it.\n"
      "Exit code 0 if the job succeeds, 4 if it fails or is cancelled, 130 after Ctrl-C.");
  train->callback([arguments, &context] {
    TakeSlopes(*arguments);
    Train(*arguments, context);
  });
}

}  // namespace sobolev::cli
