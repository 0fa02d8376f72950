/* What a terminal sends to an editor: characters that were typed, and texts that were pasted. */
#include "keys.h"
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum {
    ESCAPE = 27,
    AHEAD_BYTES = 4096,
    KEY_MS = 50,    /* within which the bytes of one key follow each other, unless ESCDELAY says */
    STALL_MS = 300, /* after which a paste is shown as far as it has come */
    REPORT_BYTES = 32,
};

#define REPLACEMENT "\357\277\275" /* U+FFFD */

static const char paste_begin[] = "\033[200~", paste_end[] = "\033[201~";
enum { END_BYTES = sizeof paste_end - 1 };

struct bl_keys {
    struct termios cooked;            /* with the keys that send signals */
    int marks;                        /* the terminal marks pastes */
    int signalled;                    /* a signal came in the middle of a key */
    int key_ms;                       /* KEY_MS, or what the user wants */
    unsigned char ahead[AHEAD_BYTES]; /* bytes that have come, */
    size_t begin, end;                /* those not yet used, */
    size_t old;                       /* and how many more were typed ahead of the editor */
    mbstate_t decoding;               /* of a character, */
    char character[8];                /* whose bytes so far are these */
    size_t bytes;
    /* A paste: */
    int pasting;      /* its end has not come, */
    size_t matched;   /* but so much of that, */
    int stalled;      /* or nothing for a while; */
    int unwanted;     /* it is dropped, */
    int too_long;     /* because it has more than BL_PASTE_MOST bytes; */
    bl_message raw;   /* what has come since the last part was handed out, */
    size_t taken;     /* and how much before that */
    int after_return; /* its CR may have an LF, */
    int line_ended;   /* and its line end something behind it */
};

/* What programs with ncurses wait, too, where keys come over a slow line. */
static int key_milliseconds(void)
{
    const char *wanted = getenv("ESCDELAY");
    long milliseconds = wanted ? strtol(wanted, NULL, 10) : 0;
    return milliseconds > 0 && milliseconds <= INT_MAX ? (int)milliseconds : KEY_MS;
}

bl_keys *bl_keys_open(void)
{
    bl_keys *k = calloc(1, sizeof *k);
    if (k)
        k->key_ms = key_milliseconds();
    if (k && tcgetattr(STDIN_FILENO, &k->cooked) != 0)
        memset(k->cooked.c_cc, _POSIX_VDISABLE, sizeof k->cooked.c_cc);
    return k;
}

void bl_keys_close(bl_keys *k)
{
    if (!k)
        return;
    bl_keys_mark_pastes(k, 0);
    bl_message_release(&k->raw);
    free(k);
}

void bl_keys_before(bl_keys *k)
{
    memset(&k->decoding, 0, sizeof k->decoding);
    (void)tcgetattr(STDIN_FILENO, &k->cooked);
}

void bl_keys_after(bl_keys *k)
{
    int waiting = 0;
    if (ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting > 0)
        k->old = (size_t)waiting;
}

void bl_keys_mark_pastes(bl_keys *k, int on)
{
    if (k->marks != on)
        fputs(on ? "\033[?2004h" : "\033[?2004l", stderr);
    k->marks = on;
}

/* ---- bytes ---- */

/* Reads what has come: how many bytes, 0 at the end, negative for a failure. */
static ssize_t read_ahead(bl_keys *k, size_t most)
{
    ssize_t got = read(STDIN_FILENO, k->ahead + k->end, most);
    for (ssize_t n = got; n > 0; n--, k->end++) {
        if (k->old && k->old-- && !k->ahead[k->end])
            k->ahead[k->end] = 'D' & 31;
    }
    return got;
}

static void move_ahead(bl_keys *k)
{
    memmove(k->ahead, k->ahead + k->begin, k->end - k->begin);
    k->end -= k->begin;
    k->begin = 0;
}

/* Has `count` bytes ahead, waiting so long for each; a negative time is for ever.  BL_KEY_CHARACTER:
 * they are there; BL_KEY_LONG: the time is over. */
static bl_key fetch(bl_keys *k, size_t count, int milliseconds)
{
    while (k->end - k->begin < count) {
        move_ahead(k);
        int ready = bl_signals_wait_for(STDIN_FILENO, milliseconds);
        if (ready <= 0)
            return ready ? BL_KEY_LONG : BL_KEY_SIGNAL;
        /* Not more than needed: what a shell is to read afterwards is not ours. */
        size_t most = k->pasting ? AHEAD_BYTES - k->end : 1;
        ssize_t got = read_ahead(k, most);
        if (got == 0 || (got < 0 && errno != EINTR))
            return BL_KEY_END;
    }
    return BL_KEY_CHARACTER;
}

