/* Text as bytes. */

#include <stddef.h>

/* ASCII letters to upper case in place; other bytes stay. */
void to_upper(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] >= 'a' && text[i] <= 'z')
            text[i] = (char)(text[i] - 'a' + 'A');
}

size_t count_byte(const unsigned char *text, size_t length, unsigned char wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == wanted;
    return count;
}

/* Position of the first byte that differs, `length` where there is none: leaves the loop early, with a value. */
size_t first_difference(const unsigned char *a, const unsigned char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i])
            return i;
    return length;
}

/* Caesar cipher over letters by `shift` (any sign). */
void rotate_letters(const char *in, char *out, int length, int shift)
{
    const int by = ((shift % 26) + 26) % 26;
    for (int i = 0; i < length; i++) {
        char c = in[i];
        if (c >= 'a' && c <= 'z')
            c = (char)('a' + (c - 'a' + by) % 26);
        else if (c >= 'A' && c <= 'Z')
            c = (char)('A' + (c - 'A' + by) % 26);
        out[i] = c;
    }
}
