#include "stage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "events.h"
#include "failure.h"
#include "flags.h"
#include "manifest.h"
#include "mapping.h"
#include "memory.h"

namespace lab {
namespace {

// A file that was written or read in the ordinary way lies in the page cache in small pages, and a decode step walks
// through half a million of them. Read again through a mapping that asks for huge pages, it lies in huge ones, if its
// filesystem has them (Linux: large folios), and stays so for every process that maps it.
constexpr size_t kHuge = size_t{2} << 20;
#if defined(__linux__)
constexpr size_t kStep = kHuge;  // read ahead fetches what lies between
#else
constexpr size_t kStep = size_t{16} << 10;  // a page of Apple's processors; it has no huge ones for files
#endif
constexpr size_t kTrial = 4 * kHuge;  // read again first, to see whether this kernel does it at all
constexpr double kEnough = 0.9;       // the file's end and a little fragmentation never fit a huge page

struct Staged {
  size_t touched = 0;
  int64_t huge = -1;  // bytes of them that are mapped in huge pages, -1 where the kernel does not say
};

// Maps the file and touches every step of its first `bytes`.
Staged touch(const std::string& path, size_t size, size_t bytes) {
  Mapping mapping(path, size, false);
  volatile char sink = 0;
  for (size_t at = 0; at < bytes; at += kStep) sink = mapping.data()[at];
  static_cast<void>(sink);
  return {bytes, huge_file_bytes()};
}

bool enough(const Staged& staged) { return staged.huge >= kEnough * static_cast<double>(staged.touched); }

// Drops the first `bytes` from the page cache, unless something else holds them: advice, so not checked.
void drop(const std::string& path, [[maybe_unused]] size_t bytes) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
#ifdef POSIX_FADV_DONTNEED
  posix_fadvise(fd, 0, static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
#endif
  close(fd);
}

Staged stage(const std::string& path, size_t size) {
  Staged as_it_was = touch(path, size, size);
  size_t trial = std::min(size, kTrial);
  if (as_it_was.huge < 0 || enough(as_it_was) || size < kHuge) return as_it_was;
  drop(path, trial);
  if (!enough(touch(path, size, trial))) return as_it_was;
  drop(path, size);
  return touch(path, size, size);
}

}  // namespace

int stage_command(const std::vector<std::string>& args) {
  Flags flags(args, {"bundle"}, {});
  std::string bundle = flags.text("bundle");
  Manifest manifest = read_manifest(bundle);
  Staged staged = stage(bundle + "/weights.bin", static_cast<size_t>(manifest.weights_size));
  emit(event("staged").integer("bytes", static_cast<int64_t>(staged.touched)).measured("huge_bytes", staged.huge));
  return kOk;
}

}  // namespace lab