/* A key by which a terminal sends a signal: its number, or 0. */
static int signal_of(const bl_keys *k, unsigned char byte)
{
    static const struct {
        int place, number;
    } keys[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (byte == k->cooked.c_cc[keys[i].place] && byte != _POSIX_VDISABLE)
            return keys[i].number;
    return 0;
}

/* As the system does it, to all programs of the job. */
static bl_key send_signal(int number)
{
    (void)kill(0, number);
    return BL_KEY_SIGNAL;
}

void bl_keys_serve_signals(bl_keys *k)
{
    int waiting = 0;
    move_ahead(k);
    while (k->end < AHEAD_BYTES && ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting > 0)
        if (read_ahead(k, AHEAD_BYTES - k->end) <= 0)
            break;
    for (size_t i = 0; !k->pasting && i < k->end; i++) {
        size_t rest = k->end - i;
        if (rest >= END_BYTES && memcmp(k->ahead + i, paste_begin, END_BYTES) == 0)
            break; /* nothing in it is a key */
        int number = signal_of(k, k->ahead[i]);
        if (number) {
            k->begin = i + 1; /* as the system does, without what was typed before it */
            (void)send_signal(number);
        }
    }
}

/* ---- pastes ---- */

static void begin_paste(bl_keys *k)
{
    k->pasting = 1;
    k->matched = k->taken = k->raw.text.bytes = 0;
    k->stalled = k->unwanted = k->too_long = k->after_return = k->line_ended = 0;
}

/* Adds the bytes that are ahead, up to the end of the paste.  Without memory it is too long. */
static void add_ahead(bl_keys *k)
{
    bl_error err;
    size_t from = k->begin;
    while (k->begin < k->end && k->matched < END_BYTES) {
        unsigned char byte = k->ahead[k->begin++];
        k->matched = byte == paste_end[k->matched] ? k->matched + 1 : byte == ESCAPE;
    }
    k->pasting = k->matched < END_BYTES;
    if (!k->unwanted && !k->too_long)
        k->too_long = k->taken + k->raw.text.bytes > BL_PASTE_MOST + END_BYTES ||
                      bl_message_append(&k->raw, (const char *)k->ahead + from, k->begin - from,
                                        &err) != BL_OK;
    if (k->unwanted || k->too_long)
        k->raw.text.bytes = 0;
}

/* More of a paste: BL_KEY_CHARACTER when there is nothing of it to hand out yet. */
static bl_key next_of_paste(bl_keys *k)
{
    bl_key key = fetch(k, 1, k->stalled ? -1 : STALL_MS);
    if (key == BL_KEY_LONG && k->unwanted)
        k->pasting = 0;
    if (key == BL_KEY_LONG) {
        k->stalled = 1;
        return k->raw.text.bytes > k->matched ? BL_KEY_PASTE : BL_KEY_CHARACTER;
    }
    if (key != BL_KEY_CHARACTER)
        return key;
    int number = signal_of(k, k->ahead[k->begin]);
    if (k->stalled && number && k->end - k->begin == 1) { /* a key, for the end will not come */
        k->begin = k->end;
        k->pasting = 0;
        return send_signal(number);
    }
    k->stalled = 0;
    add_ahead(k);
    if (k->pasting || k->unwanted)
        return BL_KEY_CHARACTER;
    return k->too_long ? BL_KEY_LONG : BL_KEY_PASTE;
}

static void add(bl_message *to, const char *bytes, size_t count, bl_status *status)
{
    bl_error err;
    if (*status == BL_OK)
        *status = bl_message_append(to, bytes, count, &err);
}

/* One character of a paste, at most `bytes`, as it may be shown; returns how many it took, 0: its
 * end is missing. */
static size_t clean(const char *raw, size_t bytes, bl_message *to, bl_status *status)
{
    char shown[16];
    wchar_t character;
    mbstate_t decoding = {0};
    size_t used = mbrtowc(&character, raw, bytes, &decoding);
    if (used == (size_t)-2)
        return 0;
    used = used == 0 || used == (size_t)-1 ? 1 : used;
    int plain = bl_text_shown(raw, used, 0, shown, sizeof shown, NULL) == used;
    add(to, plain ? raw : REPLACEMENT, plain ? used : 3, status);
    return used;
}

char *bl_keys_pasted(bl_keys *k)
{
    const char *raw = k->raw.text.data;
    size_t ends = k->pasting ? k->matched : END_BYTES, at = 0;
    size_t bytes = k->raw.text.bytes > ends ? k->raw.text.bytes - ends : 0;
    bl_message text = {0};
    bl_status status = BL_OK;
    if (!k->raw.text.data)
        return NULL;
    while (at < bytes) {
        size_t used = 1;
        int feed = raw[at] == '\n' && k->after_return,
            line_end = raw[at] == '\r' || raw[at] == '\n';
        if (!feed && k->line_ended)
            add(&text, "\n", 1, &status);
        if (!line_end)
            used = clean(raw + at, bytes - at, &text, &status);
        if (!used && k->pasting)
            break;
        if (!used)
            add(&text, REPLACEMENT, 3, &status);
        k->line_ended = line_end;
        k->after_return = raw[at] == '\r';
        at += used ? used : 1;
    }
    k->taken += at;
    memmove(k->raw.text.data, raw + at, k->raw.text.bytes - at);
    k->raw.text.bytes -= at;
    if (!k->pasting)
        bl_message_release(&k->raw);
    if (status != BL_OK)
        bl_message_release(&text);
    return text.text.data;
}

int bl_keys_in_paste(const bl_keys *k)
{
    return k->pasting;
}

void bl_keys_drop_paste(bl_keys *k)
{
    k->unwanted = k->pasting;
    bl_message_release(&k->raw);
}

/* ---- characters ---- */

/* Whether these bytes, of which the first is '[', are what a terminal reports without being asked:
 * that it got or lost the focus, what its mouse did, what a program before asked of it. */
static int is_report(const unsigned char *bytes, size_t count)
{
    unsigned char first = bytes[1], last = bytes[count - 1];
    return (count == 2 && memchr("IO", last, 2)) || memchr("<?>", first, 3) ||
           (count > 2 && last == 'R') || (count == 5 && memcmp(bytes, paste_end + 1, 5) == 0);
}

/* Has so many bytes of one key ahead: 1. */
static int has(bl_keys *k, size_t count)
{
    bl_key key;
    while ((key = fetch(k, count, k->key_ms)) == BL_KEY_SIGNAL)
        k->signalled = 1;
    return key == BL_KEY_CHARACTER;
}

/* Takes what follows an ESC when it is no key; 0: it is. */
static int take_sequence(bl_keys *k)
{
    size_t count = 2;
    if (!has(k, 1) || k->ahead[k->begin] != '[' || !has(k, 2))
        return 0;
    while (k->ahead[k->begin + count - 1] < '@')
        if (++count == REPORT_BYTES || !has(k, count))
            return 0;
    const unsigned char *bytes = k->ahead + k->begin;
    if (count == 2 && bytes[1] == 'M') /* a mouse as of old: three bytes more */
        count = has(k, 5) ? 5 : 2;
    else if (count == 5 && memcmp(bytes, "[200~", 5) == 0)
        begin_paste(k);
    else if (!is_report(bytes, count))
        return 0;
    k->begin += count;
    return 1;
}

/* A character that is whole with this byte: 1. */
static int decode(bl_keys *k, char byte, wchar_t *character)
{
    char shown[8];
    if (mbsinit(&k->decoding))
        k->bytes = 0;
    if (k->bytes < sizeof k->character)
        k->character[k->bytes++] = byte;
    size_t used = mbrtowc(character, &byte, 1, &k->decoding);
    if (used == (size_t)-2)
        return 0;
    if (used == (size_t)-1)
        memset(&k->decoding, 0, sizeof k->decoding);
    /* Of ASCII libedit takes care, when it shows it. */
    if (used == (size_t)-1 || (k->bytes > 1 && bl_text_shown(k->character, k->bytes, 0, shown,
                                                             sizeof shown, NULL) != k->bytes))
        *character = 0xfffd;
    return 1;
}

bl_key bl_keys_next(bl_keys *k, wchar_t *character)
{
    for (;;) {
        if (k->signalled) {
            k->signalled = 0;
            return BL_KEY_SIGNAL;
        }
        bl_key key = k->pasting ? next_of_paste(k) : fetch(k, 1, -1);
        if (key != BL_KEY_CHARACTER)
            return key;
        if (k->pasting || k->begin == k->end)
            continue;
        unsigned char byte = k->ahead[k->begin++];
        int number = signal_of(k, byte);
        if (number)
            return send_signal(number);
        if (byte == ESCAPE && take_sequence(k))
            continue;
        if (decode(k, (char)byte, character))
            return BL_KEY_CHARACTER;
    }
}
