/* Another time, and a disk that fails, for a program that runs: loaded into it with LD_PRELOAD.
 *
 * AIFINOPS_SOAK_SHIM names a file of one page, which is mapped: whoever writes it changes what the program meets from then on.
 *   bytes 0 to 7   by how many nanoseconds the wall clock is wrong
 *   from byte 8    lines of "KIND ERRNO PART", up to a zero byte: such a call on a path that holds PART fails so
 * Kinds are open, read, write and sync. Without the variable, or the file, nothing is changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define BILLION 1000000000LL

static const volatile char *page;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("AIFINOPS_SOAK_SHIM");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        page = mapped;
    close(fd);
}

/* The error that a call on this path is to fail with, or 0. */
static int wrong_with(const char *kind, const char *path) {
    char rules[PAGE - 8 + 1];
    memcpy(rules, (const char *)page + 8, PAGE - 8);
    rules[PAGE - 8] = 0;
    char *rest = NULL;
    for (char *line = strtok_r(rules, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char word[8], part[256];
        int error;
        if (sscanf(line, "%7s %d %255s", word, &error, part) == 3 && !strcmp(word, kind) && strstr(path, part))
            return error;
    }
    return 0;
}

static int fails_at(const char *kind, const char *path) {
    if (!page || !page[8] || !path)
        return 0;
    int error = wrong_with(kind, path);
    if (error)
        errno = error;
    return error;
}

static int fails(const char *kind, int fd) {
    if (!page || !page[8])
        return 0;
    char link[64], path[PAGE];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails_at(kind, path);
}

/* The function that would have been called without this library. */
#define REAL(name)                 \
    static __typeof__(&name) real; \
    if (!real)                     \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                          \
        REAL(name);                                                       \
        va_list more;                                                     \
        va_start(more, flags);                                            \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more);                                                     \
        return fails_at("open", path) ? -1 : real(path, flags, mode);     \
    }
#define OPENAT(name)                                                       \
    int name(int dir, const char *path, int flags, ...) {                  \
        REAL(name);                                                        \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;  \
        va_end(more);                                                      \
        return fails_at("open", path) ? -1 : real(dir, path, flags, mode); \
    }
#define CALL(kind, result, name, parameters, arguments) \
    result name parameters {                            \
        REAL(name);                                     \
        return fails(kind, fd) ? -1 : real arguments;   \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
CALL("read", ssize_t, read, (int fd, void *to, size_t length), (fd, to, length))
CALL("read", ssize_t, readv, (int fd, const struct iovec *to, int count), (fd, to, count))
CALL("read", ssize_t, pread, (int fd, void *to, size_t length, off_t at), (fd, to, length, at))
CALL("read", ssize_t, pread64, (int fd, void *to, size_t length, off64_t at), (fd, to, length, at))
CALL("write", ssize_t, write, (int fd, const void *from, size_t length), (fd, from, length))
CALL("write", ssize_t, writev, (int fd, const struct iovec *from, int count), (fd, from, count))
CALL("write", ssize_t, pwrite, (int fd, const void *from, size_t length, off_t at), (fd, from, length, at))
CALL("write", ssize_t, pwrite64, (int fd, const void *from, size_t length, off64_t at), (fd, from, length, at))
CALL("sync", int, fsync, (int fd), (fd))
CALL("sync", int, fdatasync, (int fd), (fd))

static int64_t wrong_by(void) {
    return page ? *(const volatile int64_t *)page : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t at = now->tv_sec * BILLION + now->tv_nsec + wrong_by();
        now->tv_sec = at / BILLION;
        now->tv_nsec = at % BILLION;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(gettimeofday);
    int result = real(now, zone);
    int64_t at = now->tv_sec * BILLION + now->tv_usec * 1000LL + wrong_by();
    now->tv_sec = at / BILLION;
    now->tv_usec = at % BILLION / 1000;
    return result;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}
