/* Central differences against gradients, for anything that is a loss of arrays of doubles. */
#ifndef BL_TESTS_GRADCHECK_H
#define BL_TESTS_GRADCHECK_H

#include <stddef.h>

/* An array that the loss reads, and the gradient under test. */
typedef struct bl_grad_tensor {
    const char *name;
    double *value;
    const double *grad;
    size_t count;
} bl_grad_tensor;

/* The loss at the tensors' present values. */
typedef double bl_grad_loss_fn(void *user);

typedef struct bl_grad_result {
    size_t checked;    /* derivatives */
    double worst;      /* relative error */
    const char *where; /* tensor and place of the worst, */
    size_t place;
    double expected, found; /* the difference quotient and the gradient there */
} bl_grad_result;

/* Holds grad[i] of each tensor against
 *     (8 (L(x+h) - L(x-h)) - (L(x+2h) - L(x-2h))) / 12 h,
 * with h = 5e-4, less for a tensor of small values, whose truncation is of order h^4.  The error is
 * relative to |difference| plus the rms of the tensor's gradient, so that entries that happen to be
 * tiny do not count as wrong.  At most `most` entries a tensor are checked, evenly spread (0: all).
 * Adds to r, which starts as {0}. */
void bl_grad_compare(bl_grad_result *r, bl_grad_loss_fn *loss, void *user,
                     const bl_grad_tensor *tensors, size_t count, size_t most);

/* Prints a line of the table; 1 when the worst error is above the bound or not a number. */
void bl_grad_header(void);
int bl_grad_report(const char *what, const char *shape, const bl_grad_result *r, double bound);

#endif
