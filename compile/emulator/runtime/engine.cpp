// Runs a launch: its blocks one after the other, the threads of a block as a plain loop until one has to wait.
//
// A fiber takes thread after thread. Where a thread waits (barrier, warp operation), its fiber is set aside and the next fiber
// goes on with the threads that have not begun. When all threads wait or have ended, settle() finds who may go on.
#include "fiber.h"
#include "internal.h"

extern "C" {
uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
}

namespace musl {

bool in_kernel = false;
unsigned long long block_number = 0;
alignas(1024) unsigned char musl_dynamic_shared[max_dynamic_shared];
size_t dynamic_shared_bytes = 0;
Shared *shared_variables = nullptr;
uint64_t launch_count = 0;
const char *kernel_name = nullptr;

namespace {

constexpr int most_threads = 1024;
constexpr uint64_t spins_before_yield = 4096;

enum class State : uint8_t { waiting_to_begin, running, ready, at_barrier, at_warp_operation, done };

struct Thread {
    State state;
    WarpOperation operation;
    int line;       // of the call that it waits in
    unsigned mask;  // of the warp operation
    unsigned present;
    int predicate;
    unsigned long long value;
    Fiber *fiber;
    uint32_t phase, warp_phase;
};

struct Launch {
    const MuslConfig *config;
    void (*body)(const void *);
    const void *closure;
    uint64_t blocks;
    int threads;
};

Thread threads[most_threads];
unsigned long long exchanged[most_threads][32];
uint3 thread_index[most_threads];  // by linear number
dim3 thread_index_of(0, 0, 0);     // the block shape that it was made for
uint16_t order[most_threads];
uint16_t resume_order[most_threads];

Launch launch_now;
uint64_t next_block;  // position in the order of blocks
int begun, waiting;
int current = -1;
Vote vote;
uint64_t spins;
uint64_t round_number;
BlockOrder *block_order;
size_t static_shared_bytes;

Context host;
Fiber *fibers[most_threads];
int fibers_made, idle_fibers;
Fiber *idle[most_threads];
Fiber *running_fiber;

unsigned char closure_copy[8192];

void make_thread_indices(dim3 block) {
    if (block.x == thread_index_of.x && block.y == thread_index_of.y && block.z == thread_index_of.z) return;
    thread_index_of = block;
    int i = 0;
    for (unsigned z = 0; z < block.z; z++)
        for (unsigned y = 0; y < block.y; y++)
            for (unsigned x = 0; x < block.x; x++) thread_index[i++] = uint3{x, y, z};
}

void begin_block(uint64_t position) {
    uint64_t linear = block_order->at(position);
    const dim3 &grid = launch_now.config->grid;
    blockIdx = uint3{unsigned(linear % grid.x), unsigned(linear / grid.x % grid.y),
                     unsigned(linear / grid.x / grid.y)};
    block_number++;
    static_shared_bytes = 0;
    begun = waiting = 0;
    // Forward and reverse orders stay as they are from block to block.
    if (schedule.order == Order::shuffle || position == 0) order_threads(order, launch_now.threads, mix(block_number, 1));
    if (launch_now.config->shared) fill_bytes(musl_dynamic_shared, schedule.pattern, launch_now.config->shared);
}

// The next thread to run on the present fiber, -1 when none is left to begin. While no thread of a block waits, the next
// block follows at once: a kernel without barriers costs no switch at all.
int take_thread() {
    if (begun == launch_now.threads) {
        if (waiting > 0 || next_block == launch_now.blocks) return -1;
        begin_block(next_block++);
    }
    return order[begun++];
}

void run_threads() {
    entered_context();
    for (;;) {
        for (int t = take_thread(); t >= 0; t = take_thread()) {
            Thread &thread = threads[t];
            thread.state = State::running;
            thread.fiber = running_fiber;
            thread.phase = thread.warp_phase = 0;
            current = t;
            threadIdx = thread_index[t];
            launch_now.body(launch_now.closure);
            if (recording) settle_store();
            thread.state = State::done;
        }
        idle[idle_fibers++] = running_fiber;
        switch_context(running_fiber->context, host);
    }
}

Fiber *take_fiber() {
    if (idle_fibers > 0) return idle[--idle_fibers];
    fibers[fibers_made] = make_fiber(fibers_made, run_threads);
    return fibers[fibers_made++];
}

void run_fiber(Fiber *fiber) {
    running_fiber = fiber;
    switch_context(host, fiber->context);
    running_fiber = nullptr;
}

// Sets the running thread aside until it is resumed.
void wait(State state, int line) {
    int self = current;
    Thread &thread = threads[self];
    thread.state = state;
    thread.line = line;
    waiting++;
    spins = 0;
    if (recording) settle_store();
    switch_context(thread.fiber->context, host);
    waiting--;
    thread.phase += state == State::at_barrier;
    thread.warp_phase += state == State::at_warp_operation;
    thread.state = State::running;
}

void resume(int t) {
    current = t;
    threadIdx = thread_index[t];
    run_fiber(threads[t].fiber);
}

// Lets the lanes of `group` (a mask over the warp that begins at thread `first`) go on with each other's values.
void release_lanes(int first, unsigned group) {
    for (int lane = 0; lane < 32; lane++) {
        if (!(group >> lane & 1)) continue;
        for (int other = 0; other < 32; other++)
            exchanged[first + lane][other] = group >> other & 1
                                                 ? threads[first + other].value
                                                 : 0x0101010101010101ull * schedule.pattern;
        threads[first + lane].present = group;
        threads[first + lane].state = State::ready;
    }
}

// The lanes that wait for the same operation as `lane`, if all that its mask names and that still run have come; else 0.
unsigned complete_group(int first, int lane, int lanes) {
    const Thread &caller = threads[first + lane];
    unsigned group = 0;
    for (int other = 0; other < lanes; other++) {
        const Thread &thread = threads[first + other];
        if (!(caller.mask >> other & 1) || thread.state == State::done) continue;
        if (thread.state != State::at_warp_operation || thread.operation != caller.operation ||
            thread.mask != caller.mask)
            return 0;
        group |= 1u << other;
    }
    return group;
}

void settle_warps() {
    for (int first = 0; first < launch_now.threads; first += 32) {
        int lanes = launch_now.threads - first < 32 ? launch_now.threads - first : 32;
        for (int lane = 0; lane < lanes; lane++) {
            const Thread &thread = threads[first + lane];
            if (thread.state != State::at_warp_operation || thread.operation == WARP_ACTIVE) continue;
            if (unsigned group = complete_group(first, lane, lanes)) release_lanes(first, group);
        }
    }
}

bool settle_barrier() {
    vote = Vote{0, 1, 0};
    int first = -1;
    for (int t = 0; t < launch_now.threads; t++) {
        const Thread &thread = threads[t];
        if (thread.state == State::done) continue;
        if (thread.state != State::at_barrier) return false;
        if (first < 0) first = t;
        if (thread.line != threads[first].line) {
            current = t;
            threadIdx = thread_index[t];
            die("divergent barrier: some threads of the block wait at line %d, others at line %d", threads[first].line,
                thread.line);
        }
        vote.count += thread.predicate != 0;
        vote.all &= thread.predicate != 0;
        vote.any |= thread.predicate != 0;
    }
    for (int t = 0; t < launch_now.threads; t++)
        if (threads[t].state == State::at_barrier) threads[t].state = State::ready;
    return true;
}

// Lanes that asked for the active mask and can wait for no more company: those at the same line are one group.
bool settle_active() {
    bool released = false;
    for (int t = 0; t < launch_now.threads; t++) {
        if (threads[t].state != State::at_warp_operation || threads[t].operation != WARP_ACTIVE) continue;
        int first = t & ~31;
        unsigned group = 0;
        for (int other = t; other < launch_now.threads && other < first + 32; other++) {
            const Thread &thread = threads[other];
            if (thread.state == State::at_warp_operation && thread.operation == WARP_ACTIVE && thread.line == threads[t].line)
                group |= 1u << (other - first);
        }
        release_lanes(first, group);
        released = true;
    }
    return released;
}

[[noreturn]] void die_of_deadlock() {
    int at_barrier = -1, at_warp = -1;
    for (int t = launch_now.threads - 1; t >= 0; t--) {
        if (threads[t].state == State::at_barrier) at_barrier = t;
        if (threads[t].state == State::at_warp_operation) at_warp = t;
    }
    current = at_warp >= 0 ? at_warp : at_barrier;
    threadIdx = thread_index[current];
    if (at_barrier >= 0)
        die("deadlock: waits in a warp operation at line %d for threads that wait at the barrier of line %d",
            threads[at_warp].line, threads[at_barrier].line);
    die("deadlock: waits in a warp operation at line %d (mask 0x%08x) for threads that do not come to it",
        threads[at_warp].line, threads[at_warp].mask);
}

void settle() {
    settle_warps();
    for (int t = 0; t < launch_now.threads; t++)
        if (threads[t].state == State::ready) return;
    if (!settle_barrier() && !settle_active()) die_of_deadlock();
}

void run_blocks() {
    next_block = 0;
    begun = launch_now.threads;  // the first take_thread() begins the first block
    waiting = 0;
    for (;;) {
        while (begun < launch_now.threads || (waiting == 0 && next_block < launch_now.blocks)) run_fiber(take_fiber());
        if (waiting == 0) return;
        settle();
        order_threads(resume_order, launch_now.threads, mix(block_number, ++round_number));
        for (int i = 0; i < launch_now.threads; i++)
            if (threads[resume_order[i]].state == State::ready) resume(resume_order[i]);
    }
}

cudaError_t check_config(const MuslConfig &config) {
    const dim3 &grid = config.grid, &block = config.block;
    uint64_t count = uint64_t(block.x) * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || count == 0) return cudaErrorInvalidConfiguration;
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || count > 1024) return cudaErrorInvalidConfiguration;
    if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) return cudaErrorInvalidConfiguration;
    return cudaSuccess;
}

