// The shared memory of blocks. Each operating-system thread has an arena: the dynamic shared memory of the block that it runs,
// and behind it the shared variables of all kernels that have run, each with poisoned bytes around it.
#include <pthread.h>
#include <sys/mman.h>

#include "internal.h"

namespace musl {

MUSL_OWN unsigned char *shared_memory, *musl_dynamic_shared;
MUSL_OWN unsigned long long *filled_for;

namespace {

constexpr size_t unit = 128;     // variables are aligned to this
constexpr size_t redzone = 128;  // at least; behind every variable, and before the first
constexpr size_t page = 4096;
constexpr size_t arena_bytes = 32 << 20;
constexpr size_t dynamic_offset = page;
constexpr size_t dynamic_end = (dynamic_offset + max_dynamic_shared + redzone + page - 1) / page * page;
constexpr size_t first_offset = dynamic_end + redzone;

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Shared *variables;  // all that a thread has come by
size_t variable_count, next_offset = first_offset;
SharedOfFile *variables_of_file;
__thread size_t dynamic_bytes;  // of the launch that runs
__thread bool dynamic_opened;
__thread size_t opened = dynamic_end;  // up to here, from dynamic_end, the arena may be used, and is poisoned where it holds nothing

void number(Shared *variable) {
    pthread_mutex_lock(&mutex);
    if (variable->number == 0) {
        if (variable_count + 1 == most_shared_variables || next_offset + variable->bytes + redzone > arena_bytes)
            die_of(fault::unsupported, 0, "more than %zu shared variables, or %zu bytes of them", most_shared_variables - 1, arena_bytes);
        variable->offset = next_offset;
        next_offset += round_up(variable->bytes, unit) + redzone;
        variable->next = variables;
        variables = variable;
        variable->number = ++variable_count;
    }
    pthread_mutex_unlock(&mutex);
}

void open_pages(size_t begin, size_t end) {
    if (mprotect(shared_memory + begin, end - begin, PROT_READ | PROT_WRITE) != 0) die("no memory for the shared memory of blocks");
    poison(shared_memory + begin, end - begin);
}

void open_until(size_t end) {
    if (end <= opened) return;
    end = round_up(end, 16 * page);
    open_pages(opened, end);
    opened = end;
}

}  // namespace

// What is not opened yet cannot be touched.
void make_shared_memory() {
    if (shared_memory) return;
    void *memory = mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) die("no memory for the shared memory of blocks");
    shared_memory = static_cast<unsigned char *>(memory);
    musl_dynamic_shared = shared_memory + dynamic_offset;
}

void open_dynamic_shared(size_t bytes) {
    if (bytes == dynamic_bytes) return;
    if (!dynamic_opened) open_pages(0, dynamic_end);
    dynamic_opened = true;
    poison(musl_dynamic_shared, dynamic_bytes);
    unpoison(musl_dynamic_shared, bytes);
    dynamic_bytes = bytes;
}

void begin_shared() {
    if (dynamic_bytes) {
        fill_pattern(musl_dynamic_shared, dynamic_bytes);
        if (recording) forget_written(reinterpret_cast<uintptr_t>(musl_dynamic_shared), dynamic_bytes);
    }
    for (SharedOfFile *variable = variables_of_file; variable; variable = variable->next) {
        fill_pattern(variable->address, variable->bytes);
        count_shared(variable->bytes, 0);
    }
}

void enter_shared(Shared *variable) {
    if (!in_kernel) called_from_host(variable->name);
    if (variable->number == 0) number(variable);
    unsigned char *memory = shared_memory + variable->offset;
    if (filled_for[variable->number] == 0) {
        open_until(variable->offset + round_up(variable->bytes, unit) + redzone);
        unpoison(memory, variable->bytes);
    }
    filled_for[variable->number] = block_number;
    count_shared(variable->bytes, uintptr_t(__builtin_return_address(0)));
    fill_pattern(memory, variable->bytes);
    if (recording) forget_written(reinterpret_cast<uintptr_t>(memory), variable->bytes);
}

SharedOfFile::SharedOfFile(void *address, size_t bytes) : address(address), bytes(bytes), next(variables_of_file) {
    variables_of_file = this;
}

unsigned char *dynamic_shared_of_file() {
    make_shared_memory();
    return musl_dynamic_shared;
}

bool in_shared_arena(uintptr_t address) {
    return shared_memory && address - reinterpret_cast<uintptr_t>(shared_memory) < arena_bytes;
}

bool is_shared(uintptr_t address) {
    if (in_shared_arena(address)) return true;
    for (SharedOfFile *variable = variables_of_file; variable; variable = variable->next)
        if (address - reinterpret_cast<uintptr_t>(variable->address) < variable->bytes) return true;
    return false;
}

bool describe_shared(uintptr_t address, char *text, size_t size, size_t element) {
    uintptr_t arena = reinterpret_cast<uintptr_t>(shared_memory), offset = address - arena;
    if (!arena || offset >= arena_bytes) return false;
    if (offset < dynamic_end) {
        say_distance(address, arena + dynamic_offset, dynamic_bytes, "dynamic shared memory", text, size, element);
        return true;
    }
    const Shared *nearest = nullptr;
    size_t distance = 0;
    for (const Shared *variable = variables; variable; variable = variable->next) {
        size_t end = variable->offset + variable->bytes;
        size_t away = offset < variable->offset ? variable->offset - offset : offset >= end ? offset - end + 1 : 0;
        if (nearest && away >= distance) continue;
        nearest = variable;
        distance = away;
    }
    if (!nearest) return false;
    char name[96];
    snprintf(name, sizeof name, "shared variable %s", nearest->name);
    say_distance(address, arena + nearest->offset, nearest->bytes, name, text, size, element);
    return true;
}

}  // namespace musl
