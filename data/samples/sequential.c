/* Loops that must stay as they are, for the reasons that a parallelizer has to find. */

/* Linear recurrence: y[i] needs y[i - 1] (a first-order filter). */
void low_pass(int n, float alpha, const float *x, float *y)
{
    if (n <= 0)
        return;
    y[0] = x[0];
    for (int i = 1; i < n; i++)
        y[i] = y[i - 1] + alpha * (x[i] - y[i - 1]);
}

/* Follows links from element to element: the next index is only known after the load. */
int list_length(int n, const int *next, int head)
{
    int length = 0;
    while (head >= 0 && head < n && length < n) {
        length++;
        head = next[head];
    }
    return length;
}

/* The logistic map: one chain of values, nothing beside it. */
double logistic_map(int steps, double r, double x)
{
    for (int i = 0; i < steps; i++)
        x = r * x * (1.0 - x);
    return x;
}

/* Polynomial hash: each step multiplies what the steps before have made. */
unsigned hash_bytes(int n, const unsigned char *bytes)
{
    unsigned hash = 2166136261u;
    for (int i = 0; i < n; i++) {
        hash ^= bytes[i];
        hash *= 16777619u;
    }
    return hash;
}
