// JSON as it comes over HTTP: read within limits, with errors that name the field, and written.

#ifndef SOBOLEV_SERVER_GATEWAY_JSON_H_
#define SOBOLEV_SERVER_GATEWAY_JSON_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace sobolev::server {

using Json = nlohmann::json;

// The object that `body` is. Throws Error(kInvalidArgument INVALID_JSON) naming "body" and the
// position: text that is no JSON (such as NaN and Infinity, which JSON does not have), more than 32
// levels of brackets, an object with two members of one name, or something else than an object.
Json ParseObject(const std::string& body);

// All below throw Error(kInvalidArgument) naming `field`.

// The member of that name. `field` is the path to it; `expected` says what it should be.
const Json& RequireMember(const Json& object, const std::string& name, const std::string& field,
                          const std::string& expected);
// Throws unless `value` is an object whose members all have these names.
void RequireMembersAmong(const Json& value, std::initializer_list<std::string_view> names,
                         const std::string& field);
const std::string& RequireString(const Json& value, const std::string& field);
// A whole number; 2.0 is one.
std::int64_t RequireInteger(const Json& value, const std::string& field);
double RequireNumber(const Json& value, const std::string& field);
// A list of `size` numbers; `meaning` says what they are.
std::vector<double> RequireNumbers(const Json& value, std::int64_t size, const std::string& meaning,
                                   const std::string& field);

// What kind of value it is, for errors: "a list of 3".
std::string Kind(const Json& value);

// The text of `value`; what is not UTF-8 in it is replaced.
std::string ToText(const Json& value);
// Appends a finite number such that it reads back with the same bits.
void AppendNumber(double number, std::string& text);
// Appends "[1,2.5]", or with more dimensions nested lists, row-major; "[]" if there are no numbers.
void AppendNumbers(std::span<const double> numbers, std::span<const std::int64_t> shape,
                   std::string& text);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_JSON_H_
