#include "json_node.h"

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/extra/json.h>

#include <utility>

#include "call.h"

namespace lab {
namespace {

std::string stringify(const std::string& where, const ffi::Any& value) {
  static const ffi::Function f = global_function("ffi.json.Stringify");
  return call<ffi::String>(where.c_str(), f, value, nullptr);
}

}  // namespace

JsonNode::JsonNode(std::string where, std::string path, ffi::Any value)
    : where_(std::move(where)), path_(std::move(path)), value_(std::move(value)) {}

void JsonNode::fail(const std::string& message) const { throw Failure(where_, path_ + ": " + message); }

JsonNode JsonNode::parse(const std::string& where, const std::string& name, const std::string& text) {
  ffi::String error;
  ffi::Any value = ffi::json::Parse(ffi::String(text), &error);  // with &error it throws nothing
  if (!error.empty()) throw Failure(where, name + ": not JSON: " + std::string(error));
  return JsonNode(where, name, value);
}

bool JsonNode::has(const std::string& key) const {
  auto object = value_.try_cast<ffi::json::Object>();
  if (!object) return false;
  auto found = object->find(ffi::String(key));
  return found != object->end() && (*found).second != nullptr;
}

JsonNode JsonNode::at(const std::string& key) const {
  auto object = value_.try_cast<ffi::json::Object>();
  if (!object) fail("must be an object");
  auto found = object->find(ffi::String(key));
  if (found == object->end()) fail("has no key '" + key + "'");
  return JsonNode(where_, path_ + "." + key, (*found).second);
}

std::vector<JsonNode> JsonNode::items() const {
  auto array = value_.try_cast<ffi::json::Array>();
  if (!array) fail("must be a list");
  std::vector<JsonNode> out;
  for (const ffi::Any& item : *array) {
    out.push_back(JsonNode(where_, path_ + "[" + std::to_string(out.size()) + "]", item));
  }
  return out;
}

int64_t JsonNode::integer(int64_t low) const {
  auto number = value_.as<int64_t>();
  if (!number || *number < low) fail("must be a whole number, " + std::to_string(low) + " or more");
  return *number;
}

double JsonNode::real() const {
  if (auto number = value_.as<double>()) return *number;
  if (auto number = value_.as<int64_t>()) return static_cast<double>(*number);
  fail("must be a number");
}

std::string JsonNode::text() const {
  auto text = value_.as<ffi::String>();
  if (!text) fail("must be a string");
  return *text;
}

std::string JsonNode::dump() const { return stringify(where_, value_); }

std::string JsonNode::dump_without(const std::string& key) const {
  auto object = value_.try_cast<ffi::json::Object>();
  if (!object) fail("must be an object");
  ffi::json::Object rest;
  for (const auto& [name, value] : *object) {
    if (expect<ffi::String>(where_.c_str(), name, path_ + ": a key") != key) rest.Set(name, value);
  }
  return stringify(where_, rest);
}

}  // namespace lab
