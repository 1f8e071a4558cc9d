#include "server/convert/range.h"

#include <cmath>

#include "engine/base/error.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

std::string ToText(const v1::Range& range) { return Text(range.min()) + ":" + Text(range.max()); }

void CheckFinite(double end, const std::string& field) {
  if (std::isfinite(end)) return;
  throw InvalidArgument("NON_FINITE", field, "expected a finite number, got " + Text(end));
}

}  // namespace

void CheckRange(const v1::Range& range, const std::string& field) {
  CheckFinite(range.min(), field + ".min");
  CheckFinite(range.max(), field + ".max");
  if (range.min() <= range.max()) return;
  throw InvalidArgument("INVERTED_BOX", field + ".min",
                        "expected at most max = " + Text(range.max()) + ", got " +
                            Text(range.min()) + "; exchange the two");
}

void CheckWithinDomain(const v1::Range& range, const v1::Range& domain, const std::string& input,
                       const std::string& field) {
  if (domain.min() <= range.min() && range.max() <= domain.max()) return;
  std::string what = "expected a range within the domain of the model, ";
  what.append(input).append("=").append(ToText(domain));
  what.append(", which is where its samples lie or what it was pruned for, got ");
  what.append(ToText(range)).append("; shrink the box or train with samples in all of it");
  throw InvalidArgument("OUTSIDE_DOMAIN", field, what);
}

}  // namespace sobolev::server
