#include "client/cli/sampling_page.h"

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string_view>

#include "client/cli/sampling_format.h"
#include "client/cli/sampling_picture.h"
#include "client/cli/sampling_spending.h"

namespace sobolev::cli {
namespace {

// Of which every pair is drawn.
constexpr std::size_t kMaxInputs = 6;

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void AddTable(const std::vector<std::vector<std::string>>& rows, std::string& page) {
  page += "<table>\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string_view cell = row == 0 ? "th" : "td";
    page += "<tr>";
    for (const std::string& text : rows[row]) {
      page.append("<").append(cell).append(">").append(Escaped(text));
      page.append("</").append(cell).append(">");
    }
    page += "</tr>\n";
  }
  page += "</table>\n";
}

}  // namespace

std::string MakePage(const client::Sampling& sampling,
                     const std::vector<client::SamplingPoint>& points,
                     const client::SamplingBoxes& boxes, const client::Schema& schema) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>";
  page.append(Escaped(sampling.job)).append("</title>\n");
  page +=
      "<style>body { font-family: sans-serif; margin: 2em; } table { border-collapse: collapse; } "
      "th, td { padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #ddd; }</style>\n"
      "</head>\n<body>\n";
  page.append("<h1>").append(Escaped(sampling.job)).append("</h1>\n<pre>");
  std::ostringstream status;
  PrintSampling(status, sampling);
  page.append(Escaped(status.str())).append("</pre>\n<h2>Rounds</h2>\n");
  AddTable(RoundTable(sampling), page);
  page += "<h2>Where the points went</h2>\n";
  if (const auto portions = SpendingByOrder(sampling, points, boxes); !portions.empty()) {
    AddTable(ToTable(portions, points), page);
  }
  AddTable(ToTable(SpendingBySlice(sampling, points, schema), points), page);
  page += "<h2>Points and boxes</h2>\n";
  const std::size_t n = std::min(schema.inputs.size(), kMaxInputs);
  page += DrawSampling(sampling, points, boxes, schema, 0, n > 1 ? 1 : 0);
  for (std::size_t second = 2; second < n; ++second) {
    for (std::size_t first = 0; first < second; ++first) {
      page += DrawPlane(sampling, points, boxes, schema, first, second);
    }
  }
  return page + "</body>\n</html>\n";
}

}  // namespace sobolev::cli
