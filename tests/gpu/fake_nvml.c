/* A stand-in for NVIDIA's libnvidia-ml.so.1, for tests: the functions that the program calls, after the public ABI of nvml.h.
 *
 * What it answers is in `scenario.txt` beside it, which is read anew at each call, so that a test changes the load while the
 * program looks. A line is `key value`; a number below zero is the NVML error of that number. Each call adds its name to
 * `calls.txt`. Both are beside the library and not in an environment variable, so that each test of a process has its own
 * copy of it. A device is `gpu0`, an instance of it `gpu0.mig0`. `delay` is how many milliseconds the driver hangs when it is
 * asked for its use; it goes on as soon as the scenario says so.
 *
 * With OLD_DRIVER it lacks what drivers before 510 lack: memory in its second version, lists of processes in their third,
 * and GPM. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int Return;
typedef void *Device;
typedef unsigned long long u64;
enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
/* What a figure is that a scenario does not name. */
#define UNSUPPORTED (-(long long)NOT_SUPPORTED)
#define NO_INSTANCE 0xFFFFFFFFu

struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
struct use { unsigned gpu, memory; };
struct memory { unsigned version; u64 total, reserved, free, used; };
struct process { unsigned pid; u64 used; unsigned gpu_instance, compute_instance; };
struct sample { unsigned pid; u64 at; unsigned sm, memory, encoder, decoder; };
struct attributes { unsigned sms, copy, decoders, encoders, jpeg, ofa, gpu_slices, compute_slices; u64 megabytes; };

static void beside(const char *name, char *path, size_t size) {
  Dl_info self;
  const char *slash;
  *path = 0;
  if (!dladdr((void *)beside, &self) || !(slash = strrchr(self.dli_fname, '/'))) return;
  snprintf(path, size, "%.*s/%s", (int)(slash - self.dli_fname), self.dli_fname, name);
}

static void called(const char *name) {
  char path[4096];
  FILE *file;
  beside("calls.txt", path, sizeof path);
  if (!(file = fopen(path, "a"))) return;
  fprintf(file, "%s\n", name);
  fclose(file);
}
#define CALLED called(__func__)

static int text(const char *key, char *out, size_t size) {
  char path[4096], line[512], name[128];
  int found = 0, end = 0;
  FILE *file;
  beside("scenario.txt", path, sizeof path);
  if (!(file = fopen(path, "r"))) return 0;
  while (!found && fgets(line, sizeof line, file)) {
    if (sscanf(line, "%127s %n", name, &end) != 1 || strcmp(name, key)) continue;
    line[strcspn(line, "\n")] = 0;
    snprintf(out, size, "%s", line + end);
    found = 1;
  }
  fclose(file);
  return found;
}

static long long number(const char *key, long long otherwise) {
  char value[128];
  return text(key, value, sizeof value) ? strtoll(value, NULL, 10) : otherwise;
}

static void hang(void) {
  const struct timespec moment = { 0, 10000000 };
  long long passed;
  for (passed = 0; passed < number("delay", 0); passed += 10) nanosleep(&moment, NULL);
}

/* A handle is the card's number and, above it, its instance's, each counted from one. */
static unsigned card_of(Device d) { return (unsigned)((size_t)d & 0xff) - 1; }
static unsigned instance_of(Device d) { return (unsigned)((size_t)d >> 8); }

static const char *key(Device d, const char *name) {
  static _Thread_local char made[128]; /* several threads may ask, as they may ask the real one */
  if (instance_of(d)) snprintf(made, sizeof made, "gpu%u.mig%u.%s", card_of(d), instance_of(d) - 1, name);
  else snprintf(made, sizeof made, "gpu%u.%s", card_of(d), name);
  return made;
}

static long long figure(Device d, const char *name, long long otherwise) {
  char lost[32];
  snprintf(lost, sizeof lost, "gpu%u.lost", card_of(d));
  if (number(lost, 0)) return -GPU_IS_LOST;
  return number(key(d, name), otherwise);
}

static Return string(Device d, const char *name, const char *otherwise, char *out, unsigned size) {
  if (figure(d, "lost", 0) < 0) return GPU_IS_LOST;
  if (!text(key(d, name), out, size)) snprintf(out, size, "%s", otherwise);
  return SUCCESS;
}

#define FIGURE(function, name, type) \
  Return function(Device d, type *out) { \
    long long value = figure(d, name, UNSUPPORTED); \
    CALLED; \
    if (value < 0) return (Return)-value; \
    *out = (type)value; \
    return SUCCESS; \
  }

