/* Linked into whole programs (files with their own main): bounds their memory once the sanitizer has made its own mappings.
 * RLIMIT_DATA counts private writable memory, so it stands above what is held already. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

__attribute__((constructor)) static void bound_memory(void) {
    const char *wanted = getenv("MUSL_MEMORY_BYTES");
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long size, resident, shared, text, library, data;
    if (!wanted || !file || fscanf(file, "%llu %llu %llu %llu %llu %llu", &size, &resident, &shared, &text, &library, &data) != 6)
        return;
    fclose(file);
    rlim_t bytes = (rlim_t)(data * (unsigned long long)sysconf(_SC_PAGESIZE) + strtoull(wanted, NULL, 10));
    struct rlimit limits = {bytes, bytes};
    setrlimit(RLIMIT_DATA, &limits);
}
