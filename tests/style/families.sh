#!/bin/sh
# Checks that the back ends, their kernels and their tests name files by one list of families, and that an op is in the
# same file in every back end.
#
#   families.sh ROOT          (docs/ARCHITECTURE.md says what each family is)
cd "$1" || exit 2

find src/ops/ref src/cpu src/cuda src/kern/c src/kern/x86 src/kern/arm src/kern/body tests/check tests/checkops tests/gradcheck \
    -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | LC_ALL=C sort | xargs awk '
BEGIN {
    # A family, or a family and which part of it: ttt_mlp_bwd.
    list("family", "bf16 bitlinear conv decode elementwise embed head matmul norm optim ttt ttt_linear ttt_mlp")
    list("part", "ttt_linear_fwd ttt_linear_bwd ttt_linear_step ttt_mlp_fwd ttt_mlp_bwd ttt_mlp_step " \
        "bf16_gain head_bf16 head_top ttt_chunk ttt_consolidate ttt_each ttt_grads ttt_lr_gate matmul_dots matmul_tile matmul_transpose")
    # What a folder has beside its families.
    list("src/ops/ref", "ref dev scratch")
    list("src/cpu", "cpu_dev cpu_impl dev work")
    list("src/cuda", "cuda cuda_dev dev mma chain barrier wgmma cluster decode_flow decode_plan decode_products decode_rows decode_ttt head_mma norm_bwd ttt_lr_gate_mma bitlinear_mma bitlinear_wgmma ttt_bwd ttt_products ttt_step " \
        "ttt_linear_mma ttt_linear_fwd_mma ttt_linear_bwd_mma ttt_linear_grads_mma ttt_linear_state_mma " \
        "ttt_linear_walk_mma ttt_linear_fwd_walk_mma ttt_linear_bwd_walk_mma")
    list("src/kern/c", "limit vec")
    list("src/kern/x86", "limit vec lanes tern tiles")
    list("src/kern/arm", "limit vec tern")
    list("src/kern/body", "")
    list("tests/check", "buffers check")
    list("tests/checkops", "checkops dev io rows split")
    list("tests/gradcheck", "gradcheck gradcheck_main pairs")
}
function list(kind, words,    i, n, word) {
    n = split(words, word, " ")
    for (i = 1; i <= n; i++)
        allowed[kind, word[i]] = 1
}
function complain(text) {
    print text
    bad = 1
}
FNR == 1 {
    files++
    where = name = FILENAME
    sub(/\/[^\/]*$/, "", where)
    gsub(/^.*\/|[.](c|h|cu|cuh)$/, "", name)
    if (where ~ /^src\/kern\/(c|x86|arm)$/)
        sub(/_(c|avx2|avx512|avx512vnni|avx512bf16|amx|neon|dotprod|i8mm)$/, "", name)
    if (!(("family", name) in allowed) && !(("part", name) in allowed) && !((where, name) in allowed))
        complain(FILENAME ": \"" name "\" is no family, nor part of one")
}
# An op of a back end at the beginning of a line: "void bl_cpu_add(", "void REF(add)(".
/^(extern "C" )?(void|size_t|bl_status) (bl_(cpu|cuda)_[a-z0-9_]+|REF\([a-z0-9_]+\))\(/ && FILENAME ~ /[.](c|cu)$/ {
    op = $0
    sub(/^(extern "C" )?[a-z_]+ (bl_cpu_|bl_cuda_|REF\()/, "", op)
    sub(/[()].*/, "", op)
    home[where, op] = name
    if (where == "src/cpu")
        ops[op] = 1
    sub(/^norm_bwd$/, "norm", home[where, op])
}
END {
    for (op in ops)
        if (("src/cuda", op) in home && home["src/cuda", op] != home["src/cpu", op])
            complain(op ": in " home["src/cpu", op] " of src/cpu, in " home["src/cuda", op] " of src/cuda")
    for (op in ops)
        if (("src/ops/ref", op) in home) {
            both++
            if (home["src/cpu", op] != home["src/ops/ref", op])
                complain(op ": in " home["src/cpu", op] " of src/cpu, in " home["src/ops/ref", op] " of src/ops/ref")
        }
    if (both < 40)
        complain(both + 0 " ops found in both back ends; there are more")
    printf "%d files, %d ops, %s\n", files, both, bad ? "not by family" : "all by family"
    exit bad
}'
