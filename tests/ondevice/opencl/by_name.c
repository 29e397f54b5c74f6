/* As libOpenCL-pixel.so of Google's phones: no function of OpenCL to be seen, each to be had by its name once it is on. */
#include <dlfcn.h>
#include <stddef.h>

static int is_on;

#ifndef WITHOUT_SWITCH
void enableOpenCL(void) { is_on = 1; }
#endif

void* loadOpenCLPointer(const char* name) {
  static void* real;
  if (!is_on) return NULL;
  if (real == NULL) real = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  return real == NULL ? NULL : dlsym(real, name);
}
