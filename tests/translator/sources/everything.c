/* Every construct that the parser takes, with a driver that prints what the functions compute.
   test_parse_round_trip.py prints these functions from the IR and compares what both programs print. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define SWAP(T, a, b) do { T tmp_ = (a); (a) = (b); (b) = tmp_; } while (0)
#define ROWS 3

typedef struct { float x, y; } vec2;
typedef unsigned char byte;
struct particle { vec2 pos; double m; int tag[3]; };
enum mode { OFF, ON = 5, AUTO };

static const float weights[3] = { 0.25f, 0.5f, 0.25f };
static const int table[] = { 3, 1, 4, 1, 5 };

int hoist(int *a, const int *b, int n) {
    int k = 0, i = 0, s;
    int *p = a;
    while (i < n) a[k++] = b[i++] * 2;
    s = k = 3;
    *p++ = 7; *p++ += 1; *++p = 9; *--p -= 2;
    for (i = 0, k = n - 1; i < k; i++, k--) SWAP(int, a[i], a[k]);
    int m = n;
    while (m--) s += a[m];
    m = n;
    while (--m >= 0) { if (a[m] == 3) continue; s ^= a[m]; }
    i = 0;
    do { s++; } while (++i < n);
    if ((m = a[0]) > 2) s += m;
    s += (i++, i);
    for (i = n; i--; ) s += i;
    int t = n;
    do { s -= t; } while (t-- > 1);
    a[a[1] & 1]++;
    k = a[0]++ + --a[1];
    s += k, k = 2;
    n > 3 ? s++ : k++;
    k == 2 && (s += 100);
    k == 2 || (s += 1000);
    return s++ + k;
}

double flow(const double *a, int n, enum mode md) {
    double r = 0;
    for (int i = 0; i < n; ++i) {
        switch (i % 5) {
        case 0: r += a[i];
        case 1: case 2: r -= 1; break;
        case 3: { double q = a[i]; r += q * q; break; }
        default: if (md == ON) { r *= 0.5; } else if (md == AUTO) continue; else r += 2;
        }
        if (a[i] > 100) break;
    }
    return r > 0 ? sqrt(r) : -r;
}

void types(float *f, uint8_t *u, long *l, unsigned short *h, int n) {
    for (size_t i = 0; i < (size_t)n; i++) {
        f[i] = (float)(u[i] / 255.0) + 1e-3f + .5 + 'a' - '\n' + sin(f[i]) + abs(l[i] % 7);
        l[i] = (n) - 1 + (long)-1 + sizeof(int) + sizeof f[i] + sizeof(struct particle) + sizeof(byte);
        h[i] = (unsigned)~h[i] << 2 | (u[i] & 0xFFu) ^ 3;
        u[i] = (byte)MAX(0, -(int)u[i] % 3);
        if (!f[i] || (l[i] && h[i] > 4)) f[i] = -f[i] - -1.f;
        f[i] += 1 / 2 * u[i] + 1 / 2.f + (l[i] >> 1) % 5 - (u[i] - 4u > 10 ? 1 : 2);
    }
}

void structs(struct particle *ps, vec2 *v, const vec2 c, int n) {
    struct particle *q = ps + 1;
    for (int i = 0; i < n; i++) {
        ps[i].pos.x += v[i].x * weights[i % 3];
        ps[i].pos.y = c.y;
        (&ps[i])->m = ps[i].tag[1] + table[i % 5];
        (*(ps + i)).tag[i % 3]++;
        vec2 w = { .y = 2, .x = 1 };
        v[i] = w;
        if (i == 1) v[i] = (vec2){ 3, 4 };
    }
    q->m = 5; (*q).pos = c; (q - 1)->tag[2] = OFF + ON;
}

void arrays(int n, int m, double a[n][m], double b[][4], double (*c)[3], int d[8]) {
    int t[2][3] = { { 1, 2, 3 }, { 4 } }, u[] = { [2] = 5, 6 }, z[4] = { 0 };
    int flat[2][2] = { 1, 2, 3, 4 };
    for (int i = 0; i < n; i++)
        for (int j = 0; j < m; j++) {
            a[i][j] += t[i % 2][j % 3] + u[j % 4] + *(*(b + i) + j % 4) + (*c)[j % 3] + z[0] + flat[i % 2][1];
            double *row = a[i];
            row[j] *= 2; *(row + j) -= 1; j[row] += 1; *(&a[i][0] + j) += 0.5; (&row[0])[j] += 0.25;
        }
    d[0] = sizeof(t) / sizeof(t[0]) + sizeof u / sizeof *u;
}

void pitched(float *p, int pitch, int w, int h) {
    for (int j = 0; j < h; j++) {
        float *row = (float *)((char *)p + j * pitch);
        for (int i = 0; i < w; i++) *(row + i) += *((float *)((char *)p + pitch * j) + i) + i;
    }
}

int shadow(int n) {
    int s = 0;
    for (int i = 0; i < n; i++) {
        int n = i * 2;
        { int i = n + 1; s += i; }
        s += n;
    }
    return s;
}

unsigned wrap(const unsigned *a, unsigned n) {
    unsigned r = 0;
    const unsigned *e = a + n;
    for (const unsigned *p = a; p != e; ++p) r += *p * 3u - n;
    r += *(a + n - 1u) + (e - a);
    return r;
}

int text_length(const char *s) { int n = 0; while (*s++) n++; return n; }
int first_negative(const int *a, int n) { int i = 0; while (i++ < n) { if (a[i - 1] < 0) break; } return i; }
bool logic(int a, int b) { return a > 1 && b < 2 || !(a == b); }
long long literals(void) { return 0x7fffffffffffffLL - 010 + 0b11 + 2147483648 + INT_MAX + (long)FLT_MIN + 'x' + '\x41'; }
float limits(float x) { return x > INFINITY ? NAN : fmaxf(x, -INFINITY); }
int old_style(a, b) int a; const int *b; { return a + b[1]; }
static int new(int class, int *this) { int template = class + *this; return template; }
static int max(int a, int b) { return a > b ? a : b; }
int uses_max(int a, int b) { return max(a, b) + new(a, &b); }
float mixed(int i, float f, double d) { return i / 2 + f * i + d / 3 + (i < f) + (float)d * 2 + pow(f, 2) + fabs(f - 5); }

int main(void) {
    int a[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, b[8] = { 3, -1, 4, 1, -5, 9, 2, 6 };
    printf("%d", hoist(a, b, 8));
    for (int i = 0; i < 8; i++) printf(" %d", a[i]);
    double d[8] = { 1.5, 2.5, -3, 4, 5, 6, 7, 101 };
    printf("\n%.17g %.17g %.17g\n", flow(d, 8, ON), flow(d, 8, AUTO), flow(d, 7, OFF));
    float f[4] = { 0.5f, 1, 2, 3 };
    uint8_t u[4] = { 0, 7, 200, 255 };
    long l[4] = { 10, -20, 30, 40 };
    unsigned short h[4] = { 0, 1, 2, 65535 };
    types(f, u, l, h, 4);
    for (int i = 0; i < 4; i++) printf("%.9g %d %ld %d\n", f[i], u[i], l[i], h[i]);
    struct particle ps[3] = { { { 1, 2 }, 3, { 4, 5, 6 } } };
    vec2 v[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } }, c = { 7, 8 };
    structs(ps, v, c, 3);
    for (int i = 0; i < 3; i++)
        printf("%g %g %g %d %d %d %g %g\n", ps[i].pos.x, ps[i].pos.y, ps[i].m, ps[i].tag[0], ps[i].tag[1], ps[i].tag[2], v[i].x, v[i].y);
    double x[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, y[2][4] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } }, z[1][3] = { { 9, 8, 7 } };
    arrays(2, 3, x, y, z, a);
    for (int i = 0; i < 6; i++) printf("%g ", x[i / 3][i % 3]);
    float *grid = malloc(2 * 16);
    memset(grid, 0, 32);
    grid[1] = 2;
    pitched(grid, 16, 3, 2);
    for (int i = 0; i < 8; i++) printf("%g ", grid[i]);
    free(grid);
    unsigned w[3] = { 1, 2, 4000000000u };
    printf("\n%d %u %d %d %d %d %lld %g\n", shadow(5), wrap(w, 3), text_length("hello"), first_negative(b, 8), logic(1, 2), logic(3, 3), literals(), limits(3));
    printf("%d %d %.9g %d\n", old_style(3, b), uses_max(4, 9), mixed(3, 2.5f, 1.25), a[0]);
    return 0;
}
