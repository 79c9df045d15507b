// Runs a launch: its blocks one after the other, the threads of a block as a plain loop until one has to wait.
//
// A fiber takes thread after thread. Where a thread waits (barrier, warp operation), its fiber is set aside and the next fiber
// goes on with the threads that have not begun. When all threads wait or have ended, settle() finds who may go on.
//
// An Engine does this for one operating-system thread. A launch that takes long is spread over several of them (spread.cpp);
// what a block does, and what it holds before it begins, does not depend on which engine runs it.
#include "engine.h"

#include <sys/mman.h>

extern "C" {
MUSL_OWN uint3 threadIdx, blockIdx;
MUSL_OWN dim3 blockDim, gridDim;
}

namespace musl {

bool in_kernel = false;
MUSL_OWN unsigned long long block_number = 0;
uint64_t launch_count = 0;
const char *kernel_name = nullptr;
const char *launch_file = "";

Launch launch_now;
BlockOrder *block_order;
__thread Engine *engine = nullptr;

namespace {

constexpr uint64_t spins_before_yield = 4096;
constexpr size_t most_static_shared = 48 * 1024;

uint3 thread_index[most_threads];  // by linear number
dim3 thread_index_of(0, 0, 0);     // the block shape that it was made for
unsigned long long blocks_before;  // of the launches before this one
size_t dynamic_shared_limit = 48 * 1024;
unsigned char closure_copy[8192];

void make_thread_indices(dim3 block) {
    if (block.x == thread_index_of.x && block.y == thread_index_of.y && block.z == thread_index_of.z) return;
    thread_index_of = block;
    int i = 0;
    for (unsigned z = 0; z < block.z; z++)
        for (unsigned y = 0; y < block.y; y++)
            for (unsigned x = 0; x < block.x; x++) thread_index[i++] = uint3{x, y, z};
}

void begin_block(Engine &e, uint64_t position) {
    uint64_t linear = block_order->at(position);
    const dim3 &grid = launch_now.config->grid;
    blockIdx = uint3{unsigned(linear % grid.x), unsigned(linear / grid.x % grid.y),
                     unsigned(linear / grid.x / grid.y)};
    block_number = blocks_before + position + 1;
    e.position.store(position, std::memory_order_relaxed);
    e.round_number = 0;
    e.static_shared_bytes = 0;
    e.begun = e.waiting = 0;
    // Forward and reverse orders stay as they are from block to block.
    if (schedule.order == Order::shuffle || !e.ordered) order_threads(e.order, launch_now.threads, mix(block_number, 1));
    e.ordered = true;
    begin_shared();
}

bool has_blocks(Engine &e) { return e.next_block < e.end_block || take_blocks(e); }

// The next thread to run on the present fiber, -1 when none is left to begin. While no thread of a block waits, the next
// block follows at once: a kernel without barriers costs no switch at all.
int take_thread(Engine &e) {
    if (e.begun == launch_now.threads) {
        if (e.waiting > 0 || !has_blocks(e)) return -1;
        begin_block(e, e.next_block++);
    }
    return e.order[e.begun++];
}

void run_threads() {
    Engine &e = *engine;
    for (;;) {
        for (int t = take_thread(e); t >= 0; t = take_thread(e)) {
            Thread &thread = e.threads[t];
            thread.state = State::running;
            thread.fiber = e.running_fiber;
            thread.phase = thread.warp_phase = 0;
            e.current = t;
            threadIdx = thread_index[t];
            launch_now.body(launch_now.closure);
            if (recording) settle_store();
            thread.state = State::done;
        }
        e.idle[e.idle_fibers++] = e.running_fiber;
        switch_context(e.running_fiber->context, e.host);
    }
}

Fiber *take_fiber(Engine &e) { return e.idle_fibers > 0 ? e.idle[--e.idle_fibers] : make_fiber(run_threads); }

void run_fiber(Engine &e, Fiber *fiber) {
    e.running_fiber = fiber;
    switch_context(e.host, fiber->context);
    e.running_fiber = nullptr;
}

// Sets the running thread aside until it is resumed.
void wait(State state, int line) {
    Engine &e = *engine;
    Thread &thread = e.threads[e.current];
    thread.state = state;
    thread.line = line;
    e.waiting++;
    e.spins = 0;
    if (recording) settle_store();
    switch_context(thread.fiber->context, e.host);
    e.waiting--;
    thread.phase += state == State::at_barrier;
    thread.warp_phase += state == State::at_warp_operation;
    thread.state = State::running;
}

void resume(Engine &e, int t) {
    e.current = t;
    threadIdx = thread_index[t];
    run_fiber(e, e.threads[t].fiber);
}

// Lets the lanes of `group` (a mask over the warp that begins at thread `first`) go on with each other's values.
void release_lanes(Engine &e, int first, unsigned group) {
    for (int lane = 0; lane < 32; lane++) {
        if (!(group >> lane & 1)) continue;
        for (int other = 0; other < 32; other++)
            e.exchanged[first + lane][other] = group >> other & 1
                                                   ? e.threads[first + other].value
                                                   : 0x0101010101010101ull * schedule.pattern;
        e.threads[first + lane].present = group;
        e.threads[first + lane].state = State::ready;
    }
}

// The lanes that wait for the same operation as `lane`, if all that its mask names and that still run have come; else 0.
unsigned complete_group(const Engine &e, int first, int lane, int lanes) {
    const Thread &caller = e.threads[first + lane];
    unsigned group = 0;
    for (int other = 0; other < lanes; other++) {
        const Thread &thread = e.threads[first + other];
        if (!(caller.mask >> other & 1) || thread.state == State::done) continue;
        if (thread.state != State::at_warp_operation || thread.operation != caller.operation ||
            thread.mask != caller.mask)
            return 0;
        group |= 1u << other;
    }
    return group;
}

void settle_warps(Engine &e) {
    for (int first = 0; first < launch_now.threads; first += 32) {
        int lanes = launch_now.threads - first < 32 ? launch_now.threads - first : 32;
        for (int lane = 0; lane < lanes; lane++) {
            const Thread &thread = e.threads[first + lane];
            if (thread.state != State::at_warp_operation || thread.operation == WARP_ACTIVE) continue;
            if (unsigned group = complete_group(e, first, lane, lanes)) release_lanes(e, first, group);
        }
    }
}

// The fault is that of thread `t`, which waits.
void turn_to(Engine &e, int t) {
    e.current = t;
    threadIdx = thread_index[t];
}

bool settle_barrier(Engine &e) {
    e.vote = Vote{0, 1, 0};
    int first = -1;
    for (int t = 0; t < launch_now.threads; t++) {
        const Thread &thread = e.threads[t];
        if (thread.state == State::done) continue;
        if (thread.state != State::at_barrier) return false;
        if (first < 0) first = t;
        if (thread.line != e.threads[first].line) {
            turn_to(e, t);
            die_of(fault::divergent_barrier, thread.line,
                   "waits at a barrier, while thread (%u,%u,%u) of the block waits at that of line %d", thread_index[first].x,
                   thread_index[first].y, thread_index[first].z, e.threads[first].line);
        }
        e.vote.count += thread.predicate != 0;
        e.vote.all &= thread.predicate != 0;
        e.vote.any |= thread.predicate != 0;
    }
    for (int t = 0; t < launch_now.threads; t++)
        if (e.threads[t].state == State::at_barrier) e.threads[t].state = State::ready;
    return true;
}

// Lanes that asked for the active mask and can wait for no more company: those at the same line are one group.
bool settle_active(Engine &e) {
    bool released = false;
    for (int t = 0; t < launch_now.threads; t++) {
        if (e.threads[t].state != State::at_warp_operation || e.threads[t].operation != WARP_ACTIVE) continue;
        int first = t & ~31;
        unsigned group = 0;
        for (int other = t; other < launch_now.threads && other < first + 32; other++) {
            const Thread &thread = e.threads[other];
            if (thread.state == State::at_warp_operation && thread.operation == WARP_ACTIVE &&
                thread.line == e.threads[t].line)
                group |= 1u << (other - first);
        }
        release_lanes(e, first, group);
        released = true;
    }
    return released;
}

[[noreturn]] void die_of_deadlock(Engine &e) {
    int at_barrier = -1, at_warp = -1;
    for (int t = launch_now.threads - 1; t >= 0; t--) {
        if (e.threads[t].state == State::at_barrier) at_barrier = t;
        if (e.threads[t].state == State::at_warp_operation) at_warp = t;
    }
    turn_to(e, at_warp >= 0 ? at_warp : at_barrier);
    const Thread &thread = e.threads[e.current];
    if (at_barrier >= 0)
        die_of(fault::deadlock, thread.line, "waits in a warp operation for threads that wait at the barrier of line %d",
               e.threads[at_barrier].line);
    die_of(fault::deadlock, thread.line, "waits in a warp operation (mask 0x%08x) for threads that do not come to it",
           thread.mask);
}

void settle(Engine &e) {
    settle_warps(e);
    for (int t = 0; t < launch_now.threads; t++)
        if (e.threads[t].state == State::ready) return;
    if (!settle_barrier(e) && !settle_active(e)) die_of_deadlock(e);
}

cudaError_t check_config(const MuslConfig &config) {
    const dim3 &grid = config.grid, &block = config.block;
    uint64_t count = uint64_t(block.x) * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || count == 0) return cudaErrorInvalidConfiguration;
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || count > 1024) return cudaErrorInvalidConfiguration;
    if (grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535) return cudaErrorInvalidConfiguration;
    return config.shared > dynamic_shared_limit ? cudaErrorInvalidValue : cudaSuccess;
}

