/* A disk that tells what is on it for certain and can fail, and a clock that can be put: what
   stands between a program and the system's own functions when it is loaded first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct board { int64_t step, fails_from, fails, syncs, full; };
static struct board *board;
static const char *folder, *certain;

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *, void *);

/* What the program is made of asks for the time when it is loaded, before this is. */
__attribute__((constructor)) static void begin(void) {
    if (board) return;
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");
    folder = getenv("MACHINE_FOLDER");
    certain = getenv("MACHINE_CERTAIN");
    int file = open(getenv("MACHINE_BOARD"), O_RDWR);
    board = mmap(0, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
}

/* The path of a file in the folder, relative to that; "" is the folder itself. */
static const char *inside(int file, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, size - 1);
    size_t start = strlen(folder);
    if (length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, start) || (path[start] && path[start] != '/')) return 0;
    return path + start + (path[start] == '/');
}

static void keep(const char *path, const char *name) {
    char part[4200], whole[4200], bytes[65536];
    ssize_t got;
    snprintf(part, sizeof part, "%s/part", certain);
    snprintf(whole, sizeof whole, "%s/%s", certain, *name ? name : "names");
    int from = open(path, O_RDONLY), to = open(part, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (*name)
        while ((got = read(from, bytes, sizeof bytes)) > 0)
            if (write(to, bytes, got) != got) abort();
    close(from);
    close(to);
    rename(part, whole);
}

static int synced(int file, int (*act)(int)) {
    char path[4096];
    const char *name = inside(file, path, sizeof path);
    if (!name) return act(file);
    int64_t number = ++board->syncs, first = board->fails_from;
    if (first && number >= first && number < first + board->fails) { errno = EIO; return -1; }
    int result = act(file);
    if (!result) keep(path, name);
    return result;
}

int fsync(int file) { return synced(file, real_fsync); }
int fdatasync(int file) { return synced(file, real_fdatasync); }

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t place) {
    char path[4096];
    struct stat status;
    if (board->full && inside(file, path, sizeof path) && !fstat(file, &status)
        && place + (off_t)count > status.st_size) { errno = ENOSPC; return -1; }
    return real_pwrite(file, bytes, count, place);
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) {
    return pwrite64(file, bytes, count, place);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    begin();
    int result = real_clock_gettime(which, now);
    if (which == CLOCK_REALTIME) now->tv_sec += board->step;
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    begin();
    int result = real_gettimeofday(now, zone);
    now->tv_sec += board->step;
    return result;
}
time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
