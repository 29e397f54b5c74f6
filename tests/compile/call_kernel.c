/* Calls compiled kernels. Runs under qemu-user, so it needs no TVM.

   `call_kernel KERNEL.so [TIMES] < arguments > tensors` calls one, once or as often as said.
   `call_kernel < calls > answers` serves call after call: a call is the length of the library's path as int32, the
   path, and arguments; an answer is an int32, 0 or the length of an error, then the error, or else tensors.

   Arguments, little-endian: how many; then of each its kind: 0 an int64, 1 a double, 2 a tensor (type code, bits,
   dimensions as int32, sizes as int64, elements). What comes out are the elements of every tensor, in order. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tvm/ffi/c_api.h>

enum { MOST_ARGUMENTS = 32, TASKS = 3, LONGEST = 4096 };

static char raised[LONGEST];

typedef struct {
  void* sync_handle;
  int32_t num_task;
} ParallelEnv;
typedef int (*Task)(int id, ParallelEnv* env, void* data);

void TVMFFIErrorSetRaisedFromCStrParts(const char* kind, const char** parts, int32_t count) {
  snprintf(raised, LONGEST, "%s: ", kind);
  for (int32_t i = 0; i < count; ++i) strncat(raised, parts[i] ? parts[i] : "", LONGEST - 1 - strlen(raised));
}

void TVMFFIErrorSetRaisedFromCStr(const char* kind, const char* message) {
  TVMFFIErrorSetRaisedFromCStrParts(kind, &message, 1);
}

/* One task after the other, but several, so that each kernel's division of its work is tried. */
static int launch(Task task, void* data, int wanted) {
  ParallelEnv env = {NULL, wanted ? wanted : TASKS};
  for (int id = 0; id < env.num_task; ++id) {
    int code = task(id, &env, data);
    if (code) return code;
  }
  return 0;
}

static void* allocate(int device, int index, uint64_t size, int code, int bits) {
  return aligned_alloc(64, (size + 63) / 64 * 64);
}

static int release(int device, int index, void* memory) {
  free(memory);
  return 0;
}

static void die(const char* what) {
  fprintf(stderr, "call_kernel: %s\n", what);
  exit(2);
}

static void take(void* to, size_t size) {
  if (size && fread(to, size, 1, stdin) != 1) die("the arguments end too early");
}

static size_t bytes(const DLTensor* tensor) {
  size_t size = tensor->dtype.bits / 8;
  for (int i = 0; i < tensor->ndim; ++i) size *= tensor->shape[i];
  return size;
}

static DLTensor* take_tensor(void) {
  int32_t head[3];
  DLTensor* tensor = calloc(1, sizeof *tensor);
  take(head, sizeof head);
  tensor->dtype = (DLDataType){(uint8_t)head[0], (uint8_t)head[1], 1};
  tensor->device = (DLDevice){kDLCPU, 0};
  tensor->ndim = head[2];
  tensor->shape = calloc(2 * head[2] + 1, sizeof(int64_t));
  tensor->strides = tensor->shape + head[2];
  take(tensor->shape, head[2] * sizeof(int64_t));
  for (int64_t i = head[2] - 1, stride = 1; i >= 0; stride *= tensor->shape[i--]) tensor->strides[i] = stride;
  tensor->data = allocate(0, 0, bytes(tensor) + 1, 0, 0);
  take(tensor->data, bytes(tensor));
  return tensor;
}

static TVMFFIAny take_argument(void) {
  TVMFFIAny any = {0};
  int32_t kind;
  take(&kind, sizeof kind);
  if (kind == 0) {
    any.type_index = kTVMFFIInt;
    take(&any.v_int64, 8);
  } else if (kind == 1) {
    any.type_index = kTVMFFIFloat;
    take(&any.v_float64, 8);
  } else {
    any.type_index = kTVMFFIDLTensorPtr;
    any.v_ptr = take_tensor();
  }
  return any;
}

static void provide(void* library, const char* name, void* function) {
  void** slot = dlsym(library, name);
  if (slot) *slot = function;
}

static TVMFFISafeCallType kernel_of(const char* path) {
  void* library = dlopen(path, RTLD_NOW);
  if (!library) die(dlerror());
  provide(library, "__TVMBackendParallelLaunch", (void*)launch);
  provide(library, "__TVMBackendAllocWorkspace", (void*)allocate);
  provide(library, "__TVMBackendFreeWorkspace", (void*)release);
  TVMFFISafeCallType kernel = (TVMFFISafeCallType)dlsym(library, "__tvm_ffi_main");
  if (!kernel) die("the library has no kernel");
  return kernel;
}

static int32_t take_arguments(TVMFFIAny* arguments) {
  int32_t count;
  take(&count, sizeof count);
  if (count > MOST_ARGUMENTS) die("too many arguments");
  for (int32_t i = 0; i < count; ++i) arguments[i] = take_argument();
  return count;
}

/* Writes the elements where there was no error, and lets go of the memory. */
static void give_back(TVMFFIAny* arguments, int32_t count, int failed) {
  for (int32_t i = 0; i < count; ++i) {
    DLTensor* tensor = arguments[i].v_ptr;
    if (arguments[i].type_index != kTVMFFIDLTensorPtr) continue;
    if (!failed) fwrite(tensor->data, 1, bytes(tensor), stdout);
    free(tensor->data);
    free(tensor->shape);
    free(tensor);
  }
}

static int serve(void) {
  int32_t length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    char path[LONGEST] = {0};
    TVMFFIAny arguments[MOST_ARGUMENTS], result = {0};
    if (length <= 0 || length >= LONGEST) die("a path of no possible length");
    take(path, length);
    TVMFFISafeCallType kernel = kernel_of(path);
    int32_t count = take_arguments(arguments);
    strcpy(raised, "it told no reason");
    int failed = kernel(NULL, arguments, count, &result);
    int32_t answer = failed ? (int32_t)strlen(raised) : 0;
    fwrite(&answer, sizeof answer, 1, stdout);
    fwrite(raised, 1, answer, stdout);
    give_back(arguments, count, failed);
    if (fflush(stdout)) return 1;
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 1) return serve();
  if (argc > 3) die("usage: call_kernel [KERNEL.so [TIMES]]");
  TVMFFISafeCallType kernel = kernel_of(argv[1]);
  TVMFFIAny arguments[MOST_ARGUMENTS], result = {0};
  int32_t count = take_arguments(arguments);
  int code = 0;
  for (int times = argc == 3 ? atoi(argv[2]) : 1; times > 0 && !code; --times) {
    code = kernel(NULL, arguments, count, &result);
  }
  if (code) fprintf(stderr, "%s\n", raised);
  give_back(arguments, count, code);
  return code ? 1 : fflush(stdout);
}