// Zero pages that no one has touched cost nothing: so neither is allocated by malloc, which fills what it gives.
Engine first_engine;
Engine *make_engine() {
    void *memory = mmap(nullptr, sizeof(Engine), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("no memory to run blocks in");
    return static_cast<Engine *>(memory);
}

Engine *engine_of_this_thread(bool first) {
    if (!engine) {
        engine = first ? &first_engine : make_engine();
        register_engine(engine);
        filled_for = engine->filled_for;
        make_shared_memory();
    }
    return engine;
}

}  // namespace

void run_blocks(bool first) {
    Engine &e = *engine_of_this_thread(first);
    gridDim = launch_now.config->grid;
    blockDim = launch_now.config->block;
    e.next_block = e.end_block = 0;
    e.begun = launch_now.threads;  // the first take_thread() begins the first block
    e.waiting = 0;
    e.ordered = false;
    open_dynamic_shared(launch_now.config->shared);
    for (;;) {
        while (e.begun < launch_now.threads || (e.waiting == 0 && has_blocks(e))) run_fiber(e, take_fiber(e));
        if (e.waiting == 0) return;
        settle(e);
        order_threads(e.resume_order, launch_now.threads, mix(block_number, 1 + ++e.round_number));
        for (int i = 0; i < launch_now.threads; i++)
            if (e.threads[e.resume_order[i]].state == State::ready) resume(e, e.resume_order[i]);
    }
}

