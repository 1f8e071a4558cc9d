#include "client/cli/sampling_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string_view>

#include "client/cli/format.h"
#include "client/cli/sampling_format.h"

namespace sobolev::cli {
namespace {

// In pixels.
constexpr double kSide = 480;
constexpr double kTop = 50;
constexpr double kPointsLeft = 80;
constexpr double kErrorsLeft = 700;
constexpr double kPlaneWidth = 640;
constexpr double kWidth = 1220;
constexpr double kHeight = 600;
constexpr double kTick = 5;
constexpr int kTicks = 4;
// Errors below are drawn there.
constexpr double kLeastError = 1e-12;

std::string Number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", value);
  return text.data();
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// A range of numbers along one side of a frame.
struct Axis {
  double min = 0;
  double max = 1;
  bool is_logarithmic = false;

  // From 0 to 1.
  double Share(double value) const {
    if (!is_logarithmic) return (value - min) / (max - min);
    return std::log(value / min) / std::log(max / min);
  }
  double At(double share) const {
    return is_logarithmic ? min * std::pow(max / min, share) : min + share * (max - min);
  }
};

// Dark blue to yellow, readable by the colour-blind and in grey.
std::string Colour(double share) {
  struct Rgb {
    double red;
    double green;
    double blue;
  };
  constexpr std::array<Rgb, 5> kStops = {
      Rgb{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};
  const double place = std::clamp(share, 0.0, 1.0) * (kStops.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), kStops.size() - 2);
  const double part = place - static_cast<double>(below);
  const auto mix = [&](double Rgb::*channel) {
    return static_cast<int>(
        std::lround((1 - part) * kStops[below].*channel + part * kStops[below + 1].*channel));
  };
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "#%02x%02x%02x", mix(&Rgb::red), mix(&Rgb::green),
                mix(&Rgb::blue));
  return text.data();
}

class Canvas {
 public:
  explicit Canvas(double width) {
    svg_.append("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"")
        .append(Number(width))
        .append("\" height=\"")
        .append(Number(kHeight))
        .append("\" font-family=\"sans-serif\" font-size=\"13\">\n")
        .append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
  }

  void Text(double x, double y, std::string_view text, std::string_view anchor = "middle") {
    svg_.append("<text x=\"")
        .append(Number(x))
        .append("\" y=\"")
        .append(Number(y))
        .append("\" text-anchor=\"")
        .append(anchor)
        .append("\">")
        .append(Escaped(text))
        .append("</text>\n");
  }

  void Line(double x1, double y1, double x2, double y2, std::string_view colour) {
    svg_.append("<path d=\"M")
        .append(Number(x1))
        .append(" ")
        .append(Number(y1))
        .append("L")
        .append(Number(x2))
        .append(" ")
        .append(Number(y2))
        .append("\" fill=\"none\" stroke=\"")
        .append(colour)
        .append("\" stroke-width=\"1.5\"/>\n");
  }

  void Dot(double x, double y, std::string_view colour, std::string_view title) {
    svg_.append("<circle cx=\"")
        .append(Number(x))
        .append("\" cy=\"")
        .append(Number(y))
        .append("\" r=\"4\" fill=\"")
        .append(colour)
        .append("\" stroke=\"#333\" stroke-width=\"0.5\"><title>")
        .append(Escaped(title))
        .append("</title></circle>\n");
  }

  void Cross(double x, double y, std::string_view colour) {
    constexpr double kArm = 4;
    Line(x - kArm, y - kArm, x + kArm, y + kArm, colour);
    Line(x - kArm, y + kArm, x + kArm, y - kArm, colour);
  }

  void Rectangle(double x, double y, double width, double height, std::string_view fill,
                 std::string_view stroke) {
    svg_.append("<rect x=\"")
        .append(Number(x))
        .append("\" y=\"")
        .append(Number(y))
        .append("\" width=\"")
        .append(Number(width))
        .append("\" height=\"")
        .append(Number(height))
        .append("\" fill=\"")
        .append(fill)
        .append("\" stroke=\"")
        .append(stroke)
        .append("\"/>\n");
  }

  std::string Take() && { return std::move(svg_.append("</svg>\n")); }

 private:
  std::string svg_;
};

// A square with two axes.
class Frame {
 public:
  Frame(Canvas& canvas, double left, Axis across, Axis up)
      : canvas_(canvas), left_(left), across_(across), up_(up) {}

