/* Names, magic numbers, byte order marks and patterns of zeros. */
#include "corpus/file_kind.h"
#include "corpus/json_text.h"
#include "corpus/json_values.h"
#include "corpus/stream.h"
#include "corpus/tidy.h"
#include "format/other_file.h"

#include <string.h>

static const struct {
    const char *name;
    size_t unit;
} encodings[BL_ENCODINGS] = {
    [BL_ENCODING_UTF16LE] = {"UTF-16LE", 2},  [BL_ENCODING_UTF16BE] = {"UTF-16BE", 2},
    [BL_ENCODING_LATIN1] = {"ISO-8859-1", 1}, [BL_ENCODING_WINDOWS1252] = {"WINDOWS-1252", 1},
    [BL_ENCODING_UTF32LE] = {"UTF-32LE", 4},  [BL_ENCODING_UTF32BE] = {"UTF-32BE", 4},
};

const char *bl_encoding_name(bl_encoding encoding, size_t *unit)
{
    *unit = encodings[encoding].unit;
    return encodings[encoding].name;
}

/* ---- what is not text, or text of another kind ---- */

static const char as_lines[] =
    "write its text as JSON Lines, an object {\"text\": ...} a line, in a file named .jsonl";
static const char as_text[] = "save it as text";
static const char unpack[] = "unpack it into a folder";

/* Names of text that is taken as it is when the caller says where documents end. */
static const struct {
    const char *ending, *what, *remedy;
} texts[] = {
    {".csv", "a table", as_lines},     {".tsv", "a table", as_lines},
    {".html", "a web page", as_text},  {".htm", "a web page", as_text},
    {".xhtml", "a web page", as_text}, {".ipynb", "a notebook", as_text},
    {".rtf", "rich text", as_text},
};

static const struct {
    size_t at, bytes;
    const char *magic, *what, *remedy;
} magics[] = {
    {0, 5, "%PDF-", "a PDF", "pdftotext makes text of it"},
    {0, 4, "PAR1", "a Parquet file", as_lines},
    {0, 6, "ARROW1", "an Arrow file", as_lines},
    {0, 4, "Obj\1", "an Avro file", as_lines},
    {0, 4, "PK\3\4", "a zip file (.zip, .docx, .epub, ...)", "unpack it, or save it as text"},
    {0, 4, "PK\5\6", "an empty zip file", unpack},
    {0, 8, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "a document of Microsoft Office", as_text},
    {0, 6, "7z\xBC\xAF\x27\x1C", "a 7z archive", unpack},
    {0, 7, "Rar!\x1A\x07\x01", "a RAR archive", unpack},
    {0, 7, "Rar!\x1A\x07\0", "a RAR archive", unpack},
    {257, 5, "ustar", "a tar archive", unpack},
    {0, 10, "BZh91AY&SY", "compressed by bzip2", "bunzip2 it; .gz, .zst and .xz are read"},
    {0, 4, "\x04\x22\x4D\x18", "compressed by lz4", "lz4 -d it; .gz, .zst and .xz are read"},
    {0, 15, "SQLite format 3", "a database", as_lines},
};

