"""Trains a small model on a text of yours, and lets you talk with it.

    python3 own_text.py book.txt                 a file, a folder, or several
    python3 own_text.py tales                    little stories that the library makes up

A model this small does not answer: it goes on with what you write.  Stop the training with Ctrl-C
whenever you like; the same command goes on where it was.
"""

import argparse
import os

import bitllama


def trained(args):
    """The folder of a run over the texts."""
    data, run = os.path.join(args.out, "data"), os.path.join(args.out, "run")
    if not os.path.exists(os.path.join(data, "meta.json")):
        # Text to numbers: a tokenizer is learned from it, and it becomes tokens of that tokenizer.
        prepared = bitllama.prepare(args.text, data, vocab_size=args.vocab_size)
        print("%d documents, %d tokens" % (prepared.documents, prepared.tokens))

    def listen(event):
        if event.kind is bitllama.TrainEventKind.STEP and event.step % 20 == 0:
            print("step %d: loss %.3f" % (event.step, event.loss))

    try:
        bitllama.train(data, run, preset=args.preset, steps=args.steps, batch=args.batch, samples=False,
                       resume="auto", callback=listen)
    except KeyboardInterrupt:
        print("stopped; what was learned so far is saved")
    return run


def talk(model, args):
    """Each line is read by one session, which goes on with it; an empty line lets it write on."""
    session = model.session()
    print("write how a story begins; Ctrl-D ends")
    while True:
        try:
            line = input("> ")
        except (EOFError, KeyboardInterrupt):
            print()
            return
        for piece in session.generate(line, stream=True, max_new_tokens=args.max_new_tokens, temperature=0.7):
            print(piece, end="", flush=True)
        print("   [%d tokens read and written]" % session.position)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="+")
    parser.add_argument("--out", default="own-text", help="a folder for the data and the run (own-text)")
    parser.add_argument("--preset", default="tiny", help="the size of the model (tiny)")
    parser.add_argument("--steps", type=int, default=400, help="of training (400: about a minute on two cores)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--vocab-size", type=int, default=2048, help="tokens of the tokenizer (2048)")
    parser.add_argument("--max-new-tokens", type=int, default=100, help="most tokens of a reply (100)")
    args = parser.parse_args()
    with bitllama.BitLlama.from_pretrained(trained(args)) as model:
        print("%d parameters" % model.num_parameters())
        talk(model, args)


if __name__ == "__main__":
    main()
