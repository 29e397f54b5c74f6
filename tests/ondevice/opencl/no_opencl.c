/* Preloaded by tests: a machine without OpenCL. No library that has OpenCL or Mali's in its name can be opened. */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

void* dlopen(const char* name, int flags) {
  void* (*real)(const char*, int) = (void* (*)(const char*, int))dlsym(RTLD_NEXT, "dlopen");
  int is_hidden = name != NULL && (strstr(name, "libOpenCL") != NULL || strstr(name, "_mali") != NULL);
  return real(is_hidden ? "/no/such/library.so" : name, flags);
}
