// A harness as the published unit tests use it: `wrapper(f, a, b, n)` calls f and prints what it returned and every argument.
// Written anew for scripts/bench_verify.py, to time that way of judging.
#include <algorithm>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iomanip>
#include <iostream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>
using namespace std;

template <typename T>
void print_value(ostream &out, const T &value) {
    out << value;
}
template <typename T, size_t N>
void print_value(ostream &out, T (&values)[N]) {
    out << "[ ";
    for (size_t i = 0; i < N; ++i) {
        if (i) out << ", ";
        print_value(out, values[i]);
    }
    out << " ]";
}
template <typename T>
void print_value(ostream &out, const vector<T> &values) {
    out << "[ ";
    for (size_t i = 0; i < values.size(); ++i) out << (i ? ", " : "") << values[i];
    out << " ]";
}
template <typename First, typename... Rest>
void print_all(ostream &out, First &first, Rest &...rest) {
    print_value(out, first);
    ((out << ", ", print_value(out, rest)), ...);
}
template <typename R, typename... P, typename... A>
void wrapper(R (*function)(P...), A &&...arguments) {
    ostringstream out;
    if constexpr (is_void_v<R>) {
        function(arguments...);
        out << "Return value: void\n";
    } else {
        R result = function(arguments...);
        out << "Return value: " << result << "\n";
    }
    out << "Arguments after function call: (";
    print_all(out, arguments...);
    out << ")\n";
    cout << out.str();
}