Return nvmlInit_v2(void) { CALLED; return (Return)number("init", SUCCESS); }
Return nvmlShutdown(void) { CALLED; return SUCCESS; }
Return nvmlSystemGetDriverVersion(char *out, unsigned size) {
  CALLED;
  if (!text("driver", out, size)) snprintf(out, size, "580.95.05");
  return SUCCESS;
}
Return nvmlDeviceGetCount_v2(unsigned *out) {
  long long count = number("count", 1);
  CALLED;
  if (count < 0) return (Return)-count;
  *out = (unsigned)count;
  return SUCCESS;
}
Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *out) {
  *out = (Device)(size_t)(index + 1);
  CALLED;
  if (figure(*out, "lost", 0) < 0) return GPU_IS_LOST;
  return (Return)-figure(*out, "handle", 0);
}
Return nvmlDeviceGetName(Device d, char *out, unsigned size) { CALLED; return string(d, "name", "NVIDIA Fake", out, size); }
Return nvmlDeviceGetUUID(Device d, char *out, unsigned size) {
  char otherwise[64];
  CALLED;
  snprintf(otherwise, sizeof otherwise, "GPU-FA4E0000-0000-0000-0000-%012u", card_of(d));
  return string(d, "uuid", otherwise, out, size);
}
Return nvmlDeviceGetPciInfo_v3(Device d, struct pci *out) {
  char otherwise[32];
  CALLED;
  memset(out, 0, sizeof *out);
  snprintf(otherwise, sizeof otherwise, "00000000:%02X:00.0", 0x81 + card_of(d));
  return string(d, "pci", otherwise, out->bus_id, sizeof out->bus_id);
}
Return nvmlDeviceGetUtilizationRates(Device d, struct use *out) {
  long long value = figure(d, "util", UNSUPPORTED);
  CALLED;
  hang();
  if (value < 0) return (Return)-value;
  out->gpu = (unsigned)value;
  out->memory = 0;
  return SUCCESS;
}
FIGURE(nvmlDeviceGetPowerUsage, "power", unsigned)
FIGURE(nvmlDeviceGetEnforcedPowerLimit, "limit", unsigned)
FIGURE(nvmlDeviceGetTotalEnergyConsumption, "energy", u64)
FIGURE(nvmlDeviceGetCurrentClocksThrottleReasons, "reasons", u64)
FIGURE(nvmlDeviceGetMaxMigDeviceCount, "mig.max", unsigned)
Return nvmlDeviceGetTemperature(Device d, unsigned sensor, unsigned *out) {
  long long value = sensor ? UNSUPPORTED : figure(d, "temp", UNSUPPORTED);
  CALLED;
  if (value < 0) return (Return)-value;
  *out = (unsigned)value;
  return SUCCESS;
}
Return nvmlDeviceGetClockInfo(Device d, unsigned domain, unsigned *out) {
  long long value = figure(d, domain == 1 ? "clock" : "clock.other", UNSUPPORTED);
  CALLED;
  if (value < 0) return (Return)-value;
  *out = (unsigned)value;
  return SUCCESS;
}
Return nvmlDeviceGetTotalEccErrors(Device d, unsigned is_uncorrected, unsigned is_aggregate, u64 *out) {
  long long value = figure(d, is_uncorrected && !is_aggregate ? "ecc" : "ecc.other", UNSUPPORTED);
  CALLED;
  if (value < 0) return (Return)-value;
  *out = (u64)value;
  return SUCCESS;
}

Return nvmlDeviceGetMigMode(Device d, unsigned *current, unsigned *pending) {
  long long value = figure(d, "mig", UNSUPPORTED);
  CALLED;
  if (value < 0) return (Return)-value;
  *current = *pending = (unsigned)value;
  return SUCCESS;
}
Return nvmlDeviceGetMigDeviceHandleByIndex(Device d, unsigned index, Device *out) {
  char uuid[96];
  CALLED;
  *out = (Device)((size_t)d | (size_t)(index + 1) << 8);
  return text(key(*out, "uuid"), uuid, sizeof uuid) ? SUCCESS : NOT_FOUND;
}
Return nvmlDeviceGetAttributes_v2(Device d, struct attributes *out) {
  long long slices = figure(d, "slices", UNSUPPORTED);
  CALLED;
  if (slices < 0) return (Return)-slices;
  memset(out, 0, sizeof *out);
  out->gpu_slices = (unsigned)figure(d, "gpu_slices", slices);
  out->compute_slices = (unsigned)slices;
  out->megabytes = (u64)figure(d, "megabytes", 0);
  return SUCCESS;
}

/* The first `crowd` calls that bring room find that more processes have come than there is room for. */
static Return processes(Device d, const char *kind, unsigned *count, struct process *out) {
  static long long turned_away;
  char name[48];
  long long there = figure(d, kind, 0);
  unsigned room = *count, i;
  if (there < 0) return (Return)-there;
  *count = (unsigned)there;
  if (!there) return SUCCESS;
  if (out && turned_away < figure(d, "crowd", 0)) { turned_away++; return INSUFFICIENT_SIZE; }
  if (!out || room < there) return INSUFFICIENT_SIZE;
  for (i = 0; i < there; i++) {
    snprintf(name, sizeof name, "%s%u.pid", kind, i);
    out[i].pid = (unsigned)figure(d, name, 1000 + i);
    snprintf(name, sizeof name, "%s%u.mem", kind, i);
    out[i].used = (u64)figure(d, name, -1); /* all bits set: not available */
    snprintf(name, sizeof name, "%s%u.gi", kind, i);
    out[i].gpu_instance = (unsigned)figure(d, name, NO_INSTANCE);
    out[i].compute_instance = out[i].gpu_instance == NO_INSTANCE ? NO_INSTANCE : 0;
  }
  return SUCCESS;
}
Return nvmlDeviceGetComputeRunningProcesses_v2(Device d, unsigned *n, struct process *out) { CALLED; return processes(d, "compute", n, out); }
Return nvmlDeviceGetGraphicsRunningProcesses_v2(Device d, unsigned *n, struct process *out) { CALLED; return processes(d, "graphics", n, out); }