/* Names whose contents have no one beginning. */
static const struct {
    const char *ending, *what, *remedy;
} names[] = {
    {".parquet", "a Parquet file", as_lines},
    {".arrow", "an Arrow file", as_lines},
    {".docx", "a document", as_text},
    {".pdf", "a PDF", "pdftotext makes text of it"},
    {".zip", "a zip file", unpack},
    {".7z", "a 7z archive", unpack},
    {".bz2", "compressed by bzip2", "bunzip2 it; .gz, .zst and .xz are read"},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Does the name, without the ending of a compressed file, have this ending, in either case? */
static int ends_with(const char *name, const char *ending)
{
    size_t stem = bl_stream_stem(name), n = strlen(ending);
    if (stem <= n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (lower(name[stem - n + i]) != ending[i])
            return 0;
    return 1;
}

int bl_file_is_json_lines(const char *name)
{
    return ends_with(name, ".jsonl") || ends_with(name, ".ndjson");
}

static int begins_like_a_page(const char *head, size_t bytes)
{
    static const char *const words[] = {"<!doctype html", "<html"};
    while (bytes && strchr(" \t\r\n\xEF\xBB\xBF", *head)) {
        head++;
        bytes--;
    }
    for (size_t w = 0; w < 2; w++) {
        size_t i = 0, n = strlen(words[w]);
        while (i < n && i < bytes && lower(head[i]) == words[w][i])
            i++;
        if (i == n)
            return 1;
    }
    return 0;
}

static void other(bl_file_kind *kind, const char *what, const char *remedy)
{
    kind->form = BL_FORM_OTHER;
    kind->what = what;
    kind->remedy = remedy;
}

static void look_for_others(bl_file_kind *kind, const char *name, const char *head, size_t bytes,
                            const bl_file_question *q)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (bytes >= magics[i].at + magics[i].bytes &&
            memcmp(head + magics[i].at, magics[i].magic, magics[i].bytes) == 0)
            other(kind, magics[i].what, magics[i].remedy);
    const bl_other_file *file = bl_other_find(BL_PLACE_TEXT, name, head, bytes);
    if (file)
        other(kind, file->what, file->remedy);
    if (!q->by_name || kind->form == BL_FORM_OTHER)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ends_with(name, names[i].ending))
            other(kind, names[i].what, names[i].remedy);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (ends_with(name, texts[i].ending))
            other(kind, texts[i].what, texts[i].remedy);
    if (kind->form == BL_FORM_TEXT && begins_like_a_page(head, bytes))
        other(kind, "a web page", as_text);
}

/* ---- encodings ---- */

/* The encoding that a byte order mark tells, or AUTO. */
static bl_encoding marked(const char *head, size_t bytes)
{
    static const struct {
        const char *mark;
        size_t bytes;
        bl_encoding encoding;
    } marks[] = {
        {BL_MARK, BL_MARK_BYTES, BL_ENCODING_UTF8},
        {"\xFF\xFE\0\0", 4, BL_ENCODING_UTF32LE}, /* before that of UTF-16 */
        {"\0\0\xFE\xFF", 4, BL_ENCODING_UTF32BE},
        {"\xFF\xFE", 2, BL_ENCODING_UTF16LE},
        {"\xFE\xFF", 2, BL_ENCODING_UTF16BE},
    };
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (bytes >= marks[i].bytes && memcmp(head, marks[i].mark, marks[i].bytes) == 0)
            return marks[i].encoding;
    return BL_ENCODING_AUTO;
}

/* Read as UTF-16 of this byte order: how many characters below U+0100 there are, or -1 when it is
 * not text: halves of pairs, control characters, U+FFFE and U+FFFF. */
static long long plain_characters(const char *head, size_t bytes, int big)
{
    long long plain = 0;
    int high = 0; /* half of a pair was read */
    for (size_t i = 0; i + 1 < bytes; i += 2) {
        unsigned char a = (unsigned char)head[i], b = (unsigned char)head[i + 1];
        unsigned code = big ? a * 256u + b : b * 256u + a;
        int low = code >= 0xDC00 && code < 0xE000;
        if (low != high || code >= 0xFFFE)
            return -1;
        high = code >= 0xD800 && code < 0xDC00;
        if (code < 0x20 ? code < '\t' || code > '\r' : code >= 0x7F && code < 0xA0 && code != 0x85)
            return -1;
        plain += code < 0x100;
    }
    return plain;
}

/* UTF-16 without a mark shows by the zeros above its spaces, line ends and Latin letters. */
static bl_encoding unmarked_utf16(const char *head, size_t bytes)
{
    long long le = plain_characters(head, bytes, 0), be = plain_characters(head, bytes, 1);
    long long most = le > be ? le : be, least = le > be ? be : le;
    long long all = (long long)(bytes / 2);
    int enough = most * 2 >= all || (most >= 8 && most * 200 >= all); /* 1 in 200 for Chinese */
    if (most <= 0 || most <= 2 * least || !enough)
        return BL_ENCODING_AUTO;
    return le > be ? BL_ENCODING_UTF16LE : BL_ENCODING_UTF16BE;
}

