// The command line of one verb: `--name value` pairs and bare switches, checked against what the verb knows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lab {

class Flags {
 public:
  // Throws UsageError for an unknown name, a missing value or a name given twice.
  Flags(const std::vector<std::string>& args, const std::vector<std::string>& valued,
        const std::vector<std::string>& switches);

  bool has(const std::string& name) const { return values_.count(name) != 0; }
  std::string text(const std::string& name) const;  // required
  std::string text(const std::string& name, const std::string& fallback) const;
  int64_t integer(const std::string& name, int64_t low, int64_t high) const;  // required
  int64_t integer(const std::string& name, int64_t low, int64_t high, int64_t fallback) const;
  double real(const std::string& name, double low, double high, double fallback) const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace lab
