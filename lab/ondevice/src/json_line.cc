#include "json_line.h"

#include <cmath>
#include <cstdio>

namespace lab {
namespace {

template <typename Values, typename Format>
std::string joined(const Values& values, Format format) {
  std::string out = "[";
  for (const auto& value : values) {
    if (out.size() > 1) out += ',';
    out += format(value);
  }
  return out + "]";
}

}  // namespace

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return digits;
}

std::string json_list(const std::vector<int64_t>& values) {
  return joined(values, [](int64_t value) { return std::to_string(value); });
}

std::string json_list(const std::vector<double>& values) { return joined(values, json_number); }

std::string json_list(const std::vector<std::string>& values) { return joined(values, json_string); }

JsonObject& JsonObject::raw(const char* name, const std::string& json) {
  if (!body_.empty()) body_ += ',';
  body_ += json_string(name) + ":" + json;
  return *this;
}

}  // namespace lab
