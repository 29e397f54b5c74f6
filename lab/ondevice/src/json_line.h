// Writes one JSON object a line. Numbers are exact: int64 as is, doubles with 17 digits, not finite = null.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

std::string json_string(const std::string& text);
std::string json_number(double value);
std::string json_list(const std::vector<int64_t>& values);
std::string json_list(const std::vector<double>& values);
std::string json_list(const std::vector<std::string>& values);

class JsonObject {
 public:
  JsonObject& text(const char* name, const std::string& value) { return raw(name, json_string(value)); }
  JsonObject& integer(const char* name, int64_t value) { return raw(name, std::to_string(value)); }
  JsonObject& real(const char* name, double value) { return raw(name, json_number(value)); }
  JsonObject& boolean(const char* name, bool value) { return raw(name, value ? "true" : "false"); }
  // A count below zero stands for "not measured" and is written as null.
  JsonObject& measured(const char* name, int64_t value) {
    return raw(name, value < 0 ? "null" : std::to_string(value));
  }
  JsonObject& raw(const char* name, const std::string& json);  // json: a value already written as JSON
  std::string str() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

}  // namespace lab
