/* The command line: finds the command, runs it, turns its status into words and an exit code. */
#include "cli.h"
#include "model_flags.h"
#include "output.h"
#include "paste.h"
#include "progress.h"
#include "signals.h"
#include "terminal.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

static const bl_command *const commands[] = {
#define X(name) &bl_command_##name,
    BL_COMMAND_LIST(X)
#undef X
        NULL,
};

static bl_status unknown_command(const char *name, bl_error *err)
{
    const bl_command *nearest = NULL;
    size_t least = SIZE_MAX;
    for (const bl_command *const *c = commands; *c; c++) {
        size_t distance = bl_flags_distance(name, (*c)->name);
        if (distance < least) {
            least = distance;
            nearest = *c;
        }
    }
    if (nearest && bl_flags_near(name, least))
        return bl_cli_fail(err, BL_EINVAL, "unknown command '%s'; did you mean %s?", name,
                           nearest->name);
    return bl_cli_fail(err, BL_EINVAL, "unknown command '%s'; bitllama help lists them", name);
}

/* --threads of a command whose options have none. */
static bl_status choose_threads(const bl_args *args, bl_error *err)
{
    uint64_t threads = 0;
    if (!bl_flags_given(args, "threads"))
        return BL_OK;
    bl_status status = bl_flags_whole(args, "threads", 0, 1024, &threads, err);
    bl_set_threads((size_t)threads);
    return status;
}

static bl_status run_command(const bl_command *command, int argc, char *const *argv, bl_error *err)
{
    bl_args args;
    bl_status status = bl_flags_parse(&args, command, argc, argv, err);
    if (status == BL_OK)
        status = choose_threads(&args, err);
    args.commands = commands;
    if (status == BL_OK && !args.help)
        status = bl_cli_names_find(&args, err);
    if (status == BL_OK && args.help)
        bl_help_command(command);
    else if (status == BL_OK)
        status = command->run(&args, err);
    bl_progress_end();
    if (status != BL_OK) {
        bl_error named;
        bl_flags_name(err->message, named.message, sizeof named.message);
        memcpy(err->message, named.message, sizeof err->message);
    }
    bl_flags_release(&args);
    return status;
}

static bl_status dispatch(int argc, char *const *argv, const char **name, bl_error *err)
{
    if (argc < 2)
        return bl_cli_fail(err, BL_EINVAL, "a command is missing; bitllama help lists them");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        bl_help_overview(commands);
        return BL_OK;
    }
    const char *word = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const bl_command *command = bl_command_find(commands, word);
    if (!command)
        return unknown_command(argv[1], err);
    *name = command->name;
    return run_command(command, argc - 2, argv + 2, err);
}

/* A closed descriptor 0, 1 or 2 would be given to the next file opened, and messages would land
 * in it: occupy them, with a direction in which every use fails. */
static void occupy_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1)
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int finish(bl_status status, const char *name, const bl_error *err)
{
    int number = bl_signals_caught();
    if (status == BL_OK)
        return bl_cli_answered_no() ? BL_EXIT_NO : 0;
    if (bl_output_closed())
        return bl_signals_end_by_pipe();
    if (status == BL_EINTERRUPTED && number)
        return 128 + number;
    fprintf(stderr, "%sbitllama%s%s: error:%s %s\n", bl_terminal_colour(stderr, BL_RED),
            *name ? " " : "", name, bl_terminal_colour(stderr, BL_PLAIN),
            *err->message ? err->message : bl_status_name(status));
    return bl_status_exit_code(status);
}

int main(int argc, char **argv)
{
    bl_error err = {BL_OK, ""};
    const char *name = "";
    bl_paste_program(argc ? argv[0] : NULL);
    occupy_descriptors();
    bl_signals_ignore_output();
    (void)setlocale(LC_CTYPE, "");
    bl_log_to(bl_progress_log, NULL);
    bl_progress_to(bl_progress_passing, NULL);
    bl_status status = dispatch(argc, argv, &name, &err);
    bl_error end = {BL_OK, ""};
    bl_status flushed = bl_output_end(&end);
    if (status == BL_OK && flushed != BL_OK) {
        status = flushed;
        err = end;
    }
    return finish(status, name, &err);
}
