"""A formula of TeX -> how it is read aloud in English, or, in other languages, its letters and signs."""

from __future__ import annotations

import re

from engine.text.markup.rules import words

_TOKEN = re.compile(r"\\(?:[A-Za-z]+\*?|.)|\d+(?:[.,]\d+)*|[A-Za-z]+|\S", re.DOTALL)
_BEFORE_MARK = re.compile(r"\s+(?=[,.])")
_CURRENCIES = {"$": "$", "pounds": "£", "euro": "€"}  # in front of an amount; the normaliser reads both
_DEPTH = 16  # of groups in groups; what is deeper is left out
_GREEK = words(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega"
)
_WORDS = {
    **{name: name for name in _GREEK},
    **{name.capitalize(): f"capital {name}" for name in _GREEK},
    "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi",
    "le": "is less than or equal to", "leq": "is less than or equal to", "leqslant": "is less than or equal to",
    "ge": "is greater than or equal to", "geq": "is greater than or equal to",
    "geqslant": "is greater than or equal to", "lt": "is less than", "gt": "is greater than",
    "ll": "is much less than", "gg": "is much greater than",
    "ne": "is not equal to", "neq": "is not equal to", "approx": "is approximately", "equiv": "is equivalent to",
    "sim": "is similar to", "cong": "is congruent to", "propto": "is proportional to",
    "times": "times",
    "cdot": "times", "ast": "times", "div": "divided by", "pm": "plus or minus", "mp": "minus or plus",
    "in": "in", "notin": "not in", "subset": "is a subset of", "subseteq": "is a subset of", "cup": "union",
    "cap": "intersection", "emptyset": "the empty set", "varnothing": "the empty set", "setminus": "minus",
    "forall": "for all", "exists": "there exists", "neg": "not", "land": "and", "wedge": "and", "lor": "or",
    "vee": "or", "to": "to", "rightarrow": "to", "longrightarrow": "to", "mapsto": "maps to",
    "Rightarrow": "implies", "implies": "implies", "Leftrightarrow": "if and only if", "iff": "if and only if",
    "leftarrow": "from", "infty": "infinity", "sum": "the sum", "prod": "the product", "int": "the integral",
    "iint": "the double integral", "oint": "the contour integral", "lim": "the limit", "partial": "partial",
    "nabla": "nabla", "degree": "degrees", "circ": "degrees", "percent": "percent", "ldots": "and so on",
    "cdots": "and so on", "dots": "and so on", "hbar": "h bar", "ell": "l", "mid": "given", "parallel": "parallel to",
    "perp": "perpendicular to", "angle": "angle", "therefore": "therefore", "because": "because",
    "ln": "the natural log of", "log": "log", "exp": "exp", "sin": "sine", "cos": "cosine", "tan": "tangent",
    "cot": "cotangent", "arcsin": "arc sine", "arccos": "arc cosine", "arctan": "arc tangent",
    "sinh": "hyperbolic sine",
    "cosh": "hyperbolic cosine", "max": "max", "min": "min", "sup": "supremum", "inf": "infimum", "det": "determinant",
    "gcd": "g c d", "bmod": "mod", "mod": "mod", "Re": "real part", "Im": "imaginary part",
    "%": "percent", "$": "dollars", "&": ",", "\\": ",", "#": "number",
}  # fmt: skip
_SIGNS = {
    "=": "equals", "+": "plus", "-": "minus", "−": "minus", "*": "times", "·": "times", "×": "times", "/": "over",
    "<": "is less than", ">": "is greater than", "≤": "is less than or equal to", "≥": "is greater than or equal to",
    "≠": "is not equal to", "≈": "is approximately", "±": "plus or minus", "∞": "infinity", "!": "factorial",
    "'": "prime", "%": "percent", ",": ",", ";": ",", ":": ",", ".": ".", "|": "", "&": "", "~": "",
}  # fmt: skip
_POWERS = {"2": "squared", "3": "cubed", "T": "transpose", "\\circ": "degrees", "'": "prime", "*": "star"}
_ROOTS = {"": "the square root of", "2": "the square root of", "3": "the cube root of"}
_BOUNDED = frozenset(("\\sum", "\\prod", "\\int", "\\iint", "\\oint"))
_ONE_GROUP = {"bar": "bar", "overline": "bar", "hat": "hat", "vec": "vector", "tilde": "tilde", "dot": "dot"}
_FRACTIONS = {
    ("1", "2"): "one half", ("1", "3"): "one third", ("2", "3"): "two thirds", ("1", "4"): "one quarter",
    ("3", "4"): "three quarters",
}  # fmt: skip