uint64_t threads_per_block() { return uint64_t(launch_now.threads); }

uint64_t current_thread(uint32_t *phase, uint32_t *warp_phase) {
    const Thread &thread = engine->threads[engine->current];
    *phase = thread.phase;
    *warp_phase = thread.warp_phase;
    uint64_t block = (uint64_t(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    return block * threads_per_block() + uint64_t(engine->current);
}

cudaError_t allow_dynamic_shared(enum cudaFuncAttribute attribute, int value) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
    if (value < 0 || size_t(value) > max_dynamic_shared) return fail(cudaErrorInvalidValue);
    if (size_t(value) > dynamic_shared_limit) dynamic_shared_limit = size_t(value);
    return cudaSuccess;
}

void launch(const char *name, const MuslConfig &config, void (*body)(const void *), const void *closure, size_t bytes) {
    if (in_kernel) die_of(fault::unsupported, config.line, "MUSL302 dynamic parallelism: launches kernel %s from a kernel", name);
    cudaError_t error = check_config(config);
    if (error != cudaSuccess) {
        snprintf(last_error_place, sizeof last_error_place, "launch of %s with grid (%u,%u,%u), block (%u,%u,%u), shared %zu",
                 name, config.grid.x, config.grid.y, config.grid.z, config.block.x, config.block.y, config.block.z,
                 config.shared);
        fail(error);
        return;
    }
    if (bytes > sizeof closure_copy)
        die_of(fault::unsupported, config.line, "launch of %s: more than %zu bytes of arguments", name, sizeof closure_copy);
    copy_bytes(closure_copy, closure, bytes);
    launch_now = Launch{&config, body, closure_copy, uint64_t(config.grid.x) * config.grid.y * config.grid.z,
                        int(config.block.x * config.block.y * config.block.z)};
    BlockOrder blocks(launch_now.blocks, ++launch_count);
    if (schedule.idle) return;
    block_order = &blocks;
    make_thread_indices(config.block);
    kernel_name = name;
    launch_file = config.file;
    enter_device(__builtin_frame_address(0));
    in_kernel = true;
    begin_launch();
    run_blocks(true);
    end_launch();
    in_kernel = false;
    leave_device();
    kernel_name = nullptr;
    blocks_before += launch_now.blocks;
}

void exceeded_launch_bound(unsigned bound) {
    die("launched with %u threads a block; its __launch_bounds__ allow %u", blockDim.x * blockDim.y * blockDim.z, bound);
}

void trap(int line) { die_of(fault::trap, line, "__trap()"); }

void called_from_host(const char *name) {
    die_at(fault::device_code_on_host, uintptr_t(__builtin_return_address(0)), "%s is code for the device", name);
}

void count_shared(size_t bytes, uintptr_t pc) {
    Engine &e = *engine;
    e.static_shared_bytes += bytes;
    if (e.static_shared_bytes > most_static_shared ||
        e.static_shared_bytes + launch_now.config->shared > max_dynamic_shared)
        die_at(fault::too_much_shared, pc, "the block declares %zu bytes, %zu are allowed", e.static_shared_bytes,
               most_static_shared);
}

Vote barrier(int predicate, int line) {
    if (!in_kernel) called_from_host("__syncthreads");
    engine->threads[engine->current].predicate = predicate;
    wait(State::at_barrier, line);
    return engine->vote;
}

Lanes exchange(WarpOperation operation, unsigned mask, unsigned long long value, int line) {
    if (!in_kernel) called_from_host("a warp operation");
    int self = engine->current;
    Thread &thread = engine->threads[self];
    unsigned lane = unsigned(self) & 31;
    if (operation != WARP_ACTIVE && !(mask >> lane & 1))
        die_of(fault::divergent_warp, line, "the mask 0x%08x of a warp operation does not name the calling lane %u", mask, lane);
    thread.operation = operation;
    thread.mask = mask;
    thread.value = value;
    wait(State::at_warp_operation, line);
    return Lanes{engine->exchanged[self], thread.present, lane};
}

void yield() {
    if (in_kernel) wait(State::ready, engine->threads[engine->current].line);
}

// Called by atomics: a thread that spins on one must let the others come to what it waits for.
void count_spin() {
    if (in_kernel && ++engine->spins > spins_before_yield) yield();
}

long long ticks() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

}  // namespace musl
