/* An OpenCL library for tests: hands everything on to the real one, and has the faults that its environment names.
 *
 *   LAB_FAULT_NO_PLATFORM, _NO_DEVICE     nothing is found
 *   LAB_FAULT_NO_FP16, _CLAIM_FP16        cl_khr_fp16 is taken from or added to the extensions
 *   LAB_FAULT_MAX_ALLOC, _GLOBAL_MEM      bytes that the device says it gives at once, or has
 *   LAB_FAULT_DEVICE_TYPE=gpu|cpu         what the device says it is
 *   LAB_FAULT_DISCRETE                    the device says that it has memory of its own
 *   LAB_FAULT_BUILD_FAILS=TEXT            a kernel with TEXT in its name does not build; its log is long and odd
 *   LAB_FAULT_NO_BINARY                   no program binary is taken
 *   LAB_FAULT_LOST_AFTER=N                after N launches every command fails: the device is not available
 *   LAB_FAULT_GIVES_UP_AFTER=N            later launches are taken but not done; the next wait is out of resources
 */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL(name) ((__typeof__(&name))real(#name))

static void* real(const char* name) {
  static void* library = NULL;
  if (library == NULL) library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  void* found = library == NULL ? NULL : dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "faulty_icd: no %s in libOpenCL.so.1\n", name);
    abort();
  }
  return found;
}

static const char* fault(const char* name) {
  char variable[64];
  snprintf(variable, sizeof variable, "LAB_FAULT_%s", name);
  const char* value = getenv(variable);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

static int launches = 0;
static int gave_up = 0;

static int is_over(const char* name) {
  const char* limit = fault(name);
  return limit != NULL && launches > atoi(limit);
}

static cl_int command_fault(int waits) {
  if (is_over("LOST_AFTER")) return CL_DEVICE_NOT_AVAILABLE;
  if (waits && gave_up) return CL_OUT_OF_RESOURCES;
  return CL_SUCCESS;
}

static cl_int give(const void* value, size_t bytes, size_t size, void* to, size_t* got) {
  if (got != NULL) *got = bytes;
  if (to == NULL) return CL_SUCCESS;
  if (size < bytes) return CL_INVALID_VALUE;
  memcpy(to, value, bytes);
  return CL_SUCCESS;
}

cl_int clGetPlatformIDs(cl_uint entries, cl_platform_id* platforms, cl_uint* count) {
  if (fault("NO_PLATFORM") == NULL) return REAL(clGetPlatformIDs)(entries, platforms, count);
  if (count != NULL) *count = 0;
  return CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t size, void* to, size_t* got) {
  return REAL(clGetPlatformInfo)(platform, what, size, to, got);
}

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id* devices,
                      cl_uint* count) {
  if (fault("NO_DEVICE") == NULL) return REAL(clGetDeviceIDs)(platform, type, entries, devices, count);
  if (count != NULL) *count = 0;
  return CL_DEVICE_NOT_FOUND;
}

static cl_int extensions(cl_device_id device, size_t size, void* to, size_t* got) {
  char text[8192] = "";
  cl_int code = REAL(clGetDeviceInfo)(device, CL_DEVICE_EXTENSIONS, sizeof text - 32, text, NULL);
  if (code != CL_SUCCESS) return code;
  char* there = strstr(text, "cl_khr_fp16");
  if (there != NULL && fault("NO_FP16") != NULL) memcpy(there, "cl_lab_fp00", 11);
  if (there == NULL && fault("CLAIM_FP16") != NULL) strcat(text, " cl_khr_fp16");
  return give(text, strlen(text) + 1, size, to, got);
}

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void* to, size_t* got) {
  const char* number = what == CL_DEVICE_MAX_MEM_ALLOC_SIZE ? fault("MAX_ALLOC")
                       : what == CL_DEVICE_GLOBAL_MEM_SIZE  ? fault("GLOBAL_MEM")
                                                            : NULL;
  const char* type = what == CL_DEVICE_TYPE ? fault("DEVICE_TYPE") : NULL;
  if (number != NULL) {
    cl_ulong value = strtoull(number, NULL, 10);
    return give(&value, sizeof value, size, to, got);
  }
  if (type != NULL) {
    cl_device_type value = strcmp(type, "gpu") == 0 ? CL_DEVICE_TYPE_GPU : CL_DEVICE_TYPE_CPU;
    return give(&value, sizeof value, size, to, got);
  }
  if (what == CL_DEVICE_HOST_UNIFIED_MEMORY && fault("DISCRETE") != NULL) {
    cl_bool value = CL_FALSE;
    return give(&value, sizeof value, size, to, got);
  }
  if (what == CL_DEVICE_EXTENSIONS) return extensions(device, size, to, got);
  return REAL(clGetDeviceInfo)(device, what, size, to, got);
}

cl_context clCreateContext(const cl_context_properties* properties, cl_uint count, const cl_device_id* devices,
                           void(CL_CALLBACK* notify)(const char*, const void*, size_t, void*), void* data,
                           cl_int* code) {
  return REAL(clCreateContext)(properties, count, devices, notify, data, code);
}

cl_command_queue clCreateCommandQueue(cl_context context, cl_device_id device, cl_command_queue_properties properties,
                                      cl_int* code) {
  return REAL(clCreateCommandQueue)(context, device, properties, code);
}

cl_int clFlush(cl_command_queue queue) {
  cl_int code = command_fault(0);
  return code != CL_SUCCESS ? code : REAL(clFlush)(queue);
}

