// A set of bytes of memory, by address.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <unordered_map>

namespace musl {

class ByteSet {
   public:
    void add(uintptr_t address, size_t bytes) {
        visit(address, bytes, [](uint64_t &bits, uint64_t mask) { return bits |= mask, false; });
    }
    void remove(uintptr_t address, size_t bytes) {
        visit(address, bytes, [](uint64_t &bits, uint64_t mask) { return bits &= ~mask, false; });
    }
    bool holds_any(uintptr_t address, size_t bytes) {
        return visit(address, bytes, [](uint64_t &bits, uint64_t mask) { return (bits & mask) != 0; }) != 0;
    }
    // The first byte of [address, address + bytes) that it lacks, or 0.
    uintptr_t first_lacking(uintptr_t address, size_t bytes) {
        uint64_t lacking = 0;
        uintptr_t word = visit(address, bytes, [&](uint64_t &bits, uint64_t mask) { return lacking = mask & ~bits; });
        return lacking ? word + unsigned(__builtin_ctzll(lacking)) : 0;
    }

   private:
    static constexpr uintptr_t page_bytes = 4096;
    struct Page {
        uint64_t bits[page_bytes / 64];  // one for each byte
    };
    std::unordered_map<uintptr_t, Page> pages;
    uintptr_t last_number = ~uintptr_t(0);
    Page *last_page = nullptr;

    Page &page_of(uintptr_t address) {
        uintptr_t number = address / page_bytes;
        if (number != last_number) {
            last_page = &pages[number];  // new ones are zero
            last_number = number;
        }
        return *last_page;
    }

    // Calls look(word, mask) for the bits of [address, address + bytes), until it is true; then with the address of the word.
    template <class Look>
    uintptr_t visit(uintptr_t address, size_t bytes, Look look) {
        uintptr_t end = address + bytes;
        while (address < end) {
            uintptr_t word = address & ~uintptr_t(63), stop = word + 64 < end ? word + 64 : end;
            uint64_t mask = (stop - address == 64 ? ~0ull : (1ull << (stop - address)) - 1) << (address - word);
            if (look(page_of(address).bits[address % page_bytes / 64], mask)) return word;
            address = stop;
        }
        return 0;
    }
};

}  // namespace musl
