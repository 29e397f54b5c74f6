// Android's properties without Android's property service: lines NAME=VALUE of one file, the last of a name counts.
// It is read anew at each question, so that adbd and the scripts getprop and setprop always agree.

#include <android-base/parsebool.h>
#include <android-base/parseint.h>
#include <android-base/properties.h>

#include <fstream>
#include <string>

namespace android {
namespace base {
namespace {

constexpr char kFile[] = "/data/property/props";

}  // namespace

std::string GetProperty(const std::string& key, const std::string& default_value) {
  const std::string prefix = key + '=';
  std::string value;
  std::ifstream file(kFile);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(prefix, 0) == 0) value = line.substr(prefix.size());
  }
  return value.empty() ? default_value : value;
}

bool SetProperty(const std::string& key, const std::string& value) {
  std::ofstream file(kFile, std::ios::app);
  file << key << '=' << value << '\n';
  return file.good();
}

bool GetBoolProperty(const std::string& key, bool default_value) {
  const ParseBoolResult parsed = ParseBool(GetProperty(key, ""));
  return parsed == ParseBoolResult::kError ? default_value : parsed == ParseBoolResult::kTrue;
}

template <typename T>
T GetIntProperty(const std::string& key, T default_value, T min, T max) {
  T parsed;
  return ParseInt(GetProperty(key, ""), &parsed, min, max) ? parsed : default_value;
}

template <typename T>
T GetUintProperty(const std::string& key, T default_value, T max) {
  T parsed;
  return ParseUint(GetProperty(key, ""), &parsed, max) ? parsed : default_value;
}

template int GetIntProperty(const std::string&, int, int, int);
template long GetIntProperty(const std::string&, long, long, long);
template unsigned GetUintProperty(const std::string&, unsigned, unsigned);

}  // namespace base
}  // namespace android
