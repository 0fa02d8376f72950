"""Templates of our own, one or more for every construct that src/template supports, and what they see.

EXPRESSIONS are rendered as {{ EXPRESSION }}, TEMPLATES as they are, all with VARIABLES; REFUSED are those that Jinja takes and
we do not, in words.  template_diff.py renders them with Jinja2 itself, template_fixtures.py keeps what it says for ./check.
"""

VARIABLES = {
    "n": 7, "m": -7, "z": 0, "x": 2.5, "big": 9007199254740993, "s": "Hello World", "e": "", "sp": "  a b\t\n", "u": "Größe ΑΣ 漢字 🙂",
    "html": "<a href=\"x\">&'</a>", "t": True, "f": False, "nil": None, "l": [3, 1, 2], "words": ["b", "A", "c", "a"],
    "mixed": [1, "two", 3.0, None, True, [4, {"k": "v"}], {"a": 1}], "d": {"b": 1, "a": 2, "items": "mine", "C": {"k": [1, 2]}},
    "one": [1], "none_list": [], "lines": "one\n\ntwo\n  three\r\nfour", "quote": "it's", "both": "it's \"x\"", "ctl": "\x00\x1b\u200b\u00a0é",
    "users": [{"name": "Bo", "age": 3, "ok": True}, {"name": "Al", "age": 40, "ok": False}, {"name": "Cy", "age": 5}],
    "floats": [0.1, 1e16, 1e-5, 123456789.125, 1.0, 1e22, 5e-324, 1.7976931348623157e308, -0.0, 0.0001, 100.0, 1e15],
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}],
}