Return nvmlDeviceGetProcessUtilization(Device d, struct sample *out, unsigned *count, u64 since) {
  char name[48];
  long long there = figure(d, "samples", 0);
  unsigned room = *count, found = 0, i;
  CALLED;
  if (there < 0) return (Return)-there;
  for (i = 0; i < there; i++) {
    u64 at;
    snprintf(name, sizeof name, "sample%u.at", i);
    at = (u64)figure(d, name, 0);
    if (at <= since) continue;
    if (out && found < room) {
      memset(&out[found], 0, sizeof out[found]);
      out[found].at = at;
      snprintf(name, sizeof name, "sample%u.pid", i);
      out[found].pid = (unsigned)figure(d, name, 1000 + i);
      snprintf(name, sizeof name, "sample%u.sm", i);
      out[found].sm = (unsigned)figure(d, name, 0);
    }
    found++;
  }
  *count = found;
  if (!found) return NOT_FOUND;
  return out && room >= found ? SUCCESS : INSUFFICIENT_SIZE;
}

#ifndef OLD_DRIVER
Return nvmlDeviceGetMemoryInfo_v2(Device d, struct memory *out) {
  long long total = figure(d, "mem.total", UNSUPPORTED);
  CALLED;
  if (total < 0) return (Return)-total;
  if (out->version != (sizeof *out | 2u << 24)) return INVALID;
  out->total = (u64)total;
  out->used = (u64)figure(d, "mem.used", 0);
  out->reserved = 0;
  out->free = out->total - out->used;
  return SUCCESS;
}
Return nvmlDeviceGetComputeRunningProcesses_v3(Device d, unsigned *n, struct process *out) { CALLED; return processes(d, "compute", n, out); }
Return nvmlDeviceGetGraphicsRunningProcesses_v3(Device d, unsigned *n, struct process *out) { CALLED; return processes(d, "graphics", n, out); }

/* GPM. A sample keeps counters of percent, so that only the difference of two tells a share. */
struct support { unsigned version, is_supported; };
struct metric { unsigned id; Return result; double value; const char *names[3]; };
struct counters { long long of[11]; };
struct request { unsigned version, count; struct counters *first, *second; struct metric metrics[]; };
static const struct { unsigned id; const char *name; } METRICS[] = { { 1, "graphics" }, { 2, "sm" }, { 5, "tensor" }, { 10, "bandwidth" } };

Return nvmlGpmQueryDeviceSupport(Device d, struct support *out) {
  long long is = figure(d, "gpm", 0);
  CALLED;
  if (is < 0) return (Return)-is;
  out->is_supported = (unsigned)is;
  return SUCCESS;
}
Return nvmlGpmSampleAlloc(struct counters **out) {
  CALLED;
  *out = calloc(1, sizeof **out);
  return *out ? SUCCESS : 20;
}
Return nvmlGpmSampleFree(struct counters *sample) { CALLED; free(sample); return SUCCESS; }
static Return count_up(Device d, const char *prefix, struct counters *sample) {
  char name[64];
  unsigned i;
  for (i = 0; i < sizeof METRICS / sizeof *METRICS; i++) {
    snprintf(name, sizeof name, "%s.%s", prefix, METRICS[i].name);
    sample->of[METRICS[i].id] = figure(d, name, UNSUPPORTED);
    if (sample->of[METRICS[i].id] == -GPU_IS_LOST) return GPU_IS_LOST;
  }
  return SUCCESS;
}
Return nvmlGpmSampleGet(Device d, struct counters *sample) { CALLED; return count_up(d, "gpm", sample); }
Return nvmlGpmMigSampleGet(Device d, unsigned instance, struct counters *sample) {
  char prefix[32];
  CALLED;
  snprintf(prefix, sizeof prefix, "gi%u", instance);
  return count_up(d, prefix, sample);
}
Return nvmlGpmMetricsGet(struct request *request) {
  unsigned i;
  CALLED;
  if (request->version != 1 || request->first == request->second) return INVALID;
  for (i = 0; i < request->count; i++) {
    struct metric *metric = &request->metrics[i];
    long long before, after;
    metric->result = NOT_SUPPORTED;
    if (metric->id > 10) continue;
    before = request->first->of[metric->id];
    after = request->second->of[metric->id];
    if (before < 0 || after < 0) continue;
    metric->result = SUCCESS;
    metric->value = (double)(after - before);
  }
  return SUCCESS;
}
#endif
