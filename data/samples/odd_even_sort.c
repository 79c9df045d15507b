/* Odd-even transposition sort: n passes; within a pass the compared pairs do not touch each other. */

void odd_even_sort(int n, int *a)
{
    for (int pass = 0; pass < n; pass++) {
        for (int i = pass % 2; i + 1 < n; i += 2) {
            if (a[i] > a[i + 1]) {
                int t = a[i];
                a[i] = a[i + 1];
                a[i + 1] = t;
            }
        }
    }
}

/* Rank of each element: how many go before it in sorted order. Equal elements keep their order. */
void ranks(int n, const int *in, int *rank)
{
    for (int i = 0; i < n; i++) {
        int before = 0;
        for (int j = 0; j < n; j++)
            if (in[j] < in[i] || (in[j] == in[i] && j < i))
                before++;
        rank[i] = before;
    }
}