EXPRESSIONS = r"""
1 + 2|n + m|n - 10|n * m|7 / 2|n // 2|m // 2|n // -2|n % 3|m % 3|n % -3|m % -3|2 ** 10|2 ** -1|-2 ** 2|7.5 // 2|-7.5 // 2|7.5 % -2|x * 2|x + n
1 / 3|10 / 5|1e3|1_000|0x1F|0b101|0o17|1.5e-7|3 - -2|+n|-x|- n + 2|True + 1|true * 3|t == 1|1 == 1.0|"1" == 1|none == nil|1 < 2 < 3|3 > 2 > 2|1 != 2 != 1
n > 3 and n < 10|n or z|z or e or "last"|z and n|not n|not not n|not z and t|n if t else z|n if f|(n if f else "no") ~ "!"|"a" if f else "b" if f else "c"
"a" ~ 1 ~ none ~ true ~ 1.0|"a" "b" 'c'|s + "!"|"ab" * 3|3 * "ab"|[1] * 3|l + [4]|(1, 2) + (3,)|"x\ty\n\\ \x41 \u00e9 \U0001F642 \101 \q"|'it\'s'
[]|()|(1,)|(1, 2)|[1, "a", none, 1.5]|{}|{"a": 1, 2: [true]}|{"a": {"b": "it's"}}|[quote, both, ctl, u]|mixed|d|l|floats|nil|t|x|big|missing|[missing]
s[0]|s[-1]|s[99]|s[1:4]|s[::-1]|s[:-1]|s[::2]|s[4:1:-1]|u[0:3]|u[-2:]|u[::3]|l[0]|l[-1]|l[5]|l[1:]|l[::-1]|l[:2]|l[5:]|(1, 2, 3)[1:]|d["b"]|d.b|d.a|d["items"]|d.C.k[1]|d["nope"]|d[0]|s.nope|s["nope"]|n.nope
l.0|words.1|1 in l|9 in l|9 not in l|"b" in d|"b" in s|"World" in s|"" in s|none in mixed|[4, {"k": "v"}] in mixed|(1) in [1, 2]|not 1 in l|"x" not in s
s is defined|missing is defined|missing is undefined|missing is not defined|d.nope is defined|d.items is defined|s.upper is defined|l.append is defined|d.update is defined|d.get is callable|nil is none|n is none|nil is not none
s is string|n is string|n is number|x is number|t is number|n is integer|t is integer|x is float|t is boolean|n is boolean|t is true|t is false|f is false|1 is true|d is mapping|l is mapping|l is sequence|d is sequence|s is sequence|n is sequence|missing is sequence
l is iterable|s is iterable|n is iterable|d is iterable|missing is iterable|nil is iterable|range is callable|n is odd|n is even|m is odd|n is divisibleby 7|n is divisibleby(2)|n is eq 7|n is equalto(7)|n is ne 7|n is gt 3|n is lessthan 3|n is ge 7|n is le 6
n is in [7, 8]|n is in([1])|n is not in [1]|"b" is in d|s is lower|"abc" is lower|"ABC" is upper|"1" is lower|nil is sameas none|t is sameas true|n is sameas t|"trim" is filter|"nope" is filter|"defined" is test|s is escaped|(s|safe) is escaped
s is string and n is number|s is not string or t|n is number == true|missing is defined and missing.x|l is defined == t
s | upper|s | lower|s | title|s | capitalize|"hello wORLD-foo (bar" | title|"ß" | upper|"straße" | upper|u | upper|u | lower|"ΑΣ ΑΣΑ" | lower|"éa" | capitalize|e | upper|n | upper|sp | trim|"xxaxx" | trim("x")|n | trim|" \u00a0a\u3000" | trim
l | length|s | length|u | length|d | length|missing | length|e | count|range(5) | length|l | first|l | last|s | first|s | last|u | last|none_list | first|none_list | last|d | first|l | join|l | join(", ")|l | join("-") | length|words | join(1)|s | join(".")|users | join(", ", attribute="name")|u | join("|")
l | sort|l | sort(reverse=true)|words | sort|words | sort(case_sensitive=true)|words | sort(true)|users | sort(attribute="age") | map(attribute="name") | list|users | sort(attribute="name", reverse=true) | map(attribute="name") | join|l | reverse | list|s | reverse|u | reverse|words | unique | list|words | unique(true) | list|l | max|l | min|words | max|words | min|none_list | max|users | map(attribute="age") | sum|users | sum(attribute="age")|l | sum(start=10)|floats[:1] | sum
users | map(attribute="nope", default="-") | list|users | map(attribute="ok") | list|words | map("upper") | list|words | map("replace", "a", "x") | join|l | map("string") | list|l | select("odd") | list|l | reject("odd") | list|l | select("gt", 1) | list|l | select | list|[0, 1, "", "a"] | select | list|[0, 1] | reject | list
users | selectattr("ok") | map(attribute="name") | list|users | rejectattr("ok") | map(attribute="name") | list|users | selectattr("age", "gt", 4) | map(attribute="name") | list|users | selectattr("name", "equalto", "Al") | list|users | selectattr("ok", "defined") | list | length|users | selectattr("nope", "defined") | first | default("none")|[{"a": {"b": 1}}] | map(attribute="a.b") | list|[[1, 2], [3, 4]] | map(attribute=1) | list|[[1, 2]] | map("last") | list
d | list|s | list|d | items | list|d.items() | list|d | dictsort|d | dictsort(true)|d | dictsort(reverse=true)|{"b": 1, "a": 3} | dictsort(by="value")|{"b": 1, "a": 3} | dictsort(false, "value", true)|d.keys() | list|d.values() | list|d.get("b")|d.get("q")|d.get("q", 5)|d.get("b", 5)|d.copy()|missing | items | list
l | batch(2) | list|l | batch(2, 0) | list|[1, 2] | list|(1, 2) | list|n | string|nil | string|mixed | string|1.0 | string|"42" | int|"42.9" | int|"x" | int|"x" | int(5)|" 12 " | int|"1_0" | int|x | int|"-3" | int|nil | int|"1e3" | int|"2.5" | float|"x" | float|n | float|"x" | float(1.5)|" -1e2 " | float|"nan" | float|t | int|"inf" | int(3)|l | int
missing | default("a")|e | default("a")|e | default("a", true)|nil | default("a")|nil | default("a", boolean=true)|missing | d|missing | d(1) + 1|d.nope | default(d.b)|s | replace("l", "L")|s | replace("l", "L", 1)|n | replace(7, 8)|"aaa" | replace("", "-")|"abc" | replace("", "-", 2)|"aXbX" | replace("X", "")|u | replace("漢", "[")|s | replace("World", none)
lines | indent|lines | indent(2)|lines | indent(2, true)|lines | indent(2, true, true)|lines | indent("> ", blank=true)|"" | indent|"a\n" | indent|"a\n\n" | indent(width=1)|-3 | abs|2.5 | abs|m | abs|2.5 | round|3.5 | round|2.567 | round(2)|2.1 | round(0, "ceil")|2.9 | round(method="floor")|-2.5 | round|7 | round|1234.5 | round(-2)|s | wordcount|"a b-c  d_e" | wordcount|d | attr("b")|s | attr("nope") is defined
html | e|html | escape|html | safe|(html | safe) + "<b>"|"<b>" + (html | safe)|(html | safe) ~ "<b>"|html | e | e|(html | safe) | upper|(html | e) | length|(n | string | safe) + "&"|(html | safe) | replace("<", "[")|(s | safe) * 2|html | tojson|html | tojson | safe
s | tojson|u | tojson|ctl | tojson|ctl | tojson(ensure_ascii=true)|u | tojson(ensure_ascii=true)|mixed | tojson|d | tojson|d | tojson(indent=2)|mixed | tojson(indent=4)|[] | tojson(indent=2)|{} | tojson(indent=1)|d | tojson(sort_keys=true)|d | tojson(indent="\t")|d | tojson(separators=(",", ":"))|floats | tojson|{1: 2, none: 3, true: 4, 1.5: 5} | tojson|(1, 2) | tojson|n | tojson|nil | tojson|lines | tojson|d | tojson(ensure_ascii=False, indent=3)|[[[]]] | tojson(indent=0)|d | tojson(indent=none)
s.upper()|s.lower()|s.title()|s.capitalize()|"they're bill's" .title()|"ǆ" .title()|"1a b2c".title()|sp.strip()|sp.lstrip()|sp.rstrip()|"xxaxyx".strip("x")|"xyaxy".strip("yx")|"xxa".lstrip("x")|"axx".rstrip("x")|u.strip("Gß字🙂 ")|"abc".strip(none)|"<think>a</think>b".split("</think>")[-1].lstrip("\n")
"a,b,c".split(",")|"a,b,c".split(",", 1)|"a,b,c".rsplit(",", 1)|" a  b c ".split()|" a  b c ".split(none, 1)|" a  b c ".rsplit(none, 1)|"a".split("x")|"".split("x")|"".split()|"a--b--c".split("--")|"a--b--c".split(sep="--", maxsplit=1)|"aXbXc".rsplit("X")|lines.splitlines()|lines.splitlines(true)|"".splitlines()|"a b".partition(" ")|"ab".partition(" ")|"a b c".rpartition(" ")|"ab".rpartition(" ")
s.startswith("He")|s.startswith("x")|s.endswith("ld")|s.startswith(("x", "H"))|s.endswith("")|s.find("o")|s.find("zz")|s.rfind("o")|u.find("漢")|s.index("W")|s.count("l")|s.count("")|u.count("")|"aaaa".count("aa")|s.replace("o", "0")|s.replace("o", "0", 1)|"aaa".replace("a", "b", -1)|", ".join(["a", "b"])|"".join([])|"-".join("abc")|s.removeprefix("Hello ")|s.removesuffix("ld")|s.removeprefix("x")
"42".zfill(5)|"-4".zfill(4)|"é".zfill(3)|"abc".isalpha()|"ab1".isalpha()|"ab1".isalnum()|"12".isdigit()|"".isdigit()|" \t".isspace()|"AB1".isupper()|"ab1".islower()|"Ab".islower()|"é".isalpha()|"É1".isupper()|l.index(1)|l.count(1)|(1, 2).count(2)|l.copy()
range(3) | list|range(1, 4) | list|range(5, 0, -2) | list|range(0) | list|range(3)[1]|range(2, 9)[-1]|2 in range(3)|dict(a=1, b=2)|dict({"a": 1}, b=2)|dict([("x", 1)])|namespace(a=1).a|namespace(a=1)["a"]|namespace(a=1).b|namespace(a=1)|namespace() is mapping|namespace({"k": 2}).k
[1, 2] == [1, 2]|(1, 2) == [1, 2]|{"a": 1} == {"a": 1.0}|{"a": 1, "b": 2} == {"b": 2, "a": 1}|[1, 2] < [1, 3]|"a" < "b"|"B" < "a"|"é" > "z"|(1, "a") < (1, "b")|1 < 1.5|big == 9007199254740992.0|big > 9007199254740992.0|missing == missing2|missing == none|missing == ""|none == false|true == 1|[] == ()|l == [3, 1, 2]
((1)) + (2)|( [1, 2] )[0]|{"a": [1]}["a"][0]|{"a": 1}.a|"abc"[1] ~ "x"|s.split(" ")[0].lower()[1:]|(s | upper)[0]|s | upper | lower | length|- (3 | abs)|-3 | abs|1 + 2 | string|"%d" | length|n|abs + 1|s|length > 3|n is number and s|length == 11|(s, n)|s, n|s,|[1, 2,]|(1, 2,)|{"a": 1,}
missing ~ "x"|[missing | default(1)]|missing | join|missing | list|missing | string|missing | upper|missing | trim|missing | replace("a", "b")|missing | select | list|missing or 1|not missing|missing in [1]|missing | sort|missing | unique | list|missing | map("upper") | list|missing | first | default("x")|missing | dictsort
messages[0].role|messages[0]["content"] | trim|messages[-1].content + "!"|messages | length|messages | map(attribute="role") | join(",")|messages[1:] | length|messages[0].get("tool_calls")|messages[0].tool_calls is defined|messages | selectattr("role", "equalto", "user") | list | length
strftime_now("%Y-%m-%d")|strftime_now("%d %b %Y")|strftime_now("%A %H:%M:%S %p %%")|strftime_now("%-d.%-m. %j %y")|strftime_now("no format")|strftime_now("%B %d, %Y")
"a" is string is true|n is foo|s | nope|s | upper(1)|s | replace("a")|s.upper(1)|s.replace("a")|l.append(1)|d.update({})|d.pop("b")|l.sort()|missing.x|missing["x"]|missing()|missing + 1|missing * 2|-missing|missing < 1|missing | abs|missing | int|n()|nil.x|nil.x.y|s()|1 + "a"|"a" + 1|[1] + (1,)|"a" * "b"|1 / 0|1 // 0|1 % 0|1.0 / 0|0 ** -1|none + 1|1 < "a"|none < 1|[1] < ["a"]|{"a": 1} < {"b": 1}
1 in 5|1 in "a"|none in "a"|l | join(",", "x", "y")|l | first(1)|n | length|nil | length|n | list|nil | join|s | items | list|l | items | list|{[1]: 2}|{{}: 1}|d[[1]]|[1] in d|l["a"]|l[1.5]|s[none]|l["a":]|l[::0]|"a".split("")|"a".join([1])|"a".index("b")|l.index(9)|[1, "a"] | sort|[none, 1] | max|mixed | sum|["a"] | sum|undefined_function(1)|range()|range(1, 2, 0)|range(100001) | length|raise_exception("stop")|raise_exception()|messages[0].content.nope.x|messages[9].role
loop|loop.index|namespace(1)|dict(1)|dict([1])|s | tojson(foo=1)|namespace() | tojson|missing | tojson|d.items() | tojson|{(1, 2): 3} | tojson|s | default(1, 2, 3)|l | map | list|l | map("nope") | list|l | select("nope") | list|users | map(attribute="a", x=1) | list|l | selectattr | list|{"a": 1} | dictsort(by="x")|l | dictsort|(l | map("string")) | length|s | indent("a", "b", "c", "d")|s | round|1.5 | round(0, "up")|"abc" | abs|nil | abs
"a" "b" ~ 1|"\N"|'unclosed|"unclosed|(1|[1|{"a"|{"a": |1)|]|1 +|+|not|is|a b|a.|a[|a[]|a[1:2:3:4]|a(|f(a=1, 2)|f(1 2)|a|b||a | |x is|x is not|1 if|1 if 2 else|{% raw|a, , b|`|a ? b : c|a && b|a = b|$|\\|@|(a, b|{1, 2}|a..b|.a|1.|1.a|a!b|~|** 2|lambda x: x
""".strip("\n").split("\n")

