/* The Hugging Face Hub: what the environment says about it. */
#include "core/env.h"
#include "core/file.h"
#include "core/path.h"
#include "hub/hub.h"

#include <string.h>

enum { TOKEN_MOST = 4096 };

static const double SECONDS = 10; /* huggingface_hub's, of both time limits */

static int is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == 0x7f)
            return 0;
    return 1;
}

static bl_status read_endpoint(bl_buf *endpoint, bl_error *err)
{
    const char *value = bl_env("HF_ENDPOINT");
    if (!value)
        value = "https://huggingface.co";
    size_t n = strlen(value);
    while (n && value[n - 1] == '/')
        n--;
    bl_buf_append(endpoint, value, n);
    BL_TRY(bl_buf_status(endpoint, err));
    const char *host = strstr(endpoint->data, "://");
    if ((strncmp(value, "https://", 8) != 0 && strncmp(value, "http://", 7) != 0) || !host ||
        !host[3] || !is_plain(endpoint->data) || strpbrk(endpoint->data, "?#"))
        return bl_fail(err, BL_EINVAL,
                       "HF_ENDPOINT: '%.100s' is not an address like "
                       "https://huggingface.co",
                       value);
    if (strchr(endpoint->data, '@'))
        return bl_fail(err, BL_EINVAL,
                       "HF_ENDPOINT: it may not hold a user name; HF_TOKEN is sent "
                       "to it");
    return BL_OK;
}

/* VARIABLE/below, or ~/fallback/below; nothing without a home. */
static void place(bl_buf *path, const char *variable, const char *fallback, const char *below)
{
    const char *value = bl_env(variable), *home = bl_env("HOME");
    if (value)
        bl_buf_printf(path, "%s/%s", value, below);
    else if (home)
        bl_buf_printf(path, "%s/%s/%s", home, fallback, below);
}

/* A folder that huggingface_hub would take too, unless BITLLAMA_CACHE says otherwise. */
bl_status bl_hub_cache(bl_buf *cache, bl_error *err)
{
    if (bl_env("BITLLAMA_CACHE"))
        bl_buf_printf(cache, "%s/hub", bl_env("BITLLAMA_CACHE"));
    else if (bl_env("HF_HUB_CACHE"))
        bl_buf_puts(cache, bl_env("HF_HUB_CACHE"));
    else if (bl_env("HUGGINGFACE_HUB_CACHE")) /* its older name */
        bl_buf_puts(cache, bl_env("HUGGINGFACE_HUB_CACHE"));
    else if (bl_env("HF_HOME"))
        bl_buf_printf(cache, "%s/hub", bl_env("HF_HOME"));
    else
        place(cache, "XDG_CACHE_HOME", ".cache", "huggingface/hub");
    BL_TRY(bl_buf_status(cache, err));
    if (!cache->len)
        return bl_fail(err, BL_EINVAL, "no place for a cache: set HF_HOME, BITLLAMA_CACHE or HOME");
    return BL_OK;
}

/* Up to 0.2 the cache was bitllama's own. */
static bl_status older_cache(bl_buf *cache, bl_error *err)
{
    if (!bl_env("BITLLAMA_CACHE"))
        place(cache, "XDG_CACHE_HOME", ".cache", "bitllama/hub");
    return bl_buf_status(cache, err);
}

/* Without the white space around it; what it is called in messages is `name`. */
static bl_status take_token(bl_buf *token, const char *text, size_t n, const char *name,
                            bl_error *err)
{
    while (n && (unsigned char)text[n - 1] <= ' ')
        n--;
    while (n && (unsigned char)*text <= ' ')
        text++, n--;
    if (n == 0)
        return BL_OK;
    bl_buf_append(token, text, n);
    BL_TRY(bl_buf_status(token, err));
    if (n > TOKEN_MOST || strlen(token->data) != n || !is_plain(token->data))
        return bl_fail(err, BL_EINVAL, "%s: what is in it cannot be a token", name);
    return BL_OK;
}

static bl_status read_token(bl_buf *token, bl_error *err)
{
    static const char *const names[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = bl_env(names[i]);
        if (value)
            return take_token(token, value, strlen(value), names[i], err);
    }
    bl_buf path;
    bl_map map;
    bl_buf_init(&path);
    if (bl_env("HF_TOKEN_PATH"))
        bl_buf_puts(&path, bl_env("HF_TOKEN_PATH"));
    else if (bl_env("HF_HOME"))
        bl_buf_printf(&path, "%s/token", bl_env("HF_HOME"));
    else
        place(&path, "XDG_CACHE_HOME", ".cache", "huggingface/token");
    bl_status status = bl_buf_status(&path, err);
    if (status == BL_OK && path.len && bl_path_what(path.data) == BL_PATH_FILE) {
        status = bl_map_open(&map, path.data, err);
        if (status == BL_OK) {
            status = take_token(token, (const char *)map.data, map.size, path.data, err);
            bl_map_close(&map);
        }
    }
    bl_buf_release(&path);
    return status;
}

static const char *text_of(const bl_buf *b)
{
    return b->len ? b->data : NULL;
}

bl_status bl_hub_open(bl_hub *hub, bl_progress_fn *progress, void *user, bl_error *err)
{
    static const char *const files[] = {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"};
    *hub = (bl_hub){.offline = bl_env_is_on("HF_HUB_OFFLINE")};
    BL_TRY(read_endpoint(&hub->endpoint, err));
    BL_TRY(bl_hub_cache(&hub->cache, err));
    BL_TRY(older_cache(&hub->older, err));
    if (!bl_env_is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        BL_TRY(read_token(&hub->token, err));
    for (size_t i = 0; !hub->ca_file.len && i < sizeof files / sizeof *files; i++)
        if (bl_env(files[i]))
            bl_buf_puts(&hub->ca_file, bl_env(files[i]));
    if (bl_env("SSL_CERT_DIR"))
        bl_buf_puts(&hub->ca_dir, bl_env("SSL_CERT_DIR"));
    BL_TRY(bl_buf_status(&hub->ca_file, err));
    BL_TRY(bl_buf_status(&hub->ca_dir, err));
    hub->http = (bl_http){.token = text_of(&hub->token),
                          .home = hub->endpoint.data,
                          .ca_file = text_of(&hub->ca_file),
                          .ca_dir = text_of(&hub->ca_dir),
                          .head_seconds = bl_env_seconds("HF_HUB_ETAG_TIMEOUT", SECONDS),
                          .stall_seconds = bl_env_seconds("HF_HUB_DOWNLOAD_TIMEOUT", SECONDS),
                          .tries = 5,
                          .pause = 1,
                          .progress = progress,
                          .user = user};
    return BL_OK;
}

bl_status bl_hub_use(bl_hub *hub, const char *cache, const char *token, bl_error *err)
{
    if (*cache) {
        bl_buf_clear(&hub->older);
        bl_buf_clear(&hub->cache);
        bl_buf_puts(&hub->cache, cache);
        BL_TRY(bl_buf_status(&hub->cache, err));
    }
    if (*token) {
        bl_buf_clear(&hub->token);
        BL_TRY(take_token(&hub->token, token, strlen(token), "`token`", err));
        hub->http.token = text_of(&hub->token);
    }
    return BL_OK;
}

void bl_hub_close(bl_hub *hub)
{
    bl_buf_release(&hub->older);
    bl_buf_release(&hub->endpoint);
    bl_buf_release(&hub->cache);
    bl_buf_release(&hub->token);
    bl_buf_release(&hub->ca_file);
    bl_buf_release(&hub->ca_dir);
}
