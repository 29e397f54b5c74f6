// Program binaries on disk, one file for each kernel: a phone's driver takes seconds to build them.
#pragma once

#include <string>
#include <vector>

namespace lab {

class ProgramCache {
 public:
  // `parts` decide what a binary is good for: it is taken only if all of them are the same. "" as folder: off.
  ProgramCache(const std::string& folder, const std::string& kernel, const std::vector<std::string>& parts);

  bool is_on() const { return !path_.empty(); }

  // The binary, or "" where there is none, or one that is damaged or of something else.
  std::string read() const;

  // Replaces the file in one step. One that can't be written is left out: the next process builds again.
  void write(const std::string& binary) const;

 private:
  std::string path_;
  std::string key_;
};

}  // namespace lab
