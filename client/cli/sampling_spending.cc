#include "client/cli/sampling_spending.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "client/cli/format.h"
#include "client/cli/sampling_format.h"

namespace sobolev::cli {
namespace {

constexpr int kSlices = 4;

double AttemptCost(const client::Sampling& sampling) {
  const double of_jacobian =
      sampling.spec.jacobian.value_or(true) ? sampling.spec.jacobian_cost.value_or(0) : 0;
  return sampling.spec.value_cost.value_or(0) + of_jacobian;
}

void Add(const client::SamplingPoint& point, double attempt_cost, Portion& portion) {
  ++portion.points;
  portion.cost += point.attempt * attempt_cost;
}

bool Holds(const client::SamplingBox& box, const client::Vector& x) {
  return (x.array() >= box.min.array()).all() && (x.array() <= box.max.array()).all();
}

}  // namespace

std::vector<Portion> SpendingByOrder(const client::Sampling& sampling,
                                     const std::vector<client::SamplingPoint>& points,
                                     const client::SamplingBoxes& boxes) {
  if (boxes.boxes.empty()) return {};
  constexpr std::array kOrders = {client::BoxOrder::kConstant, client::BoxOrder::kLinear,
                                  client::BoxOrder::kQuadratic, client::BoxOrder::kOpen};
  std::vector<Portion> portions;
  portions.reserve(kOrders.size());
  for (const client::BoxOrder order : kOrders) {
    portions.push_back({.where = std::string(Name(order)) + " boxes"});
  }
  const auto of = [&](const client::SamplingBox& box) -> Portion& {
    const auto place = std::ranges::find(kOrders, box.order) - kOrders.begin();
    return portions[static_cast<std::size_t>(std::min<std::ptrdiff_t>(place, 3))];
  };
  for (const client::SamplingBox& box : boxes.boxes) of(box).volume += box.volume;
  for (const client::SamplingPoint& point : points) {
    const auto box = std::ranges::find_if(
        boxes.boxes, [&](const client::SamplingBox& each) { return Holds(each, point.x); });
    if (box != boxes.boxes.end()) Add(point, AttemptCost(sampling), of(*box));
  }
  return portions;
}

std::vector<Portion> SpendingBySlice(const client::Sampling& sampling,
                                     const std::vector<client::SamplingPoint>& points,
                                     const client::Schema& schema) {
  std::vector<Portion> portions;
  portions.reserve(kSlices * sampling.spec.domain.size());
  for (std::size_t j = 0; j < sampling.spec.domain.size(); ++j) {
    const client::Range& range = sampling.spec.domain[j];
    const std::size_t first = portions.size();
    for (int slice = 0; slice < kSlices; ++slice) {
      const double width = (range.max - range.min) / kSlices;
      portions.push_back({.where = FormatShort(range.min + slice * width) + " to " +
                                   FormatShort(range.min + (slice + 1) * width) + " of " +
                                   schema.inputs[j].name,
                          .volume = 1.0 / kSlices});
    }
    for (const client::SamplingPoint& point : points) {
      const double share =
          (point.x[static_cast<client::Index>(j)] - range.min) / (range.max - range.min);
      const int slice = std::clamp(static_cast<int>(share * kSlices), 0, kSlices - 1);
      Add(point, AttemptCost(sampling), portions[first + static_cast<std::size_t>(slice)]);
    }
  }
  return portions;
}

Json ToJson(const std::vector<Portion>& portions) {
  Json list = Json::array();
  for (const Portion& portion : portions) {
    list.push_back({{"where", portion.where},
                    {"volume", portion.volume},
                    {"points", portion.points},
                    {"cost", portion.cost}});
  }
  return list;
}

std::vector<std::vector<std::string>> ToTable(const std::vector<Portion>& portions,
                                              const std::vector<client::SamplingPoint>& points) {
  const double count = std::max(1.0, static_cast<double>(points.size()));
  std::vector<std::vector<std::string>> rows = {
      {"where", "of the range", "points", "of the points", "cost"}};
  rows.reserve(portions.size() + 1);
  for (const Portion& portion : portions) {
    rows.push_back({portion.where, FormatPercent(portion.volume), std::to_string(portion.points),
                    FormatPercent(static_cast<double>(portion.points) / count),
                    FormatShort(portion.cost)});
  }
  return rows;
}

}  // namespace sobolev::cli
