// What the commands about guarantees share: a model or a program, its box, and how numbers of both
// are shown.

#ifndef SOBOLEV_CLIENT_CLI_GUARANTEE_SUBJECT_H_
#define SOBOLEV_CLIENT_CLI_GUARANTEE_SUBJECT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sobolev/client.h>
#include <sobolev/guarantees.h>

#include "client/cli/json_format.h"

namespace sobolev::cli {

// Which function, and where.
struct Subject {
  std::string model;
  std::string program;
  std::string bounds;
};

// Adds MODEL, --program and --bounds.
void AddSubject(CLI::App& command, Subject& subject);

// What the server knows of the function.
struct Function {
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  client::InputBox box;  // Empty: as the server has it.
};

// Throws UsageError unless there is either a model or a program, and for bad bounds.
Function Find(const Subject& subject, const client::Client& client);

template <class Number>
void AddNumber(CLI::App& command, const char* option, std::optional<Number>& number,
               const char* help) {
  command.add_option(option, number, help)->check(CLI::NonNegativeNumber);
}
void AddSeed(CLI::App& command, std::optional<std::uint64_t>& seed);
// An option that may be used again.
void AddTexts(CLI::App& command, const char* option, std::vector<std::string>& texts,
              const char* type, const char* help);

Json RangeToJson(const client::Range& range);
// By the names of inputs or outputs.
Json RangesToJson(const std::vector<client::Range>& ranges, const std::vector<std::string>& names);
Json VectorToJson(const client::Vector& numbers);
// "[0, 1]"
std::string RangeText(const client::Range& range);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_GUARANTEE_SUBJECT_H_