size_t dynamic_shared_limit = 48 * 1024;

}  // namespace

uint64_t threads_per_block() { return uint64_t(launch_now.threads); }

uint64_t current_thread(uint32_t *phase, uint32_t *warp_phase) {
    *phase = threads[current].phase;
    *warp_phase = threads[current].warp_phase;
    uint64_t block = (uint64_t(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    return block * threads_per_block() + uint64_t(current);
}

cudaError_t allow_dynamic_shared(enum cudaFuncAttribute attribute, int value) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
    if (value < 0 || size_t(value) > sizeof musl_dynamic_shared) return fail(cudaErrorInvalidValue);
    if (size_t(value) > dynamic_shared_limit) dynamic_shared_limit = size_t(value);
    return cudaSuccess;
}

void launch(const char *name, const MuslConfig &config, void (*body)(const void *), const void *closure, size_t bytes) {
    if (in_kernel) die("launches kernel %s from a kernel, which the emulator cannot do", name);
    cudaError_t error = check_config(config);
    if (error == cudaSuccess && config.shared > dynamic_shared_limit) error = cudaErrorInvalidValue;
    if (error != cudaSuccess) {
        snprintf(last_error_place, sizeof last_error_place, "launch of %s with grid (%u,%u,%u), block (%u,%u,%u), shared %zu",
                 name, config.grid.x, config.grid.y, config.grid.z, config.block.x, config.block.y, config.block.z,
                 config.shared);
        fail(error);
        return;
    }
    if (bytes > sizeof closure_copy) die("launch of %s: more than %zu bytes of arguments", name, sizeof closure_copy);
    copy_bytes(closure_copy, closure, bytes);
    launch_now = Launch{&config, body, closure_copy, uint64_t(config.grid.x) * config.grid.y * config.grid.z,
                        int(config.block.x * config.block.y * config.block.z)};
    BlockOrder blocks(launch_now.blocks, ++launch_count);
    block_order = &blocks;
    gridDim = config.grid;
    blockDim = config.block;
    make_thread_indices(config.block);
    kernel_name = name;
    enter_device(__builtin_frame_address(0));
    dynamic_shared_bytes = config.shared;
    poison(musl_dynamic_shared, sizeof musl_dynamic_shared);
    unpoison(musl_dynamic_shared, config.shared);
    in_kernel = true;
    run_blocks();
    in_kernel = false;
    leave_device();
    kernel_name = nullptr;
}

void trap(int line) { die("__trap() at line %d", line); }

void called_from_host(const char *name) { die("host code calls %s, which is code for the device", name); }

void enter_shared(Shared *variable) {
    if (!variable->block) {
        variable->next = shared_variables;
        shared_variables = variable;
    }
    variable->block = block_number;
    fill_bytes(variable->address, schedule.pattern, variable->bytes);
    static_shared_bytes += variable->bytes;
    if (static_shared_bytes + launch_now.config->shared > sizeof musl_dynamic_shared ||
        (static_shared_bytes > 48 * 1024))
        die("too much shared memory: the block declares %zu bytes, %d are allowed", static_shared_bytes, 48 * 1024);
}

Vote barrier(int predicate, int line) {
    if (!in_kernel) called_from_host("__syncthreads");
    threads[current].predicate = predicate;
    wait(State::at_barrier, line);
    return vote;
}

Lanes exchange(WarpOperation operation, unsigned mask, unsigned long long value, int line) {
    if (!in_kernel) called_from_host("a warp operation");
    int self = current;
    Thread &thread = threads[self];
    unsigned lane = unsigned(self) & 31;
    if (operation != WARP_ACTIVE && !(mask >> lane & 1))
        die("warp operation at line %d: the mask 0x%08x does not name the calling lane %u", line, mask, lane);
    thread.operation = operation;
    thread.mask = mask;
    thread.value = value;
    wait(State::at_warp_operation, line);
    return Lanes{exchanged[self], thread.present, lane};
}

void yield() {
    if (in_kernel) wait(State::ready, threads[current].line);
}

// Called by atomics: a thread that spins on one must let the others come to what it waits for.
void count_spin() {
    if (in_kernel && ++spins > spins_before_yield) yield();
}

long long ticks() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

}  // namespace musl
