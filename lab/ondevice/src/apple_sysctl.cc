#if defined(__APPLE__)
#include "apple_sysctl.h"

#include <sys/sysctl.h>

namespace lab {

int64_t sysctl_number(const char* name, int64_t otherwise) {
  // Some are 32 bits wide and some 64; the kernel says how many bytes it wrote.
  union {
    int32_t narrow;
    int64_t wide;
  } value = {};
  size_t size = sizeof value;
  if (sysctlbyname(name, &value, &size, nullptr, 0) != 0) return otherwise;
  return size == sizeof value.narrow ? value.narrow : size == sizeof value.wide ? value.wide : otherwise;
}

std::string sysctl_text(const char* name) {
  char text[256] = {};
  size_t size = sizeof text - 1;
  return sysctlbyname(name, text, &size, nullptr, 0) == 0 ? text : "";
}

}  // namespace lab
#endif  // __APPLE__
