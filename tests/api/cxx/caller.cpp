/* The library from C++17, as a game would use it: handles that close themselves, functions of the
 * program as callbacks, memories in buffers.  Prints "ok", or what is wrong. */
#include "bitllama.h"

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace
{

/* One deleter for every kind of handle. */
struct closer {
    void operator()(bl_options *o) const { bl_options_close(o); }
    void operator()(bl_model *m) const { bl_model_close(m); }
    void operator()(bl_session *s) const { bl_session_close(s); }
    void operator()(bl_batch *b) const { bl_batch_close(b); }
    void operator()(bl_files *f) const { bl_files_close(f); }
};
template <class T> using handle = std::unique_ptr<T, closer>;

struct failure : std::runtime_error {
    explicit failure(const bl_error &e) : std::runtime_error(e.message), code(e.code) {}
    bl_status code;
};

/* Calls a function whose first argument receives a handle and whose last one is an error. */
template <class T, class Open, class... Args> handle<T> open(Open fn, Args... args)
{
    T *made = nullptr;
    bl_error e{};
    if (fn(&made, args..., &e) != BL_OK)
        throw failure(e);
    return handle<T>(made);
}

template <class Call, class... Args> void call(Call fn, Args... args)
{
    bl_error e{};
    if (fn(args..., &e) != BL_OK)
        throw failure(e);
}

void expect(bool holds, const char *what)
{
    if (!holds)
        throw std::logic_error(what);
}

handle<bl_options> options(bl_options_kind kind,
                           const std::vector<std::pair<const char *, const char *>> &values)
{
    auto o = open<bl_options>(bl_options_open, kind);
    for (const auto &v : values)
        call(bl_options_set, o.get(), v.first, v.second);
    return o;
}

std::vector<unsigned char> save(const bl_session *s)
{
    std::size_t bytes = 0;
    call(bl_session_save_buffer, s, static_cast<void *>(nullptr), std::size_t{0}, &bytes);
    std::vector<unsigned char> memory(bytes);
    call(bl_session_save_buffer, s, static_cast<void *>(memory.data()), memory.size(), &bytes);
    expect(bytes == memory.size(), "the size that was asked for");
    return memory;
}

std::vector<float> read(bl_session *s, const std::vector<int32_t> &ids, std::size_t vocabulary)
{
    std::vector<float> logits(vocabulary);
    call(bl_session_feed, s, ids.data(), ids.size(), logits.data());
    return logits;
}

void run()
{
    expect(bl_abi() == BL_ABI, "header and library of one interface");
    auto config = options(BL_OPTIONS_CONFIG, {{"vocab_size", "300"},
                                              {"hidden_size", "64"},
                                              {"intermediate_size", "64"},
                                              {"num_hidden_layers", "2"},
                                              {"num_attention_heads", "2"}});
    auto model = open<bl_model>(bl_model_random, static_cast<const bl_options *>(config.get()),
                                static_cast<const bl_options *>(nullptr));
    bl_model_info info{};
    info.size = sizeof info;
    call(bl_model_describe, model.get(), &info);
    expect(info.vocab_size == 300 && info.layers == 2 && info.hidden_size == 64, "sizes");

    auto npc =
        open<bl_session>(bl_session_open, model.get(), static_cast<const bl_options *>(nullptr));
    auto other =
        open<bl_session>(bl_session_open, model.get(), static_cast<const bl_options *>(nullptr));
    read(npc.get(), {5, 6, 7, 8}, info.vocab_size);
    const auto memory = save(npc.get());
    call(bl_session_load_buffer, other.get(), static_cast<const void *>(memory.data()),
         memory.size());
    expect(read(npc.get(), {9, 10}, info.vocab_size) == read(other.get(), {9, 10}, info.vocab_size),
           "a memory goes on as the session that it was saved from");

    std::size_t heads = 0;
    auto count = [](void *user, const bl_head_info *head) {
        *static_cast<std::size_t *>(user) += std::isfinite(head->distance);
    };
    call(bl_session_heads, npc.get(), static_cast<bl_head_fn *>(count),
         static_cast<void *>(&heads));
    expect(heads == 4, "a lambda as a callback");

    auto batch = open<bl_batch>(bl_batch_open, model.get(), std::size_t{4},
                                static_cast<const bl_options *>(nullptr));
    call(bl_batch_join, batch.get(), npc.get());
    call(bl_batch_join, batch.get(), other.get());
    const bl_batch_turn turns[] = {{npc.get(), nullptr, 0, nullptr},
                                   {other.get(), nullptr, 0, nullptr}};
    auto how = options(BL_OPTIONS_GENERATE, {{"seed", "7"}});
    const bl_options *const both[] = {how.get(), how.get()};
    int32_t drawn[] = {-1, -1};
    call(bl_batch_next, batch.get(), static_cast<const bl_batch_turn *>(turns), std::size_t{2},
         static_cast<const bl_options *const *>(both), static_cast<int32_t *>(drawn));
    expect(drawn[0] >= 0 && drawn[0] == drawn[1], "two that know the same say the same");

    bool refused = false;
    try {
        call(bl_session_load_buffer, other.get(), static_cast<const void *>("nonsense"),
             std::size_t{8});
    } catch (const failure &f) {
        refused = f.code == BL_EFORMAT && *f.what();
    }
    expect(refused, "nonsense is no memory");
    model.reset(); /* stays for its sessions */
    read(npc.get(), {1}, info.vocab_size);
}

} // namespace

int main()
{
    try {
        run();
    } catch (const std::exception &e) {
        std::printf("%s\n", e.what());
        return 1;
    }
    std::puts("ok");
    return 0;
}