TEMPLATES = r"""
plain text, no tags {# comment #} after
a{# c #}b{#- c -#} d {#+ c +#} e
line{# comment
over lines #}
next
{% if t %}
  yes
{% endif %}
after
  {% if t %}indented{% endif %}
x  {% if t %}not at start{% endif %}
	{%+ if t %}plus keeps{% endif +%}
end
a   {%- if t -%}   b   {%- endif -%}   c
a
  {{- n -}}
  b {{ n -}} c {{- n }} d
{{+ n }}{{-n}}{{ n-}}
{% raw %}{{ not }} {% a %} {# x #}{% endraw %}!
a {%- raw -%} {{ x }} {%- endraw -%} b
  {% raw %}
 x
  {% endraw %}
y
{% for i in l %}{{ i }},{% endfor %}
{% for i in l %}
{{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ loop.last }} {{ loop.revindex }} {{ loop.index0 }} {{ loop.revindex0 }} {{ loop.depth }}{{ loop.depth0 }}
{% endfor %}
{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}
{% for i in l %}{% if loop.previtem is defined and loop.previtem > i %}down{% endif %}{% if loop.nextitem is not defined %}end{% endif %}{% endfor %}
{% for i in l %}{{ loop.cycle("odd", "even") }} {% endfor %}
{% for i in [1, 1, 2, 2] %}{{ loop.changed(i) }} {% endfor %}
{% for i in none_list %}x{% else %}empty{% endfor %}
{% for i in l %}x{% else %}empty{% endfor %}
{% for i in l if i > 1 %}{{ i }}{{ loop.index }}{{ loop.last }}{{ loop.length }} {% else %}none{% endfor %}
{% for i in l if i > 9 %}x{% else %}none{% endfor %}
{% for i in missing %}x{% else %}nothing{% endfor %}
{% for c in s[:3] %}[{{ c }}]{% endfor %}{% for k in d %}{{ k }} {% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in d | dictsort %}{{ k }} {% endfor %}{% for k, v in d | items %}{{ k }}{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for i in range(3) %}{% for j in range(i) %}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}
{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}!
{% for i in l %}{% set q = i %}{% endfor %}{{ q is defined }}
{% set q = 0 %}{% for i in l %}{% set q = q + i %}{{ q }} {% endfor %}{{ q }}
{% set ns = namespace(q=0, found=false) %}{% for i in l %}{% set ns.q = ns.q + i %}{% endfor %}{{ ns.q }} {{ ns.found }} {{ ns }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set q = "x" if f %}{{ q is defined }}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}
{% set b %}in {{ n }} block{% endset %}{{ b }}{{ b | length }}
{% set b | upper | trim %}  in {{ n }} {% set inner = 3 %}{% endset %}[{{ b }}]{{ inner is defined }}
{% if f %}a{% elif z %}b{% elif n %}c{% else %}d{% endif %}{% if f %}a{% else %}{% if t %}e{% endif %}{% endif %}
{% if t %}{% set w = 5 %}{% endif %}{{ w }}{% if f %}{% set y = 5 %}{% endif %}{{ y is defined }}
{% if missing %}a{% else %}b{% endif %}{% if not missing %}c{% endif %}{% if l, %}d{% endif %}
{% macro m(a, b=2, c=a) %}<{{ a }}|{{ b }}|{{ c }}>{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=5, a=4) }}{{ m() }}{{ m(1, c=none) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}{{ m(1, 2, 3) }}{{ m(1, x=5) }}
{% macro fact(i) %}{% if i > 1 %}{{ i * (fact(i - 1) | int) }}{% else %}1{% endif %}{% endmacro %}{{ fact(10) }}
{% macro outer() %}{{ g }}{% endmacro %}{% set g = 1 %}{{ outer() }}{% set g = 2 %}{{ outer() }}
{% macro m(x) %}  {{ x }}  {% endmacro %}[{{ m(1) | trim }}][{{ m(1) }}]{{ m is defined }}{{ m is callable }}{{ m("a") ~ m("b") }}{{ (m(1) + "!") | length }}
{% for i in l %}{% macro inner(x) %}{{ i }}{{ x }}{% endmacro %}{{ inner("-") }}{% endfor %}
{% macro a(x) %}{% set y = x %}{{ y }}{% endmacro %}{{ a(1) }}{{ y is defined }}{% macro b() %}{{ a(2) }}{% endmacro %}{{ b() }}
{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a is defined }}{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}{% with c=n %}{{ c }}{% endwith %}
{% filter upper %}text {{ s }}{% endfilter %}{% filter replace("a", "b") | upper %}aaa{% endfilter %}
a {% generation %}answer {{ n }}{% endgeneration %} b {% generation %}{% set g = 1 %}two{% endgeneration %}{{ g is defined }}
{% for m in messages %}{% if m.role == "assistant" %}{% generation %}{{ m.content }}<end>{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}
{% set x = [] %}{% set x = x + [1] %}{{ x }}{% set d2 = dict(d, z=1) %}{{ d2.z }}{% set y = x %}{{ y == x }}
{{ [1, 2, 3] | select("odd") | map("string") | join("+") }}{% set g = [1, 2] | map("string") %}{{ g | list }}{{ g | list }}
{% set g = l | select("odd") %}{{ g | first }}{{ g | first }}{% for i in g %}x{% endfor %}{{ g is sequence }}{{ g is iterable }}{% if g %}true{% endif %}
{% if s is string %}{{ s[:5] }}{% endif %}{% if "a" in "abc" and not ("z" in "abc") %}in{% endif %}
{% set ns = namespace(i=0) %}{% for x in range(4) if ns.i < 2 %}{% set ns.i = ns.i + 1 %}{{ x }}{% endfor %}{{ ns.i }}
{% set ns = namespace(i=0) %}{% for x in range(4) if ns.i < 2 %}{% set ns.i = ns.i + 1 %}{{ x }}{{ loop.last }}{% endfor %}{{ ns.i }}
{% for i in l %}{% if loop.index0 % 2 == 0 %}{% set last = loop.last %}{{ last }}{% endif %}{% endfor %}
{{ '{{' }}{{ "}}" }}{{ '{%' }}{{ "%}" }}{{ {"a": {"b": 1}}["a"] }}{{ {"x": {}} }}
{% if t -%}
   stripped
{%- endif %}
{%- if t %}

  two lines
{%- endif -%}

{{ n }}
last line without newline
{%if t%}tight{%endif%}{{n}}{#c#}{%-if t-%} x {%-endif-%}
{% set a = 1 -%}
{% set b = 2 %}
{{ a }}{{ b }}
	 {#- comment strips -#}	 
x
{{ "a" }}
{{ "b" }}

{% for m in messages -%}
{{ m.role }}: {{ m.content }}
{% endfor -%}
done
{% set long = "x" * 50 %}{{ long | length }}{{ long[40:] }}
{% for i in range(2) %}{% for j in range(3) %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% set loop_name %}{% for x in l %}{{ x }}{% endfor %}{% endset %}{{ loop_name }}
{% macro a(x, y=[]) %}{{ y + [x] }}{% endmacro %}{{ a(1) }}{{ a(2) }}
{% set f = s.upper %}{{ f() }}{% set g = d.get %}{{ g("b") }}{% set r = range %}{{ r(2) | list }}
{% set s = "shadow" %}{{ s }}{% set range = 5 %}{{ range }}{% set true_name = true %}{{ true_name }}{{ True }}{{ False }}{{ None }}
{{ raise_exception("No " ~ n) }}
{% for i in n %}{% endfor %}
{% for i in nil %}{% endfor %}
{% for a, b in l %}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% set ns.x = 1 %}
{% set ns = 1 %}{% set ns.x = 1 %}
{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{% endmacro %}{{ m(b=1) }}
{% macro m(a) %}{% endmacro %}{{ m(1, a=1) }}
{% macro m(a=1, b) %}{% endmacro %}
{% macro r(x) %}{{ r(x) }}{% endmacro %}{{ r(1) }}
{% if t %}
{% endif %}{% endif %}
{% for i in l %}
{% endif %}
{% else %}
{% elif %}
{% if %}x{% endif %}
{% for %}{% endfor %}
{% for i %}{% endfor %}
{% for i in %}{% endfor %}
{% for 1 in l %}{% endfor %}
{% for none in l %}{% endfor %}
{% set %}
{% set x %}
{% set x = %}
{% set 1 = 2 %}
{% set true = 2 %}
{% set x.y.z = 2 %}
{% set x[0] = 2 %}
{% break %}
{% continue %}
{% macro m() %}{% break %}{% endmacro %}
{% for i in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% nope %}
{% %}
{%
{{
{{ n
{% if t
{# open
{% raw %} open
{{ }}
{{ n }
{% if t }}{% endif %}
{{ n %}
{% endfor %}
{% if a if b else c %}{% endif %}
{% if t %}x
{{ "a
b" }}
""".strip("\n")

