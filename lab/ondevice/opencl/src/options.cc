#include "options.h"

#include <tvm/ffi/extra/json.h>
#include <tvm/ffi/string.h>

#include "failure.h"

namespace lab {
namespace {

namespace ffi = tvm::ffi;

template <typename T>
T typed(const std::string& key, const ffi::Any& value) {
  auto found = value.try_cast<T>();
  if (!found) fail("option " + key + " is of the wrong type: " + value.GetTypeKey());
  return *std::move(found);
}

void set(Options* options, const std::string& key, const ffi::Any& value) {
  auto text = [&] { return std::string(typed<ffi::String>(key, value)); };
  if (key == "device") options->device = text();
  else if (key == "library") options->library = text();
  else if (key == "cache_dir") options->cache_dir = text();
  else if (key == "profile") options->profile = typed<bool>(key, value);
  else if (key == "zero_copy") options->zero_copy = typed<bool>(key, value);
  else fail("unknown option '" + printable(key, 80) + "'; known: device, library, cache_dir, profile, zero_copy");
}

}  // namespace

Options parse_options(const std::string& json) {
  ffi::String problem;
  ffi::Any parsed = ffi::json::Parse(ffi::String(json), &problem);
  auto object = parsed.try_cast<ffi::json::Object>();
  if (!problem.empty() || !object) fail("options are no JSON object: " + printable(json, 200));
  Options options;
  for (const auto& [key, value] : *object) set(&options, std::string(key.cast<ffi::String>()), value);
  return options;
}

}  // namespace lab
