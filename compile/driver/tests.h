// Part of driver.cpp: the tests as they come in, and the mapping through which a child hands its results to the parent.
#pragma once

#include "musl_driver.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace {

// What the child tells the parent, in front of the payload of the shared mapping.
struct ChildState {
    volatile uint64_t finished; // the test's seal once the call has returned and the payload is whole
    volatile uint32_t failed;   // a musl_result.status other than MUSL_OK that the child itself found
    volatile int32_t code;
    uint64_t wall_ns;
    uint64_t launches;
    uint32_t remarks;
};
constexpr uint64_t kPayloadOffset = 64;
static_assert(sizeof(ChildState) <= kPayloadOffset, "the payload begins after the state");

struct Tests {
    const musl_header *header;
    const sock_filter *filter;
    const musl_schedule *schedules;
    const musl_parameter *parameters;
    const uint8_t *first;
    const uint8_t *end;
};

struct Shared {
    ChildState *state;
    uint8_t *payload;
    uint64_t capacity;
};

[[noreturn]] void die(const char *what) {
    perror(what);
    _exit(120);
}

uint64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t min_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

uint64_t load_u64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

Tests map_tests(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) die("driver: tests");
    auto size = static_cast<size_t>(status.st_size);
    void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (memory == MAP_FAILED) die("driver: mapping tests");
    auto *bytes = static_cast<const uint8_t *>(memory);
    Tests tests;
    tests.header = reinterpret_cast<const musl_header *>(bytes);
    tests.filter = reinterpret_cast<const sock_filter *>(tests.header + 1);
    tests.schedules = reinterpret_cast<const musl_schedule *>(tests.filter + tests.header->filter_count);
    tests.parameters = reinterpret_cast<const musl_parameter *>(tests.schedules + tests.header->schedule_count);
    tests.first = reinterpret_cast<const uint8_t *>(tests.parameters + tests.header->parameter_count);
    tests.end = bytes + size;
    if (size < sizeof(musl_header) || tests.header->magic != MUSL_MAGIC) {
        errno = EPROTO;
        die("driver: not a test file");
    }
    return tests;
}

// The test after the one at `test`; adds up the bytes of its payload.
const uint8_t *skip_test(const Tests &tests, const uint8_t *test, uint64_t *payload_bytes) {
    *payload_bytes = tests.header->return_size + sizeof(musl_touched) * tests.header->parameter_count;
    for (uint32_t i = 0; i < tests.header->parameter_count; ++i) {
        uint64_t count = load_u64(test);
        test += sizeof count;
        if (count == MUSL_NULL) continue;
        uint64_t bytes = count * tests.parameters[i].element_size;
        *payload_bytes += bytes;
        test += bytes;
    }
    return test;
}

Shared map_shared(const Tests &tests) {
    uint64_t largest = 0;
    const uint8_t *test = tests.first;
    for (uint32_t i = 0; i < tests.header->test_count; ++i) {
        uint64_t bytes;
        test = skip_test(tests, test, &bytes);
        if (bytes > largest) largest = bytes;
    }
    if (test != tests.end) {
        errno = EPROTO;
        die("driver: test file of another length");
    }
    uint64_t capacity = kPayloadOffset + largest;
    void *memory = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) die("driver: shared mapping");
    return {static_cast<ChildState *>(memory), static_cast<uint8_t *>(memory) + kPayloadOffset, capacity};
}

} // namespace
