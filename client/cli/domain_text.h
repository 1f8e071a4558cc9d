// Domains to sample, as people write them: in a line, or as JSON in a file.

#ifndef SOBOLEV_CLIENT_CLI_DOMAIN_TEXT_H_
#define SOBOLEV_CLIENT_CLI_DOMAIN_TEXT_H_

#include <istream>
#include <ostream>
#include <string>
#include <string_view>

#include <sobolev/types.h>

#include "engine/sampling/domain.h"

namespace sobolev::cli {

// "x=0:1,rate=1e-3:10:log,blades=2:5:int,g=9.81,alloy=steel|titanium": ranges, a fixed value, and
// the levels of a categorical input. Throws UsageError naming --inputs.
sampling::Domain ParseInputs(std::string_view text);

// {"inputs": [{"name": "rate", "min": 1e-3, "max": 10, "scale": "log",
//              "measure": {"normal": {"mean": -2, "standard_deviation": 1}}},
//             {"name": "blades", "kind": "integer", "min": 2, "max": 5},
//             {"name": "alloy", "kind": "categorical", "levels": ["steel", "titanium"]},
//             {"name": "g", "fixed": 9.81}],
//  "constraints": {"linear": [{"coefficients": {"rate": 1, "blades": 2}, "bound": 9}],
//                  "program": "input rate\n…\noutput g = rate - 1"}}
// Measures: "normal"; "triangular" with "mode"; "beta" with "alpha" and "beta"; "piecewise_linear"
// with "positions" and "densities". Throws UsageError naming the key.
sampling::Domain ParseDomain(std::string_view json);

// n×N points from a CSV file with a column for each input, in any order, and others that do not
// count; levels of categorical inputs are written by name. Throws UsageError
// "file:line:column: ...".
client::Matrix ReadPoints(std::istream& in, const std::string& file_name,
                          const sampling::Domain& domain);
// The other way round.
void WritePoints(std::ostream& out, const sampling::Domain& domain, const client::Matrix& X);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_DOMAIN_TEXT_H_
