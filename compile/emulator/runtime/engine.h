// What runs the blocks of a launch: one Engine for each operating-system thread, and how they share the blocks.
#pragma once

#include <atomic>

#include "fiber.h"
#include "internal.h"

namespace musl {

constexpr int most_threads = 1024;

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

// Blocks are numbered by their position in the order of the schedule.
struct Engine {
    uint64_t next_block, end_block;  // those that it has taken and not begun
    std::atomic<uint64_t> position;  // of the block that runs; the greatest number where none does
    uint64_t round_number;           // of the times that its threads were resumed
    int begun, waiting;              // threads of the block
    int current;
    bool ordered;  // `order` is that of this launch
    Vote vote;
    uint64_t spins;
    size_t static_shared_bytes;
    Context host;
    int idle_fibers;
    Fiber *running_fiber;
    Fiber *idle[most_threads];
    uint16_t order[most_threads], resume_order[most_threads];
    Thread threads[most_threads];
    unsigned long long exchanged[most_threads][32];
    unsigned long long filled_for[most_shared_variables];
};

extern Launch launch_now;
extern __thread Engine *engine;  // of this operating-system thread
void run_blocks(bool first);     // of launch_now, until none is left to take; `first`: by the engine that began it

// ---- spread.cpp
bool take_blocks(Engine &e);  // sets next_block and end_block; false where none is left
void register_engine(Engine *e);
void begin_launch();
void end_launch();  // waits for the other engines

}  // namespace musl
