/* Files of other programs in place of ours, recognised by their first bytes and their names. */
#include "format/other_file.h"
#include "core/file.h"

#include <string.h>

enum {
    WEIGHTS = BL_PLACE_WEIGHTS,
    JSON = BL_PLACE_JSON,
    TEXT = BL_PLACE_TEXT,
    MODEL = BL_PLACE_MODEL,
    TOKENS = BL_PLACE_TOKENS,
    ANY = WEIGHTS | JSON | TEXT | MODEL | TOKENS,
    HEAD = 256, /* bytes that are looked at */
};

static const char ours[] =
    "a model is a folder with config.json and model.safetensors, as train and "
    "export write them";
static const char tensors[] = "save its tensors as safetensors, with the program that wrote it";
static const char again[] = "a copy or a download broke off: get it again";
static const char pull[] = "git lfs pull in its repository brings the file itself";
static const char page[] = "get the file itself: the address has /resolve/ in the place of /blob/";
static const char unpack[] = "unpack it first";

/* The first line that matches is used. */
static const bl_other_file others[] = {
    {ANY, 0, 4, "GGUF", "a GGUF file, as llama.cpp reads them", ours},
    {ANY, 0, 4, "lmgg", "a GGML file, as old llama.cpp reads them", ours},
    {ANY, 0, 4, "tjgg", "a GGML file, as old llama.cpp reads them", ours},
    {ANY, 0, 23, "version https://git-lfs", "a pointer of Git LFS, not the file itself", pull},
    {ANY, 0, 8, "\x89HDF\r\n\x1A\n", "an HDF5 file, as Keras writes them", tensors},
    {ANY, 0, 6, "\x93NUMPY", "an array of NumPy", tensors},
    {WEIGHTS | JSON | MODEL, 0, 4, "PK\3\4", "a zip file", unpack},
    {WEIGHTS | JSON | MODEL, 0, 2, "\x1F\x8B", "compressed by gzip", "gunzip it first"},
    {WEIGHTS | JSON | MODEL, 0, 4, "\x28\xB5\x2F\xFD", "compressed by zstd", "unzstd it first"},
    {WEIGHTS | JSON | MODEL, 0, 6,
     "\xFD"
     "7zXZ\0",
     "compressed by xz", "unxz it first"},
    {WEIGHTS | JSON | MODEL, 0, 3, "BZh", "compressed by bzip2", "bunzip2 it first"},
    {WEIGHTS | MODEL, 0, 1, "{", "JSON, not weights", ours},
};

static const bl_other_file pickle = {.what = "a checkpoint of PyTorch", .remedy = tensors};
static const bl_other_file onnx = {.what = "an ONNX model", .remedy = ours};
static const bl_other_file web = {.what = "a web page, not the file", .remedy = page};
static const bl_other_file empty = {.what = "an empty file", .remedy = again};
static const bl_other_file weights = {.what = "weights (safetensors)",
                                      .remedy = "what is wanted here is text"};
static const bl_other_file sentencepiece = {
    .what = "a model of SentencePiece", .remedy = "the tokenizer is read from a tokenizer.json"};

static int ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), e = strlen(ending);
    return n > e && strcmp(path + n - e, ending) == 0;
}

static int contains(const char *head, size_t n, const char *word)
{
    size_t w = strlen(word);
    for (size_t i = 0; i + w <= n; i++)
        if (memcmp(head + i, word, w) == 0)
            return 1;
    return 0;
}

/* A zip file whose first entries are of torch.save(), or its older pickle: protocol 2 to 5. */
static int is_pytorch(const char *head, size_t n)
{
    if (n >= 4 && memcmp(head, "PK\3\4", 4) == 0)
        return contains(head, n, "/data.pkl") || contains(head, n, "/data/0") ||
               contains(head, n, "/.format_version");
    return n >= 3 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5 &&
           strchr("\x8A\x95}c(", head[2]) != NULL;
}

static int is_page(const char *head, size_t n)
{
    static const char *const words[] = {"<!doctype html", "<html", "<?xml"};
    while (n && strchr(" \t\r\n\xEF\xBB\xBF", *head)) {
        head++;
        n--;
    }
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        size_t i = 0, most = strlen(words[w]);
        while (i < most && i < n &&
               (head[i] >= 'A' && head[i] <= 'Z' ? head[i] + 32 : head[i]) == words[w][i])
            i++;
        if (i == most)
            return 1;
    }
    return 0;
}

/* Eight bytes of a length below 100 MB, and JSON. */
static int is_safetensors(const char *head, size_t n)
{
    return n > 10 && memcmp(head + 5, "\0\0\0{", 4) == 0 && strchr("\"} \n", head[9]) && head[9];
}

const bl_other_file *bl_other_find(bl_place place, const char *path, const void *data, size_t size)
{
    const char *head = data;
    size_t n = size < HEAD ? size : HEAD;
    if (!n)
        return place & (TEXT | TOKENS) ? NULL : &empty;
    if (is_pytorch(head, n))
        return &pickle;
    if (!(place & (TEXT | TOKENS)) && is_page(head, n))
        return &web;
    if (is_safetensors(head, n)) /* its length may be the bytes of another kind */
        return place & (JSON | TEXT) ? &weights : NULL;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const bl_other_file *o = &others[i];
        if (o->places & place && n >= o->at + o->bytes &&
            memcmp(head + o->at, o->magic, o->bytes) == 0)
            return o;
    }
    if (ends_with(path, ".onnx"))
        return &onnx;
    return place == BL_PLACE_JSON && *head == '\n' && ends_with(path, ".model") ? &sentencepiece
                                                                                : NULL;
}

bl_status bl_other_explain(bl_status status, bl_place place, const char *path, const void *head,
                           size_t size, bl_error *err)
{
    const bl_other_file *o = status == BL_EFORMAT ? bl_other_find(place, path, head, size) : NULL;
    return o ? bl_fail(err, BL_EFORMAT, "%s: %s; %s", path, o->what, o->remedy) : status;
}

bl_status bl_other_refuse(bl_place place, const char *path, bl_error *err)
{
    unsigned char head[HEAD];
    bl_file *f;
    if (bl_file_open(&f, path, NULL) != BL_OK)
        return BL_OK;
    uint64_t size = bl_file_size(f);
    size_t n = size < HEAD ? (size_t)size : HEAD;
    bl_status status = bl_file_read(f, 0, head, n, NULL);
    bl_file_close(f);
    if (status != BL_OK || !bl_other_find(place, path, head, n))
        return BL_OK;
    return bl_other_explain(BL_EFORMAT, place, path, head, n, err);
}