# Those that follow a line that ends a template: a line of its own begins the next one, but these go together.
TOGETHER = [("line{# comment", 3), ("{% if t %}\n", 4), ("  {% if t %}indented", 4), ("a\n", 3), ("  {% raw %}\n", 4), ("{% for i in l %}\n{{ loop", 3),
            ("{% if t -%}", 10), ("{% set a = 1 -%}", 3), ("\t {#- comment", 2), ('{{ "a" }}\n', 7), ('{{ "a\n', 2)]


def templates():
    lines, out, i = TEMPLATES.split("\n"), [], 0
    while i < len(lines):
        rest = "\n".join(lines[i:])
        n = next((count for start, count in TOGETHER if rest.startswith(start)), 1)
        out.append("\n".join(lines[i : i + n]))
        i += n
    return out


def expressions():
    """A bar with no space on one side separates; " | " is a filter."""
    import re
    for line in EXPRESSIONS:
        for e in re.split(r"(?<! )\|(?! )", line):
            yield "{{ " + e + " }}"


def cases():
    yield from expressions()
    yield from templates()
    yield "ends with a newline {{ n }}\n"
    yield "ends with two {{ n }}\n\n"
    yield "\r\nother\rline ends\r\n{% if t %}\r\nx\r\n{% endif %}\r\n"
    yield ""
    yield "\n"


