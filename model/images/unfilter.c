/* The rows of a PNG, as unpacking leaves them, to pixels: what its filters have subtracted is added again.
 *
 * A filter predicts each pixel from its left, upper and upper left neighbours (a, b and c, as in the PNG specification,
 * chapter 9), so neither the pixels of a row nor whole rows can be computed side by side. Pixels on a slanted line can:
 *
 *     row 0   . . . . 0          Pixel 0 is one step ahead of 1, which is one step ahead of 2, and so on. In each step
 *     row 1   . . . 1            all of them move to the right. Then a is what a row has just made, b what the row
 *     row 2   . . 2              above made one step before, and c is the b before that.
 *
 * A pixel takes four bytes, four rows make a vector, and several vectors are on their way at once, because one alone
 * would wait for its own result. Vectors are GCC's own, which clang knows too: the same code on every processor.
 */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define VECTORS 3
#define LANES 4
#define ROWS (VECTORS * LANES)
#define INLINE static inline __attribute__((always_inline))

typedef uint8_t Bytes __attribute__((vector_size(4 * LANES)));
typedef uint32_t Pixels __attribute__((vector_size(4 * LANES)));

/* The filters of four rows: in each lane, all bits are set in the one that its row has. Row 0 of the table, no filter, is
 * written and never read. */
enum { NONE, SUB, UP, AVERAGE, PAETH, FILTERS };
typedef Bytes Filters[FILTERS];

/* Rows on their way. A row's pointers are moved back by its number, so that one step is one offset for all. */
typedef struct {
  const uint8_t *from[ROWS];
  uint8_t *to[ROWS];
  const uint8_t *above; /* the pixels of the row before, or NULL */
  Filters filters[VECTORS];
  Bytes a[VECTORS], c[VECTORS];
  Bytes common; /* the bits that all pixels so far have in common */
} Wave;

INLINE Bytes choose(Bytes where, Bytes yes, Bytes no) { return no ^ ((yes ^ no) & where); }

/* The absolute difference of x and y, where `less` has all bits set in the bytes with x < y. */
INLINE Bytes distance(Bytes x, Bytes y, Bytes less) { return ((x - y) ^ less) - less; }

/* Whichever of a, b and c is nearest to a + b - c, in this order. Eight bits are enough: where b - c and a - c have the
 * same sign, a + b - c is farther from c than from a and b, and c is never taken; else it is their difference away. */
INLINE Bytes paeth(Bytes a, Bytes b, Bytes c) {
  Bytes b_less = (Bytes)(b < c), a_less = (Bytes)(a < c);
  Bytes to_a = distance(b, c, b_less), to_b = distance(a, c, a_less);
  Bytes to_c = distance(to_a, to_b, (Bytes)(to_a < to_b)) | ~(a_less ^ b_less);
  Bytes not_a = (Bytes)(to_b < to_a) | (Bytes)(to_c < to_a), not_b = (Bytes)(to_c < to_b);
  return choose(not_a, choose(not_b, c, b), a);
}

INLINE Bytes undo(const Bytes *filters, Bytes filtered, Bytes a, Bytes b, Bytes c) {
  Bytes average = (a & b) + ((a ^ b) >> 1); /* rounded down, without a ninth bit */
  return filtered + ((a & filters[SUB]) | (b & filters[UP]) | (average & filters[AVERAGE]) | (paeth(a, b, c) & filters[PAETH]));
}

/* The four pixels below: the last lane of `above`, then the first three of `pixels`. */
INLINE Bytes below(Bytes above, Bytes pixels) {
#ifdef __clang__
  return (Bytes)__builtin_shufflevector((Pixels)above, (Pixels)pixels, 3, 4, 5, 6);
#else
  return (Bytes)__builtin_shuffle((Pixels)above, (Pixels)pixels, (Pixels){3, 4, 5, 6});
#endif
}