def spoken(formula: str, in_words: bool) -> str:
    if not in_words:
        return " ".join(re.sub(r"\\(?:[A-Za-z]+|.)|[{}$]", " ", formula).split())
    formula = formula.replace("{,}", ",")  # in a number
    said = " ".join(" ".join(_Reader(formula).sequence()).split())
    return _BEFORE_MARK.sub("", said).strip(" ,")


class _Reader:
    """Reads a formula once, from left to right; each method takes what it reads."""

    def __init__(self, formula: str, depth: int = 0) -> None:
        self._tokens = _TOKEN.findall(formula)
        self._at = 0
        self._depth = depth

    def sequence(self) -> list[str]:
        """All that is left, in words."""
        said: list[str] = []
        bounded = False  # a sum or an integral stands in front
        while (token := self._take()) != "":
            if token in ("^", "_"):
                said.append(self._script(token, bounded))
                continue
            if token in _BOUNDED or token == "\\lim":
                said.append(self._word(token))
                bounded = True
                continue
            if bounded:
                said.append("of")
                bounded = False
            if token == "{":
                said += self._nested(self._group_left())
            elif token[0] == "\\":
                said += self._command(token)
            elif token != "}":
                said.append(self._word(token))
        return said

    def _command(self, token: str) -> tuple[str, ...]:
        name = token[1:]
        if token in ("\\frac", "\\dfrac", "\\tfrac"):
            return (self._fraction(),)
        if token == "\\binom":
            above, below = self._argument(), self._argument()
            return (f"{self._read(above)} choose {self._read(below)}",)
        if token == "\\sqrt":
            order = self._optional()
            root = _ROOTS.get(order, f"the {self._read(order)}th root of")
            return (f"{root} {self._read(self._argument())}",)
        if token in ("\\begin", "\\end", "\\label", "\\tag", "\\hspace", "\\color"):
            self._argument()
            return ()
        if token in ("\\text", "\\mathrm", "\\textbf", "\\textit", "\\operatorname", "\\mbox"):
            return (self._argument(),)
        if name in _CURRENCIES and self._next[:1].isdigit():
            return (_CURRENCIES[name] + self._take(),)
        if name in _ONE_GROUP:
            return (f"{self._read(self._argument())} {_ONE_GROUP[name]}",)
        return (self._word(token),)

    def _word(self, token: str) -> str:
        if token.startswith("\\"):
            return _WORDS.get(token[1:], "")
        if token.isalpha() and token.isascii():
            return " ".join(token) if len(token) < 4 else token  # letters beside each other are factors
        return _SIGNS.get(token, token if token[0].isalnum() else "")

    def _script(self, sign: str, bounded: bool) -> str:
        script = self._argument()
        if bounded:
            return f"{'from' if sign == '_' else 'to'} {self._read(script)}"
        if sign == "_":
            return f"sub {self._read(script)}"
        if script in _POWERS:
            return _POWERS[script]
        return f"to the power of {self._read(script)}"

    def _fraction(self) -> str:
        above, below = self._argument(), self._argument()
        if (above, below) in _FRACTIONS:
            return _FRACTIONS[above, below]
        return f"{self._read(above)} over {self._read(below)}"

    def _nested(self, formula: str) -> list[str]:
        return _Reader(formula, self._depth + 1).sequence() if self._depth < _DEPTH else []

    def _read(self, formula: str) -> str:
        return " ".join(self._nested(formula))

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _argument(self) -> str:
        """A group, or what stands in its place: one command, digit or letter."""
        token = self._take()
        if token == "{":
            return self._group_left()
        if len(token) > 1 and not token.startswith("\\"):
            self._at -= 1
            self._tokens[self._at] = token[1:]
            return token[0]
        return token

    def _optional(self) -> str:
        if self._at >= len(self._tokens) or self._tokens[self._at] != "[":
            return ""
        stop = next((at for at in range(self._at, len(self._tokens)) if self._tokens[at] == "]"), len(self._tokens))
        inner, self._at = " ".join(self._tokens[self._at + 1 : stop]), stop + 1
        return inner

    def _group_left(self) -> str:
        """Up to the brace that closes the group."""
        depth, parts = 1, []
        while (token := self._take()) != "":
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            parts.append(token)
        return " ".join(parts)
