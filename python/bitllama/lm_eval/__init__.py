"""Bit-Llama in lm-evaluation-harness: importing this package registers the model `bitllama`.

    python3 -m bitllama.lm_eval run --model bitllama --model_args pretrained=FOLDER --tasks TASK

is the harness's own command line after that import.  It needs lm_eval, and no PyTorch.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, Iterable, Iterator, List, Optional, Set, Tuple, Union

from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import normalize_gen_kwargs
from tqdm import tqdm

from ..errors import NotFound
from ..model import BitLlama
from ..session import Session
from ..tokenizer import Tokenizer

_FORKS = 16  # sessions kept at a time, each a state
# What a task may ask of a sampler, and the neutral value of each.
_SAMPLING = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}


@register_model("bitllama")
class BitLlamaLM(TemplateLM):
    """A model of this library for the harness.

    A state is of constant size, so no text is too long and none is cut.  A text begins after bos_token_id, as the
    models have learned texts; special tokens that are spelled in it are special tokens.
    """

    def __init__(self, pretrained: Union[str, BitLlama], revision: Optional[str] = None, device: str = "auto",
                 threads: Optional[int] = None, precision: Optional[str] = None, cache_dir: Optional[str] = None,
                 local_files_only: bool = False, token: Optional[str] = None, max_gen_toks: int = 256,
                 seed: int = 1234, batch_size: object = 1, max_batch_size: object = None) -> None:
        """The arguments of from_pretrained(); pretrained may be an open model.

        max_gen_toks: most tokens of a reply where the task does not say.  seed: of the first sampled reply; each
        later one has the next.  device "cuda:0" is what the harness says where its user says nothing, so it means
        "auto".  batch_size and max_batch_size, which the harness gives every model, change nothing.
        """
        super().__init__()
        if not isinstance(pretrained, BitLlama):
            pretrained = BitLlama.from_pretrained(
                str(pretrained), revision=revision, device="auto" if device == "cuda:0" else device, threads=threads,
                precision=precision, cache_dir=cache_dir, local_files_only=local_files_only, token=token)
        self.model = pretrained
        self.max_gen_toks = max_gen_toks
        self._seed = seed
        self._words: Tokenizer = pretrained._required_tokenizer()
        self.tokens_read = 0

    # ---- texts ----

    @property
    def eot_token_id(self) -> int:
        return self.model.info.eos

    @property
    def prefix_token_id(self) -> int:
        return self.model.info.bos

    def tok_encode(self, string: str, add_special_tokens: Optional[bool] = None, **other: object) -> List[int]:
        """Ids, after bos_token_id unless the text begins with it, as that of a chat template may."""
        ids = self._words.encode(string, False)
        if add_special_tokens is False or ids[:1] == [self.model.info.bos]:
            return ids
        return [self.model.info.bos] + ids

    def _file(self, name: str) -> bytes:
        """What a file of the model holds: of its folder, or of the run of a checkpoint."""
        for folder in (self.model.path, os.path.join(self.model.path, "..", "..")):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    return file.read()
        return b""

    @property
    def tokenizer_name(self) -> str:
        """Names what the harness keeps of texts that were written by this tokenizer and template."""
        seen = hashlib.sha256()
        for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            seen.update(hashlib.sha256(self._file(name)).digest())
        return "bitllama-" + seen.hexdigest()[:16]

    def chat_template(self, chat_template: Union[bool, str] = False) -> Optional[str]:
        """The template's text, for the harness's records."""
        if not chat_template:
            return None
        if isinstance(chat_template, str):
            raise ValueError("bitllama uses the model's default chat template, and none by name")
        text = self._file("chat_template.jinja").decode()
        config = self._file("tokenizer_config.json")
        return text or (str(json.loads(config).get("chat_template") or "") if config else "")

    def apply_chat_template(self, chat_history: List[Dict[str, str]], add_generation_prompt: bool = True) -> str:
        """A conversation as text.  Without add_generation_prompt it ends in the last message, to be gone on with."""
        text = str(self._words.apply_chat_template(chat_history, tokenize=False,
                                                   add_generation_prompt=add_generation_prompt))
        if add_generation_prompt:
            return text
        last = chat_history[-1]["content"]
        for form in (last, last.strip()):
            at = text.rfind(form)
            if at >= 0:
                return text[:at + len(form)]
        raise ValueError("the chat template changes the last message, so that it cannot be gone on with")

    def get_model_info(self) -> Dict[str, object]:
        """What the harness writes beside its results."""
        return {"model_num_parameters": self.model.num_parameters(), "model_fingerprint": self.model.fingerprint()}

    # ---- how likely ----

    def loglikelihood(self, requests: List[Any], disable_tqdm: bool = False) -> List[Tuple[float, bool]]:
        asked = [((context, continuation), *self._pair(context, continuation))
                 for context, continuation in (request.args for request in requests)]
        return self._loglikelihood_tokens(asked, disable_tqdm=disable_tqdm)

    def _pair(self, context: str, continuation: str) -> Tuple[List[int], List[int]]:
        if context:
            before, after = self._encode_pair(context, continuation)
            return before, after
        whole = self.tok_encode(continuation)
        return whole[:1], whole[1:]

    def _loglikelihood_tokens(self, requests: List[Tuple[Any, List[int], List[int]]], disable_tqdm: bool = False,
                              **other: object) -> List[Tuple[float, bool]]:
        """The harness's own form of it: (key of a cache, context, continuation)."""
        out: List[Tuple[float, bool]] = [(0.0, True)] * len(requests)
        by_context: Dict[Tuple[int, ...], List[int]] = {}
        for i, (_, before, _) in enumerate(requests):
            by_context.setdefault(tuple(before), []).append(i)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running loglikelihood requests") as bar:
            for context, session in self._read(by_context):
                for i in by_context[context]:
                    score = session.score(requests[i][2])
                    out[i] = (score.log_probability, score.greedy_tokens == score.tokens)
                    if requests[i][0] is not None:
                        self.cache_hook.add_partial("loglikelihood", requests[i][0], out[i])
                    bar.update()
        return out

    def _read(self, contexts: Iterable[Tuple[int, ...]]) -> Iterator[Tuple[Tuple[int, ...], Session]]:
        """Sessions that have read each context, in an order in which what several begin with is read once: the
        sessions kept have read beginnings of the last context, each a longer one."""
        order = sorted(contexts)
        shared = [_common(one, other) for one, other in zip(order, order[1:])] + [0]
        kept: List[Tuple[int, Session]] = []
        for i, context in enumerate(order):
            with kept[-1][1].fork() if kept else self.model.session() as session:
                at = kept[-1][0] if kept else 0
                for end in _branches(shared, i, at)[:_FORKS - len(kept)]:
                    self._feed(session, context[at:end])
                    kept.append((end, session.fork()))
                    at = end
                self._feed(session, context[at:])
                yield context, session
            while kept and kept[-1][0] > shared[i]:
                kept.pop()[1].close()

    def _feed(self, session: Session, ids: Tuple[int, ...]) -> None:
        if ids:
            session.feed(ids, logits=False)
            self.tokens_read += len(ids)

    def loglikelihood_rolling(self, requests: List[Any], disable_tqdm: bool = False) -> List[float]:
        out: List[float] = []
        with self.model.session() as session:
            session.feed([self.model.info.bos], logits=False)
            for request in tqdm(requests, disable=disable_tqdm, desc="Running loglikelihood_rolling requests"):
                value = session.score(self.tok_encode(request.args[0])[1:]).log_probability
                self.cache_hook.add_partial("loglikelihood_rolling", request.args, value)
                out.append(value)
        return out

    # ---- writing ----

    def generate_until(self, requests: List[Any], disable_tqdm: bool = False) -> List[str]:
        out: List[str] = []
        for request in tqdm(requests, disable=disable_tqdm, desc="Running generate_until requests"):
            context, asked = request.args
            with self.model.session() as session:
                text = self._reply(session, self.tok_encode(context), **self._sampling(asked))
            self.cache_hook.add_partial("generate_until", request.args, text)
            out.append(text)
        return out

    def _reply(self, session: Session, ids: List[int], stop: List[str], **sampling: Any) -> str:
        """Up to a text or a special token that ends it."""
        ends = self._ends(stop)
        if not ends:
            return str(session.generate(ids, stop=stop, **sampling))
        text = ""
        for token in session.tokens(ids, **sampling):
            if token.id in ends:
                break
            text += token.text
            found = [at for at in (text.find(one) for one in stop) if at >= 0]
            if found:
                return text[:min(found)]
        return text

    def _ends(self, stop: List[str]) -> Set[int]:
        """Tokens without a text that end a reply, besides the one that ends all texts: those of the chat template,
        and those that a task spells."""
        ends = {id for id in map(self._words.token_to_id, stop) if id is not None and self._words.is_special(id)}
        try:
            ends.update(self._words.answer_ends())
        except NotFound:
            pass  # no chat template
        return ends - {self.model.info.eos}

    def _sampling(self, asked: Dict[str, Any]) -> Dict[str, Any]:
        """The keywords of generate() for those of a task."""
        given: Dict[str, Any] = dict(normalize_gen_kwargs(asked, self.max_gen_toks))
        stop, limit, sampled = given.pop("until"), given.pop("max_gen_toks"), given.pop("do_sample")
        values = {name: given.pop(name, neutral) for name, neutral in _SAMPLING.items()}
        if given:
            raise ValueError("generation_kwargs that bitllama does not know: %s; it knows %s"
                             % (", ".join(sorted(given)), ", ".join(["until", "max_gen_toks", "do_sample", *_SAMPLING])))
        values["repeat_penalty"] = values.pop("repetition_penalty")
        if not sampled:
            values["temperature"] = 0.0
        values["seed"], self._seed = self._seed, self._seed + bool(sampled)
        return dict(values, max_new_tokens=limit, stop=[one for one in stop if one])


def _branches(shared: List[int], i: int, at: int) -> List[int]:
    """After how many tokens, more than `at`, later contexts leave the way of context i; shared: how many tokens each
    has in common with the next."""
    out: List[int] = []
    while shared[i] > at:
        if not out or shared[i] < out[-1]:
            out.append(shared[i])
        i += 1
    return out[::-1]


def _common(a: Tuple[int, ...], b: Tuple[int, ...]) -> int:
    """How many tokens two texts begin with alike."""
    for i, (left, right) in enumerate(zip(a, b)):
        if left != right:
            return i
    return min(len(a), len(b))
