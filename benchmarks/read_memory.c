/* How fast memory is read, without anything of lab's: `read_memory THREADS BYTES PASSES`, a rate in bytes/s a line.
   As the kernels of STREAM: a plain loop over an array, a part for each thread, which wait for each other. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static uint64_t *array;
static size_t words_of_part;
static long passes;
static pthread_barrier_t barrier;
static uint64_t sums[1024];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* When a thread began and ended a pass: by its own clock, since who waits for it may wake up late. */
static double *began, *ended;

static void *part(void *argument) {
  long self = (long)argument;
  uint64_t *own = array + (size_t)self * words_of_part;
  for (size_t i = 0; i < words_of_part; i++) own[i] = i;
  for (long pass = 0; pass < passes; pass++) {
    pthread_barrier_wait(&barrier);
    began[self * passes + pass] = now();
    uint64_t sum = 0;
    for (size_t i = 0; i < words_of_part; i++) sum += own[i];
    sums[self] += sum;
    ended[self * passes + pass] = now();
  }
  return NULL;
}

static double seconds_of(long pass, long threads) {
  double first = began[pass], last = ended[pass];
  for (long i = 1; i < threads; i++) {
    if (began[i * passes + pass] < first) first = began[i * passes + pass];
    if (ended[i * passes + pass] > last) last = ended[i * passes + pass];
  }
  return last - first;
}

int main(int count, char **words) {
  if (count != 4) return 2;
  long threads = atol(words[1]);
  size_t bytes = strtoull(words[2], NULL, 10);
  passes = atol(words[3]);
  if (threads < 1 || threads > 1024 || passes < 1) return 2;
  words_of_part = bytes / sizeof(uint64_t) / (size_t)threads;
  array = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  began = calloc((size_t)(threads * passes), sizeof(double));
  ended = calloc((size_t)(threads * passes), sizeof(double));
  if (array == MAP_FAILED || !began || !ended) return 1;
  madvise(array, bytes, MADV_HUGEPAGE);
  pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  pthread_t all[1024];
  for (long i = 0; i < threads; i++) {
    if (pthread_create(&all[i], NULL, part, (void *)i)) return 1;
  }
  uint64_t sum = 0;
  for (long i = 0; i < threads; i++) {
    pthread_join(all[i], NULL);
    sum += sums[i];
  }
  for (long pass = 0; pass < passes; pass++) {
    printf("%.0f\n", (double)(words_of_part * sizeof(uint64_t) * (size_t)threads) / seconds_of(pass, threads));
  }
  return sum == 0;
}
