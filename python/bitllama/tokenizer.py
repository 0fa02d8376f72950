"""Tokenizers and chat templates."""

from __future__ import annotations

import json
import operator
from ctypes import byref, c_int32, c_size_t, c_ubyte, create_string_buffer, string_at
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type, TypeVar, Union, overload

from . import capi
from ._calls import Watch, call, opened
from ._handles import Handle, Use
from ._values import Ids, Path, ids_array, name_bytes, path_bytes, spans, text_bytes
from .errors import NotFound

Message = Mapping[str, object]
Offsets = List[Tuple[int, int]]
_LONG = 65536  # bytes of text from which on encoding can be stopped by Ctrl-C
_T = TypeVar("_T", bound="Tokenizer")


def room_for(fill: Callable[[Any, int, Any], None], guess: int) -> Any:
    """An array of ids that a function fills: a second call where the first guess of the room was too small."""
    count = c_size_t()
    while True:
        ids = (c_int32 * guess)()
        fill(ids, guess, byref(count))
        if count.value <= guess:
            return (c_int32 * count.value).from_buffer(ids)
        guess = count.value


class Tokenizer:
    """A byte-level BPE tokenizer, from a tokenizer.json or the folder that holds one.

    It never changes, and may be used by several threads at once.
    """

    def __init__(self, path: Path) -> None:
        self._handle = Handle("tokenizer", opened(capi.bl_tokenizer_open, path_bytes(path)), capi.bl_tokenizer_close)
        self._owner = self._handle
        self._pointer = None
        self._folder: Optional[bytes] = path_bytes(path)
        self._template: Optional[Handle] = None

    @classmethod
    def _of_model(cls: Type[_T], model: Handle, pointer: int, folder: bytes) -> _T:
        """That of a model, which keeps it."""
        out = cls.__new__(cls)
        out._owner, out._handle = model, None  # type: ignore[assignment]
        out._pointer = pointer  # type: ignore[assignment]
        out._folder, out._template = folder, None
        return out

    def _use(self) -> _Pointer:
        return _Pointer(self._owner.shared(), self._pointer)

    def close(self) -> None:
        """Frees it; that of a model goes with its model."""
        if self._handle is not None:
            self._handle.close()
        if self._template is not None:
            self._template.close()

    def __enter__(self: _T) -> _T:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ---- the vocabulary ----

    @property
    def vocab_size(self) -> int:
        """One past the greatest id, added tokens included."""
        with self._use() as pointer:
            return capi.bl_tokenizer_vocab_size(pointer)

    def __len__(self) -> int:
        return self.vocab_size

    @property
    def prefix_space(self) -> bool:
        """Does encoding put a space before a text that does not begin with one?"""
        with self._use() as pointer:
            return bool(capi.bl_tokenizer_prefix_space(pointer))

    def token_to_id(self, token: str) -> Optional[int]:
        """The id of a token as it is spelled in tokenizer.json, or None."""
        with self._use() as pointer:
            found = capi.bl_tokenizer_id(pointer, name_bytes(token))
        return None if found < 0 else found

    def token_bytes(self, id: int) -> bytes:
        """The bytes that a token stands for."""
        size = c_size_t()
        with self._use() as pointer:
            address = capi.bl_tokenizer_bytes(pointer, _id(id), byref(size))
            if address is None:
                raise IndexError("the vocabulary has no id %d" % id)
            return string_at(address, size.value)

    def find(self, token: bytes) -> Optional[int]:
        """The id of the token that stands for exactly these bytes, or None."""
        with self._use() as pointer:
            found = capi.bl_tokenizer_find(pointer, text_bytes(token), len(token))
        return None if found < 0 else found

    def is_special(self, id: int) -> bool:
        """Is it a special token, whose text is no text of a document?"""
        with self._use() as pointer:
            return bool(capi.bl_tokenizer_is_special(pointer, _id(id)))

    # ---- encoding ----

    def encode(self, text: Union[str, bytes], add_special_tokens: bool = True,
               split_special_tokens: bool = False) -> List[int]:
        """Text to ids.

        add_special_tokens: with those that tokenizer.json puts around a text.  split_special_tokens: special
        tokens that are spelled in the text are text, as what a user types must be.
        """
        data = text_bytes(text)
        flags = _flags(add_special_tokens, split_special_tokens)
        with self._use() as pointer:
            def fill(ids: Any, room: int, count: Any) -> None:
                call(capi.bl_tokenizer_encode, pointer, data, len(data), flags, ids, room, count)

            if len(data) < _LONG:
                return list(room_for(fill, len(data) // 2 + 16))
            with Watch():
                return list(room_for(fill, len(data) // 2 + 16))

    def encode_with_offsets(self, text: str, add_special_tokens: bool = True,
                            split_special_tokens: bool = False) -> Tuple[List[int], Offsets]:
        """Ids, and the part text[start:end] that each comes from; of a token inside a character the character."""
        data, count = text_bytes(text), c_size_t()
        flags = _flags(add_special_tokens, split_special_tokens)
        room = len(data) // 2 + 16
        with self._use() as pointer, Watch():
            while True:
                ids, offsets = (c_int32 * room)(), (capi.bl_offset * room)()
                call(capi.bl_tokenizer_encode_offsets, pointer, data, len(data), flags, ids, offsets, room,
                     byref(count))
                if count.value <= room:
                    break
                room = count.value
        places = [(offsets[i].start, offsets[i].end) for i in range(count.value)]
        return ids[:count.value], _in_characters(data, places)

    def encode_batch(self, texts: Sequence[Union[str, bytes]], add_special_tokens: bool = True,
                     split_special_tokens: bool = False, threads: int = 0) -> List[List[int]]:
        """The ids of many texts, on several threads (0: as many as there are processors)."""
        data = [text_bytes(text) for text in texts]
        pieces, flags = spans(data), _flags(add_special_tokens, split_special_tokens)
        with self._use() as pointer, Watch():
            encoder = Handle("encoder", opened(capi.bl_encoder_open, pointer, threads), capi.bl_encoder_close)
            with encoder.alone() as e:
                call(capi.bl_encoder_run, e, pieces, len(data), flags)
                count, out = c_size_t(), []
                for i in range(len(data)):
                    ids = capi.bl_encoder_ids(e, i, byref(count))
                    out.append(ids[:count.value] if count.value else [])
            encoder.close()
        return out

    @overload
    def __call__(self, text: str, add_special_tokens: bool = ...,
                 return_offsets_mapping: bool = ...) -> Dict[str, Any]: ...

    @overload
    def __call__(self, text: Sequence[str], add_special_tokens: bool = ...,
                 return_offsets_mapping: bool = ...) -> Dict[str, Any]: ...

    def __call__(self, text: Union[str, Sequence[str]], add_special_tokens: bool = True,
                 return_offsets_mapping: bool = False) -> Dict[str, Any]:
        """As a tokenizer of transformers: {"input_ids": ..., "attention_mask": ...} of a text or of several."""
        texts = [text] if isinstance(text, str) else list(text)
        out: Dict[str, Any] = {}
        if return_offsets_mapping:
            both = [self.encode_with_offsets(one, add_special_tokens) for one in texts]
            ids = [one for one, _ in both]
            out["offset_mapping"] = [offsets for _, offsets in both]
        else:
            ids = self.encode_batch(texts, add_special_tokens)
        out = {"input_ids": ids, "attention_mask": [[1] * len(one) for one in ids], **out}
        return {name: value[0] for name, value in out.items()} if isinstance(text, str) else out

    # ---- decoding ----

    def decode(self, ids: Union[int, Ids], skip_special_tokens: bool = False) -> str:
        """Ids to text; bytes that are not UTF-8 become U+FFFD."""
        array = ids_array([ids] if isinstance(ids, int) else ids)
        flags, size, room = 0 if skip_special_tokens else capi.BL_DECODE_SPECIAL, c_size_t(), 8 * len(array) + 64
        with self._use() as pointer:
            while True:
                text = create_string_buffer(room)
                call(capi.bl_tokenizer_decode, pointer, array, len(array), flags, text, room, byref(size))
                if size.value <= room:
                    return text.raw[:size.value].decode("utf-8")
                room = size.value

    # ---- conversations ----

    def _chat_template(self) -> Handle:
        if self._template is None:
            if self._folder is None:
                raise NotFound("this tokenizer is in no folder, so there is no chat template")
            self._template = open_template(self._folder)
        return self._template

    def apply_chat_template(self, conversation: Sequence[Message], *, tools: Optional[Sequence[object]] = None,
                            chat_template: Optional[str] = None, add_generation_prompt: bool = False,
                            tokenize: bool = True, now: Optional[int] = None,
                            **variables: object) -> Union[str, List[int]]:
        """A conversation, [{"role": "user", "content": "Hi"}, ...], as the model wants it written: ids or text.

        chat_template: a file or folder with another template.  variables: what the template sees besides.  now: the
        time in seconds since 1970, for templates that write the date.
        """
        given: Dict[str, object] = dict(variables, messages=list(conversation),
                                        add_generation_prompt=add_generation_prompt)
        if tools is not None:
            given["tools"] = list(tools)
        data = json.dumps(given, ensure_ascii=False).encode("utf-8")
        template = self._chat_template() if chat_template is None else open_template(path_bytes(chat_template))
        moment = -1 if now is None else now
        with template.shared() as t, self._use() as pointer:
            if tokenize:
                def fill(ids: Any, room: int, count: Any) -> None:
                    call(capi.bl_template_encode, t, pointer, data, len(data), moment, 0, ids, None, room, count)

                return list(room_for(fill, len(data) + 64))
            size, room = c_size_t(), 2 * len(data) + 1024
            while True:
                text = create_string_buffer(room)
                call(capi.bl_template_render, t, data, len(data), moment, text, room, byref(size))
                if size.value <= room:
                    return text.raw[:size.value].decode("utf-8")
                room = size.value

    def assistant_mask(self, conversation: Sequence[Message]) -> Tuple[List[int], List[int]]:
        """The ids of a conversation, and 1 for those that the assistant says ({% generation %} of the template)."""
        data = json.dumps({"messages": list(conversation)}, ensure_ascii=False).encode("utf-8")
        answers: Any = None
        with self._chat_template().shared() as t, self._use() as pointer:
            def fill(ids: Any, room: int, count: Any) -> None:
                nonlocal answers
                answers = (c_ubyte * room)()
                call(capi.bl_template_encode, t, pointer, data, len(data), -1, 0, ids, answers, room, count)

            ids = list(room_for(fill, len(data) + 64))
        return ids, answers[:len(ids)]

    def answer_ends(self) -> List[int]:
        """The tokens that end an answer: the special token that the template writes behind it, and those that the
        model's files name."""
        with self._chat_template().shared() as t, self._use() as pointer:
            def fill(ids: Any, room: int, count: Any) -> None:
                call(capi.bl_template_ends, t, pointer, ids, room, count)

            return list(room_for(fill, 16))


class _Pointer:
    """A tokenizer in the hands of a call: its own handle is taken, or its model's."""

    __slots__ = ("_use", "_pointer")

    def __init__(self, use: Use, pointer: Optional[int]) -> None:
        self._use = use
        self._pointer = pointer

    def __enter__(self) -> int:
        owner = self._use.__enter__()
        return owner if self._pointer is None else self._pointer

    def __exit__(self, *exception: Any) -> None:
        self._use.__exit__(*exception)


def _id(id: int) -> int:
    value = operator.index(id)
    return value if -(1 << 31) <= value < 1 << 31 else -1


def _flags(add_special_tokens: bool, split_special_tokens: bool) -> int:
    return (capi.BL_ENCODE_TEMPLATE if add_special_tokens else 0) | (
        0 if split_special_tokens else capi.BL_ENCODE_SPECIAL)


def _in_characters(data: bytes, places: Offsets) -> Offsets:
    """Offsets in characters, from those in bytes."""
    if len(data) == 0 or data.isascii():
        return places
    index, at = [], -1
    for byte in data:
        at += byte & 0xC0 != 0x80  # the first byte of a character
        index.append(at)
    index.append(at + 1)
    return [(index[start], index[end - 1] + 1 if end > start else index[start]) for start, end in places]


def open_template(path: bytes) -> Handle:
    """A chat template of a file or folder."""
    return Handle("chat template", opened(capi.bl_template_open, path, None), capi.bl_template_close)