INLINE void advance(Bytes *a, Bytes *c, const Pixels *filtered, uint32_t above, const Filters *filters) {
  Bytes before = (Bytes)(Pixels){above, above, above, above};
#pragma GCC unroll 8
  for (int v = 0; v < VECTORS; v++) {
    Bytes left = a[v], b = below(before, left);
    a[v] = undo(filters[v], (Bytes)filtered[v], left, b, c[v]);
    c[v] = b;
    before = left;
  }
}

INLINE uint32_t load(const uint8_t *at, int bytes) {
  uint32_t pixel = 0;
  memcpy(&pixel, at, bytes);
  return pixel;
}

INLINE void store(uint8_t *at, const Bytes *made, int row, int bytes) {
  uint32_t pixel = ((Pixels)made[row / LANES])[row % LANES];
  memcpy(at, &pixel, bytes);
}

/* Steps in which every row has a pixel that is not its last, so that reading four bytes of it is safe. */
INLINE void steps(Wave *wave, Py_ssize_t at, Py_ssize_t end, int channels, int kept) {
  Bytes a[VECTORS], c[VECTORS], common = wave->common; /* in registers: no pixel is written into them */
  memcpy(a, wave->a, sizeof a);
  memcpy(c, wave->c, sizeof c);
  for (; at < end; at++) {
    Pixels filtered[VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) {
      const uint8_t **from = wave->from + v * LANES;
      Py_ssize_t n = at * channels;
      filtered[v] = (Pixels){load(from[0] + n, 4), load(from[1] + n, 4), load(from[2] + n, 4), load(from[3] + n, 4)};
    }
    advance(a, c, filtered, wave->above ? load(wave->above + at * kept, kept) : 0, wave->filters);
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) common &= a[v];
#pragma GCC unroll 32
    for (int row = 0; row < ROWS; row++) store(wave->to[row] + at * kept, a, row, kept);
  }
  memcpy(wave->a, a, sizeof a);
  memcpy(wave->c, c, sizeof c);
  wave->common = common;
}

/* A step in which some of the `rows` have not begun, and make zeros of zeros, or have ended. */
INLINE void step_at_edge(Wave *wave, Py_ssize_t at, Py_ssize_t width, int rows, int channels, int kept) {
  Pixels filtered[VECTORS] = {{0}}, inside[VECTORS] = {{0}};
  for (int row = 0; row < rows; row++)
    if (at >= row && at < width + row) {
      filtered[row / LANES][row % LANES] = load(wave->from[row] + at * channels, channels);
      inside[row / LANES][row % LANES] = UINT32_MAX;
    }
  advance(wave->a, wave->c, filtered, wave->above && at < width ? load(wave->above + at * kept, kept) : 0, wave->filters);
  for (int v = 0; v < VECTORS; v++) wave->common &= wave->a[v] | ~(Bytes)inside[v];
  for (int row = 0; row < rows; row++)
    if (at >= row && at < width + row) store(wave->to[row] + at * kept, wave->a, row, kept);
}

/* All rows, in waves; -1 where a row has an unknown filter, else whether the fourth byte of every pixel is 255. */
INLINE int unfilter_rows(const uint8_t *raw, uint8_t *pixels, Py_ssize_t height, Py_ssize_t width, int channels, int kept) {
  Py_ssize_t stride = 1 + width * channels;
  Bytes common = ~(Bytes){0};
  for (Py_ssize_t top = 0; top < height; top += ROWS) {
    int rows = height - top < ROWS ? (int)(height - top) : ROWS;
    Wave wave = {.above = top ? pixels + (top - 1) * width * kept : NULL, .common = common};
    for (int row = 0; row < rows; row++) {
      const uint8_t *start = raw + (top + row) * stride;
      if (*start >= FILTERS) return -1;
      wave.from[row] = start + 1 - row * channels;
      wave.to[row] = pixels + ((top + row) * width - row) * kept;
      memset((uint8_t *)&wave.filters[row / LANES][*start] + row % LANES * 4, 255, 4);
    }
    Py_ssize_t at = 0, full = rows == ROWS ? width - 1 : 0;
    while (at < ROWS - 1 && at < width + rows - 1) step_at_edge(&wave, at++, width, rows, channels, kept);
    if (at < full) steps(&wave, at, full, channels, kept), at = full;
    while (at < width + rows - 1) step_at_edge(&wave, at++, width, rows, channels, kept);
    common = wave.common;
  }
  return common[3] == 255 && common[7] == 255 && common[11] == 255 && common[15] == 255;
}

