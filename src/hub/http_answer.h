/* HTTP answers: what their headers say. */
#ifndef BL_HUB_HTTP_ANSWER_H
#define BL_HUB_HTTP_ANSWER_H

#include "hub/http.h"

/* Takes over one header, its name in any case; forgets all that belongs to one hop. */
void bl_http_answer_header(bl_http_answer *answer, const char *name, const char *value);
void bl_http_answer_forget(bl_http_answer *answer);

#endif