static size_t count_controls(const char *head, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)head[i];
        n += c < 0x20 && (c < '\t' || c > '\r') && c != 0x1B;
    }
    return n;
}

static void look_at_bytes(bl_file_kind *kind, const char *head, size_t bytes,
                          const bl_file_question *q)
{
    bl_encoding mark = marked(head, bytes);
    int zeros = bytes && memchr(head, 0, bytes);
    kind->encoding = mark;
    if (mark != BL_ENCODING_AUTO)
        return;
    kind->encoding = q->encoding;
    if (q->encoding == BL_ENCODING_UTF16 || (q->encoding == BL_ENCODING_AUTO && zeros))
        kind->encoding = unmarked_utf16(head, bytes);
    if (kind->encoding != BL_ENCODING_AUTO)
        return;
    kind->encoding = q->encoding == BL_ENCODING_UTF16 ? BL_ENCODING_UTF16LE : BL_ENCODING_UTF8;
    if (q->encoding == BL_ENCODING_AUTO && (zeros || count_controls(head, bytes) * 10 > bytes))
        other(kind, "binary", "`encoding` says how to read it if it is text");
}

/* ---- JSON ---- */

/* Does the first value hold a document?  A value longer than the head may. */
static bl_status look_for_documents(bl_file_kind *kind, const char *head, size_t bytes, int whole,
                                    const bl_file_question *q, bl_error *err)
{
    bl_json_values values = {.lax = q->skip_bad};
    bl_json_text text = {0};
    size_t at = 0, first = 0;
    if (bytes >= BL_MARK_BYTES && memcmp(head, BL_MARK, BL_MARK_BYTES) == 0)
        at = BL_MARK_BYTES;
    bl_json_step step = bl_json_values_next(&values, head, bytes, &at, &first);
    bl_json_found found = BL_JSON_TEXT;
    if (step == BL_JSON_VALUE)
        found = bl_json_text_find(&text, head + first, at - first, q->field, values.array);
    else if (step == BL_JSON_WRONG || (whole && !bl_json_values_complete(&values)))
        found = BL_JSON_BAD;
    bl_json_text_release(&text);
    if (found == BL_JSON_NO_MEMORY)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    int droppable = q->skip_bad && step == BL_JSON_VALUE && values.array;
    if (found != BL_JSON_TEXT && found != BL_JSON_NULL && !droppable)
        other(kind, "JSON without documents",
              "they are an array of texts, or objects with the field \"text\" or what `field` "
              "names; `documents=file` learns JSON as it stands");
    return BL_OK;
}

bl_status bl_file_look(bl_file_kind *kind, const char *name, const char *head, size_t bytes,
                       int whole, const bl_file_question *q, bl_error *err)
{
    *kind = (bl_file_kind){.encoding = BL_ENCODING_UTF8};
    if (bytes == 0)
        head = "";
    look_for_others(kind, name, head, bytes, q);
    if (kind->form == BL_FORM_TEXT)
        look_at_bytes(kind, head, bytes, q);
    if (kind->form == BL_FORM_OTHER)
        return BL_OK;
    size_t unit;
    if (bl_encoding_name(kind->encoding, &unit) == NULL || unit == 1)
        kind->returns =
            bytes > 1 && memchr(head, '\r', bytes - !whole) && !memchr(head, '\n', bytes);
    if (q->by_name && bl_file_is_json_lines(name)) {
        kind->form = BL_FORM_JSON_LINES;
    } else if (q->by_name && ends_with(name, ".json")) {
        kind->form = BL_FORM_JSON;
        if (bl_encoding_name(kind->encoding, &unit) == NULL)
            return look_for_documents(kind, head, bytes, whole, q, err);
    }
    return BL_OK;
}
