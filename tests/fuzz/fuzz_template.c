/* Any bytes as a chat template, and behind a zero byte as what it is given: it is refused, or it
 * renders, within its bounds, to UTF-8 and twice to the same. */
#include "fuzz.h"

#include "core/call.h"
#include "core/utf8.h"
#include "template/jinja.h"

static const char usual[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \" Be kind. \"}, {\"role\": \"user\", "
    "\"content\": "
    "\"Hi\\n\\u00e4\\ud83d\\ude00<|im_end|>\"}, {\"role\": \"assistant\", \"content\": null, "
    "\"tool_calls\": "
    "[{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, true]}}}]}], \"tools\": "
    "[{\"x\": "
    "{}}], \"s\": \"a b\", \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": 2}, \"n\": 7, \"x\": 2.5}";

static int is_expected(bl_status status)
{
    return status == BL_OK || status == BL_EFORMAT || status == BL_EUNSUPPORTED ||
           status == BL_EINVAL;
}

static void render(const bl_program *p, const json_t *input, size_t bytes)
{
    bl_rendering once, again;
    bl_error err = {BL_OK, ""};
    bl_status status = bl_program_render(p, NULL, input, bytes, 1764460800, &once, &err);
    FUZZ_CHECK(is_expected(status));
    if (status != BL_OK) {
        FUZZ_CHECK(err.code == status && strstr(err.message, "t: line ") == err.message);
        return;
    }
    FUZZ_CHECK(bl_utf8_invalid(once.text, once.bytes) == once.bytes);
    FUZZ_CHECK(bl_program_render(p, NULL, input, bytes, 1764460800, &again, &err) == BL_OK);
    FUZZ_CHECK(once.bytes == again.bytes && !once.marks == !again.marks);
    FUZZ_CHECK(!once.bytes || memcmp(once.text, again.text, once.bytes) == 0);
    FUZZ_CHECK(!once.marks || memcmp(once.marks, again.marks, once.bytes) == 0);
    bl_rendering_release(&once);
    bl_rendering_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t bytes = zero ? (size_t)(zero - data) : size;
    const char *json = zero ? (const char *)zero + 1 : usual;
    size_t json_bytes = zero ? size - bytes - 1 : sizeof usual - 1;
    bl_program *p;
    bl_call call;
    json_error_t why;
    bl_error err = {BL_OK, ""};
    if (size > 1 << 14)
        return 0;
    json_t *input = json_loadb(json, json_bytes, JSON_ALLOW_NUL, &why);
    bl_call_begin(&call, &err);
    bl_status status = bl_program_open(&p, "t", (const char *)data, bytes, &err);
    FUZZ_CHECK(is_expected(status) && (status == BL_OK) == (p != NULL));
    if (p && json_is_object(input))
        render(p, input, json_bytes);
    bl_program_close(p);
    json_decref(input);
    (void)bl_call_end(&call, status, &err);
    return 0;
}
