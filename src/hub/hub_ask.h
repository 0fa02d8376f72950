/* The Hub's API: one request, its answer JSON. */
#ifndef BL_HUB_HUB_ASK_H
#define BL_HUB_HUB_ASK_H

#include "hub/hub.h"

#include <jansson.h>

typedef struct bl_hub_question {
    bl_http_method method; /* GET or POST */
    const char *url;       /* its own, below the endpoint, or one that the Hub has given */
    const char *shown;     /* in messages instead of it, or NULL */
    const char *stage;     /* of progress */
    const char *accept, *content_type;
    const bl_buf *body; /* of POST */
    unsigned tries;     /* 0: as often as the Hub's requests are tried */
} bl_hub_question;

/* *json, free with json_decref(); NULL: its body does not matter.  Errors as bl_http_send(), and
 * BL_ENETWORK for what is no JSON object. */
bl_status bl_hub_ask(const bl_hub *hub, const bl_hub_question *q, bl_http_answer *answer,
                     json_t **json, bl_error *err) BL_NODISCARD;

/* The same with `value` as the body, of the question's type or else JSON's; NULL, which jansson
 * gives when it has no memory: BL_ENOMEM. */
bl_status bl_hub_post(const bl_hub *hub, const bl_hub_question *q, const json_t *value,
                      bl_http_answer *answer, json_t **json, bl_error *err) BL_NODISCARD;

#endif