cl_int clFinish(cl_command_queue queue) {
  cl_int code = command_fault(1);
  return code != CL_SUCCESS ? code : REAL(clFinish)(queue);
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void* host, cl_int* code) {
  const char* most = fault("MAX_ALLOC");
  if (most == NULL || size <= strtoull(most, NULL, 10)) return REAL(clCreateBuffer)(context, flags, size, host, code);
  if (code != NULL) *code = CL_INVALID_BUFFER_SIZE;
  return NULL;
}

cl_int clReleaseMemObject(cl_mem memory) { return REAL(clReleaseMemObject)(memory); }

cl_int clGetEventInfo(cl_event event, cl_event_info what, size_t size, void* to, size_t* got) {
  return REAL(clGetEventInfo)(event, what, size, to, got);
}

cl_int clGetEventProfilingInfo(cl_event event, cl_profiling_info what, size_t size, void* to, size_t* got) {
  return REAL(clGetEventProfilingInfo)(event, what, size, to, got);
}

cl_int clReleaseEvent(cl_event event) { return REAL(clReleaseEvent)(event); }

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                           void* to, cl_uint count, const cl_event* events, cl_event* event) {
  cl_int code = command_fault(blocking == CL_TRUE);
  if (code != CL_SUCCESS) return code;
  return REAL(clEnqueueReadBuffer)(queue, buffer, blocking, offset, size, to, count, events, event);
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                            const void* from, cl_uint count, const cl_event* events, cl_event* event) {
  cl_int code = command_fault(blocking == CL_TRUE);
  if (code != CL_SUCCESS) return code;
  return REAL(clEnqueueWriteBuffer)(queue, buffer, blocking, offset, size, from, count, events, event);
}

cl_int clEnqueueCopyBuffer(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
                           size_t size, cl_uint count, const cl_event* events, cl_event* event) {
  cl_int code = command_fault(0);
  if (code != CL_SUCCESS) return code;
  return REAL(clEnqueueCopyBuffer)(queue, from, to, from_offset, to_offset, size, count, events, event);
}

/* Programs that will not build. */
static cl_program refused[64];
static int refused_count = 0;

static int is_refused(cl_program program) {
  for (int i = 0; i < refused_count; ++i) {
    if (refused[i] == program) return 1;
  }
  return 0;
}

/* Whether TEXT is in the name of the kernel that the source is of; without such a line, anywhere in it. */
static int is_of(const char* source, size_t size, const char* text) {
  const char* mark = memmem(source, size, "// Function: ", 13);
  const char* from = mark == NULL ? source : mark;
  const char* end = mark == NULL ? NULL : memchr(mark, '\n', (size_t)(source + size - mark));
  size_t within = (size_t)((end == NULL ? source + size : end) - from);
  return memmem(from, within, text, strlen(text)) != NULL;
}

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char** texts, const size_t* sizes,
                                     cl_int* code) {
  cl_program program = REAL(clCreateProgramWithSource)(context, count, texts, sizes, code);
  const char* wanted = fault("BUILD_FAILS");
  if (wanted == NULL || program == NULL || refused_count == 64) return program;
  size_t size = sizes != NULL && sizes[0] != 0 ? sizes[0] : strlen(texts[0]);
  if (is_of(texts[0], size, wanted)) refused[refused_count++] = program;
  return program;
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id* devices,
                                     const size_t* sizes, const unsigned char** binaries, cl_int* status,
                                     cl_int* code) {
  if (fault("NO_BINARY") == NULL) {
    return REAL(clCreateProgramWithBinary)(context, count, devices, sizes, binaries, status, code);
  }
  if (code != NULL) *code = CL_INVALID_BINARY;
  return NULL;
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id* devices, const char* options,
                      void(CL_CALLBACK* notify)(cl_program, void*), void* data) {
  if (is_refused(program)) return CL_BUILD_PROGRAM_FAILURE;
  return REAL(clBuildProgram)(program, count, devices, options, notify, data);
}

cl_int clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info what, size_t size,
                             void* to, size_t* got) {
  if (!is_refused(program) || what != CL_PROGRAM_BUILD_LOG) {
    return REAL(clGetProgramBuildInfo)(program, device, what, size, to, got);
  }
  static char log[65536];
  strcpy(log, "<source>:7:3: error: \x1b[31mno such thing\x1b[0m as a planted fault\n");
  memset(log + strlen(log), 'x', sizeof log - strlen(log) - 1);
  return give(log, sizeof log, size, to, got);
}

cl_int clReleaseProgram(cl_program program) { return REAL(clReleaseProgram)(program); }

cl_int clGetProgramInfo(cl_program program, cl_program_info what, size_t size, void* to, size_t* got) {
  return REAL(clGetProgramInfo)(program, what, size, to, got);
}

cl_kernel clCreateKernel(cl_program program, const char* name, cl_int* code) {
  return REAL(clCreateKernel)(program, name, code);
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what, size_t size,
                                void* to, size_t* got) {
  return REAL(clGetKernelWorkGroupInfo)(kernel, device, what, size, to, got);
}

cl_int clReleaseKernel(cl_kernel kernel) { return REAL(clReleaseKernel)(kernel); }

cl_int clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void* value) {
  return REAL(clSetKernelArg)(kernel, index, size, value);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t* offset,
                              const size_t* global, const size_t* local, cl_uint count, const cl_event* events,
                              cl_event* event) {
  launches += 1;
  cl_int code = command_fault(0);
  if (code != CL_SUCCESS) return code;
  if (is_over("GIVES_UP_AFTER")) {
    gave_up = 1;
    if (event != NULL) *event = NULL;
    return CL_SUCCESS;
  }
  return REAL(clEnqueueNDRangeKernel)(queue, kernel, dims, offset, global, local, count, events, event);
}
