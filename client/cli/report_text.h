// What a training report says beyond the errors of the model: what was tried, what the labels are
// worth, and which of them look wrong.

#ifndef SOBOLEV_CLIENT_CLI_REPORT_TEXT_H_
#define SOBOLEV_CLIENT_CLI_REPORT_TEXT_H_

#include <ostream>
#include <string>

#include <sobolev/types.h>

namespace sobolev::cli {

// "0.012%", or "-" if there is no such error.
std::string ValueError(const client::ErrorReport& errors);
std::string JacobianError(const client::ErrorReport& errors);

// "value error 12 times lower, Jacobian error 1.5 times higher": what derivative labels do to the
// winner. Empty if that is not known, or if there were none.
std::string WorthOfDerivatives(const client::TrainingReport& report);

// A table of the trials with the winner marked, one of the winner on fewer samples and on values
// alone, and the warnings. Nothing of what the report does not have.
void PrintSelection(std::ostream& out, const client::TrainingReport& report);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_REPORT_TEXT_H_