  double X(double value) const { return left_ + kSide * across_.Share(value); }
  double Y(double value) const { return kTop + kSide * (1 - up_.Share(value)); }

  void Draw(std::string_view title, std::string_view across, std::string_view up) const {
    canvas_.Rectangle(left_, kTop, kSide, kSide, "none", "#333");
    canvas_.Text(left_ + kSide / 2, kTop - 32, title);
    canvas_.Text(left_ + kSide / 2, kTop + kSide + 42, across);
    canvas_.Text(left_, kTop - 12, up);
    for (int tick = 0; tick <= kTicks; ++tick) {
      const double share = static_cast<double>(tick) / kTicks;
      const double x = left_ + kSide * share;
      const double y = kTop + kSide * (1 - share);
      canvas_.Line(x, kTop + kSide, x, kTop + kSide + kTick, "#333");
      canvas_.Line(left_ - kTick, y, left_, y, "#333");
      canvas_.Text(x, kTop + kSide + 20, Label(across_.At(share)));
      canvas_.Text(left_ - 2 * kTick, y + kTick, Label(up_.At(share)), "end");
    }
  }

 private:
  static std::string Label(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3g", value);
    return text.data();
  }

  Canvas& canvas_;
  const double left_;
  const Axis across_;
  const Axis up_;
};

// Simple ones are dark.
std::string_view Fill(client::BoxOrder order) {
  switch (order) {
    case client::BoxOrder::kConstant:
      return "#b5c4d6";
    case client::BoxOrder::kLinear:
      return "#d3dde8";
    case client::BoxOrder::kQuadratic:
      return "#ecf1f6";
    default:
      return "white";
  }
}

void DrawBoxes(Canvas& canvas, const Frame& frame, const client::Sampling& sampling,
               const client::SamplingBoxes& boxes, std::size_t first, std::size_t second) {
  const auto holds_middle = [&](const client::SamplingBox& box) {
    for (std::size_t j = 0; j < sampling.spec.domain.size(); ++j) {
      if (j == first || j == second) continue;
      const auto place = static_cast<client::Index>(j);
      const double middle = (sampling.spec.domain[j].min + sampling.spec.domain[j].max) / 2;
      // Of two boxes that meet there, one.
      const bool is_fixed = box.min[place] == box.max[place];
      if (!is_fixed && (middle < box.min[place] || middle >= box.max[place])) return false;
    }
    return true;
  };
  for (const client::SamplingBox& box : boxes.boxes) {
    if (!holds_middle(box)) continue;
    const auto across = static_cast<client::Index>(first);
    const auto up = static_cast<client::Index>(second);
    const double left = frame.X(box.min[across]);
    const double top = frame.Y(box.max[up]);
    canvas.Rectangle(left, top, frame.X(box.max[across]) - left, frame.Y(box.min[up]) - top,
                     Fill(box.order), "#8a94a0");
  }
}

void DrawPoints(Canvas& canvas, const client::Sampling& sampling,
                const std::vector<client::SamplingPoint>& points,
                const client::SamplingBoxes& boxes, const client::Schema& schema, std::size_t first,
                std::size_t second) {
  const client::Range& across = sampling.spec.domain[first];
  const client::Range& up = sampling.spec.domain[second];
  const Frame frame(canvas, kPointsLeft, {across.min, across.max}, {up.min, up.max});
  DrawBoxes(canvas, frame, sampling, boxes, first, second);
  frame.Draw(boxes.boxes.empty()
                 ? "Points by round; crosses: no value"
                 : "Points by round; crosses: no value; boxes, the simplest darkest",
             schema.inputs[first].name, schema.inputs[second].name);
  int last = 1;
  for (const client::SamplingPoint& point : points) last = std::max(last, point.round);
  for (const client::SamplingPoint& point : points) {
    const double x = frame.X(point.x[static_cast<client::Index>(first)]);
    const double y = frame.Y(point.x[static_cast<client::Index>(second)]);
    switch (point.state) {
      case client::SamplingPointState::kDone:
        canvas.Dot(x, y, Colour(static_cast<double>(point.round) / last),
                   "point " + std::to_string(point.id) + ", round " + std::to_string(point.round));
        break;
      case client::SamplingPointState::kInfeasible:
      case client::SamplingPointState::kFailed:
        canvas.Cross(x, y, "#c22");
        break;
      default:
        canvas.Dot(x, y, "none", "point " + std::to_string(point.id) + ", not evaluated yet");
    }
  }
  // What the colours mean.
  constexpr int kSteps = 48;
  constexpr double kBarLeft = kPointsLeft + kSide + 20;
  for (int step = 0; step < kSteps; ++step) {
    canvas.Rectangle(kBarLeft, kTop + kSide - (step + 1) * kSide / kSteps, 12, kSide / kSteps,
                     Colour((step + 0.5) / kSteps), "none");
  }
  canvas.Text(kBarLeft + 6, kTop + kSide + 20, "0");
  canvas.Text(kBarLeft + 6, kTop - 12, std::to_string(last));
}

double Drawn(double error) { return std::max(error, kLeastError); }

// The axis from a power of ten to another one around all errors that are known.
Axis ErrorAxis(const client::Sampling& sampling) {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const client::SamplingRound& round : sampling.rounds) {
    for (const double error :
         {round.value_error, round.gradient_error, ErrorOfEvenPoints(sampling, round)}) {
      if (!std::isfinite(error)) continue;
      least = std::min(least, Drawn(error));
      most = std::max(most, Drawn(error));
    }
  }
  if (most == 0) return {.min = 0.01, .max = 1, .is_logarithmic = true};
  const double bottom = std::floor(std::log10(least));
  const double top = std::max(std::ceil(std::log10(most)), bottom + 1);
  return {.min = std::pow(10, bottom), .max = std::pow(10, top), .is_logarithmic = true};
}

void DrawErrors(Canvas& canvas, const client::Sampling& sampling) {
  const std::vector<client::SamplingRound>& rounds = sampling.rounds;
  const double last = rounds.empty() ? 1 : static_cast<double>(rounds.back().evaluations);
  const Frame frame(canvas, kErrorsLeft, {0, std::max(last, 1.0)}, ErrorAxis(sampling));
  frame.Draw("Reported errors: values (blue), gradients (orange); grey: even points, by N^(-3/n)",
             "evaluations", "relative error");
  const auto draw = [&](const auto& error_of, std::string_view colour, bool has_dots) {
    double x_before = 0;
    double y_before = 0;
    bool is_first = true;
    for (const client::SamplingRound& round : rounds) {
      const double error = error_of(round);
      if (!std::isfinite(error)) continue;
      const double x = frame.X(static_cast<double>(round.evaluations));
      const double y = frame.Y(Drawn(error));
      if (!is_first) canvas.Line(x_before, y_before, x, y, colour);
      if (has_dots) canvas.Dot(x, y, colour, FormatPercent(error));
      x_before = x;
      y_before = y;
      is_first = false;
    }
  };
  using Round = client::SamplingRound;
  draw([&](const Round& round) { return ErrorOfEvenPoints(sampling, round); }, "#b0b0b0", false);
  draw([](const Round& round) { return round.value_error; }, "#1f6fb4", true);
  draw([](const Round& round) { return round.gradient_error; }, "#e08214", true);
}

}  // namespace

std::string DrawPlane(const client::Sampling& sampling,
                      const std::vector<client::SamplingPoint>& points,
                      const client::SamplingBoxes& boxes, const client::Schema& schema,
                      std::size_t first, std::size_t second) {
  Canvas canvas(kPlaneWidth);
  DrawPoints(canvas, sampling, points, boxes, schema, first, second);
  return std::move(canvas).Take();
}

std::string DrawSampling(const client::Sampling& sampling,
                         const std::vector<client::SamplingPoint>& points,
                         const client::SamplingBoxes& boxes, const client::Schema& schema,
                         std::size_t first, std::size_t second) {
  Canvas canvas(kWidth);
  DrawPoints(canvas, sampling, points, boxes, schema, first, second);
  DrawErrors(canvas, sampling);
  return std::move(canvas).Take();
}

}  // namespace sobolev::cli