# Jinja takes these; we refuse them in words.
REFUSED = r"""
{% include "x" %}
{% import "x" as y %}
{% from "x" import y %}
{% extends "x" %}
{% block b %}{% endblock %}
{% call m() %}{% endcall %}
{% autoescape true %}{% endautoescape %}
{% print 1 %}
{% for i in l recursive %}{% endfor %}
{{ cycler(1) }}
{{ joiner() }}
{{ lipsum() }}
{{ l | groupby("x") }}
{{ l | random }}
{{ s | truncate(3) }}
{{ s | urlencode }}
{{ s | wordwrap(3) }}
{{ s | pprint }}
{{ s | center(30) }}
{{ "%s" % 1 }}
{{ "%s" | format(1) }}
{{ "{}".format(1) }}
{{ s.center(30) }}
{{ s.encode() }}
{{ s.swapcase() }}
{{ 9223372036854775807 + 1 }}
{{ 10 ** 20 }}
{{ -9223372036854775807 - 2 }}
{{ 9223372036854775807 * 2 }}
{{ 99999999999999999999 }}
{{ f(*l) }}
{{ l | map("upper") }}
{{ range(3) }}
{{ d.items() }}
{{ s.upper }}
{{ l[1, 2] }}
{{ é }}
{{ n.real }}
{{ "ﬁ" | upper }}
{{ "10" | int(0, 2) }}
{{ "\N{DIGIT ONE}" }}
""".strip("\n").split("\n")
