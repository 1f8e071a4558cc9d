// Numbers in messages.

#ifndef SOBOLEV_ENGINE_BASE_NUMBER_TEXT_H_
#define SOBOLEV_ENGINE_BASE_NUMBER_TEXT_H_

#include <string>

namespace sobolev {

// The shortest text that reads back as the same number: "0.1", "1e+300".
std::string NumberText(double number);

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_NUMBER_TEXT_H_
