"""What a memory is: two sessions of one model, of which one has read something.

    python3 memory.py MODEL [LESSON]             a run (own_text.py makes one) and a text file

A model never changes.  A session changes while it reads: a part of its weights is trained on what it
has read, and that is all it keeps of it.  So a session is of one size, however much it has read, and can be
copied, written to a file and gone on with elsewhere.  The loss of a text, in nats a token, says how well a
session knows it: less is better.
"""

import argparse
import os
import tempfile

import bitllama

LESSON = "The captain of the grey ship was called Mirabel. She had a parrot, and the parrot was called Zeno. " * 40


def loss(session, ids):
    """How badly a session predicts a text.  score() reads it with a copy, so the session stays as it is."""
    score = session.score(ids)
    return -score.log_probability / score.tokens


def show(what, *losses):
    print("%-36s" % what, *("%8.4f" % one for one in losses))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("lesson", nargs="?", help="a text file; else two sentences about a captain, forty times")
    args = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    lesson, memory = args.lesson, os.path.join(folder.name, "me.mem")
    if lesson is None:
        lesson = os.path.join(folder.name, "lesson.txt")
        with open(lesson, "w", encoding="utf-8") as file:
            file.write(LESSON.strip())
    with open(lesson, encoding="utf-8") as file:
        text = file.read().strip()

    model = bitllama.BitLlama.from_pretrained(args.model)
    ids = model.tokenizer.encode(text)[:1000]  # what the losses below are of

    # A session begins with the token that stands between texts, as every text did in training.
    fresh = model.session()
    fresh.feed([model.info.bos], logits=False)
    reader = fresh.fork()
    show("before either has read it", loss(fresh, ids), loss(reader, ids))

    read = reader.learn(lesson)
    show("one has read %d tokens" % read.tokens, loss(fresh, ids), loss(reader, ids))

    # A fork goes its own way: of what it reads, the session that it came from knows nothing.
    branch = reader.fork()
    branch.feed(model.tokenizer.encode("And now for something else. " * 40), logits=False)
    show("a fork has read on", loss(branch, ids), loss(reader, ids))

    # A file holds all of it.  It could be loaded in another process, or on another day.
    reader.save(memory)
    loaded = model.session()
    loaded.load(memory)
    show("loaded from %d bytes" % os.path.getsize(memory), loss(loaded, ids))

    # Where all that is: in the weights of each head, which have moved from those of the other session.
    moved = [head.distance for head in loaded.heads(fresh)]
    show("the %d heads have moved by a mean of" % len(moved), sum(moved) / len(moved))

    # What was read fades as other text follows, and is gone at once by restart().
    reader.restart()
    reader.feed([model.info.bos], logits=False)
    show("restarted", loss(reader, ids))

    # The file by itself, in one piece and with its end: what `bitllama eval` says.
    show("the model, by evaluate()", model.evaluate(lesson).loss)


if __name__ == "__main__":
    main()
