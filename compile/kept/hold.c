/* Loaded into gcc's cc1 or cc1plus (LD_PRELOAD) by compile/kept/compiler.py: the compiler gets ready once, its
   precompiled header read, and every job is a fork of it.

   The compiler is started with a last `-include HOLE`. Its main file is then open already but not looked at: a buffer
   of ROOM newlines. Opening the hole waits for jobs. Each job is three descriptors: the text, the assembly, the messages.
   The fork that answers it puts the text into the buffer, corrects the buffer's end (`rlimit` of libcpp's cpp_buffer,
   which follows `next_line` and `buf`), puts on the filter of system calls, and goes on as if nothing had been. The
   job's exit status (waitpid) goes back. The compiler ends with the other end of the socket, and so do its forks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 1 << 18, REFUSED = 97, MOST_MAPPINGS = 256, POPULATE_READ = 22 /* MADV_POPULATE_READ, Linux 5.14 */ };

static int main_file = -1;
static unsigned char *text;

static int number_of(const char *name) {
    const char *value = getenv(name);
    return value ? atoi(value) : -1;
}

static uintptr_t *search(uintptr_t *begin, uintptr_t *end, int *found) {
    uintptr_t first = (uintptr_t)text, *place = NULL;
    for (uintptr_t *word = begin; word + 3 <= end; word++)
        if (word[0] == first && word[1] == first && word[2] == first + ROOM) {
            place = word;
            ++*found;
        }
    return place;
}

/* Where libcpp keeps the end of the main file's buffer; NULL unless there is exactly one such place on the heap. */
static uintptr_t *find_end(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    uintptr_t begin, end, *place = NULL;
    int found = 0;
    while (text && maps && fgets(line, sizeof line, maps))
        if (strstr(line, "[heap]") && sscanf(line, "%lx-%lx", &begin, &end) == 2)
            place = search((uintptr_t *)begin, (uintptr_t *)end, &found);
    if (maps) fclose(maps);
    return found == 1 ? place + 2 : NULL;
}

struct mapping {
    uintptr_t begin, end;
    int protection;
};

static int read_mappings(struct mapping *all) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], mode[5];
    int count = 0;
    while (maps && count < MOST_MAPPINGS && fgets(line, sizeof line, maps)) {
        struct mapping *one = &all[count];
        unsigned long inode;
        if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &one->begin, &one->end, mode, &inode) != 4) continue;
        if (inode == 0 || mode[0] != 'r' || mode[3] != 'p') continue;
        one->protection = PROT_READ | (mode[1] == 'w' ? PROT_WRITE : 0) | (mode[2] == 'x' ? PROT_EXEC : 0);
        count++;
    }
    if (maps) fclose(maps);
    return count;
}

/* The kernel leaves a fork to fault in the pages of files anew, unless their mapping has a page of its own. */
static void inherit_pages(void) {
    static struct mapping all[MOST_MAPPINGS];
    int count = read_mappings(all);
    for (int i = 0; i < count; i++) {
        volatile char *at = (volatile char *)all[i].begin;
        size_t size = all[i].end - all[i].begin;
        if (!(all[i].protection & PROT_WRITE)) {
            if (mprotect((void *)at, size, all[i].protection | PROT_WRITE) != 0) continue;
            *at = *at;
            if (mprotect((void *)at, size, all[i].protection) != 0) _exit(REFUSED);
        }
        madvise((void *)at, size, POPULATE_READ);
    }
}

/* gcc computes the costs of registers at the first function, always the same: where cc1plus offers that to plugins
   (gcc/toplev.cc, initialize_rtl), it is done now, for all jobs. */
static void compute_costs(void) {
    void (*initialize)(void);
    *(void **)&initialize = dlsym(RTLD_DEFAULT, "_Z14initialize_rtlv");
    if (initialize) initialize();
}

static void put_on_filter(int descriptor) {
    static struct sock_filter program[512];
    ssize_t size = descriptor < 0 ? 0 : pread(descriptor, program, sizeof program, 0);
    struct sock_fprog filter = {(unsigned short)(size / (ssize_t)sizeof *program), program};
    if (size > 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0))
        _exit(REFUSED);
}

static void begin_job(const int *descriptors, uintptr_t *end) {
    ssize_t size = pread(descriptors[0], text, ROOM, 0);
    if (size < 0 || size >= ROOM || dup2(descriptors[1], 1) < 0 || dup2(descriptors[2], 2) < 0) _exit(REFUSED);
    text[size] = '\n';
    *end = (uintptr_t)text + (size_t)size;
    for (int i = 0; i < 3; i++) close(descriptors[i]);
}

/* The next job's descriptors; the compiler ends where there is none. */
static void receive(int jobs, int *descriptors) {
    char byte, control[CMSG_SPACE(3 * sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(jobs, &message, 0);
    struct cmsghdr *head = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!head || head->cmsg_len != CMSG_LEN(3 * sizeof(int))) _exit(got == 0 ? 0 : REFUSED);
    memcpy(descriptors, CMSG_DATA(head), 3 * sizeof(int));
}

static int wait_for(pid_t child, int jobs) {
    int status = -1, handle = (int)syscall(SYS_pidfd_open, child, 0);
    struct pollfd ends[] = {{handle, POLLIN, 0}, {jobs, 0, 0}};
    while (handle >= 0 && !(ends[0].revents & POLLIN)) {
        poll(ends, 2, -1);
        if (ends[1].revents) _exit(0); /* nobody waits for it any more; its sandbox ends with this process */
    }
    if (handle >= 0) close(handle);
    return waitpid(child, &status, 0) == child ? status : -1;
}

static void serve(void) {
    int jobs = number_of("MUSL_JOBS"), filter = number_of("MUSL_FILTER");
    uintptr_t *end = find_end();
    if (!end) _exit(REFUSED);
    compute_costs();
    inherit_pages();
    if (write(jobs, &(int){0}, sizeof(int)) != sizeof(int)) _exit(0); /* ready */
    for (;;) {
        int descriptors[3];
        receive(jobs, descriptors);
        pid_t child = fork();
        if (child == 0) {
            close(jobs);
            begin_job(descriptors, end);
            put_on_filter(filter);
            return;
        }
        for (int i = 0; i < 3; i++) close(descriptors[i]);
        int status = child < 0 ? -1 : wait_for(child, jobs);
        if (write(jobs, &status, sizeof status) != sizeof status) _exit(0);
    }
}

static int blank_file(void) {
    static char newlines[ROOM];
    memset(newlines, '\n', ROOM);
    int file = memfd_create("unit", 0);
    if (file < 0 || pwrite(file, newlines, ROOM, 0) != ROOM) _exit(REFUSED);
    return file;
}

static int open_file(const char *path, int flags, mode_t mode) {
    const char *unit = getenv("MUSL_UNIT"), *hole = getenv("MUSL_HOLE");
    static int served;
    if (unit && main_file < 0 && strcmp(path, unit) == 0) return main_file = blank_file();
    if (hole && !served && strcmp(path, hole) == 0) {
        served = 1;
        serve();
        return memfd_create("hole", 0);
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

ssize_t read(int descriptor, void *to, size_t count) {
    if (descriptor == main_file && !text) text = to;
    return syscall(SYS_read, descriptor, to, count);
}