/* Each kind of pixel has loops of its own, in which the numbers of bytes are known. */
INLINE int unfilter_kind(const uint8_t *raw, uint8_t *pixels, Py_ssize_t height, Py_ssize_t width, int channels) {
  if (channels == 1) return unfilter_rows(raw, pixels, height, width, 1, 1);
  if (channels == 3) return unfilter_rows(raw, pixels, height, width, 3, 4);
  return unfilter_rows(raw, pixels, height, width, 4, 4);
}

typedef int Unfilter(const uint8_t *, uint8_t *, Py_ssize_t, Py_ssize_t, int);

static int unfilter_anywhere(const uint8_t *raw, uint8_t *pixels, Py_ssize_t height, Py_ssize_t width, int channels) {
  return unfilter_kind(raw, pixels, height, width, channels);
}

#ifdef __x86_64__
/* ISA-L, which has unpacked the rows, leaves numbers in the upper halves of the vector registers. Until they are zeroed,
 * instructions older than AVX, Pillow's too, take three times as long. */
__attribute__((target("avx"))) static int unfilter_avx(const uint8_t *raw, uint8_t *pixels, Py_ssize_t height,
                                                       Py_ssize_t width, int channels) {
  __builtin_ia32_vzeroupper();
  return unfilter_kind(raw, pixels, height, width, channels);
}

static Unfilter *quickest(void) { return __builtin_cpu_supports("avx") ? unfilter_avx : unfilter_anywhere; }
#else
static Unfilter *quickest(void) { return unfilter_anywhere; }
#endif

PyDoc_STRVAR(unfilter_doc,
"unfilter(raw, pixels, width, channels)\n--\n\n"
"Write the pixels of a PNG with 8 bits a channel that is not interlaced; other threads run meanwhile.\n\n"
"Args:\n"
"    raw: What its image data unpacks to: in front of each row a byte that names its filter.\n"
"    pixels: Where they are written, contiguous: of one byte if there is one channel, else of four.\n"
"        With three channels the fourth byte means nothing.\n"
"    width: In pixels.\n"
"    channels: 1, 3 or 4.\n\n"
"Returns:\n"
"    Whether the fourth channel is 255 everywhere; without one it means nothing.\n\n"
"Raises:\n"
"    ValueError: A row has an unknown filter, or the lengths do not fit together.");

static PyObject *unfilter(PyObject *Py_UNUSED(module), PyObject *arguments) {
  Py_buffer raw, pixels;
  Py_ssize_t width;
  int channels, opaque = -1;
  if (!PyArg_ParseTuple(arguments, "y*w*ni", &raw, &pixels, &width, &channels)) return NULL;
  Py_ssize_t kept = channels == 1 ? 1 : 4, height = 0;
  int fits = width > 0 && width < PY_SSIZE_T_MAX / 8 && (channels == 1 || channels == 3 || channels == 4);
  if (fits) {
    height = raw.len / (1 + width * channels);
    fits = raw.len == height * (1 + width * channels) && pixels.len == height * width * kept;
  }
  if (fits) {
    Py_BEGIN_ALLOW_THREADS
    opaque = quickest()(raw.buf, pixels.buf, height, width, channels);
    Py_END_ALLOW_THREADS
  }
  PyBuffer_Release(&raw);
  PyBuffer_Release(&pixels);
  if (opaque < 0) {
    PyErr_SetString(PyExc_ValueError, fits ? "a row has an unknown filter" : "the lengths do not fit together");
    return NULL;
  }
  return PyBool_FromLong(opaque);
}

static PyMethodDef methods[] = {{"unfilter", unfilter, METH_VARARGS, unfilter_doc}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "model.unfilter", .m_methods = methods};

PyMODINIT_FUNC PyInit_unfilter(void) { return PyModuleDef_Init(&definition); }
