// Reads JSON with the path of every value at hand, so that a wrong file is an error that names the place.
#pragma once

#include <tvm/ffi/any.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

class JsonNode {
 public:
  // Throws Failure of part `where` for text that is no JSON; `name` stands for the document in messages.
  static JsonNode parse(const std::string& where, const std::string& name, const std::string& text);

  bool has(const std::string& key) const;  // present and not null
  JsonNode at(const std::string& key) const;
  std::vector<JsonNode> items() const;
  int64_t integer(int64_t low = 0) const;  // a whole number, `low` or more
  double real() const;
  std::string text() const;
  std::string dump() const;                                    // the value as JSON
  std::string dump_without(const std::string& key) const;      // an object as JSON, one key left out

 private:
  JsonNode(std::string where, std::string path, tvm::ffi::Any value);
  [[noreturn]] void fail(const std::string& message) const;

  std::string where_, path_;
  tvm::ffi::Any value_;
};

}  // namespace lab
