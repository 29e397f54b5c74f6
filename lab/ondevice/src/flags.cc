#include "flags.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "failure.h"

namespace lab {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

[[noreturn]] void bad_value(const std::string& name, const std::string& text, const std::string& wanted) {
  throw UsageError("--" + name + " must be " + wanted + ", not '" + text + "'");
}

}  // namespace

Flags::Flags(const std::vector<std::string>& args, const std::vector<std::string>& valued,
             const std::vector<std::string>& switches) {
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].rfind("--", 0) != 0) throw UsageError("unexpected argument '" + args[i] + "'");
    std::string name = args[i].substr(2), value;
    if (contains(valued, name)) {
      if (++i == args.size()) throw UsageError("--" + name + " needs a value");
      value = args[i];
    } else if (!contains(switches, name)) {
      throw UsageError("unknown option '--" + name + "'");
    }
    if (!values_.emplace(name, value).second) throw UsageError("--" + name + " is given twice");
  }
}

std::string Flags::text(const std::string& name) const {
  auto found = values_.find(name);
  if (found == values_.end()) throw UsageError("--" + name + " is required");
  return found->second;
}

std::string Flags::text(const std::string& name, const std::string& fallback) const {
  return has(name) ? text(name) : fallback;
}

int64_t Flags::integer(const std::string& name, int64_t low, int64_t high) const {
  std::string value = text(name);
  char* end = nullptr;
  errno = 0;
  int64_t number = std::strtoll(value.c_str(), &end, 10);
  if (value.empty() || *end != '\0' || errno != 0 || number < low || number > high) {
    bad_value(name, value, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return number;
}

int64_t Flags::integer(const std::string& name, int64_t low, int64_t high, int64_t fallback) const {
  return has(name) ? integer(name, low, high) : fallback;
}

double Flags::real(const std::string& name, double low, double high, double fallback) const {
  if (!has(name)) return fallback;
  std::string value = text(name);
  char* end = nullptr;
  double number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != '\0' || !(number >= low && number <= high)) {
    bad_value(name, value, "a number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return number;
}

}  // namespace lab
